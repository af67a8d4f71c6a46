//! One database secret of a short lifetime, read by ten thousand readers while its server fails.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![expect(clippy::unwrap_used, reason = "a test's support")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use permisos_secrets::schema::DatabaseConfig;
use permisos_secrets::{
    Config, ErrorKind, Event, EventKind, Freshness, Health, Notice, Origin, Secrets, SecretsBuilder, Service, Status,
    Subscription,
};
use permisos_secrets_aws::AwsSource;
use permisos_secrets_testkit::leak::{CANARY, assert_no_leak};
use permisos_secrets_testkit::log;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

const READERS: usize = 10_000;
const PACE: Duration = Duration::from_millis(250);
/// Generous: a scene on a busy machine is slow, never wrong.
const PATIENCE: Duration = Duration::from_mins(4);
/// Of an emulator that checks none.
pub(crate) const KEY: (&str, &str) = ("testing", "testing");
/// The secret's name.
pub(crate) const NAME: &str = "permisos/production/database/credentials";

/// The canary as a binary secret.
pub(crate) const BINARY: &str = "WnE3WHc5S3YzSnA1SHk4R2YyRG40TXM2TGIxUnQwQ2M5RWE3VWk1Tw==";

/// The secret at version `n`: every field names it, and the password is a canary.
pub(crate) fn fields(n: u64) -> Value {
    json!({ "host": format!("v{n}.internal"), "database": "permisos", "username": format!("app-{n}"),
        "password": format!("{CANARY}{n}") })
}

/// Its version id, of a length that Secrets Manager accepts as a token.
pub(crate) fn version_id(n: u64) -> String {
    format!("00000000-0000-4000-8000-{n:012}")
}

fn is_version(database: &DatabaseConfig, n: u64) -> bool {
    let expected = fields(n);
    let actual = [&database.host, &database.username, database.password.expose_secret()];
    ["host", "username", "password"].iter().zip(actual).all(|(field, value)| expected[field] == *value)
}

/// Which version the host names.
fn number(database: &DatabaseConfig) -> u64 {
    database.host.trim_matches(|letter: char| !letter.is_ascii_digit()).parse().unwrap()
}

/// A reader of whom no read may fail, mix two versions or answer an older one, once a good one was seen.
#[derive(Default)]
struct Witness {
    newest: AtomicU64,
    reads: AtomicU64,
    is_over: AtomicBool,
    /// The version's id, by the number in its fields.
    ids: Mutex<BTreeMap<u64, String>>,
    wrong: Mutex<BTreeSet<String>>,
}

impl Witness {
    async fn watch(self: Arc<Self>, secrets: Secrets) {
        loop {
            // A reader that sleeps at the end looks once again.
            let is_over = self.is_over.load(Ordering::SeqCst);
            if let Err(wrong) = self.look(&secrets) {
                self.wrong.lock().unwrap().insert(wrong);
            }
            if is_over {
                return;
            }
            sleep(PACE).await;
        }
    }

    fn look(&self, secrets: &Secrets) -> Result<(), String> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let before = self.newest.load(Ordering::SeqCst);
        let failed = |error: permisos_secrets::Error| format!("a read failed: {}", error.kind());
        let read = secrets.read(Service::Database).map_err(failed)?;
        let Config::Database(database) = read.config else { return Err("another service's config".to_owned()) };
        let n = number(&database);
        let id = read.version_id.unwrap();
        let is_same = *self.ids.lock().unwrap().entry(n).or_insert_with(|| id.to_string()) == *id;
        self.newest.fetch_max(n, Ordering::SeqCst);
        if n < before {
            return Err(format!("v{n} after v{before}"));
        }
        // The getter is a read of its own: a newer version may have come meanwhile.
        let got = secrets.database().map_err(failed)?;
        let is_whole = is_version(&database, n) && is_same && n <= number(&got) && is_version(&got, number(&got));
        is_whole.then_some(()).ok_or_else(|| format!("a read was torn at v{n}"))
    }
}

/// The database secret of production, of a short lifetime, with more options.
pub(crate) fn builder((id, secret): (&str, &str), url: &str, options: &Value) -> SecretsBuilder {
    let credentials = SharedCredentialsProvider::new(Credentials::new(id, secret, None, None, "test"));
    Secrets::builder()
        .environment("production")
        .services([Service::Database])
        .option("source", "aws")
        .option("region", "us-east-1")
        .option("endpointUrl", url)
        .option("ttl", 1)
        // Short only where it is waited for: a busy machine must not make a time-out of an answer.
        .option("timeout", 30)
        .options(options.as_object().unwrap().clone())
        .without_variables()
        .connect(|_, connection| Arc::new(AwsSource::new(connection).with_credentials(credentials)))
}

pub(crate) struct Scene {
    pub(crate) secrets: Secrets,
    pub(crate) events: Vec<Event>,
    subscription: Subscription,
    witness: Arc<Witness>,
    readers: JoinSet<()>,
}

impl Scene {
    /// Opens the secret, with more options, and lets the readers in. Everything that is logged is searched.
    pub(crate) async fn open(url: &str, options: &Value) -> Self {
        Self::open_as(KEY, url, options).await
    }

    /// The same with a key.
    pub(crate) async fn open_as(key: (&str, &str), url: &str, options: &Value) -> Self {
        log::watch();
        let secrets = builder(key, url, options).build().unwrap();
        let subscription = secrets.subscribe();
        secrets.ready().await.unwrap();
        let witness = Arc::new(Witness::default());
        let mut readers = JoinSet::new();
        for _ in 0..READERS {
            readers.spawn(witness.clone().watch(secrets.clone()));
        }
        Self { secrets, events: vec![], subscription, witness, readers }
    }

    /// Waits for the next event of this name.
    pub(crate) async fn until(&mut self, name: &str) -> EventKind {
        let found = timeout(PATIENCE, async {
            while let Some(event) = self.subscription.next_event().await {
                assert_no_leak(&format!("{event:?}"), "an event");
                self.events.push(event.clone());
                if event.kind.name() == name {
                    return Some(event.kind);
                }
            }
            None
        });
        found.await.ok().flatten().unwrap_or_else(|| panic!("no event {name} after {:?}", self.events))
    }

    /// The value held is served, past its lifetime, and events and logs say so, and why.
    pub(crate) fn assert_stale(&self, kind: ErrorKind) {
        let health = self.health();
        let service = &health.services[0];
        assert_eq!((health.status, service.last_error), (Status::Degraded, Some(kind)));
        assert_eq!((service.origin, service.freshness), (Some(Origin::SecretsManager), Some(Freshness::Stale)));
    }

    /// All is well again, without anybody's doing.
    pub(crate) async fn recovered(&mut self) {
        self.until("recovered").await;
        assert_eq!(self.health().status, Status::Healthy);
    }

    fn health(&self) -> Health {
        let health = self.secrets.health();
        assert_no_leak(&format!("{health:?} {}", serde_json::to_string(&health).unwrap()), "health");
        health
    }

    /// How many reads there were so far.
    pub(crate) fn reads(&self) -> u64 {
        self.witness.reads.load(Ordering::Relaxed)
    }

    /// Ends the scene: every reader was content to the end and read this version, every call is accounted for by one
    /// event, no retry came early, and the server was not asked more often than those calls explain.
    pub(crate) async fn end(mut self, newest: u64, requests: impl FnOnce() -> Option<u64>) {
        self.witness.is_over.store(true, Ordering::SeqCst);
        while let Some(reader) = self.readers.join_next().await {
            reader.unwrap();
        }
        assert_eq!(*self.witness.wrong.lock().unwrap(), BTreeSet::new());
        assert_eq!(self.witness.newest.load(Ordering::SeqCst), newest);
        assert!(self.witness.reads.load(Ordering::Relaxed) >= READERS as u64);
        self.secrets.close();
        while let Some(notice) = self.subscription.next().await {
            if let Notice::Event(event) = notice {
                self.events.push(event);
            }
        }
        let health = self.secrets.health();
        let calls = |has_failed| {
            let calls = health.fetches.iter().filter(|fetch| fetch.error.is_some() == has_failed);
            calls.map(|fetch| fetch.count).sum::<u64>()
        };
        let count =
            |names: &[&str]| self.events.iter().filter(|event| names.contains(&event.kind.name())).count() as u64;
        let (answered, failed) = (calls(false), calls(true));
        assert_eq!(answered, count(&["invalid", "loaded", "refreshed", "rotated"]), "{:?}", self.events);
        // One that failed while this busy process had no turn for longer than a call may last is made again, unreported.
        let reported = count(&["failed"]);
        assert!((reported..=2 * reported + answered).contains(&failed), "{failed} failed calls: {:?}", self.events);
        // The SDK sends a call once more; one may have been under way.
        if let Some(requests) = requests() {
            assert!((answered..=answered + 2 * failed + 2).contains(&requests), "{requests} requests");
        }
        self.assert_patience();
        log::assert_no_leak();
    }

    /// After a failure the next fetch waits at least as long as the event said.
    fn assert_patience(&self) {
        let mut not_before = 0;
        for Event { at, kind, .. } in &self.events {
            if let EventKind::Failed { .. } | EventKind::Refreshed { .. } | EventKind::Rotated { .. } = kind {
                assert!(at.0 >= not_before, "a fetch at {} ms, not to be before {not_before}", at.0);
                not_before = 0;
            }
            if let EventKind::Failed { retry_in, .. } = kind {
                not_before = (*at + *retry_in).0;
            }
        }
    }
}
