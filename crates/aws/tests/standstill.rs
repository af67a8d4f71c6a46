//! A process that is stopped and goes on: a child holds a secret of a short life and reads it all the time, its server,
//! which is not stopped, is in this process.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use permisos_secrets::Notice;
use permisos_secrets_testkit::leak::assert_no_leak;
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};
use serde_json::json;
use support::scene::{KEY, builder, fields};
use support::server::{Reply, Server};
use tokio::runtime::Runtime;

/// Says to the same program that it is the child, and where the server is.
const CHILD: &str = "PERMISOS_STANDSTILL_CHILD";
/// Of a call, in seconds. What is held lasts for three: `ttl` is one.
const TIMEOUT: u64 = 2;
const STALE_IF_ERROR: u64 = 2;
/// Longer than a call and than what is held lasts.
const STANDSTILL: Duration = Duration::from_secs(6);

/// Reads without a pause until the standard input ends; writes what happened.
fn child(url: &str) {
    // A stopped process does not notice that its parent has ended.
    set_parent_process_death_signal(Some(Signal::KILL)).unwrap();
    let runtime = Runtime::new().unwrap();
    let options = json!({ "staleIfError": STALE_IF_ERROR, "timeout": TIMEOUT });
    let secrets = builder(KEY, url, &options).build().unwrap();
    let mut subscription = secrets.subscribe();
    runtime.block_on(secrets.ready()).unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let reading = std::thread::spawn({
        let (secrets, is_over) = (secrets.clone(), is_over.clone());
        move || {
            let mut failures = BTreeSet::new();
            while !is_over.load(Ordering::Relaxed) {
                failures.extend(secrets.database().err().map(|error| error.kind().to_string()));
            }
            failures
        }
    });
    let mut output = std::io::stdout().lock();
    writeln!(output, "{CHILD} loaded").unwrap();
    output.flush().unwrap();
    std::io::stdin().read_to_end(&mut vec![]).unwrap();
    is_over.store(true, Ordering::Relaxed);
    let failures = reading.join().unwrap();
    secrets.close();
    let events = runtime.block_on(async {
        let mut names = BTreeSet::new();
        while let Some(notice) = subscription.next().await {
            if let Notice::Event(event) = notice {
                assert_no_leak(&format!("{event:?}"), "an event");
                names.insert(event.kind.name());
            }
        }
        names
    });
    writeln!(output, "{CHILD} {events:?}, failed reads: {failures:?}").unwrap();
}

/// What the child says next.
fn said(lines: &mut impl Iterator<Item = std::io::Result<String>>) -> String {
    loop {
        let line = lines.next().expect("the child goes on").unwrap();
        if let Some((_, said)) = line.split_once(&format!("{CHILD} ")) {
            return said.to_owned();
        }
    }
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn a_process_that_was_stopped_loses_nothing_and_has_no_failure() {
    if let Ok(url) = std::env::var(CHILD) {
        return child(&url);
    }
    let runtime = Runtime::new().unwrap();
    let hangs = Arc::new(AtomicBool::new(false));
    let is_hanging = hangs.clone();
    let server = runtime.block_on(Server::start(move |_| {
        let value = json!({ "VersionId": "v1", "SecretString": fields(1).to_string(), "CreatedDate": 0 });
        // Not at once: what is read meanwhile is what was held.
        let delay =
            if is_hanging.load(Ordering::SeqCst) { Duration::from_mins(10) } else { Duration::from_millis(200) };
        Reply { delay, ..Reply::json(200, &value) }
    }));
    let mut command = Command::new(std::env::current_exe().unwrap());
    let command =
        command.args(["a_process_that_was_stopped_loses_nothing_and_has_no_failure", "--exact", "--nocapture"]);
    let mut child = command.env(CHILD, &server.url).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(said(&mut lines), "loaded");
    let fetched_again = || {
        let asked = server.seen().len();
        while server.seen().len() == asked {
            sleep(Duration::from_millis(1));
        }
    };

    // For longer than what is held may be served.
    signal(&child, Signal::STOP);
    sleep(STANDSTILL);
    signal(&child, Signal::CONT);
    fetched_again();

    // In the middle of a call.
    hangs.store(true, Ordering::SeqCst);
    fetched_again();
    signal(&child, Signal::STOP);
    hangs.store(false, Ordering::SeqCst);
    sleep(STANDSTILL);
    signal(&child, Signal::CONT);
    fetched_again();
    sleep(Duration::from_secs(1));

    drop(child.stdin.take());
    assert_eq!(said(&mut lines), r#"{"loaded", "refreshed"}, failed reads: {}"#);
    assert!(child.wait().unwrap().success());
}
