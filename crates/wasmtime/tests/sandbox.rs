//! The same Rust API with the engine in its sandbox, and everything that is no engine.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use permisos_secrets::core::{Fetch, Fetched, Outcome, Payload};
use permisos_secrets::{ErrorKind, Secrets, SecretsBuilder, Service, Source, Status};
use permisos_secrets_testkit::leak::{CANARY, assert_no_leak};
use permisos_secrets_wasmtime::{Limits, Sandbox};
use serde_json::json;

mod support;

/// Answers every request with this text.
struct Stored(Mutex<(String, &'static str)>);

impl Stored {
    fn database(extra: &str) -> String {
        json!({ "host": "db", "database": "permisos", "username": "app", "password": CANARY, "more": extra })
            .to_string()
    }
}

impl Source for Stored {
    fn fetch<'a>(&'a self, fetch: &'a Fetch) -> Pin<Box<dyn Future<Output = Fetched> + Send + 'a>> {
        let (text, version) = self.0.lock().unwrap().clone();
        let payload = Payload { text: Some(text.into()), version_id: version.into(), created_at: None, region: None };
        let outcomes = fetch.requests.iter().map(|request| Outcome {
            service: request.service.clone(),
            stage: request.stage,
            result: Ok(payload.clone()),
        });
        let fetched = Fetched { id: fetch.id, outcomes: outcomes.collect(), calls: vec![] };
        Box::pin(std::future::ready(fetched))
    }
}

fn builder(sandbox: &Sandbox, stored: &Arc<Stored>) -> SecretsBuilder {
    let stored = stored.clone();
    Secrets::builder()
        .environment("test")
        .option("source", "aws")
        .services(&[Service::Database])
        .variables([("DB_HOST".to_owned(), "unused".to_owned())])
        .engine(sandbox.engine())
        .connect(move |_, _| stored)
}

fn stored() -> Arc<Stored> {
    Arc::new(Stored(Mutex::new((Stored::database(""), "v1"))))
}

#[tokio::test]
async fn secrets_are_the_same_with_the_engine_in_its_sandbox() {
    let stored = stored();
    let secrets = builder(support::sandbox(), &stored).build().unwrap();
    assert_eq!(secrets.database().unwrap_err().kind(), ErrorKind::NotReady);
    secrets.load().await.unwrap();
    let database = secrets.database().unwrap();
    assert_eq!((database.host.as_str(), database.port), ("db", 5432));
    assert_no_leak(&format!("{database:?} {:?}", secrets.health()), "Debug");
    *stored.0.lock().unwrap() = (Stored::database("").replace("\"db\"", "\"db2\""), "v2");
    secrets.refresh(&Service::Database.into()).await.unwrap();
    assert_eq!(secrets.database().unwrap().host, "db2");
    let health = secrets.health();
    assert_eq!((health.status, health.services[0].reads.fresh), (Status::Healthy, 2));
    assert_eq!(health.services[0].reads.failed, 1);
    secrets.close();
    assert_eq!(secrets.database().unwrap_err().kind(), ErrorKind::NotReady);
}

/// Enough to open an engine and to read a small secret, and too little for a large one.
async fn scarce(stored: &Arc<Stored>) -> Secrets {
    let mut fuel = 1 << 10;
    loop {
        let sandbox = support::sandbox().clone().with_limits(Limits { fuel, ..Limits::default() });
        if let Ok(secrets) = builder(&sandbox, stored).build()
            && secrets.load().await.is_ok()
        {
            return secrets;
        }
        fuel *= 2;
    }
}

#[tokio::test]
async fn a_component_that_fails_is_ended_and_the_last_values_stay() {
    let stored = stored();
    let secrets = scarce(&stored).await;
    *stored.0.lock().unwrap() = (Stored::database(&"long ".repeat(12_000)), "v2");
    let error = secrets.refresh(&Service::Database.into()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.message().contains("did not end within its limit of work"), "{error}");
    assert_no_leak(&format!("{error:?}"), "the error");
    assert_eq!(secrets.database().unwrap().host, "db");
    assert_eq!(secrets.load().await.unwrap_err(), error);
    let health = secrets.health();
    assert_eq!((health.status, health.services[0].last_error), (Status::Unavailable, Some(ErrorKind::Unavailable)));
    secrets.close();
    assert_eq!(secrets.database().unwrap_err().kind(), ErrorKind::NotReady);
}

#[tokio::test]
async fn who_waits_for_a_load_that_fails_learns_of_it() {
    let stored = Arc::new(Stored(Mutex::new((Stored::database(&"long ".repeat(12_000)), "v1"))));
    let mut fuel = 1 << 10;
    let secrets = loop {
        let sandbox = support::sandbox().clone().with_limits(Limits { fuel, ..Limits::default() });
        match builder(&sandbox, &stored).build() {
            Ok(secrets) => break secrets,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable),
        }
        fuel *= 2;
    };
    assert_eq!(secrets.load().await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(secrets.database().unwrap_err().kind(), ErrorKind::NotReady);
}

#[test]
fn a_component_that_wants_more_memory_than_there_is_does_not_start() {
    let sandbox = support::sandbox().clone().with_limits(Limits { memory: 1 << 16, ..Limits::default() });
    let error = builder(&sandbox, &stored()).build().err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.message().contains("memory"), "{error}");
}

#[test]
fn wrong_options_are_told_as_ever() {
    let error = Secrets::builder().option("tll", 5).engine(support::sandbox().engine()).build().err().unwrap();
    let native = Secrets::builder().option("tll", 5).build().err().unwrap();
    assert_eq!(error, native);
}

#[test]
fn what_is_no_engine_of_this_version_is_refused_and_says_why() {
    for (name, expected) in [
        ("engine-of-another-version", "exports permisos:secrets/engine@0.0.1, and not permisos:secrets/engine@0.1.0"),
        ("engine-without-resource", "its interface permisos:secrets/engine@0.1.0 differs"),
        (
            "read-database",
            "it imports permisos:secrets/config@0.1.0#get-database-config, and the engine imports nothing",
        ),
        ("spin", "exports run, and not permisos:secrets/engine@0.1.0"),
    ] {
        let error = Sandbox::new(&support::guest(name)).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
        assert!(error.message().contains(expected), "{name}: {error}");
        assert!(error.message().contains("of version 0.1.0"), "{name}: {error}");
    }
    let component = support::component();
    for bytes in [&b""[..], b"\0asm", b"not wasm at all", &component[..component.len() / 2]] {
        let error = Sandbox::new(bytes).err().unwrap();
        assert!(error.message().contains("is not a WebAssembly component that can be compiled"), "{error}");
    }
}

#[test]
#[expect(unsafe_code, reason = "the bytes are those that were just made, or less of them")]
fn what_was_precompiled_loads_and_what_is_cut_short_does_not() {
    let load = |bytes: &[u8]| unsafe { Sandbox::from_precompiled(bytes) };
    let compiled = Sandbox::precompile(&support::component()).unwrap();
    let sandbox = load(&compiled).unwrap();
    assert!(builder(&sandbox, &stored()).build().is_ok());
    for part in [0, 1, 10, 50, 90, 99] {
        let error = load(&compiled[..compiled.len() / 100 * part]).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
        assert!(error.message().contains("Sandbox::precompile"), "{part}: {error}");
    }
    let error = load(&support::component()).err().unwrap();
    assert!(error.message().contains("is not precompiled"), "{error}");
    // Precompiled for other bounds than a sandbox's, as another version would be.
    let other = wasmtime::Engine::default().precompile_component(&support::component()).unwrap();
    let error = load(&other).err().unwrap();
    assert!(error.message().contains("cannot be loaded: make it anew"), "{error}");
}
