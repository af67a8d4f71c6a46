//! `exec` with `--watch` and `--mask`: real programs, their groups, ports and terminals.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};

use permisos_secrets_testkit::leak::CANARY;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::json;
use support::{Bench, until};

/// Answers a sum of its variable on one port, as long as it lives; ends with 3 where the port is not free. `--slow`: takes
/// half a second to end; `--deaf`: does not end when asked to.
const SERVER: &str = r#"
import os, signal, socket, sys, time, zlib
def end(*_):
    if "--slow" in sys.argv: time.sleep(0.5)
    if "--deaf" not in sys.argv: os._exit(0)
signal.signal(signal.SIGTERM, end)
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
try: server.bind(("127.0.0.1", int(sys.argv[1])))
except OSError: sys.exit(3)
server.listen()
while True:
    client, _ = server.accept()
    client.sendall(f"{os.getpid()} {zlib.crc32(os.environ['SESSION_SECRET'].encode())}".encode())
    client.close()
"#;

/// The id of the process that answers, and what it answers.
fn asked(port: u16) -> Option<(Pid, String)> {
    let mut text = String::new();
    TcpStream::connect(("127.0.0.1", port)).ok()?.read_to_string(&mut text).ok()?;
    let (id, sum) = text.split_once(' ')?;
    Some((Pid::from_raw(id.parse().ok()?)?, sum.to_owned()))
}

fn ended(child: &mut Child) -> Option<i32> {
    until(|| child.try_wait().unwrap()).code()
}

fn is_gone(id: Pid) -> bool {
    test_kill_process(id).is_err()
}

#[test]
fn a_restart_ends_all_that_the_program_started_and_its_port_is_free() {
    let bench = Bench::migrated();
    std::fs::write(bench.folder.path().join("options.json"), r#"{ "ttl": 1, "services": ["security"] }"#).unwrap();
    std::fs::write(bench.folder.path().join("server.py"), SERVER).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for script in [
        "python3 server.py $PORT; true",
        "python3 server.py $PORT --slow & wait",
        "(python3 server.py $PORT --deaf &) ; exec sleep 60",
    ] {
        let exec =
            ["exec", "--config", "options.json", "-e", "production", "--watch", "--grace", "1", "--", "sh", "-c"];
        let mut command = bench.tool(&[&exec[..], &[script]].concat());
        let mut child = command.env("PORT", port.to_string()).stderr(Stdio::null()).spawn().unwrap();
        let (before, old) = until(|| asked(port));
        assert_eq!(bench.run(&["rotate", "security", "-e", "production", "--yes"]).code, 0);
        let (after, new) = until(|| asked(port).filter(|(id, _)| *id != before));
        assert!(is_gone(before) && old != new, "{script}: one server, with the new value");
        assert!(child.try_wait().unwrap().is_none(), "{script}: the new server found its port taken");
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        ended(&mut child);
        assert!(is_gone(after) && asked(port).is_none(), "{script}: nothing is left");
    }
}

#[test]
fn a_program_that_ends_takes_with_it_what_it_started() {
    let bench = Bench::migrated();
    let script = "sleep 300 & echo $!; exit 5";
    let mut command = bench.tool(&["exec", "-e", "production", "--watch", "--", "sh", "-c", script]);
    let output = command.stderr(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(5));
    let id = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
    assert!(is_gone(Pid::from_raw(id).unwrap()));
}

#[test]
fn a_program_that_is_watched_has_the_terminal() {
    let bench = Bench::migrated();
    let exec = "permisos-secrets exec -e production --watch -- sh -c";
    // As a person's shell: each command is a job of its own.
    let line = format!("set -m; {exec} 'read line; echo got $line; sleep 60'; echo stopped $?; fg; echo code $?");
    let mut session = bench.on_terminal(&line, 80);
    session.send_line("a line").unwrap();
    session.exp_string("got a line").unwrap();
    session.send_control('z').unwrap();
    session.exp_string("stopped 1").unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    session.send_control('c').unwrap();
    session.exp_string("code 130").unwrap();
}

#[test]
fn a_value_is_masked_as_the_program_writes_it() {
    let bench = Bench::migrated();
    let password = format!("a\"b\\c'\u{f3} {CANARY}");
    let portal = json!({ "username": "app", "password": password, "loginUrl": "https://portal.example.com" });
    let put = json!({ "SecretId": "permisos/production/government/portal", "SecretString": portal.to_string() });
    bench.call("PutSecretValue", &put);
    let program = r"
        const p = process.env.GOVT_PASSWORD;
        console.log(p);
        console.log(JSON.stringify({ p }));
        console.log(JSON.stringify({ line: JSON.stringify({ p }) }));
        console.log({ p });
        console.log(encodeURIComponent(p), new URLSearchParams({ p }).toString());
        console.log(Buffer.from(p).toString('base64'));
        console.log(JSON.stringify({ p }).replace(/[^ -~]/g, (c) => '\\u' + c.charCodeAt().toString(16).padStart(4, '0')));
        process.stdout.write(p.slice(0, 12));
        setTimeout(() => console.log(p.slice(12)), 1500);
    ";
    // No part of the canary is in the output: `run` looks for it.
    let ran = bench.run(&["exec", "-e", "production", "--mask", "--", "node", "-e", program]);
    let expected = [
        "[REDACTED]",
        r#"{"p":"[REDACTED]"}"#,
        r#"{"line":"{\"p\":\"[REDACTED]\"}"}"#,
        "{ p: `[REDACTED]` }",
        "[REDACTED] p=[REDACTED]",
        "[REDACTED]",
        r#"{"p":"[REDACTED]"}"#,
        "[REDACTED]",
    ];
    assert_eq!(
        ran.out.trim_end_matches('=').lines().map(|line| line.trim_end_matches('=')).collect::<Vec<_>>(),
        expected
    );
}
