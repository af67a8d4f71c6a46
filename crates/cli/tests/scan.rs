//! `scan` and `init` on a made-up backend that reads its variables in every way, and on values that stand where they must
//! not.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use permisos_secrets_testkit::leak::CANARY;
use serde_json::{Value, json};
use support::{Bench, root};

/// A folder with the backend in it, and an environment file beside.
fn backend() -> Bench {
    let bench = Bench::without_aws();
    let folder = bench.folder.path();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/backend"), folder);
    // What is built is read where it is named.
    std::fs::create_dir(folder.join("dist")).unwrap();
    std::fs::write(folder.join(".gitignore"), "dist/\n").unwrap();
    std::fs::write(folder.join("dist/bundle.js"), "process.env.DB_PASSWORD;\n").unwrap();
    bench
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// How often each word stands at this name.
fn counted<'v>(reads: impl IntoIterator<Item = &'v Value>, name: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for read in reads {
        *counts.entry(read[name].as_str().unwrap_or("none").to_owned()).or_default() += 1;
    }
    counts
}

fn words(counts: &[(&str, usize)]) -> BTreeMap<String, usize> {
    counts.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect()
}

#[test]
fn every_read_of_a_backend_is_found_and_counted() {
    let bench = backend();
    let ran = bench.run(&["scan", "src", "scripts", "dist", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let report = ran.json();
    let files = report["files"].as_array().unwrap();
    let of = |what: &str| -> BTreeMap<String, usize> {
        let count = |file: &Value| (file["path"].as_str().unwrap().to_owned(), file[what].as_array().unwrap().len());
        files.iter().map(count).filter(|(_, count)| *count > 0).collect()
    };
    let reads = [
        ("dist/bundle.js", 1),
        ("scripts/report.ts", 4),
        ("src/config/index.js", 12),
        ("src/db/pool.js", 5),
        ("src/middleware/session.js", 5),
        ("src/server.js", 1),
        ("src/services/mail.js", 3),
        ("src/services/payments.js", 5),
        ("src/services/whatsapp.js", 3),
        ("src/validate.js", 6),
    ];
    assert_eq!(of("reads"), words(&reads));
    assert_eq!(of("writes"), words(&[("src/server.js", 2)]));
    assert_eq!(of("computed"), words(&[("src/services/mail.js", 1)]));
    assert_eq!(of("whole"), words(&[("src/server.js", 1), ("src/services/whatsapp.js", 1)]));
    let all: Vec<&Value> = files.iter().flat_map(|file| file["reads"].as_array().unwrap()).collect();
    let ways =
        [("alias", 4), ("computed", 2), ("destructured", 2), ("helper", 11), ("list", 3), ("member", 22), ("named", 1)];
    assert_eq!(counted(all.iter().copied(), "way"), words(&ways));
    let usages = [("comparison", 2), ("default", 9), ("presence", 8), ("value", 26)];
    assert_eq!(counted(all.iter().copied(), "usage"), words(&usages));
    let places = [("constructor", 4), ("field", 2), ("function", 22), ("load", 16), ("static", 1)];
    assert_eq!(counted(all.iter().copied(), "when"), words(&places));
    // The top level, what it calls at once, and the constructors of what is made there.
    let loaded = all.iter().filter(|read| read["atLoad"] == json!(true)).count();
    assert_eq!(
        report["summary"],
        json!({ "scanned": 11, "reads": 45, "variables": 31, "files": 10, "atLoad": loaded, "writes": 2, "computed": 1, "whole": 2 })
    );
    assert_eq!(loaded, 28);
    assert_eq!(report["ignored"], 1);
    let uncovered = [
        "ENCRYPTION_KEY",
        "SLACK_WEBHOOK_URL",
        "WHATSAPP_ACCESS_TOKEN",
        "WHATSAPP_APP_SECRET",
        "WHATSAPP_VERIFY_TOKEN",
    ];
    assert_eq!(report["uncovered"], json!(uncovered));
}

#[test]
fn what_to_read_instead_is_what_the_package_exports() {
    let bench = backend();
    let report = bench.run(&["scan", "src", "scripts", "--json"]).json();
    let api = std::fs::read_to_string(root().join("npm/secrets/api.txt")).unwrap();
    let mut getters = 0;
    for read in report["files"].as_array().unwrap().iter().flat_map(|file| file["reads"].as_array().unwrap()) {
        let Some(expression) = read["expression"].as_str() else { continue };
        let (getter, field) = expression.split_once("().").unwrap();
        let (_, config) = api.split_once(&format!("export declare function {getter}(): ")).unwrap();
        let (config, _) = config.split_once(';').unwrap();
        let (_, fields) = api.split_once(&format!("export interface {config} {{")).unwrap();
        let field = field.split(['?', '.']).next().unwrap();
        assert!(fields.split_once("\n}").unwrap().0.contains(&format!(" {field}")), "{expression}");
        getters += 1;
    }
    assert_eq!(getters, 35);
}

#[test]
fn people_read_a_table_and_a_pipeline_an_exit_code() {
    let bench = backend();
    let ran = bench.run(&["scan", "src", "--fail"]);
    assert_eq!(ran.code, 65);
    let lines: Vec<Vec<&str>> = ran.out.lines().map(|line| line.split_whitespace().collect()).collect();
    for line in [
        &["5:16", "SESSION_SECRET", "member", "value", "load", "getSecurityConfig().sessionSecret"][..],
        &["11:21", "DB_PASSWORD", "member", "default", "constructor,", "at", "load", "getDatabaseConfig().password"],
        &["11:3", "JWT_SECRET", "requireEnv()", "value", "function,", "at", "load", "getSecurityConfig().jwtSecret"],
        &["12:22", "WHATSAPP_VERIFY_TOKEN", "member", "compared", "function", "in", "no", "service"],
        &["7:38", "DB_NAME", "member", "write", "load", "getDatabaseConfig().database"],
    ] {
        assert!(lines.iter().any(|it| it == line), "{line:?}\n{}", ran.out);
    }
    assert!(
        ran.out.contains("25 of them while modules load: these need the secrets before the first line"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("SLACK_WEBHOOK_URL, WHATSAPP_ACCESS_TOKEN"), "{}", ran.out);
    std::fs::create_dir(bench.folder.path().join("clean")).unwrap();
    std::fs::write(bench.folder.path().join("clean/a.js"), "process.env.PORT; getDatabaseConfig().password").unwrap();
    let ran = bench.run(&["scan", "clean", "--fail"]);
    assert!(ran.code == 0 && ran.out.contains("no read of a secret in 1 file"), "{}", ran.out);
    let ran = bench.run(&["scan", "nowhere", "--fail"]);
    assert!(ran.code == 78 && ran.err.contains("nowhere: cannot be read"), "{}", ran.err);
}

/// Values as programs write them, in text and in what is none.
fn scatter(bench: &Bench) {
    let put = |name: &str, bytes: &[u8]| {
        let path = bench.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    put("out/app.js", format!("const a = 1;\nconst key = 'sk_live_{CANARY}';\n").as_bytes());
    put("out/app.js.map", format!("{{\"x\":\"\\\"sk_live_{CANARY}\\\"\"}}").as_bytes());
    put("out/url.txt", format!("postgresql://app:{CANARY}%24%21@db/app").as_bytes());
    put("out/basic.txt", STANDARD.encode(format!("app:{CANARY}$!")).as_bytes());
    put("out/.hidden/image.bin", &[&[0, 1, 2, b'\n', 0][..], format!("whsec_{CANARY}").as_bytes()].concat());
    put(
        "out/clean.txt",
        b"sk_live_ and nothing more: Permisos, database.internal, permisos, email-smtp.us-east-1.amazonaws.com",
    );
    put("out/node_modules/x/y.js", format!("sk_live_{CANARY}").as_bytes());
}

fn places(report: &Value) -> Vec<(String, String)> {
    let found = report["found"].as_array().unwrap().iter();
    let place = |it: &Value| {
        let path = it["path"].as_str().unwrap();
        let place = if it["isBinary"] == json!(true) {
            format!("{path}@{}", it["offset"])
        } else {
            format!("{path}:{}", it["line"])
        };
        (place, format!("{} {}", it["service"].as_str().unwrap_or("-"), it["field"].as_str().unwrap()))
    };
    found.map(place).collect()
}

#[test]
fn stored_values_are_found_where_they_stand_and_not_shown() {
    let bench = Bench::migrated();
    scatter(&bench);
    let ran = bench.run(&["scan", "--values", "out", "-e", "production", "--json", "--fail"]);
    assert_eq!(ran.code, 65, "{}{}", ran.out, ran.err);
    let report = ran.json();
    let found = places(&report);
    for (place, field) in [
        ("out/.hidden/image.bin@5", "stripe webhookSecret"),
        ("out/app.js:2", "stripe privateKey"),
        ("out/app.js.map:1", "stripe privateKey"),
        ("out/basic.txt:1", "database password"),
        ("out/url.txt:1", "database password"),
    ] {
        assert!(found.contains(&(place.to_owned(), field.to_owned())), "{place} {field}: {found:?}");
    }
    assert!(!found.iter().any(|(place, _)| place.contains("clean") || place.contains("node_modules")), "{found:?}");
    assert_eq!(report["files"], 6);
    // For people the same, and a clean folder is no failure.
    let ran = bench.run(&["scan", "--values", "out", "-e", "production"]);
    assert!(ran.code == 0 && ran.out.contains("✗ out/app.js:2: stripe privateKey"), "{}", ran.out);
    assert!(ran.out.contains("out/.hidden/image.bin at byte 5: stripe webhookSecret"), "{}", ran.out);
    let ran = bench.run(&["scan", "--values", "out/clean.txt", "-e", "production", "--fail"]);
    assert!(ran.code == 0 && ran.out.contains("in 1 file: none found"), "{}", ran.out);
}

#[test]
fn a_history_on_standard_input_is_searched_for_the_values_of_a_file() {
    let bench = Bench::without_aws();
    let file = format!(
        "STRIPE_PRIVATE_KEY=sk_live_{CANARY}\nSTRIPE_PUBLIC_KEY=pk_live_{CANARY}\n\
                        STRIPE_WEBHOOK_SECRET=whsec_{CANARY}\nWHATSAPP_TOKEN={CANARY}w\nSHORT_SECRET=ab12cd\nNODE_ENV=production\n"
    );
    std::fs::write(bench.folder.path().join(".env"), file).unwrap();
    let history = "commit 0\n+++ b/config.js\n".repeat(100_000);
    let history = format!("{history}+  token: \"{CANARY}w\",\n-  key: 'sk_live_{CANARY}'\n");
    let mut child = bench
        .tool(&["scan", "--values", "--from", ".env", "-", "--json", "--fail"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(history.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    permisos_secrets_testkit::leak::assert_no_leak(&text, "the report");
    assert_eq!(output.status.code(), Some(65), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_str(&text).unwrap();
    let expected = [("standard input:200001", "- WHATSAPP_TOKEN"), ("standard input:200002", "stripe privateKey")];
    assert_eq!(places(&report), expected.map(|(place, field)| (place.to_owned(), field.to_owned())));
    assert_eq!(report["tooShort"], json!([{ "service": null, "field": "SHORT_SECRET" }]));
    // The file itself holds them all, and is passed over.
    let ran = bench.run(&["scan", "--values", "--from", ".env", ".", "--fail"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("shorter than 8 bytes, and not looked for: the variable SHORT_SECRET"), "{}", ran.out);
}

#[test]
fn init_writes_options_that_the_application_accepts() {
    let bench = backend();
    let more = format!("{}WHATSAPP_ACCESS_TOKEN={CANARY}\n", support::BACKEND);
    std::fs::write(bench.folder.path().join(".env"), more).unwrap();
    let ran = bench.run(&["init", "--from", ".env", "--src", "src"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let path = bench.folder.path().join("permisos.json");
    let written: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(
        written,
        json!({
            "$schema": "./node_modules/@permisos/secrets/schemas/permisos.json",
            "services": ["database", "redis", "security", "stripe", "email", "government-portal", "monitoring"],
            "secrets": [
                { "id": "application/api", "fields": {
                    "encryptionKey": { "variable": "ENCRYPTION_KEY", "required": false } }, "optional": true },
                { "id": "slack/api", "fields": {
                    "webhookUrl": { "variable": "SLACK_WEBHOOK_URL", "required": false } }, "optional": true },
                { "id": "whatsapp/api", "fields": {
                    "accessToken": { "variable": "WHATSAPP_ACCESS_TOKEN" },
                    "appSecret": { "variable": "WHATSAPP_APP_SECRET", "required": false },
                    "verifyToken": { "variable": "WHATSAPP_VERIFY_TOKEN", "required": false } } },
            ],
        })
    );
    for next in
        ["check --source environment --env-file .env", "migrate --from .env --to production --dry-run", "scan src"]
    {
        assert!(ran.out.contains(&format!("permisos-secrets {next}\n")), "{}", ran.out);
    }
    // The real reader takes it, and what it defines is read.
    let check = bench.run(&["check", "--source", "environment", "--env-file", ".env"]);
    assert!(check.code == 0 && check.out.contains("whatsapp/api       ok"), "{}{}", check.out, check.err);
    let scan = bench.run(&["scan", "src"]);
    assert!(
        scan.out.contains("getSecret(whatsapp).verifyToken") && !scan.out.contains("in no service"),
        "{}",
        scan.out
    );
    // It is never replaced by itself, broken or not.
    std::fs::write(&path, "broken").unwrap();
    let ran = bench.run(&["init", "--from", ".env"]);
    assert!(ran.code == 78 && ran.err.contains("permisos.json is there: pass --force"), "{}", ran.err);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "broken");
    let ran = bench.run(&["init", "--src", "src/db", "--force", "--json"]);
    assert_eq!((ran.code, &ran.json()["services"]), (0, &json!(["database"])), "{}", ran.err);
    let ran = bench.run(&["init", "--src", "src/db", "--config", "other.json"]);
    assert!(ran.code == 0 && bench.folder.path().join("other.json").is_file(), "{}", ran.err);
    assert_eq!(bench.run(&["init"]).code, 64, "without anything to read");
}
