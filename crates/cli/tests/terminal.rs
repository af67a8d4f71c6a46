//! What a person sees: the commands on a terminal of 80 and of 120 columns, in colour. What is shown is kept in
//! `tests/snapshots/terminal`; look at them with `cat`. `BLESS=1` updates them.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::time::{SystemTime, UNIX_EPOCH};

use permisos_secrets_testkit::emulator::Emulator;
use permisos_secrets_testkit::leak::{CANARY, assert_no_leak};
use regex_lite::Regex;
use serde_json::{Value, json};
use support::proxy::{Answer, Asked};
use support::{Bench, assert_snapshot, normal};

const WIDTHS: [u16; 2] = [80, 120];
const CHECK: [&str; 5] = ["check", "-e", "production", "--env-file", ".env"];
const DRY_RUN: [&str; 6] = ["migrate", "--from", ".env", "--to", "production", "--dry-run"];

/// Runs a command at every width and compares what stands on the screen in the end.
fn assert_screens(bench: &Bench, name: &str, arguments: &[&str]) {
    for width in WIDTHS {
        let sent = bench.terminal(arguments, width).exp_eof().unwrap();
        assert_no_leak(&sent, name);
        let screen = normal(&screen(&sent), &mut vec![]);
        // A version's beginning, where the whole of it is not shown.
        let screen = Regex::new(r"\b[0-9a-f]{8}\b").unwrap().replace_all(&screen, "01e5f0a7").into_owned();
        assert_snapshot(&format!("terminal/{name}-{width}.txt"), &screen);
    }
}

/// A line on which the program went back to its start shows what was written last. rexpect hands out bytes as characters.
fn screen(sent: &str) -> String {
    let sent = String::from_utf8(sent.chars().map(|c| u8::try_from(c).unwrap()).collect()).unwrap();
    let mut screen = String::new();
    for line in sent.replace("\r\n", "\n").split_inclusive('\n') {
        screen.push_str(line.rsplit("\r\u{1b}[K").next().unwrap());
    }
    screen
}

/// The widest line, its colours not counted.
fn widest(text: &str) -> usize {
    let plain = Regex::new("\u{1b}\\[[0-9;]*m").unwrap().replace_all(text, "").into_owned();
    plain.lines().map(|line| line.chars().count()).max().unwrap_or_default()
}

#[test]
fn a_migration_and_what_it_made_are_pleasant_to_read() {
    let bench = Bench::new(Emulator::moto());
    assert_screens(&bench, "migrate-new", &DRY_RUN);
    assert_screens(&bench, "check-empty", &CHECK);
    assert_screens(&bench, "list-empty", &["list", "-e", "production"]);
    assert_eq!(bench.run(&support::MIGRATE).code, 0);
    assert_screens(&bench, "migrate", &support::MIGRATE);
    assert_screens(&bench, "check", &CHECK);
    assert_screens(&bench, "list", &["list", "-e", "production"]);
    assert_screens(&bench, "get", &["get", "database", "-e", "production"]);
    assert_screens(&bench, "history", &["history", "database", "-e", "production"]);
    let amended = support::BACKEND.replace("GOVT_PASSWORD=", "GOVT_PASSWORD=new").replace("EMAIL_PORT=587\n", "");
    std::fs::write(bench.folder.path().join(".env"), amended).unwrap();
    assert_screens(&bench, "migrate-changed", &DRY_RUN);
    let broken = support::BACKEND.replace("pk_live_", "pk_").replace("https://portal", "http://portal");
    std::fs::write(bench.folder.path().join(".env"), broken).unwrap();
    assert_screens(&bench, "migrate-broken", &DRY_RUN);
}

/// One fault of each kind: deleted, denied, invalid, missing, not decryptable, overdue; and a test key in production.
#[test]
fn several_faults_are_told_apart_at_a_glance() {
    let mut bench = Bench::migrated();
    let id = |suffix: &str| format!("permisos/production/{suffix}");
    let put = |suffix: &str, payload: Value| {
        bench.call("PutSecretValue", &json!({ "SecretId": id(suffix), "SecretString": payload.to_string() }));
    };
    put("security/session", json!({ "sessionSecret": CANARY[..20], "jwtSecret": CANARY[..20] }));
    let key = |kind: &str| format!("{kind}_test_{CANARY}");
    let keys = json!({ "publicKey": key("pk"), "privateKey": key("sk"), "webhookSecret": format!("whsec_{CANARY}") });
    put("stripe/api-keys", keys);
    bench.call("DeleteSecret", &json!({ "SecretId": id("redis/credentials"), "RecoveryWindowInDays": 7 }));
    let gone = json!({ "SecretId": id("government/portal"), "ForceDeleteWithoutRecovery": true });
    bench.call("DeleteSecret", &gone);
    let month = 30 * 86_400;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    bench.behind(move |asked| match asked.operation.as_str() {
        "BatchGetSecretValue" => Answer::changed(|it| {
            refuse(it, "monitoring", "AccessDeniedException");
            refuse(it, "email", "DecryptionFailure");
        }),
        "DescribeSecret" if asked.body["SecretId"] == "permisos/production/database/credentials" => {
            Answer::changed(move |it| {
                it["RotationEnabled"] = true.into();
                it["NextRotationDate"] = (now - month - 60).into();
            })
        }
        "DescribeSecret" if asked.body["SecretId"] == "permisos/production/stripe/api-keys" => {
            Answer::changed(move |it| {
                it["RotationEnabled"] = true.into();
                it["NextRotationDate"] = (now + month + 3600).into();
            })
        }
        _ => Answer::Forwarded,
    });
    std::fs::write(bench.folder.path().join(".env"), support::BACKEND.replace("SESSION_SECRET=", "IGNORED=")).unwrap();
    assert_screens(&bench, "check-faults", &CHECK);
}

/// Takes a secret out of a batch, as Secrets Manager does for an error.
fn refuse(batch: &mut Value, service: &str, code: &str) {
    let is_of = |it: &Value| it["Name"].as_str().unwrap().contains(&format!("/{service}/"));
    let values = batch["SecretValues"].as_array_mut().unwrap();
    let at = values.iter().position(is_of).unwrap();
    let refused = values.remove(at);
    let errors = batch["Errors"].as_array_mut().unwrap();
    errors.push(json!({ "SecretId": refused["Name"], "ErrorCode": code, "Message": "as recorded" }));
}

#[test]
fn an_emergency_and_an_audit_are_pleasant_to_read() {
    let mut bench = Bench::migrated();
    bench.behind(recorded);
    assert_screens(&bench, "rotate-emergency", &["rotate", "security", "-e", "production", "--yes", "--emergency"]);
    let known = ["--known", "arn:aws:iam::123456789012:role/permisos-api"];
    assert_screens(&bench, "audit", &[&["audit", "-e", "production"][..], &known].concat());
    assert_screens(&bench, "rotate-database", &["rotate", "database", "-e", "production", "--yes"]);
}

/// CloudTrail's events: moto has no CloudTrail.
fn recorded(asked: &Asked) -> Answer {
    if asked.operation != "LookupEvents" {
        return Answer::Forwarded;
    }
    let session = |role: &str| format!("arn:aws:sts::123456789012:assumed-role/{role}/i-0abc12de34f567890");
    let stripe = "arn:aws:secretsmanager:us-east-1:123456789012:secret:permisos/production/stripe/api-keys-a1b2c3";
    let events = [
        event("GetSecretValue", &session("permisos-api"), stripe, "us-east-1", None),
        event("GetSecretValue", "arn:aws:iam::999988887777:user/mallory", stripe, "eu-west-1", Some("AccessDenied")),
        event("PutSecretValue", "arn:aws:iam::123456789012:user/operator", stripe, "us-east-1", None),
        event(
            "DeleteSecret",
            &session("\u{1b}[31mother\u{7}"),
            "permisos/production/redis/credentials",
            "us-east-1",
            None,
        ),
        event("GetSecretValue", &session("permisos-api"), stripe, "us-east-1", Some("ResourceNotFoundException")),
    ];
    Answer::Recorded(200, json!({ "Events": events }))
}

fn event(operation: &str, principal: &str, secret: &str, region: &str, error: Option<&str>) -> Value {
    let record = json!({
        "userIdentity": { "arn": principal },
        "eventName": operation,
        "awsRegion": region,
        "sourceIPAddress": "192.0.2.7",
        "requestParameters": { "secretId": secret },
        "errorCode": error,
    });
    json!({ "EventName": operation, "EventTime": 1_795_556_628, "CloudTrailEvent": record.to_string() })
}

#[test]
fn a_table_is_no_wider_than_its_terminal_and_loses_nothing() {
    let bench = Bench::migrated();
    let list = ["list", "-e", "production"];
    let narrow = screen(&bench.terminal(&list, 60).exp_eof().unwrap());
    assert!(widest(&narrow) <= 60, "{narrow}");
    let piped = bench.run(&list).out;
    assert!(widest(&piped) > 60, "a pipe has no width: {piped}");
    let letters = |text: &str| {
        let plain = Regex::new("\u{1b}\\[[0-9;]*m").unwrap().replace_all(text, "").into_owned();
        let mut letters: Vec<char> = plain.chars().filter(|c| !c.is_whitespace()).collect();
        letters.sort_unstable();
        letters
    };
    assert_eq!(letters(&narrow), letters(&piped));
}

#[test]
fn an_answer_that_a_terminal_cuts_is_refused() {
    let bench = Bench::migrated();
    let arguments = ["rotate", "government-portal", "--field", "password", "-e", "production", "--yes"];
    let mut session = bench.terminal(&arguments, 80);
    session.exp_string("New password").unwrap();
    session.send_line(&"k".repeat(5000)).unwrap();
    let after = session.exp_eof().unwrap();
    assert!(after.contains("--stdin") && after.contains("nothing is changed"), "{after}");
}

#[test]
fn ctrl_c_at_a_question_changes_nothing_and_leaves_the_terminal_as_it_was() {
    let bench = Bench::migrated();
    for (arguments, question) in [
        (&["rotate", "security", "-e", "production"][..], "account 123456789012?"),
        (&["rotate", "stripe", "--field", "privateKey", "-e", "production", "--yes"], "New privateKey"),
    ] {
        // The shell goes on after the tool, as a person's does, and says how the terminal is.
        let line = format!("permisos-secrets {}; echo code $?; stty -a", arguments.join(" "));
        let mut session = bench.on_terminal(&line, 80);
        let before = session.exp_string(question).unwrap();
        session.send_control('c').unwrap();
        let after = session.exp_eof().unwrap();
        assert!(!before.contains("\u{1b}[?25l"), "the cursor is not hidden");
        for mode in [" echo ", " isig ", " icanon ", "eol = <undef>;"] {
            assert!(after.replace("\r\n", " ").contains(mode), "{mode} is not in\n{after}");
        }
        assert!(after.contains("code 130") || after.contains("code 78"), "{after}");
    }
    let history = bench.run(&["history", "security", "-e", "production", "--json"]).json();
    assert_eq!(history["versions"].as_array().unwrap().len(), 1);
}
