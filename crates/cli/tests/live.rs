//! Every command against an emulated AWS, as a person or a script runs it. Whatever is printed is searched for values.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use permisos_secrets_testkit::emulator::Emulator;
use permisos_secrets_testkit::leak::{CANARY, assert_no_leak};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use support::{Bench, DEADLINE, MIGRATE, until};

#[test]
fn migrate_stores_what_the_environment_held_and_a_second_run_changes_nothing() {
    let bench = Bench::migrated();
    let stored = bench.stored("database");
    assert_eq!(stored["config"]["password"], format!("{CANARY}$!"));
    assert_eq!(stored["config"]["port"], 5433);
    assert_eq!(stored["config"]["extra"], json!({ "dbname": "permisos", "engine": "postgres" }));
    assert_eq!(stored["origin"], "secrets-manager");
    let again = bench.run(&[&MIGRATE[..], &["--json"]].concat()).json();
    assert!(again["steps"].as_array().unwrap().iter().all(|step| step["action"] == "same"), "{again:#}");
    assert_eq!(again["verified"].as_array().unwrap().len(), 7);
    let removable: Vec<&str> = again["removable"].as_array().unwrap().iter().filter_map(|it| it.as_str()).collect();
    assert!(removable.contains(&"RDS_CA_CERT_PATH") && !removable.contains(&"PORT"), "{removable:?}");
    assert_eq!(
        bench.run(&["history", "database", "-e", "production", "--json"]).json()["versions"].as_array().unwrap().len(),
        1
    );
}

#[test]
fn migrate_goes_on_where_it_ended_updates_what_changed_and_keeps_what_it_does_not_know() {
    let bench = Bench::migrated();
    let note = json!({ "note": format!("{CANARY}n") }).to_string();
    let noted = ["rotate", "government-portal", "--stdin", "--field", "note", "-e", "production", "--yes"];
    assert_eq!(bench.run_with_input(&noted, &note).code, 0);
    let amended =
        support::BACKEND.replace("GOVT_PASSWORD=", "GOVT_PASSWORD=new").replace("DATADOG_API_KEY=", "IGNORED=");
    std::fs::write(bench.folder.path().join(".env"), amended).unwrap();
    let plan = bench.run(&["migrate", "--from", ".env", "--to", "production", "--dry-run", "--json"]).json();
    let step = |service: &str| {
        plan["steps"].as_array().unwrap().iter().find(|step| step["service"] == service).unwrap().clone()
    };
    assert_eq!(step("database")["action"], "same");
    let portal = step("government-portal");
    assert_eq!(portal["action"], "update");
    assert!(portal["fields"].as_array().unwrap().contains(&json!({ "path": "/password", "change": "changed" })));
    let monitoring = step("monitoring");
    assert_eq!(monitoring["action"], "same");
    assert!(monitoring["fields"].as_array().unwrap().contains(&json!({ "path": "/datadogApiKey", "change": "kept" })));
    assert_eq!(bench.run(&MIGRATE).code, 0);
    let portal = bench.stored("government-portal")["config"].clone();
    assert_eq!(portal["password"], format!("new{CANARY}"));
    assert_eq!(portal["extra"]["note"], format!("{CANARY}n"));
    assert_eq!(bench.stored("monitoring")["config"]["datadogApiKey"], CANARY);
}

#[test]
fn migrate_tells_everything_wrong_at_once_and_then_stores_nothing() {
    let bench = Bench::new(Emulator::moto());
    let broken = support::BACKEND
        .replace("pk_live_", "pk_")
        .replace("https://portal", "http://portal")
        .replace("REDIS_URL=rediss:", "REDIS_URL=http:");
    std::fs::write(bench.folder.path().join(".env"), broken).unwrap();
    let ran = bench.run(&[&MIGRATE[..], &["--json"]].concat());
    assert_eq!(ran.code, 65);
    let error: serde_json::Value = serde_json::from_str(&ran.err).unwrap();
    let paths: Vec<_> = error["error"]["violations"].as_array().unwrap().iter().map(|it| it["path"].clone()).collect();
    assert_eq!(paths, ["/redis", "/stripe/publicKey", "/government-portal/loginUrl"]);
    assert_eq!(bench.run(&["list", "--all", "--json"]).json()["secrets"], json!([]));
    let ran = bench.run(&["migrate", "--from", "nowhere.env", "--to", "production", "--yes"]);
    assert_eq!((ran.code, ran.err.contains("nowhere.env")), (78, true));
    std::fs::write(bench.folder.path().join(".env"), format!("A=1\nthis is {CANARY}\n")).unwrap();
    let ran = bench.run(&MIGRATE);
    assert_eq!((ran.code, ran.err.contains("line 2")), (78, true), "{}", ran.err);
}

#[test]
fn without_a_terminal_nobody_is_asked_and_nothing_happens() {
    let bench = Bench::new(Emulator::moto());
    let ran = bench.run(&MIGRATE[..5]);
    assert_eq!((ran.code, ran.err.contains("--yes")), (78, true), "{}", ran.err);
    assert_eq!(bench.run(&["list", "--all", "--json"]).json()["secrets"], json!([]));
}

#[test]
fn on_a_terminal_it_asks_in_colour_and_takes_no_for_an_answer() {
    let bench = Bench::new(Emulator::moto());
    let mut session = bench.terminal(&MIGRATE[..5], 120);
    let before = session.exp_string("Store 7 secrets of production in us-east-1 of account 123456789012?").unwrap();
    assert!(before.contains("\u{1b}[32mcreate\u{1b}[0m"), "colours on a terminal");
    session.send_line("n").unwrap();
    session.exp_string("nothing is changed").unwrap();
    session.exp_eof().unwrap();
    let mut session = bench.terminal(&MIGRATE[..5], 120);
    session.exp_string("Store 7 secrets of production in us-east-1 of account 123456789012?").unwrap();
    session.send_line("y").unwrap();
    session.exp_string("monitoring created, read back and valid").unwrap();
    session.exp_eof().unwrap();
    let piped = bench.run(&["check", "-e", "production"]);
    assert!(!piped.out.contains('\u{1b}'), "no colours in a pipe");
    assert!(bench.run(&["check", "-e", "production", "--color", "always"]).out.contains("\u{1b}[32mok"));
}

#[test]
fn a_new_value_is_typed_without_echo_and_checked_before_it_is_stored() {
    let bench = Bench::migrated();
    for (typed, outcome) in
        [(format!("oops{CANARY}"), "SECRETS_INVALID"), (format!("rk_live_{CANARY}2"), "rotated: privateKey")]
    {
        let mut session =
            bench.terminal(&["rotate", "stripe", "--field", "privateKey", "-e", "production", "--yes"], 80);
        session.exp_string("New privateKey").unwrap();
        session.send_line(&typed).unwrap();
        let shown = session.exp_string(outcome).unwrap();
        assert_no_leak(&shown, "the terminal");
        assert_no_leak(&session.exp_eof().unwrap(), "the terminal");
    }
    assert_eq!(bench.stored("stripe")["config"]["privateKey"], format!("rk_live_{CANARY}2"));
    let history = bench.run(&["history", "stripe", "-e", "production", "--json"]).json();
    assert_eq!(history["versions"].as_array().unwrap().len(), 2, "the bad one was not stored");
}

#[test]
fn check_ends_with_the_code_of_what_is_wrong_and_lists_all_of_it() {
    let bench = Bench::migrated();
    let good = bench.run(&["check", "-e", "production", "--json", "--env-file", ".env"]);
    assert_eq!(good.code, 0);
    let good = good.json();
    assert_eq!(good["identity"]["account"], "123456789012");
    let first = &good["services"][0];
    assert_eq!((&first["state"], &first["fallback"]), (&json!("ok"), &json!("complete")));
    assert!((good["cost"]["dollarsAMonth"].as_f64().unwrap() - 2.8).abs() < 1e-9);
    let ran = bench.run_with_input(
        &["rotate", "redis", "--stdin", "-e", "production", "--yes"],
        &json!({ "host": "not a host", "port": 99_999 }).to_string(),
    );
    assert_eq!((ran.code, ran.err.contains("/host") && ran.err.contains("/port")), (65, true), "{}", ran.err);
    let missing = bench.run(&["check", "-e", "nowhere", "--source", "aws"]);
    assert_eq!((missing.code, missing.out.contains("migrate --from .env --to nowhere")), (66, true), "{}", missing.out);
    let unknown = bench.run(&["get", "databse", "-e", "production"]);
    assert_eq!((unknown.code, unknown.err.contains("database")), (78, true));
    assert_eq!(bench.run(&["chekc"]).code, 64);
    let away = bench.run(&["check", "-e", "production", "--endpoint-url", "http://127.0.0.1:1"]);
    assert_eq!((away.code, away.out.matches("found no connection").count()), (69, 8), "STS and seven: {}", away.out);
}

#[test]
fn get_redacts_unless_asked_and_answers_single_fields() {
    let bench = Bench::migrated();
    let shown = bench.run(&["get", "security", "-e", "production"]);
    assert!(shown.out.contains("sessionSecret") && shown.out.contains("[REDACTED]"));
    assert_eq!(bench.run(&["get", "database", "--field", "host", "-e", "production"]).out, "database.internal\n");
    let revealed =
        bench.tool(&["get", "redis", "--field", "password", "--reveal", "-e", "production"]).output().unwrap();
    assert_eq!(String::from_utf8(revealed.stdout).unwrap(), format!("{CANARY}\n"));
    let unknown = bench.run(&["get", "redis", "--field", "pasword", "-e", "production"]);
    assert_eq!((unknown.code, unknown.err.contains("password")), (66, true));
}

#[test]
fn export_writes_a_private_file_that_reads_back_and_overwrites_nothing() {
    let bench = Bench::migrated();
    let export = ["export", "-e", "production", "--out", "emergency.env"];
    let ran = bench.run(&export);
    assert_eq!((ran.code, ran.err.contains("warning")), (0, true));
    let file = bench.folder.path().join("emergency.env");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(bench.run(&export).code, 78);
    let outside = bench.folder.path().join("outside");
    std::fs::write(&outside, "mine").unwrap();
    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(&outside, &file).unwrap();
    assert_eq!(bench.run(&[&export[..], &["--force"]].concat()).code, 0);
    assert_eq!(std::fs::read_to_string(&outside).unwrap(), "mine", "a link is not followed");
    let plan = ["migrate", "--from", "emergency.env", "--to", "production", "--dry-run", "--json"];
    let plan = bench.run(&plan).json();
    assert!(plan["steps"].as_array().unwrap().iter().all(|step| step["action"] == "same"), "{plan:#}");
    let shown = bench.tool(&["export", "--format", "json", "--stdout", "-e", "production"]).output().unwrap();
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown["INTERNAL_API_KEY"], CANARY);
    assert_eq!(bench.run(&["export", "-e", "production"]).code, 64, "only --stdout prints to standard output");
}

fn exec<'a>(rest: &[&'a str]) -> Vec<&'a str> {
    [&["exec", "-e", "production"][..], rest].concat()
}

#[test]
fn exec_fills_the_variables_passes_exit_code_and_signals_and_shows_nothing_in_a_process_list() {
    let bench = Bench::migrated();
    let ran = bench.run(&exec(&["--", "sh", "-c", "test \"$DB_PASSWORD\" = \"$EXPECTED\" || exit 3; exit 42"]));
    assert_eq!(ran.code, 3);
    let mut command = bench.tool(&exec(&["--", "sh", "-c", "test \"$DB_PASSWORD\" = \"$EXPECTED\" && exit 42"]));
    assert_eq!(command.env("EXPECTED", format!("{CANARY}$!")).status().unwrap().code(), Some(42));
    let missing = bench.run(&exec(&["--", "no-such-program"]));
    assert_eq!((missing.code, missing.err.contains("no-such-program")), (66, true));
    for supervised in [&[][..], &["--mask"], &["--watch"]] {
        let script = "trap 'echo got it; exit 9' TERM; echo ready $DB_HOST; while :; do sleep 0.1; done";
        let mut command = bench.tool(&exec(&[supervised, &["--", "sh", "-c", script]].concat()));
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut read = reader(&mut child);
        until(|| read().contains("ready database.internal").then_some(()));
        let list = std::process::Command::new("ps").args(["axww", "-o", "args"]).output().unwrap();
        assert_no_leak(&String::from_utf8_lossy(&list.stdout), "the process list");
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        assert_eq!(ended(&mut child), Some(9), "{supervised:?}");
        until(|| read().contains("got it").then_some(()));
    }
}

#[test]
fn exec_masks_values_in_the_output() {
    let bench = Bench::migrated();
    let script =
        "printf 'password %s' \"$DB_PASSWORD\"; echo \" url $DATABASE_URL host $DB_HOST\"; echo \"$JWT_SECRET\" >&2";
    let ran = bench.run(&["exec", "-e", "production", "--mask", "--", "sh", "-c", script]);
    assert_eq!(ran.out, "password [REDACTED] url [REDACTED] host database.internal\n");
    assert_eq!(ran.err, "[REDACTED]\n");
}

#[test]
fn exec_starts_the_program_anew_after_a_rotation() {
    let bench = Bench::migrated();
    std::fs::write(bench.folder.path().join("options.json"), r#"{ "ttl": 1, "services": ["security"] }"#).unwrap();
    let script = "echo started $(printf %s \"$SESSION_SECRET\" | cksum); exec sleep 60";
    let arguments = ["exec", "--config", "options.json", "-e", "production", "--watch", "--", "sh", "-c", script];
    let mut child = bench.tool(&arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut read = reader(&mut child);
    until(|| (read().lines().count() == 1).then_some(()));
    assert_eq!(bench.run(&["rotate", "security", "-e", "production", "--yes"]).code, 0);
    until(|| (read().lines().count() == 2).then_some(()));
    let read = read();
    let lines: Vec<&str> = read.lines().collect();
    assert_ne!(lines[0], lines[1], "with the new value");
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(ended(&mut child), Some(128 + 15));
}

#[test]
fn rotate_security_makes_strong_keys_and_keeps_the_version_before() {
    let bench = Bench::migrated();
    let ran = bench.run(&["rotate", "security", "-e", "production", "--yes", "--emergency"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("What is left to do"));
    assert!(ran.out.contains("Events in CloudTrail"), "also where CloudTrail answers an error");
    let config = bench.stored("security")["config"].clone();
    for field in ["sessionSecret", "jwtSecret", "internalApiKey"] {
        let value = config[field].as_str().unwrap();
        assert!(value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit()), "{field}");
    }
    assert_eq!(config["sessionSecrets"][1], format!("{CANARY}s"), "previous sessions are honoured");
    let history = bench.run(&["history", "security", "-e", "production", "--json"]).json();
    assert_eq!(history["versions"][0]["stages"], json!(["AWSCURRENT"]));
    assert_eq!(history["versions"][1]["stages"], json!(["AWSPREVIOUS"]));
    let one = bench.run(&["rotate", "security", "--field", "jwtSecret", "-e", "production", "--yes", "--json"]).json();
    assert_eq!(one["fields"], json!(["jwtSecret"]));
    assert_eq!(bench.stored("security")["config"]["sessionSecret"], config["sessionSecret"]);
}

#[test]
fn a_database_without_rotation_function_is_not_changed_but_explained() {
    let bench = Bench::migrated();
    let ran = bench.run(&["rotate", "database", "-e", "production", "--yes"]);
    assert_eq!((ran.code, ran.err.contains("ALTER ROLE")), (78, true), "{}", ran.err);
    let ran = bench.run_with_input(
        &["rotate", "database", "--stdin", "-e", "production", "--yes"],
        &json!({ "password": format!("{CANARY}new") }).to_string(),
    );
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(bench.stored("database")["config"]["password"], format!("{CANARY}new"));
}

#[test]
fn templates_completions_and_manuals_are_printed() {
    let bench = Bench::new(Emulator::moto());
    for service in ["database", "redis", "security", "stripe", "email", "government-portal", "monitoring"] {
        let ran = bench.run(&["template", service, "--json"]);
        assert!(serde_json::from_str::<serde_json::Value>(&ran.out).unwrap().is_object(), "{service}");
        assert_eq!(bench.run(&["schema", service]).json()["type"], "object", "{service}");
    }
    let file = bench.run(&["template", "--format", "dotenv"]).out;
    std::fs::write(bench.folder.path().join("developer.env"), file).unwrap();
    let ran =
        bench.run(&["check", "--source", "environment", "-e", "development", "--env-file", "developer.env", "--json"]);
    let states = ran.json()["services"].as_array().unwrap().iter().map(|it| it["state"].clone()).collect::<Vec<_>>();
    assert_eq!((ran.code, states), (0, vec!["ok".into(); 7]), "{}", ran.err);
    assert_eq!(bench.run(&["template"]).code, 78);
    assert_eq!(bench.run(&["schema", "options"]).json()["properties"]["source"]["enum"][1], "aws");
    assert!(bench.run(&["completions", "bash"]).out.contains("permisos-secrets"));
    assert!(bench.run(&["man"]).out.contains(".TH permisos-secrets"));
    assert_eq!(bench.run(&["man", "."]).code, 0);
    assert!(bench.folder.path().join("permisos-secrets-migrate.1").exists());
}

#[test]
fn check_names_the_missing_permission_and_the_statement_that_grants_it() {
    let mut bench = Bench::new(Emulator::ministack());
    bench.credentials = ("test".into(), "test".into());
    assert_eq!(bench.run(&MIGRATE).code, 0);
    let all = bench.run(&["rotate", "security", "-e", "production", "--yes", "--emergency", "--json"]);
    assert_eq!(all.code, 0, "{}", all.err);
    let emergency = &all.json()["emergency"];
    assert_eq!(emergency["eventsError"], json!(null));
    let events = emergency["events"].as_array().unwrap();
    assert!(events.iter().any(|event| event["operation"] == "PutSecretValue"), "{emergency:#}");
    // Everything but the batch and the redis secret.
    let arn = "arn:aws:secretsmanager:*:*:secret:permisos/production/";
    let known = ["database", "security", "stripe", "email", "government", "monitoring"];
    let known: Vec<String> = known.iter().map(|service| format!("{arn}{service}/*")).collect();
    let statements = json!([{
        "Effect": "Allow",
        "Action": ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"],
        "Resource": known,
    }]);
    bench.credentials = bench.emulator().user("reader", &statements);
    let ran = bench.run(&["check", "-e", "production", "--json"]);
    assert_eq!(ran.code, 77, "{}", ran.err);
    let report = ran.json();
    let failed: Vec<_> = report["services"].as_array().unwrap().iter().filter(|it| it["state"] == "failed").collect();
    assert_eq!((failed.len(), &failed[0]["service"]), (1, &json!("redis")));
    let grant = report["grant"].as_array().unwrap();
    assert_eq!(grant[0]["Action"], json!(["secretsmanager:GetSecretValue"]));
    let resource = grant[0]["Resource"][0].as_str().unwrap();
    assert!(resource.ends_with(":secret:permisos/production/redis/credentials-??????"), "{resource}");
    assert_eq!(grant[1]["Action"], json!(["secretsmanager:BatchGetSecretValue"]));
    let denied = bench.run(&["rotate", "stripe", "--stdin", "-e", "production", "--yes"]);
    assert_eq!(denied.code, 65, "nothing on standard input");
    let denied = bench.run_with_input(
        &["rotate", "stripe", "--stdin", "-e", "production", "--yes"],
        &json!({ "webhookSecret": format!("whsec_{CANARY}") }).to_string(),
    );
    assert_eq!(
        (denied.code, denied.err.contains("grant secretsmanager:PutSecretValue on ")),
        (77, true),
        "{}",
        denied.err
    );
}

#[test]
fn the_operators_policy_suffices_for_every_command() {
    let mut bench = Bench::new(Emulator::ministack());
    bench.credentials = ("test".into(), "test".into());
    let policy = bench.run(&["policy", "--for", "operator", "-e", "production"]).json();
    bench.credentials = bench.emulator().user("u", &policy["Statement"]);
    let as_operator = |arguments: &[&str]| {
        let ran = bench.run(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.err);
        ran.out
    };
    as_operator(&MIGRATE);
    let amended = support::BACKEND.replace("GOVT_PASSWORD=", "GOVT_PASSWORD=new");
    std::fs::write(bench.folder.path().join(".env"), amended).unwrap();
    as_operator(&MIGRATE);
    let check = as_operator(&["check", "-e", "production"]);
    assert!(!check.contains("What to grant") && !check.contains("means unknown"), "{check}");
    for arguments in [
        &["list"][..],
        &["history", "security"],
        &["get", "security"],
        &["rotate", "security", "--yes"],
        &["audit"],
        &["exec", "--", "true"],
        &["export", "--out", "emergency.env"],
    ] {
        as_operator(&[&["-e", "production"][..], arguments].concat());
    }
    let elsewhere = bench.run(&["migrate", "--from", ".env", "--to", "staging", "--yes"]);
    assert_eq!((elsewhere.code, elsewhere.err.contains("grant secretsmanager:")), (77, true), "{}", elsewhere.err);
}

#[test]
fn with_the_readers_policy_a_secret_that_is_not_there_is_missing_and_not_denied() {
    let mut bench = Bench::new(Emulator::ministack());
    bench.credentials = ("test".into(), "test".into());
    let without = support::BACKEND.replace("SENTRY_DSN=", "A=").replace("DATADOG_", "B_").replace("NEW_RELIC_", "C_");
    std::fs::write(bench.folder.path().join(".env"), without).unwrap();
    assert_eq!(bench.run(&MIGRATE).code, 0);
    let policy = bench.run(&["policy", "-e", "production"]).json();
    bench.credentials = bench.emulator().user("u", &policy["Statement"]);
    let ran = bench.run(&["check", "-e", "production", "--json"]);
    let report = ran.json();
    let monitoring = report["services"].as_array().unwrap().iter().find(|it| it["service"] == "monitoring").unwrap();
    assert_eq!((ran.code, &monitoring["state"]), (0, &json!("unused")), "{monitoring:#}");
}

/// The exit code; a program that does not end is killed.
fn ended(child: &mut Child) -> Option<i32> {
    let started = Instant::now();
    while started.elapsed() < DEADLINE {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    panic!("the program did not end in {DEADLINE:?}");
}

/// What a child has printed so far.
fn reader(child: &mut Child) -> impl FnMut() -> String + use<> {
    let mut stdout = child.stdout.take().unwrap();
    let read = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let shared = read.clone();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = stdout.read(&mut buffer) {
            shared.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
    });
    move || read.lock().unwrap().clone()
}
