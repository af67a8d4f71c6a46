//! What `migrate` and `check` say of a file, and what `--missing` fills.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use permisos_secrets_testkit::emulator::Emulator;
use permisos_secrets_testkit::leak::CANARY;
use serde_json::{Value, json};
use support::{BACKEND, Bench, MIGRATE};

fn dry_run(bench: &Bench, file: &str) -> support::Ran {
    std::fs::write(bench.folder.path().join(".env"), file).unwrap();
    bench.run(&["migrate", "--from", ".env", "--to", "production", "--dry-run"])
}

#[test]
fn what_looks_like_a_secret_and_is_read_by_no_service_is_named_with_its_definition() {
    let bench = Bench::new(Emulator::moto());
    let more = format!(
        "{BACKEND}WHATSAPP_ACCESS_TOKEN={CANARY}\nSLACK_WEBHOOK_URL=https://hooks.slack.com/services/{CANARY}\n\
         TOKEN_TTL=3600\n"
    );
    let ran = dry_run(&bench, &more);
    let block = ran.out.split("give their file as --config:\n").nth(1).unwrap_or_else(|| panic!("{}", ran.out));
    let block: Value = serde_json::Deserializer::from_str(block).into_iter().next().unwrap().unwrap();
    assert_eq!(
        block,
        json!({ "secrets": [
            { "id": "slack/api", "fields": { "webhookUrl": { "variable": "SLACK_WEBHOOK_URL", "type": "url" } } },
            { "id": "whatsapp/api", "fields": { "accessToken": { "variable": "WHATSAPP_ACCESS_TOKEN" } } },
        ] })
    );
    assert!(!ran.out.contains("TOKEN_TTL"), "{}", ran.out);
    let check = bench.run(&["check", "-e", "production", "--env-file", ".env"]).out;
    assert!(check.contains("SLACK_WEBHOOK_URL, WHATSAPP_ACCESS_TOKEN: by name or value a secret"), "{check}");
    // With it they are migrated.
    std::fs::write(bench.folder.path().join("permisos.json"), block.to_string()).unwrap();
    let ran = bench.run(&[&MIGRATE[..], &["--config", "permisos.json"]].concat());
    assert!(ran.code == 0 && !ran.out.contains("by name or value a secret"), "{}{}", ran.out, ran.err);
    assert!(
        ran.out.contains("whatsapp/api created") && ran.out.contains("Variables to remove once nothing reads them")
    );
}

#[test]
fn variables_beside_a_connection_url_are_named_and_not_said_to_be_stored() {
    let bench = Bench::new(Emulator::moto());
    let url =
        format!("DATABASE_URL=postgres://app:{CANARY}@db.example.com/app\nDB_PASSWORD=other{CANARY}\nDB_SSL=true\n");
    let ran = dry_run(&bench, &url);
    assert!(ran.out.contains("DB_PASSWORD: DATABASE_URL is set, and counts instead"), "{}{}", ran.out, ran.err);
    assert!(!ran.out.contains("DB_SSL"), "{}", ran.out);
    let ran = bench.run(&MIGRATE);
    let removable = ran.out.split("Variables to remove").nth(1).unwrap_or_else(|| panic!("{}{}", ran.out, ran.err));
    assert!(removable.contains("DATABASE_URL DB_SSL") && !removable.contains("DB_PASSWORD"), "{removable}");
}

#[test]
fn a_name_that_is_near_to_a_missing_one_is_named() {
    let bench = Bench::new(Emulator::moto());
    let renamed = BACKEND.replace("STRIPE_PRIVATE_KEY", "STRIPE_SECRET_KEY").replace("EMAIL_PASS", "EMAIL_PASSWORD");
    let ran = dry_run(&bench, &format!("{renamed}TWILIO_AUTH_TOKEN={CANARY}\n"));
    assert_eq!(ran.code, 65);
    // With what else is to be mended in the file.
    assert!(ran.out.contains("TWILIO_AUTH_TOKEN: by name or value a secret"), "{}", ran.out);
    for hint in
        ["STRIPE_SECRET_KEY is set: is STRIPE_PRIVATE_KEY meant?", "EMAIL_PASSWORD is set: is EMAIL_PASS meant?"]
    {
        assert!(ran.err.contains(hint), "{}", ran.err);
    }
    // Of one that may be absent it is no error: a Redis without a password.
    let file = format!("REDIS_HOST=cache\nREDIS_PASS={CANARY}\n");
    let ran = dry_run(&bench, &file);
    assert!(ran.code == 0 && ran.out.contains("REDIS_PASS: is REDIS_PASSWORD meant?"), "{}{}", ran.out, ran.err);
}

#[test]
fn a_line_that_may_mean_another_value_is_noted_and_no_value_shown() {
    let bench = Bench::new(Emulator::moto());
    let file = format!(
        "DB_HOST=db.example.com\nDB_NAME=app # the name\nDB_USER=app\nDB_PASSWORD=p4ss#{CANARY}\nREDIS_HOST=cache\n\
         REDIS_PASSWORD=#{CANARY}\nGOVT_USERNAME=\"a\\\"{CANARY}\"\nGOVT_PASSWORD: {CANARY}\n\
         GOVT_SITE_LOGIN_URL=https://portal.example.com\nEMAIL_USER='{CANARY}'\nEMAIL_PASS=\"{CANARY}\nEMAIL_FROM=a@b.mx\n"
    );
    let ran = dry_run(&bench, &file);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for (name, line, what) in [
        ("DB_PASSWORD", 4, "what follows # is left out"),
        ("REDIS_PASSWORD", 6, "what follows # is left out"),
        ("GOVT_USERNAME", 7, "node --env-file reads it otherwise"),
        ("GOVT_PASSWORD", 8, "node --env-file reads it otherwise"),
        ("EMAIL_PASS", 11, "the quote at its start is never closed"),
    ] {
        assert!(ran.err.contains(&format!("{name}, line {line}: {what}")), "{name}: {}", ran.err);
    }
    assert_eq!(ran.err.matches(", line ").count(), 5, "{}", ran.err);
    assert!(!dry_run(&bench, BACKEND).err.contains(", line "), "an ordinary file has no notes");
}

#[test]
fn missing_fills_a_secret_that_has_no_value() {
    let bench = Bench::new(Emulator::moto());
    let names = ["database/credentials", "redis/credentials", "security/session"];
    for name in names {
        bench.call("CreateSecret", &json!({ "Name": format!("permisos/production/{name}") }));
    }
    let check = bench.run(&["check", "-e", "production"]).out;
    assert!(check.contains("database (permisos/production/database/credentials) is there and has no value"), "{check}");
    let missing = [&MIGRATE[..], &["--missing", "--json"]].concat();
    let ran = bench.run(&missing);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let actions = |ran: &support::Ran| -> Vec<String> {
        ran.json()["steps"].as_array().unwrap().iter().map(|step| step["action"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(actions(&ran), ["fill", "fill", "fill", "create", "create", "create", "create"]);
    assert_eq!(bench.stored("database")["config"]["port"], 5433);
    assert_eq!(bench.run(&["check", "-e", "production"]).code, 0);
    assert!(actions(&bench.run(&missing)).iter().all(|action| action == "same"), "a second run changes nothing");
    // One that was deleted before it had a value.
    bench.call("CreateSecret", &json!({ "Name": "permisos/empty/redis/credentials" }));
    bench.call("DeleteSecret", &json!({ "SecretId": "permisos/empty/redis/credentials", "RecoveryWindowInDays": 7 }));
    let ran = bench.run(&["migrate", "--from", ".env", "--to", "empty", "--yes", "--missing"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(bench.run(&["check", "-e", "empty", "--source", "aws"]).code, 0);
}

#[test]
fn under_a_name_whose_source_is_the_environment_it_says_why_aws_was_not_asked() {
    let bench = Bench::new(Emulator::moto());
    let stored = ["migrate", "--from", ".env", "--to", "qa", "--yes"];
    assert_eq!(bench.run(&stored).code, 0);
    let ran = bench.run(&["check", "--environment", "qa"]);
    let why = "AWS Secrets Manager was not asked, because the environment is called qa";
    assert_eq!((ran.code, ran.out.matches(why).count()), (65, 1), "{}", ran.out);
    let ran = bench.run(&["get", "redis", "--environment", "qa"]);
    assert!(ran.err.contains(why) && ran.err.contains("--source aws"), "{}", ran.err);
    assert_eq!(bench.run(&["check", "--environment", "qa", "--source", "aws"]).code, 0, "what to give suffices");
}
