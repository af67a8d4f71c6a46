//! What is left in a process's memory after `close`: a child loads secrets over HTTP, refreshes them with every kind of
//! answer and closes them, then its memory is searched. The server, which knows the canary, is in this process.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use permisos_secrets::{ErrorKind, Secrets, SourceKind};
use permisos_secrets_aws::AwsSource;
use permisos_secrets_core::{Connection, Service};
use permisos_secrets_testkit::leak::CANARY;
use permisos_secrets_testkit::memory::canaries;
use serde_json::{Value, json};
use support::scene::BINARY;
use support::server::{Reply, Seen, Server};

/// Says to the same program that it is the child, and where the server is.
const CHILD: &str = "PERMISOS_MEMORY_CHILD";

/// What a Rust application gains by one line: freed memory is zeroed, also what other crates free.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);

/// Every service, every secret value the canary, in one batch; then each service's refresh is answered in a way of its
/// own.
fn answer(seen: &Seen) -> Reply {
    if let Some(ids) = seen.body["SecretIdList"].as_array() {
        let values: Vec<Value> = ids.iter().map(|id| value(id.as_str().unwrap_or_default())).collect();
        return Reply::json(200, &json!({ "SecretValues": values, "Errors": [] }));
    }
    let id = seen.body["SecretId"].as_str().unwrap_or_default();
    let good = value(id);
    let version = |content: Value| {
        let mut version = json!({ "Name": id, "ARN": "arn", "VersionId": "v2", "CreatedDate": 1 });
        version.as_object_mut().unwrap().extend(content.as_object().unwrap().clone());
        Reply::json(200, &version)
    };
    match service(id) {
        "database" => version(json!({ "SecretString": good["SecretString"] })),
        "redis" => version(json!({ "SecretString": format!("{{\"password\": \"{CANARY}\", {CANARY}") })),
        "security" => version(json!({ "SecretBinary": BINARY })),
        "stripe" => Reply { is_cut: true, ..Reply::json(200, &json!([good, good])) },
        "email" => Reply::error(400, "AccessDeniedException", CANARY),
        "government" => Reply { body: format!("<html>{CANARY}").into(), ..Reply::json(200, &good) },
        _ => Reply::json(200, &good),
    }
}

fn service(id: &str) -> &str {
    id.split('/').nth(2).unwrap_or_default()
}

fn value(id: &str) -> Value {
    let fields = match service(id) {
        "database" => json!({ "host": "db", "database": "d", "username": "u", "password": CANARY, "note": CANARY }),
        "redis" => json!({ "host": "cache", "password": CANARY }),
        "security" => json!({ "sessionSecret": CANARY, "jwtSecret": CANARY, "internalApiKey": CANARY }),
        "stripe" => json!({ "publicKey": "pk_test_1", "privateKey": format!("sk_test_{CANARY}"),
            "webhookSecret": format!("whsec_{CANARY}") }),
        "email" => json!({ "smtpUser": "u", "smtpPassword": CANARY, "fromAddress": "a@b.mx", "host": "smtp" }),
        "government" => json!({ "username": "u", "password": CANARY, "loginUrl": "https://portal.gob.mx" }),
        _ => json!({ "sentryDsn": CANARY }),
    };
    json!({ "Name": id, "ARN": "arn", "VersionId": "v1", "SecretString": fields.to_string(), "CreatedDate": 0 })
}

/// Loads, reads, exposes, waits; closes, waits.
fn child(url: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let connection = Connection {
        regions: vec!["us-east-1".into()],
        endpoint_url: Some(url.to_owned()),
        profile: None,
        role_arn: None,
        timeout: std::time::Duration::from_secs(10),
    };
    let credentials = SharedCredentialsProvider::new(Credentials::new("key", "secret", None, None, "test"));
    let source = Arc::new(AwsSource::new(&connection).with_credentials(credentials));
    let secrets = Secrets::builder().option("source", "aws").option("environment", "test").without_variables();
    let secrets = secrets.connect(move |_: SourceKind, _: &Connection| source).build().unwrap();
    runtime.block_on(secrets.ready()).unwrap();
    for service in Service::ALL {
        assert!(secrets.read(service).unwrap().config.expose_json().len() > 20);
    }
    let refreshed = Service::ALL.map(|service| runtime.block_on(secrets.refresh(service)).map_err(|it| it.kind()));
    assert_eq!(
        refreshed,
        [
            Ok(()),
            Err(ErrorKind::Invalid),
            Err(ErrorKind::Invalid),
            Err(ErrorKind::Unavailable),
            Err(ErrorKind::AccessDenied),
            Err(ErrorKind::Unavailable),
            Ok(()),
        ]
    );
    assert!(secrets.read(Service::Database).unwrap().previous.is_some(), "the value before is held too");
    pause("loaded");
    secrets.close();
    drop(secrets);
    // The loop lets go of the source and its connections.
    runtime.block_on(async { tokio::time::sleep(std::time::Duration::from_millis(200)).await });
    drop(runtime);
    pause("closed");
}

/// Says where it is and waits for a byte.
fn pause(place: &str) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{CHILD} {place}").unwrap();
    output.flush().unwrap();
    std::io::stdin().read_exact(&mut [0]).unwrap();
}

#[test]
fn no_value_is_left_in_memory_after_close() {
    if let Ok(url) = std::env::var(CHILD) {
        return child(&url);
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(Server::start(answer));
    let mut command = Command::new(std::env::current_exe().unwrap());
    let command = command.args(["no_value_is_left_in_memory_after_close", "--exact", "--nocapture"]);
    let mut child = command.env(CHILD, &server.url).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut reach = |place: &str| {
        let expected = format!("{CHILD} {place}");
        while !lines.next().expect("the child goes on").unwrap().ends_with(&expected) {}
    };
    reach("loaded");
    assert!(canaries(child.id()).len() >= 12, "the probe sees what is held");
    input.write_all(b"x").unwrap();
    reach("closed");
    let left = canaries(child.id());
    input.write_all(b"x").unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(left, [] as [String; 0], "left in memory, by region");
}
