//! Every rule's vectors, on the component; and in every step it answers what core's engine answers.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::HashMap;
use std::fmt::Debug;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use age::secrecy::ExposeSecret;

use permisos_secrets::{DrivenEngine, Error, EventKind, Origin, Secrets, Service, ServiceId};
use permisos_secrets_core::{
    Connection, Engine, Event, Fetch, Fetched, Health, Options, Read, ReadCounts, Refresh, ServiceState, SnapshotFile,
    SourceKind, Timestamp, UnixTime,
};
use permisos_secrets_testkit::driven::{Driven, Open};
use permisos_secrets_testkit::leak::CANARY;
use permisos_secrets_testkit::vectors::run_all;
use permisos_secrets_wasmtime::SandboxedEngine;
use serde_json::{Map, Value, json};
use support::Stored;
use zeroize::Zeroizing;

mod support;

/// A date in 2026.
const NOW: u64 = 1_790_000_000_000;

struct Component;

impl Open for Component {
    const RUNTIME: &str = "component";

    fn open(options: &Map<String, Value>, variables: HashMap<String, String>) -> Result<Box<dyn DrivenEngine>, Error> {
        let native = Options::parse(options, variables.clone())
            .map(|(options, found)| Engine::new(options, found.with_files(|path| fs::read_to_string(path).ok())));
        let sandboxed = support::sandbox().open(options, &variables);
        same("open", &native.as_ref().err(), &sandboxed.as_ref().err());
        Ok(Box::new(Twins { native: native?, sandboxed: sandboxed? }))
    }
}

/// Asks both, and answers what the component does. The vectors look at a part of each answer, this at all but the secret
/// values, which `Debug` does not show.
struct Twins {
    native: Engine,
    sandboxed: SandboxedEngine,
}

fn same(what: &str, native: &impl Debug, sandboxed: &impl Debug) {
    let (native, sandboxed) = (format!("{native:?}"), format!("{sandboxed:?}"));
    assert!(native == sandboxed, "{what}: core's engine answers\n{native}\nand the component\n{sandboxed}");
}

macro_rules! twins {
    ($($name:ident($($argument:ident: $ty:ty),*) -> $answer:ty;)*) => {
        $(fn $name(&mut self, $($argument: $ty),*) -> $answer {
            let native = DrivenEngine::$name(&mut self.native, $(<$ty>::clone(&$argument)),*);
            let sandboxed = self.sandboxed.$name($($argument),*);
            same(stringify!($name), &native, &sandboxed);
            sandboxed
        })*
    };
}

impl DrivenEngine for Twins {
    fn source(&self) -> SourceKind {
        same("source", &DrivenEngine::source(&self.native), &self.sandboxed.source());
        self.sandboxed.source()
    }

    fn connection(&self) -> &Connection {
        same("connection", DrivenEngine::connection(&self.native), self.sandboxed.connection());
        self.sandboxed.connection()
    }

    fn snapshot_file(&self) -> Option<&SnapshotFile> {
        same("snapshot file", &DrivenEngine::snapshot_file(&self.native), &self.sandboxed.snapshot_file());
        self.sandboxed.snapshot_file()
    }

    fn services(&self) -> Vec<ServiceId> {
        same("services", &DrivenEngine::services(&self.native), &self.sandboxed.services());
        self.sandboxed.services()
    }

    twins! {
        handle_clock(now: Timestamp, wall: UnixTime) -> ();
        poll_fetch(now: Timestamp) -> Option<Fetch>;
        poll_timeout() -> Option<Timestamp>;
        poll_event() -> Option<Event>;
        poll_changed() -> Option<ServiceId>;
        loaded(now: Timestamp) -> Option<Result<(), Error>>;
        refresh(service: &ServiceId, now: Timestamp) -> Result<Refresh, Error>;
        refreshed(service: &ServiceId) -> Option<Result<(), Error>>;
        restore(now: Timestamp, text: &str) -> ();
        refuse_snapshot(now: Timestamp, message: &str) -> ();
        close() -> ();
    }

    fn handle_fetched(&mut self, now: Timestamp, fetched: Fetched) {
        self.native.handle_fetched(now, fetched.clone());
        self.sandboxed.handle_fetched(now, fetched);
        for service in self.services() {
            let (native, sandboxed) = (self.native.read(&service, now), self.sandboxed.read(&service, now));
            let native = native.map(|read| Read::expose_json(&Ok(read)));
            same("read", &native.as_ref().err(), &sandboxed.as_ref().err());
            // Not shown: they hold every value.
            assert!(native.ok() == sandboxed.ok(), "a read of {service} differs in a value");
        }
    }

    fn state(&mut self, service: &ServiceId) -> Option<ServiceState> {
        let native = DrivenEngine::state(&mut self.native, service);
        let sandboxed = self.sandboxed.state(service);
        // Reads are counted where they happen: on the snapshots of one of the two.
        let state = |snapshot: &Option<ServiceState>| {
            snapshot
                .clone()
                .map(|ServiceState { service, held, fallback, failure, .. }| (service, held, fallback, failure))
        };
        same("snapshot", &state(&native), &state(&sandboxed));
        let values = |state: &Option<ServiceState>| state.as_ref().map(ServiceState::expose_json);
        assert!(values(&native) == values(&sandboxed), "the state of {service} differs in a value");
        sandboxed
    }

    fn poll_seal(&mut self, now: Timestamp) -> Option<Zeroizing<String>> {
        let native = DrivenEngine::poll_seal(&mut self.native, now);
        let sandboxed = self.sandboxed.poll_seal(now);
        // Neither is shown: they hold every value.
        assert!(native == sandboxed, "the sealed snapshot differs");
        sandboxed
    }

    fn health(&mut self, now: Timestamp) -> Health {
        let uncounted = |mut health: Health| {
            health.services.iter_mut().for_each(|service| service.reads = ReadCounts::default());
            health
        };
        let sandboxed = self.sandboxed.health(now);
        let native = DrivenEngine::health(&mut self.native, now);
        same("health", &uncounted(native), &uncounted(sandboxed.clone()));
        sandboxed
    }
}

#[test]
fn every_vector_holds() {
    assert!(run_all::<Driven<Component>>() >= 225, "vectors are missing");
}

/// One process after another, each with both engines, that seal into this folder.
fn process(folder: &Path, payloads: Value) -> Secrets {
    let file = json!({ "path": folder.join("snapshot"), "identityFile": folder.join("identity") });
    Secrets::builder()
        .environment("production")
        .option("source", "aws")
        .option("snapshot", file)
        .option("environmentFallback", false)
        .services([Service::Database])
        .without_variables()
        .engine(Component::open)
        .connect(move |_, _| Arc::new(Stored::new(payloads)))
        .build()
        .unwrap()
}

/// What a process sealed while AWS answered, and what later processes read and report of it in an outage.
#[tokio::test]
async fn the_sealed_snapshot_crosses_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let identity = age::x25519::Identity::generate();
    let file = folder.path().join("identity");
    fs::write(&file, identity.to_string().expose_secret()).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let sealed = folder.path().join("snapshot");
    let payload = json!({ "host": "db", "database": "permisos", "username": "app", "password": CANARY });

    let secrets = process(folder.path(), json!({ "database": payload }));
    secrets.ready().await.unwrap();
    for _ in 0..3000 {
        if sealed.exists() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(secrets);

    let outage = json!({ "database": "outage" });
    let secrets = process(folder.path(), outage.clone());
    secrets.ready().await.unwrap();
    assert_eq!(secrets.read(Service::Database).unwrap().origin, Origin::Snapshot);
    assert!(secrets.database().unwrap().password.expose_secret() == CANARY, "the password differs");
    drop(secrets);

    fs::write(&sealed, "no snapshot").unwrap();
    let secrets = process(folder.path(), outage);
    let mut events = secrets.subscribe();
    secrets.ready().await.unwrap_err();
    let event = events.next_event().await.unwrap();
    assert!(matches!(event.kind, EventKind::Invalid { version_id: None, .. }), "{event:?}");
}

/// The text of the file that `RDS_CA_CERT_PATH` names is handed in, since the component has no files; so is that there
/// is none.
#[test]
fn the_certificate_file_crosses() {
    let vectors = include_str!("../../../tests/vectors/payloads/database.json");
    let vectors: Vec<Value> = serde_json::from_str(vectors).unwrap();
    let with_ca = vectors.iter().find(|vector| vector["rule"] == "ca is accepted as PEM").unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(&file, with_ca["payload"]["ssl"]["ca"].as_str().unwrap()).unwrap();
    let read = |path: &Path| {
        let variables =
            [("DATABASE_URL", "postgresql://app:word@db/permisos"), ("RDS_CA_CERT_PATH", path.to_str().unwrap())];
        let builder = Secrets::builder().environment("test").services([Service::Database]);
        let secrets = builder
            .variables(variables.map(|(name, value)| (name.to_owned(), value.to_owned())))
            .engine(Component::open)
            .build()
            .unwrap();
        secrets.database()
    };
    let ca = read(file.path()).unwrap().ssl.as_ref().unwrap().ca.clone();
    assert_eq!(ca.as_deref(), with_ca["payload"]["ssl"]["ca"].as_str());
    let error = read(Path::new("/nowhere/ca.pem")).unwrap_err();
    assert!(error.message().contains("RDS_CA_CERT_PATH"), "{error}");
}

/// Asked for everything once closed: first with a fetch and events under way, and then again.
#[test]
fn closed_engines_answer_the_same() {
    let custom = json!([{ "id": "a/b", "fields": { "token": { "variable": "TOKEN" } } }]);
    for source in ["aws", "environment"] {
        let options =
            json!({ "environment": "test", "source": source, "secrets": custom, "startedAt": NOW, "seed": 0 });
        let variables = [("REDIS_URL".to_owned(), "redis://cache".to_owned())].into();
        let mut twins = Component::open(options.as_object().unwrap(), variables).unwrap();
        let fetch = twins.poll_fetch(Timestamp(1));
        twins.refuse_snapshot(Timestamp(1), "is refused");
        for now in [Timestamp(2), Timestamp(3)] {
            twins.close();
            while let Some(service) = twins.poll_changed() {
                assert!(twins.state(&service).unwrap().config(now).is_err(), "{service} is read once closed");
            }
            while twins.poll_event().is_some() {}
            for service in twins.services().into_iter().chain([ServiceId::from("c/d")]) {
                let _ = (twins.refresh(&service, now), twins.refreshed(&service), twins.state(&service));
            }
            let _ = (twins.loaded(now), twins.poll_fetch(now), twins.poll_seal(now), twins.poll_timeout());
            twins.health(now);
            if let Some(fetch) = &fetch {
                twins.handle_fetched(now, Fetched { id: fetch.id, outcomes: vec![], calls: vec![] });
            }
            twins.health(now);
        }
    }
}
