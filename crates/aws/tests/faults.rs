//! The Rust API over real HTTP: the server fails in every way while ten thousand readers read.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use permisos_secrets::{ErrorKind, Event, EventKind, Freshness, Secrets, Service, Status, Subscription};
use permisos_secrets_aws::AwsSource;
use serde_json::{Value, json};
use support::{Reply, Server};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

const READERS: usize = 10_000;
const PACE: Duration = Duration::from_millis(100);
/// Generous: a scene on a busy machine is slow, never wrong.
const PATIENCE: Duration = Duration::from_mins(1);

/// A fault: its name, what the server answers, what that is told as, and how long the next try waits at least.
type Row = (&'static str, fn() -> Reply, ErrorKind, Duration);
/// What the server does, while the readers read.
type Script = Arc<Mutex<Box<dyn Fn() -> Reply + Send>>>;

/// The database secret at version `n`; every field tells which.
fn fields(n: u64) -> Value {
    json!({ "host": format!("v{n}.internal"), "database": "permisos", "username": format!("app-{n}"),
        "password": format!("password-{n}") })
}

fn version(n: u64) -> Reply {
    value(n, &json!({ "SecretString": fields(n).to_string() }))
}

fn value(n: u64, content: &Value) -> Reply {
    let mut body = json!({ "Name": "x", "VersionId": format!("v{n}"), "CreatedDate": n });
    body.as_object_mut().unwrap().extend(content.as_object().unwrap().clone());
    Reply::json(200, &body)
}

/// A reader of whom no read may fail, mix two versions or answer an older one, once a good one was seen.
#[derive(Default)]
struct Witness {
    newest: AtomicU64,
    reads: AtomicU64,
    is_over: AtomicBool,
    wrong: Mutex<BTreeSet<String>>,
}

impl Witness {
    async fn watch(self: Arc<Self>, secrets: Secrets) {
        while !self.is_over.load(Ordering::Relaxed) {
            self.look(&secrets);
            sleep(PACE).await;
        }
    }

    fn look(&self, secrets: &Secrets) {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let before = self.newest.load(Ordering::SeqCst);
        let wrong = match (secrets.read(&Service::Database.into()), secrets.database()) {
            (Ok(read), Ok(database)) => {
                let id = read.version_id.unwrap();
                let n: u64 = id.trim_start_matches('v').parse().unwrap();
                self.newest.fetch_max(n, Ordering::SeqCst);
                let of = |text: &str| text.trim_matches(|c: char| !c.is_ascii_digit()).parse::<u64>().ok();
                let parts = [&database.host, &database.username].map(|text| of(text));
                (n < before).then(|| format!("v{n} after v{before}")).or_else(|| {
                    let is_torn = parts[0] != parts[1] || parts[0] < Some(before);
                    is_torn.then(|| format!("torn: {parts:?}"))
                })
            }
            (read, database) => {
                let error = read.err().or(database.err()).unwrap();
                (before > 0).then(|| format!("a read failed: {}", error.kind()))
            }
        };
        if let Some(wrong) = wrong {
            self.wrong.lock().unwrap().insert(wrong);
        }
    }
}

/// Waits for an event of this name; all until then are kept.
async fn until(subscription: &mut Subscription, events: &mut Vec<Event>, name: &str) {
    timeout(PATIENCE, async {
        loop {
            let event = subscription.next_event().await.unwrap();
            let is_this = event.kind.name() == name;
            events.push(event);
            if is_this {
                return;
            }
        }
    })
    .await
    .unwrap_or_else(|_| panic!("no event {name} after {events:?}"));
}

/// Good, then the fault, then good again and rotated.
async fn play((name, fault, kind, least_wait): Row) {
    let script: Script = Arc::new(Mutex::new(Box::new(|| version(1))));
    let behind = script.clone();
    let server = Server::start(move |_| behind.lock().unwrap()()).await;
    let secrets = Secrets::builder()
        .environment("production")
        .services(&[Service::Database])
        .option("source", "aws")
        .option("region", "us-east-1")
        .option("endpointUrl", server.url.clone())
        .option("ttl", 1)
        // Short only where it is waited for: a busy machine must not make a time-out of an answer.
        .option("timeout", if kind == ErrorKind::Timeout { 2 } else { 30 })
        .variables([])
        .connect(|_, connection| {
            let credentials = SharedCredentialsProvider::new(Credentials::new("key", "secret", None, None, "test"));
            Arc::new(AwsSource::new(connection).with_credentials(credentials))
        })
        .build()
        .unwrap();
    let mut subscription = secrets.subscribe();
    let mut events = vec![];
    secrets.load().await.unwrap();
    let witness = Arc::new(Witness::default());
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        readers.spawn(witness.clone().watch(secrets.clone()));
    }

    *script.lock().unwrap() = Box::new(fault);
    let is_bad_version = kind == ErrorKind::Invalid;
    until(&mut subscription, &mut events, if is_bad_version { "invalid" } else { "failed" }).await;
    let health = secrets.health();
    let service = &health.services[0];
    assert_eq!((health.status, service.last_error), (Status::Degraded, Some(kind)), "{name}");
    assert_eq!(service.freshness, Some(Freshness::Stale), "{name}");
    assert_eq!(service.version_id.as_deref(), Some("v1"), "{name}");
    if let EventKind::Failed { retry_in_ms, .. } = events.last().unwrap().kind {
        assert!(u128::from(retry_in_ms) >= least_wait.as_millis(), "{name}: {retry_in_ms}");
    }

    *script.lock().unwrap() = Box::new(|| version(3));
    until(&mut subscription, &mut events, "rotated").await;
    assert_eq!(secrets.database().unwrap().username, "app-3", "{name}: whoever hears of a rotation reads it");
    witness.is_over.store(true, Ordering::Relaxed);
    readers.join_all().await;
    assert_eq!(*witness.wrong.lock().unwrap(), BTreeSet::new(), "{name}");
    assert!(witness.reads.load(Ordering::Relaxed) >= READERS as u64);
    let stale = events.iter().filter(|event| event.kind.name() == "stale").count();
    assert_eq!(stale, 1, "{name}: stale is told once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_reader_notices_a_fault_and_the_engineer_is_told() {
    let second = Duration::from_secs(1);
    let rows: [Row; 10] = [
        ("no answer", || Reply { delay: Duration::from_secs(30), ..version(2) }, ErrorKind::Timeout, second),
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
        ("HTML", || Reply { body: b"<html>".to_vec(), ..version(2) }, ErrorKind::Unavailable, second),
        ("malformed", || value(2, &json!({ "SecretString": "{\"host\": " })), ErrorKind::Invalid, second),
        ("binary", || value(2, &json!({ "SecretBinary": "AAEC" })), ErrorKind::Invalid, second),
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
