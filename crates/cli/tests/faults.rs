//! What goes wrong half-way: a migration that fails or is killed, a secret that is scheduled for deletion, a rotation
//! function. No emulator plays such a function: `RotateSecret` is answered from a record, by a proxy that then does what
//! the function does.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use permisos_secrets_testkit::emulator::Emulator;
use permisos_secrets_testkit::leak::{CANARY, assert_no_leak};
use serde_json::{Value, json};
use support::proxy::{self, Answer, Asked};
use support::{Bench, MIGRATE, until};

const DATABASE: &str = "permisos/production/database/credentials";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:rotate-postgres";
const ROTATE: [&str; 5] = ["rotate", "database", "-e", "production", "--yes"];

/// Every secret with its versions: what a second run must not add to.
fn stored(bench: &Bench) -> Vec<(String, usize)> {
    let listed = bench.call("ListSecrets", &json!({}));
    let names = listed["SecretList"].as_array().unwrap().iter().map(|it| it["Name"].as_str().unwrap().to_owned());
    let versions = |name: &String| {
        let versions = bench.call("ListSecretVersionIds", &json!({ "SecretId": name, "IncludeDeprecated": true }));
        versions["Versions"].as_array().unwrap().len()
    };
    let mut stored: Vec<_> = names.map(|name| (name.clone(), versions(&name))).collect();
    stored.sort();
    stored
}

/// Whether everything is stored once, and the same command finds nothing left to do.
fn assert_whole(bench: &Bench) {
    let stored = stored(bench);
    assert_eq!(stored.len(), 7);
    assert!(stored.iter().all(|(_, versions)| *versions == 1), "nothing is stored twice: {stored:?}");
    let again = bench.run(&[&MIGRATE[..], &["--json"]].concat()).json();
    assert!(again["steps"].as_array().unwrap().iter().all(|step| step["action"] == "same"), "{again:#}");
}

#[test]
fn a_migration_that_fails_half_way_tells_what_is_stored_and_goes_on_where_it_ended() {
    let mut bench = Bench::new(Emulator::moto());
    let (created, broken) = (Arc::new(Mutex::new(vec![])), Arc::new(AtomicUsize::new(1)));
    let (names, is_broken) = (created.clone(), broken.clone());
    bench.behind(move |asked| {
        if asked.operation != "CreateSecret" {
            return Answer::Forwarded;
        }
        let (mut names, name) = (names.lock().unwrap(), asked.body["Name"].as_str().unwrap().to_owned());
        if !names.contains(&name) {
            names.push(name);
        }
        let fails = names.len() > 3 && is_broken.load(Ordering::SeqCst) == 1;
        if fails { Answer::error(500, "InternalServiceError") } else { Answer::Forwarded }
    });
    let ran = bench.run(&MIGRATE);
    assert_eq!(ran.code, 69, "{}", ran.err);
    for line in [
        "stored and verified: database, redis, security\n",
        "failed, stored or not: stripe\n",
        "not begun: email, government-portal, monitoring\n",
        "Run the same command again",
    ] {
        assert!(ran.err.contains(line), "{line} is not in\n{}", ran.err);
    }
    assert_eq!(stored(&bench).len(), 3);
    let plan = bench.run(&["migrate", "--from", ".env", "--to", "production", "--dry-run", "--json"]).json();
    let actions: Vec<&str> =
        plan["steps"].as_array().unwrap().iter().map(|it| it["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["same", "same", "same", "create", "create", "create", "create"]);
    broken.store(0, Ordering::SeqCst);
    let again = bench.run(&MIGRATE);
    assert_eq!(again.code, 0, "{}", again.err);
    assert_eq!(created.lock().unwrap().len(), 7, "each was asked for by one name");
    assert_whole(&bench);
}

#[test]
fn a_migration_that_is_killed_half_way_is_completed_by_the_same_command() {
    let mut bench = Bench::new(Emulator::moto());
    let creations = AtomicUsize::new(0);
    let proxy = bench.behind(move |asked| match asked.operation.as_str() {
        "CreateSecret" if creations.fetch_add(1, Ordering::SeqCst) == 3 => Answer::Held,
        _ => Answer::Forwarded,
    });
    let mut child = bench.tool(&MIGRATE).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until(|| (proxy.held() > 0).then_some(()));
    assert_nothing_is_seen(&bench, child.id());
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(stored(&bench).len(), 4, "the fourth was stored, although its answer was lost");
    assert_eq!(bench.run(&MIGRATE).code, 0);
    assert_whole(&bench);
}

/// What other processes of this machine, and a reader of the disk, see of a command at work.
fn assert_nothing_is_seen(bench: &Bench, pid: u32) {
    for name in ["cmdline", "environ", "comm", "status"] {
        let seen = std::fs::read(format!("/proc/{pid}/{name}")).unwrap();
        assert_ne!(seen.len(), 0, "{name}");
        assert_no_leak(&String::from_utf8_lossy(&seen), name);
    }
    let mut open = vec![];
    for entry in std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap() {
        open.extend(std::fs::read_link(entry.unwrap().path()));
    }
    assert!(!open.iter().any(|path| path.starts_with(bench.folder.path())), "no file is open: {open:?}");
    for private in ["home", "tmp"] {
        assert_no_file(&bench.folder.path().join(private));
    }
}

fn assert_no_file(folder: &Path) {
    let left: Vec<_> = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Runs every command that handles values, then looks at everything that lies in home, in the folder for temporary files
/// and in the working directory. What a child of `exec` has in its environment is its own user's to read: that is what
/// `exec` is for.
#[test]
fn no_command_leaves_a_value_behind_on_the_disk() {
    let bench = Bench::migrated();
    let keys = json!({ "webhookSecret": format!("whsec_{CANARY}2") }).to_string();
    let all: [&[&str]; 13] = [
        &["check", "-e", "production"],
        &["check", "--source", "environment", "--env-file", ".env"],
        &["get", "database", "-e", "production"],
        &["list", "-e", "production"],
        &["history", "stripe", "-e", "production"],
        &["migrate", "--from", ".env", "--to", "production", "--dry-run"],
        &["rotate", "security", "-e", "production", "--yes", "--emergency"],
        &["exec", "-e", "production", "--", "true"],
        &["exec", "-e", "production", "--mask", "--", "sh", "-c", "env"],
        &["policy", "-e", "production"],
        &["monitor", "-e", "production"],
        &["schema", "database"],
        &["template", "database"],
    ];
    for arguments in all {
        assert_eq!(bench.run(arguments).code, 0, "{arguments:?}");
    }
    assert_eq!(bench.run_with_input(&["rotate", "stripe", "--stdin", "-e", "production", "--yes"], &keys).code, 0);
    for private in ["home", "tmp"] {
        assert_no_file(&bench.folder.path().join(private));
    }
    let mut left: Vec<_> = std::fs::read_dir(bench.folder.path())
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, [".env", "home", "tmp"]);
}

#[test]
fn while_a_value_from_standard_input_is_stored_nobody_sees_it() {
    let mut bench = Bench::migrated();
    let proxy =
        bench.behind(|asked| if asked.operation == "PutSecretValue" { Answer::Held } else { Answer::Forwarded });
    let mut command = bench.tool(&["rotate", "stripe", "--stdin", "-e", "production", "--yes"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    serde_json::to_writer(child.stdin.take().unwrap(), &json!({ "webhookSecret": format!("whsec_{CANARY}") })).unwrap();
    until(|| (proxy.held() > 0).then_some(()));
    assert_nothing_is_seen(&bench, child.id());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_secret_that_is_scheduled_for_deletion_is_told_and_restored_with_what_it_held_besides() {
    let bench = Bench::migrated();
    let value = bench.call("GetSecretValue", &json!({ "SecretId": DATABASE }));
    let mut payload: Value = serde_json::from_str(value["SecretString"].as_str().unwrap()).unwrap();
    payload["note"] = format!("{CANARY}n").into();
    payload["password"] = format!("{CANARY}old").into();
    bench.call("PutSecretValue", &json!({ "SecretId": DATABASE, "SecretString": payload.to_string() }));
    bench.call("DeleteSecret", &json!({ "SecretId": DATABASE, "RecoveryWindowInDays": 7 }));
    let check = bench.run(&["check", "-e", "production"]);
    assert_eq!(check.code, 66, "{}", check.out);
    assert!(check.out.contains("deleted") && check.out.contains("is scheduled for deletion\n"), "{}", check.out);
    assert!(check.out.contains("restores what is deleted"), "{}", check.out);
    let rotate = bench.run(&ROTATE);
    assert_eq!((rotate.code, rotate.err.contains("`migrate` restores it")), (66, true), "{}", rotate.err);
    let listed = bench.run(&["list", "-e", "production"]);
    assert!(listed.out.contains("to be deleted"), "{}", listed.out);
    let ran = bench.run(&MIGRATE);
    assert_eq!(
        (ran.code, ran.out.contains("database restored, updated, read back and valid")),
        (0, true),
        "{}",
        ran.err
    );
    let config = bench.stored("database")["config"].clone();
    assert_eq!(config["password"], format!("{CANARY}$!"));
    assert_eq!(config["extra"]["note"], format!("{CANARY}n"));
    assert_eq!(bench.run(&["check", "-e", "production"]).code, 0);
}

/// What the proxy does as Secrets Manager with a rotation function: the new version becomes current when it was looked
/// for so many times. `None`: never.
fn with_function(bench: &mut Bench, looks: Option<usize>, answer: fn(&Asked) -> Answer) -> Arc<Mutex<Vec<String>>> {
    let seen = Arc::<Mutex<Vec<String>>>::default();
    let (log, upstream) = (seen.clone(), bench.emulator().url.clone());
    let (looked, version) = (AtomicUsize::new(0), Mutex::new(None));
    bench.behind(move |asked| {
        log.lock().unwrap().push(asked.operation.clone());
        match asked.operation.as_str() {
            "DescribeSecret" if asked.body["SecretId"] == DATABASE => Answer::changed(|it| {
                it["RotationEnabled"] = true.into();
                it["RotationLambdaARN"] = FUNCTION.into();
            }),
            "RotateSecret" => {
                assert_eq!(
                    (&asked.body["SecretId"], &asked.body["RotateImmediately"]),
                    (&json!(DATABASE), &json!(true))
                );
                *version.lock().unwrap() = asked.body["ClientRequestToken"].as_str().map(str::to_owned);
                answer(asked)
            }
            "GetSecretValue" => {
                let Some(version) = version.lock().unwrap().clone() else { return Answer::Forwarded };
                let look = looked.fetch_add(1, Ordering::SeqCst);
                if look < 2 && looks == Some(4) {
                    // The function goes on while Secrets Manager is out of reach.
                    return Answer::error(503, "ServiceUnavailable");
                }
                if looks.is_some_and(|looks| look == looks) {
                    finish(&upstream, &version);
                }
                Answer::Forwarded
            }
            _ => Answer::Forwarded,
        }
    });
    seen
}

/// The last step of a rotation function: the version with the new password becomes current.
fn finish(upstream: &str, version: &str) {
    let value = proxy::call(upstream, "GetSecretValue", &json!({ "SecretId": DATABASE }));
    let mut payload: Value = serde_json::from_str(value["SecretString"].as_str().unwrap()).unwrap();
    payload["password"] = format!("{CANARY}rotated").into();
    let put = json!({ "SecretId": DATABASE, "ClientRequestToken": version, "SecretString": payload.to_string() });
    proxy::call(upstream, "PutSecretValue", &put);
}

/// As `RotateSecret` answers: before the function has done anything.
fn started(asked: &Asked) -> Answer {
    let arn = format!("arn:aws:secretsmanager:us-east-1:123456789012:secret:{DATABASE}-AbCdEf");
    Answer::Recorded(200, json!({ "ARN": arn, "Name": DATABASE, "VersionId": asked.body["ClientRequestToken"] }))
}

#[test]
fn a_rotation_by_function_is_done_when_the_new_version_is_current_also_through_a_short_outage() {
    let mut bench = Bench::migrated();
    let before = bench.run(&["history", "database", "-e", "production", "--json"]).json();
    let seen = with_function(&mut bench, Some(4), started);
    let field = bench.run(&[&ROTATE[..], &["--field", "password"]].concat());
    assert_eq!((field.code, field.err.contains("leave out --field")), (78, true), "{}", field.err);
    assert!(!seen.lock().unwrap().iter().any(|it| it == "RotateSecret"), "nothing is rotated");
    let ran = bench.run(&[&ROTATE[..], &["--json"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let report = ran.json();
    assert_eq!(report["from"], before["versions"][0]["id"]);
    assert_ne!(report["to"], report["from"]);
    let seen = seen.lock().unwrap().clone();
    let rotated = seen.iter().position(|it| it == "RotateSecret").unwrap();
    let looks = seen[rotated..].iter().filter(|it| *it == "GetSecretValue").count();
    assert_eq!(looks, 5, "it was looked for until it was there: {seen:?}");
    assert!(!seen.iter().any(|it| it == "PutSecretValue"), "the function stores, not the tool");
    let config = bench.stored("database")["config"].clone();
    assert_eq!(config["password"], format!("{CANARY}rotated"));
    assert_eq!(bench.stored("database")["versionId"], report["to"]);
}

#[test]
fn a_rotation_function_that_never_finishes_is_a_time_out_that_says_where_to_look() {
    let mut bench = Bench::migrated();
    with_function(&mut bench, None, started);
    let ran = bench.run(&[&ROTATE[..], &["--timeout", "2"]].concat());
    assert_eq!(ran.code, 74, "{}", ran.err);
    for part in ["has not finished after 2 s", "The old version is still current", "AWSPENDING", "CloudWatch Logs"] {
        assert!(ran.err.contains(part), "{part} is not in\n{}", ran.err);
    }
}

#[test]
fn a_rotation_that_is_denied_or_not_over_yet_is_explained() {
    let mut bench = Bench::migrated();
    with_function(&mut bench, None, |_| Answer::error(400, "AccessDeniedException"));
    let denied = bench.run(&ROTATE);
    let grant = "grant secretsmanager:RotateSecret on arn:aws:secretsmanager:*:*:secret:permisos/production/database";
    assert_eq!((denied.code, denied.err.contains(grant)), (77, true), "{}", denied.err);
    with_function(&mut bench, None, |_| Answer::error(400, "InvalidRequestException"));
    let pending = bench.run(&ROTATE);
    let explained = pending.err.contains("an earlier rotation is not finished") && pending.err.contains("AWSPENDING");
    assert_eq!((pending.code, explained), (66, true), "{}", pending.err);
}

#[test]
fn an_audit_of_many_pages_waits_where_cloudtrail_limits_the_rate() {
    let mut bench = Bench::new(Emulator::moto());
    let pages = AtomicUsize::new(0);
    bench.behind(move |asked| {
        if asked.operation != "LookupEvents" {
            return Answer::Forwarded;
        }
        match pages.fetch_add(1, Ordering::SeqCst) {
            0 => Answer::Recorded(200, json!({ "Events": [event("GetSecretValue")], "NextToken": "second" })),
            1 | 2 => Answer::error(400, "ThrottlingException"),
            _ => Answer::Recorded(200, json!({ "Events": [event("PutSecretValue")] })),
        }
    });
    let ran = bench.run(&["audit", "-e", "production", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let report = ran.json();
    let operations: Vec<_> = report["events"].as_array().unwrap().iter().map(|it| it["operation"].clone()).collect();
    assert_eq!((operations, &report["isCut"]), (vec![json!("GetSecretValue"), json!("PutSecretValue")], &json!(false)));
}

#[test]
fn a_rotation_that_was_stored_and_not_read_back_is_not_to_be_repeated() {
    let mut bench = Bench::migrated();
    let is_put = AtomicUsize::new(0);
    bench.behind(move |asked| match asked.operation.as_str() {
        "GetSecretValue" if is_put.load(Ordering::SeqCst) > 0 => Answer::error(400, "AccessDeniedException"),
        "PutSecretValue" => {
            is_put.store(1, Ordering::SeqCst);
            Answer::Forwarded
        }
        _ => Answer::Forwarded,
    });
    let ran = bench.run(&["rotate", "security", "-e", "production", "--yes"]);
    assert_eq!((ran.code, ran.err.contains("Do not rotate again")), (77, true), "{}", ran.err);
    assert!(ran.err.contains("`history security`") && !ran.err.contains("run the command again"), "{}", ran.err);
    bench.behind(|asked| match asked.operation.as_str() {
        "PutSecretValue" => Answer::error(503, "ServiceUnavailable"),
        _ => Answer::Forwarded,
    });
    let unheard = bench.run(&["rotate", "security", "-e", "production", "--yes"]);
    assert_eq!((unheard.code, unheard.err.contains("look with `history` before")), (69, true), "{}", unheard.err);
}

#[test]
fn what_was_changed_meanwhile_is_not_overwritten() {
    let mut bench = Bench::migrated();
    let amended = support::BACKEND.replace("SESSION_SECRET=", "SESSION_SECRET=new");
    std::fs::write(bench.folder.path().join(".env"), amended).unwrap();
    for arguments in [&["rotate", "security", "-e", "production", "--yes"][..], &MIGRATE] {
        // Another process stores a version between the comparison and the put.
        let (upstream, looks) = (bench.emulator().url.clone(), AtomicUsize::new(0));
        bench.behind(move |asked| {
            let id = "permisos/production/security/session";
            let is_look = asked.operation == "GetSecretValue" && asked.body["SecretId"] == id;
            if is_look && looks.fetch_add(1, Ordering::SeqCst) == 1 {
                let value = proxy::call(&upstream, "GetSecretValue", &json!({ "SecretId": id }));
                let put = json!({ "SecretId": id, "SecretString": value["SecretString"] });
                proxy::call(&upstream, "PutSecretValue", &put);
            }
            Answer::Forwarded
        });
        let before = stored(&bench);
        let ran = bench.run(arguments);
        assert_eq!((ran.code, ran.err.contains("has a newer version")), (69, true), "{arguments:?}: {}", ran.err);
        let versions = |stored: Vec<(String, usize)>| stored.iter().map(|(_, versions)| versions).sum::<usize>();
        assert_eq!(versions(stored(&bench)), versions(before) + 1, "the other one's only");
    }
}

#[test]
fn a_binary_value_is_not_overwritten() {
    let bench = Bench::migrated();
    let id = "permisos/production/redis/credentials";
    bench.call("PutSecretValue", &json!({ "SecretId": id, "SecretBinary": "AAEC" }));
    for is_deleted in [false, true] {
        if is_deleted {
            bench.call("DeleteSecret", &json!({ "SecretId": id, "RecoveryWindowInDays": 7 }));
        }
        let ran = bench.run(&MIGRATE);
        assert_eq!((ran.code, ran.err.contains("holds a binary value")), (65, true), "{}", ran.err);
    }
    assert_eq!(bench.call("GetSecretValue", &json!({ "SecretId": id }))["SecretBinary"], "AAEC");
}

#[test]
fn only_what_is_missing_is_created_or_restored_and_what_differs_is_noted() {
    let bench = Bench::migrated();
    assert_eq!(bench.run(&["rotate", "security", "-e", "production", "--yes"]).code, 0);
    let rotated = bench.stored("security")["versionId"].clone();
    let deleted = bench.stored("stripe")["versionId"].clone();
    let stripe = json!({ "SecretId": "permisos/production/stripe/api-keys", "RecoveryWindowInDays": 7 });
    bench.call("DeleteSecret", &stripe);
    let redis = json!({ "SecretId": "permisos/production/redis/credentials", "ForceDeleteWithoutRecovery": true });
    bench.call("DeleteSecret", &redis);
    let ran = bench.run(&[&MIGRATE[..], &["--missing"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    for part in ["redis created", "stripe restored as it was", "security differs and was kept: sessionSecret"] {
        assert!(ran.out.contains(part), "{part} is not in\n{}", ran.out);
    }
    assert!(!ran.out.contains("SESSION_SECRET"), "its variables differ from the secret: {}", ran.out);
    assert_eq!(bench.stored("security")["versionId"], rotated);
    assert_eq!(bench.stored("stripe")["versionId"], deleted);
    assert_eq!(bench.run(&["check", "-e", "production"]).code, 0);
}

fn event(operation: &str) -> Value {
    let identity = json!({ "type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/operator" });
    let record = json!({
        "userIdentity": identity,
        "eventName": operation,
        "awsRegion": "us-east-1",
        "sourceIPAddress": "192.0.2.7",
        "requestParameters": { "secretId": DATABASE },
    });
    json!({ "EventName": operation, "EventTime": 1_795_556_628, "CloudTrailEvent": record.to_string() })
}
