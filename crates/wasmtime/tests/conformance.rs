//! Every rule's vectors, on the component; and in every step it answers what core's engine answers.

use std::collections::HashMap;
use std::fmt::Debug;

use permisos_secrets::core::{
    Connection, Engine, Event, Fetch, Fetched, Health, Options, Read, ReadCounts, Refresh, Snapshot, SnapshotFile,
    SourceKind, Timestamp,
};
use permisos_secrets::{DrivenEngine, Error, ServiceId};
use permisos_secrets_testkit::driven::{Driven, Open};
use permisos_secrets_testkit::vectors::run_all;
use permisos_secrets_wasmtime::SandboxedEngine;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

mod support;

struct Component;

impl Open for Component {
    const RUNTIME: &str = "component";

    fn open(options: &Map<String, Value>, variables: HashMap<String, String>) -> Result<Box<dyn DrivenEngine>, Error> {
        let native = Options::parse(options, variables.clone()).map(|(options, found)| Engine::new(options, found));
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
            same("read", &native, &sandboxed);
            // Not shown: they hold every value.
            assert!(
                Read::expose_json(&native) == Read::expose_json(&sandboxed),
                "a read of {service} differs in a value"
            );
        }
    }

    fn snapshot(&mut self, service: &ServiceId) -> Option<Snapshot> {
        let native = DrivenEngine::snapshot(&mut self.native, service);
        let sandboxed = self.sandboxed.snapshot(service);
        // Reads are counted where they happen: on the snapshots of one of the two.
        let state = |snapshot: &Option<Snapshot>| {
            snapshot.clone().map(|Snapshot { service, held, fallback, failure, .. }| (service, held, fallback, failure))
        };
        same("snapshot", &state(&native), &state(&sandboxed));
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
