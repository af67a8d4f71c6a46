//! The Rust API over real HTTP: the server fails in every way while ten thousand readers read.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use permisos_secrets::{ErrorKind, EventKind};
use permisos_secrets_testkit::leak::CANARY;
use serde_json::{Value, json};
use support::scene::{BINARY, Scene, fields, version_id};
use support::server::{Reply, Server};
use tokio::task::JoinSet;

/// A fault: its name, what the server answers, how that is reported, and how long the next try waits at least.
type Row = (&'static str, fn() -> Reply, ErrorKind, Duration);
/// What the server does, while the readers read.
type Script = Arc<Mutex<Box<dyn Fn() -> Reply + Send>>>;

fn version(n: u64) -> Reply {
    value(n, &json!({ "SecretString": fields(n).to_string() }))
}

fn value(n: u64, content: &Value) -> Reply {
    let mut body = json!({ "Name": "x", "VersionId": version_id(n), "CreatedDate": n });
    body.as_object_mut().unwrap().extend(content.as_object().unwrap().clone());
    Reply::json(200, &body)
}

/// Good, then the fault, then good again and rotated.
async fn play((name, fault, kind, least_wait): Row) {
    let script: Script = Arc::new(Mutex::new(Box::new(|| version(1))));
    let behind = script.clone();
    let server = Server::start(move |_| behind.lock().unwrap()()).await;
    let options = if kind == ErrorKind::Timeout { json!({ "timeout": 2 }) } else { json!({}) };
    let mut scene = Scene::open(&server.url, &options).await;

    *script.lock().unwrap() = Box::new(fault);
    let event = scene.until(if kind == ErrorKind::Invalid { "invalid" } else { "failed" }).await;
    scene.assert_stale(kind);
    if let EventKind::Failed { retry_in, .. } = event {
        assert!(retry_in >= least_wait, "{name}: {retry_in:?}");
    }

    *script.lock().unwrap() = Box::new(|| version(3));
    scene.until("rotated").await;
    assert_eq!(scene.secrets.database().unwrap().username, "app-3", "{name}: a reported rotation is already read");
    let stale = scene.events.iter().filter(|event| event.kind.name() == "stale").count();
    assert_eq!(stale, 1, "{name}: stale is reported once");
    scene.end(3, || Some(server.seen().len() as u64)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_reader_notices_a_fault_and_events_report_it() {
    let second = Duration::from_secs(1);
    let rows: [Row; 12] = [
        ("no answer", || Reply { delay: Duration::from_secs(30), ..version(2) }, ErrorKind::Timeout, second),
        ("slow bytes", || Reply { pace: Duration::from_millis(100), ..version(2) }, ErrorKind::Timeout, second),
        ("half an answer", || Reply { is_cut: true, ..version(2) }, ErrorKind::Unavailable, second),
        ("HTTP 500", || Reply::error(500, "InternalServiceError", ""), ErrorKind::Unavailable, second),
        (
            "HTTP 503 with retry-after",
            || Reply { headers: vec![("retry-after", "4".into())], ..Reply::error(503, "", "") },
            ErrorKind::Unavailable,
            4 * second,
        ),
        ("throttling", || Reply::error(400, "ThrottlingException", ""), ErrorKind::Throttled, second),
        ("expired credentials", || Reply::error(400, "ExpiredTokenException", ""), ErrorKind::Unauthenticated, second),
        ("denied", || Reply::error(400, "AccessDeniedException", ""), ErrorKind::AccessDenied, second),
        ("deleted", || Reply::error(400, "InvalidRequestException", ""), ErrorKind::NotFound, second),
        ("HTML", || Reply { body: format!("<html>{CANARY}").into(), ..version(2) }, ErrorKind::Unavailable, second),
        ("malformed", || value(2, &json!({ "SecretString": CANARY })), ErrorKind::Invalid, second),
        ("binary", || value(2, &json!({ "SecretBinary": BINARY })), ErrorKind::Invalid, second),
    ];
    // Few at a time: ten thousand readers each.
    for rows in rows.chunks(4) {
        let mut scenes = JoinSet::new();
        for row in rows {
            scenes.spawn(play(*row));
        }
        scenes.join_all().await;
    }
}
