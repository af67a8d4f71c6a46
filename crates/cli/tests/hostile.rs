//! Odd input and odd surroundings: each is an answer with an exit code, and no value in it.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::time::Duration;

use permisos_secrets_testkit::leak::CANARY;
use serde_json::{Value, json};
use support::proxy::Answer;
use support::{BACKEND, Bench, MIGRATE};

const CHECK: [&str; 5] = ["check", "--source", "environment", "--env-file", ".env"];

/// A bench whose `.env` is this; no server is asked.
fn with_file(bytes: impl AsRef<[u8]>) -> Bench {
    let bench = Bench::without_aws();
    std::fs::write(bench.folder.path().join(".env"), bytes).unwrap();
    bench
}

#[test]
fn an_environment_file_may_come_from_any_editor() {
    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
    for (name, text) in [
        ("CRLF", BACKEND.replace('\n', "\r\n")),
        ("a byte order mark", format!("\u{feff}{BACKEND}")),
        ("export", BACKEND.replace("\nDB_", "\nexport DB_").replace("\nJWT", "\n  export JWT")),
        ("spaces around =", BACKEND.replace("JWT_SECRET=", "JWT_SECRET = ").replace("REDIS_DB=", "REDIS_DB= ")),
        ("several lines in quotes", format!("{BACKEND}\nOTHER_CA=\"{pem}\"\nANOTHER_CA='{pem}'\n")),
        ("no end of the last line", BACKEND.trim_end().to_owned()),
        ("the same twice", BACKEND.repeat(2)),
    ] {
        let ran = with_file(text).run(&CHECK);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{name}: {}", ran.out);
    }
    let ran = with_file(format!("{BACKEND}\nJWT_SECRET={CANARY}2\n")).run(&CHECK);
    assert_eq!((ran.code, ran.err.as_str()), (0, "note JWT_SECRET is set more than once: the last value counts\n"));
}

#[test]
fn an_environment_file_that_is_none_is_told_with_its_name() {
    let utf16: Vec<u8> = "A=1\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (name, bytes, why) in [
        ("UTF-16", [&[0xff, 0xfe][..], &utf16].concat(), "is not UTF-8 text"),
        ("Latin-1", b"DB_NAME=a\xf1o\n".to_vec(), "is not UTF-8 text"),
        ("bare PEM", b"CA=-----BEGIN CERTIFICATE-----\nMIIB/+=\n".to_vec(), "at line 2: write NAME=value, with quotes"),
        ("huge", vec![b'#'; 2 << 20], "is larger than 1 MiB"),
        ("empty", vec![], ""),
    ] {
        let ran = with_file(bytes).run(&CHECK);
        let expected = if why.is_empty() { 65 } else { 78 };
        assert_eq!((ran.code, ran.err.contains(why)), (expected, true), "{name}: {}", ran.err);
        assert!(why.is_empty() || ran.err.contains(".env: "), "{name}: {}", ran.err);
    }
    let bench = with_file("");
    let ran = bench.run(&["check", "--source", "environment"]);
    assert_eq!((ran.code, ran.err.contains("pass --env-file .env")), (65, true), "{}", ran.err);
    for (file, why) in [("/dev/zero", "larger than 1 MiB"), ("home", "is a directory"), ("no.env", "entity not found")]
    {
        let ran = bench.run(&["check", "--source", "environment", "--env-file", file]);
        assert_eq!((ran.code, ran.err.contains(why)), (78, true), "{file}: {}", ran.err);
    }
}

#[test]
fn a_large_environment_file_takes_no_age() {
    let line = |index: usize| format!("VARIABLE_{index}='it''s {index}' # a comment\n");
    let text = BACKEND.to_owned() + &(0..20_000).map(line).collect::<String>();
    let ran = with_file(&text[..text.len().min(1 << 20)]).run(&CHECK);
    assert_eq!(ran.code, 0, "{}", ran.err);
}

#[test]
fn options_that_are_not_understood_name_what_is_near() {
    let bench = with_file(BACKEND);
    let config = |text: &str| {
        std::fs::write(bench.folder.path().join("options.json"), text).unwrap();
        bench.run(&["check", "--config", "options.json"])
    };
    for (text, why) in [
        (r#"{ "enviroment": "production" }"#, "environment"),
        (r#"{ "ttl": "an hour" }"#, "ttl"),
        ("[]", "must hold one JSON object"),
        ("{ \"ttl\": 60,", "line 1"),
        ("", "is not well-formed JSON"),
    ] {
        let ran = config(text);
        assert_eq!((ran.code, ran.err.contains(why)), (78, true), "{text}: {}", ran.err);
    }
    for wrong in [
        &["migrate", "--from", ".env"][..],
        &["migrate", "--from", ".env", "--to", "production", "--tag", "nothing"],
        &["check", "--sauce", "aws"],
        &["get"],
        &["export", "--out", "a", "--stdout"],
        &["audit", "--since", "1y"],
        &["policy", "--account", "1234"],
        &["rotate", "security", "--timeout", "soon"],
        &[],
    ] {
        let ran = bench.run(wrong);
        assert_eq!((ran.code, ran.out.as_str()), (64, ""), "{wrong:?}");
        assert!(ran.err.contains("--help") || ran.err.contains("Usage:"), "{wrong:?}: {}", ran.err);
    }
}

#[test]
fn every_command_takes_the_nearest_permisos_json_unless_another_is_given() {
    let bench = with_file(BACKEND);
    let write = |name: &str, text: &str| std::fs::write(bench.folder.path().join(name), text).unwrap();
    write("permisos.json", r#"{ "$schema": "permisos.json", "services": ["redis"] }"#);
    write("other.json", r#"{ "services": ["stripe"] }"#);
    let read = |arguments: &[&str]| {
        let ran = bench.run(&[&CHECK[..], &["--json"], arguments].concat());
        let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        report["services"].as_array().unwrap().iter().map(|it| it["service"].as_str().unwrap().to_owned()).collect()
    };
    let services: Vec<String> = read(&[]);
    assert_eq!(services, ["redis"]);
    let services: Vec<String> = read(&["--config", "other.json"]);
    assert_eq!(services, ["stripe"]);
    write("permisos.json", r#"{ "enviroment": "production", "source": "aws" }"#);
    let ran = bench.run(&CHECK);
    let named = ran.err.contains("did you mean `environment`?") && ran.err.contains("permisos.json)");
    assert_eq!((ran.code, named), (78, true), "{}", ran.err);
}

#[test]
fn whoever_reads_no_further_is_no_error_and_a_full_disk_is_one() {
    let bench = with_file(BACKEND);
    let line = format!("permisos-secrets {} | head -1; exit $?", CHECK.join(" "));
    let output = bench.shell(&format!("set -e; {line}")).output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    let mut closed = bench.tool(&["monitor", "--format", "grafana"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(closed.stdout.take());
    assert_eq!(closed.wait().unwrap().code(), Some(0));
    let full = File::options().write(true).open("/dev/full").unwrap();
    let ran = bench.tool(&["monitor", "--format", "grafana"]).stdout(full).output().unwrap();
    let err = String::from_utf8(ran.stderr).unwrap();
    assert_eq!((ran.status.code(), err.contains("standard output cannot be written")), (Some(69), true), "{err}");
}

#[test]
fn a_file_takes_the_place_of_a_custom_secrets_variables_too() {
    let bench = with_file("");
    let options = json!({ "services": [], "secrets": [{
        "id": "whatsapp/api",
        "fields": { "token": { "type": "string", "variable": "WHATSAPP_TOKEN" } },
    }] });
    std::fs::write(bench.folder.path().join("options.json"), options.to_string()).unwrap();
    let check = ["check", "--config", "options.json", "--source", "environment"];
    for (arguments, code) in [(&check[..], 0), (&[&check[..], &["--env-file", ".env"]].concat(), 65)] {
        let output = bench.tool(arguments).env("WHATSAPP_TOKEN", CANARY).output().unwrap();
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(code), "{out}{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_variable_that_is_no_text_is_told_and_counts_as_unset() {
    let bench = with_file("");
    let mut command = bench.tool(&["check", "--source", "environment"]);
    let value = OsStr::from_bytes(b"p\xe4ssword");
    let output = command.env("DB_PASSWORD", value).env("SOMETHING", value).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.starts_with("note DB_PASSWORD is not UTF-8 text and counts as unset\n"), "{err}");
    assert_eq!(err.matches("note").count(), 1, "only those that are read: {err}");
    assert_eq!(output.status.code(), Some(65));
}

#[test]
fn export_writes_where_it_can_whole_or_not_at_all() {
    let bench = Bench::migrated();
    let export = |out: &str| bench.run(&["export", "-e", "production", "--force", "--out", out]);
    for nowhere in ["no-folder/emergency.env", "/proc/emergency.env", "home"] {
        let ran = export(nowhere);
        assert_eq!((ran.code, ran.err.contains("cannot be written")), (78, true), "{nowhere}: {}", ran.err);
    }
    let file = bench.folder.path().join("emergency.env");
    symlink("/dev/full", &file).unwrap();
    assert_eq!(export("emergency.env").code, 0, "a link is replaced, not followed");
    assert!(file.symlink_metadata().unwrap().is_file());
    let names: Vec<_> = std::fs::read_dir(bench.folder.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(names.len(), 4, "nothing else is left: {names:?}");
}

#[test]
fn export_never_takes_the_environment_for_secrets_manager() {
    let bench = Bench::without_aws();
    let ran = bench.run(&["export", "-e", "production", "--env-file", ".env", "--out", "emergency.env"]);
    assert_eq!((ran.code, ran.err.contains("found no connection")), (69, true), "{}", ran.err);
    assert!(!bench.folder.path().join("emergency.env").exists());
}

#[test]
fn an_optional_service_that_fails_is_noted_and_replaces_no_file() {
    let mut bench = Bench::migrated();
    bench.behind(|asked| match asked.operation.as_str() {
        "BatchGetSecretValue" => Answer::changed(|it| {
            let values = it["SecretValues"].as_array_mut().unwrap();
            let at = values.iter().position(|it| it["Name"].as_str().unwrap().contains("/monitoring/")).unwrap();
            let name = values.remove(at)["Name"].clone();
            let error = json!({ "SecretId": name, "ErrorCode": "AccessDeniedException", "Message": "as recorded" });
            it["Errors"].as_array_mut().unwrap().push(error);
        }),
        "GetSecretValue" if asked.body["SecretId"].as_str().unwrap().contains("/monitoring/") => {
            Answer::error(400, "AccessDeniedException")
        }
        _ => Answer::Forwarded,
    });
    std::fs::write(bench.folder.path().join("options.json"), r#"{ "environmentFallback": false }"#).unwrap();
    let export = ["export", "-e", "production", "--out", "emergency.env"];
    for arguments in [&export[..], &["exec", "--config", "options.json", "-e", "production", "--", "true"]] {
        let ran = bench.run(arguments);
        assert_eq!((ran.code, ran.err.contains("note left out: ")), (0, true), "{arguments:?}: {}", ran.err);
    }
    let forced = bench.run(&[&export[..], &["--force"]].concat());
    assert_eq!((forced.code, forced.err.contains("/monitoring/")), (77, true), "{}", forced.err);
}

#[test]
fn without_home_and_without_a_terminal_it_works() {
    let bench = Bench::migrated();
    let mut command = bench.tool(&["check", "-e", "production", "--color", "auto"]);
    let output = command.env_remove("HOME").env_remove("TERM").env_remove("TMPDIR").output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), vec![]));
}

#[test]
fn without_sts_or_cloudtrail_the_rest_is_reported() {
    let mut bench = Bench::migrated();
    bench.behind(|asked| match asked.operation.as_str() {
        "GetCallerIdentity" => Answer::error(403, "AccessDenied"),
        "DescribeSecret" | "LookupEvents" => Answer::error(400, "AccessDeniedException"),
        _ => Answer::Forwarded,
    });
    let ran = bench.run(&["check", "-e", "production"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("grant sts:GetCallerIdentity") && ran.out.contains("everything required can be read"));
    assert!(ran.out.contains("secretsmanager:DescribeSecret"), "{}", ran.out);
    assert_eq!(bench.run(&["check", "-e", "production", "--json"]).json()["identity"], Value::Null);
    let audit = bench.run(&["audit", "-e", "production"]);
    assert_eq!((audit.code, audit.err.contains("grant sts:GetCallerIdentity")), (77, true), "{}", audit.err);
    bench.behind(|asked| match asked.operation.as_str() {
        "LookupEvents" => Answer::error(400, "AccessDeniedException"),
        _ => Answer::Forwarded,
    });
    let audit = bench.run(&["audit", "-e", "production"]);
    assert_eq!((audit.code, audit.err.contains("grant cloudtrail:LookupEvents")), (77, true), "{}", audit.err);
    let rotated = bench.run(&["rotate", "security", "-e", "production", "--yes", "--emergency"]);
    assert_eq!((rotated.code, rotated.out.contains("grant cloudtrail:LookupEvents")), (0, true), "{}", rotated.err);
}

#[test]
fn without_credentials_there_is_one_answer_and_not_seven() {
    let mut bench = Bench::without_aws();
    bench.credentials = (String::new(), String::new());
    let ran = bench.run(&["check", "-e", "production"]);
    assert_eq!((ran.code, ran.err.matches("credential").count() > 0, ran.out.as_str()), (67, true, ""), "{}", ran.err);
}

/// The agent's token file is a pipe without a writer: the thread that reads it stays blocked after the timeout.
#[test]
fn what_blocks_a_thread_does_not_hold_up_the_end() {
    let bench = Bench::without_aws();
    let pipe = bench.folder.path().join("token");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::fs::write(bench.folder.path().join("options.json"), r#"{ "timeout": 1, "services": ["redis"] }"#).unwrap();
    let mut command =
        bench.tool(&["get", "redis", "-e", "production", "--source", "agent", "--config", "options.json"]);
    command.env("AWS_TOKEN", format!("file://{}", pipe.display())).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let ended = (0..600).find_map(|_| {
        std::thread::sleep(Duration::from_millis(100));
        child.try_wait().unwrap()
    });
    let _ = child.kill();
    assert!(ended.is_some_and(|it| !it.success()), "it goes on");
}

#[test]
fn a_rotation_takes_only_fields_and_only_good_ones() {
    let bench = Bench::migrated();
    let rotate = ["rotate", "stripe", "--stdin", "-e", "production", "--yes"];
    let huge = json!({ "webhookSecret": format!("whsec_{}", CANARY.repeat(5000)) }).to_string();
    let deep = "[".repeat(10_000);
    for input in ["", "{}", "[]", "null", CANARY, &huge, &deep, "{ \"webhookSecret\": 7 }"] {
        let ran = bench.run_with_input(&rotate, input);
        assert_eq!(ran.code, 65, "{}", ran.err);
    }
    let mistyped = bench.run_with_input(&rotate, &json!({ "privatekey": CANARY }).to_string());
    assert_eq!((mistyped.code, mistyped.err.contains("privateKey")), (65, true), "{}", mistyped.err);
    let other = [&rotate[..], &["--field", "note"]].concat();
    let other = bench.run_with_input(&other, &json!({ "note": "a", "webhookSecret": CANARY }).to_string());
    assert_eq!((other.code, other.err.contains("exactly the fields of --field")), (65, true), "{}", other.err);
    let asked = bench.run(&["rotate", "security", "-e", "production", "--json"]);
    assert_eq!((asked.code, asked.err.contains("--yes")), (78, true), "{}", asked.err);
    let unknown = bench.run(&["rotate", "stripe", "--field", "sessionSecret", "-e", "production", "--yes"]);
    assert_eq!((unknown.code, unknown.err.contains("publicKey")), (78, true), "{}", unknown.err);
    let missing = bench.run(&["rotate", "security", "-e", "staging", "--yes"]);
    assert_eq!((missing.code, missing.err.contains("template security")), (66, true), "{}", missing.err);
    let history = bench.run(&["history", "stripe", "-e", "production", "--json"]).json();
    assert_eq!(history["versions"].as_array().unwrap().len(), 1, "nothing was stored");
    assert_eq!(bench.run(&MIGRATE).code, 0);
}
