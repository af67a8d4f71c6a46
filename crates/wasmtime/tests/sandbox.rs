//! The same Rust API with the engine in its sandbox, and every kind of component that is not an engine.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use permisos_secrets::{Error, ErrorKind, Secrets, SecretsBuilder, Service, Source, Status};
use permisos_secrets_core::{Fetch, Fetched};
use permisos_secrets_testkit::leak::{CANARY, assert_no_leak};
use permisos_secrets_testkit::log::Log;
use permisos_secrets_wasmtime::{Limits, Sandbox};
use serde_json::{Map, Value, json};
use support::{Stored, load};
use tracing_subscriber::util::SubscriberInitExt;
use wasmtime::{Engine, ModuleVersionStrategy};

mod support;

fn payload(host: &str, extra: &str) -> Value {
    let database =
        json!({ "host": host, "database": "permisos", "username": "app", "password": CANARY, "more": extra });
    json!({ "database": database })
}

fn builder(sandbox: &Sandbox, stored: &Arc<Stored>) -> SecretsBuilder {
    let stored = stored.clone();
    Secrets::builder()
        .environment("test")
        .option("source", "aws")
        .services([Service::Database])
        .variables([("DB_HOST".to_owned(), "unused".to_owned())])
        .engine(sandbox.engine())
        .connect(move |_, _| stored)
}

fn stored() -> Arc<Stored> {
    Arc::new(Stored::new(payload("db", "")))
}

/// More to read than the fuel of [`scarce`] suffices for.
fn long() -> Value {
    payload("db", &"long ".repeat(12_000))
}

#[tokio::test]
async fn secrets_are_the_same_with_the_engine_in_its_sandbox() {
    let stored = stored();
    let secrets = builder(support::sandbox(), &stored).build().unwrap();
    assert_eq!(secrets.database().unwrap_err().kind(), ErrorKind::NotReady);
    secrets.ready().await.unwrap();
    let database = secrets.database().unwrap();
    assert_eq!((database.host.as_str(), database.port), ("db", 5432));
    assert_no_leak(&format!("{database:?} {:?}", secrets.health()), "Debug");
    stored.rotate(payload("db2", ""));
    secrets.refresh(Service::Database).await.unwrap();
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
            && secrets.ready().await.is_ok()
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
    stored.rotate(long());
    let error = secrets.refresh(Service::Database).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.message().contains("did not end within its limit of work"), "{error}");
    assert_no_leak(&format!("{error:?}"), "the error");
    assert_eq!(secrets.database().unwrap().host, "db");
    assert_eq!(secrets.ready().await.unwrap_err(), error);
    let health = secrets.health();
    assert_eq!((health.status, health.services[0].last_error), (Status::Unavailable, Some(ErrorKind::Unavailable)));
    secrets.close();
    assert_eq!(secrets.database().unwrap_err().kind(), ErrorKind::NotReady);
}

#[tokio::test]
async fn who_waits_for_a_load_that_fails_learns_of_it() {
    let stored = Arc::new(Stored::new(long()));
    let mut fuel = 1 << 10;
    let secrets = loop {
        let sandbox = support::sandbox().clone().with_limits(Limits { fuel, ..Limits::default() });
        match builder(&sandbox, &stored).build() {
            Ok(secrets) => break secrets,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable),
        }
        fuel *= 2;
    };
    assert_eq!(secrets.ready().await.unwrap_err().kind(), ErrorKind::Unavailable);
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

/// The options of an engine that misbehaves: it reads what it is to do from the custom secret's name.
fn misdeed_options(misdeed: &str) -> Map<String, Value> {
    let source = if misdeed.starts_with("fetch") { "aws" } else { "environment" };
    let secrets = json!([{ "id": format!("misdeed/{misdeed}"), "fields": { "a": {} } }]);
    let options = json!({ "environment": "test", "source": source, "services": ["database"], "secrets": secrets });
    options.as_object().unwrap().clone()
}

/// Secrets of an engine that does what the misdeed says. Its source never answers.
fn misbehaving(misdeed: &str) -> Secrets {
    struct Never;
    impl Source for Never {
        fn fetch<'a>(&'a self, _: &'a Fetch) -> Pin<Box<dyn Future<Output = Fetched> + Send + 'a>> {
            Box::pin(std::future::pending())
        }
    }
    static SANDBOX: OnceLock<Sandbox> = OnceLock::new();
    let sandbox = SANDBOX.get_or_init(|| Sandbox::new(&support::guest("engine-that-misbehaves")).unwrap());
    let sandbox = sandbox.clone().with_limits(Limits { fuel: 50_000_000, ..Limits::default() });
    let builder = Secrets::builder().options(misdeed_options(misdeed)).without_variables().engine(sandbox.engine());
    builder.connect(|_, _| Arc::new(Never)).build().unwrap()
}

#[tokio::test]
async fn a_component_that_misbehaves_is_ended() {
    for (misdeed, expected) in [
        ("change-for-ever", "did not end within its limit of work"),
        ("fetch-another", "answers nonsense: a fetch for a service that is not among its own"),
        ("fetch-for-ever", "answers nonsense: a fetch of what is being fetched"),
        ("fetch-nothing", "answers nonsense: a fetch of nothing"),
        ("fetch-secret-of-others", "answers nonsense: a fetch of another secret than that of its service"),
        ("long-event", "fuel allocated for hostcalls has been exhausted"),
        ("no-event", "answers nonsense: an event that is none"),
        ("wrong-config", "answers nonsense: a state that is none of its service"),
        ("wrong-previous", "answers nonsense: a state that is none of its service"),
        ("wrong-fallback", "answers nonsense: a state that is none of its service"),
    ] {
        let secrets = misbehaving(misdeed);
        let loaded = tokio::time::timeout(Duration::from_mins(1), secrets.ready()).await;
        let error = loaded.unwrap_or_else(|_| panic!("{misdeed} is not ended")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{misdeed}");
        assert!(error.message().contains(expected), "{misdeed}: {error}");
        let database = secrets.database().map(|database| database.host.clone());
        if misdeed.starts_with("wrong") {
            assert_eq!(database.unwrap_err().kind(), ErrorKind::NotReady, "{misdeed}");
        } else {
            assert_eq!(database.unwrap(), "db", "{misdeed}");
        }
    }
}

#[tokio::test]
async fn close_forgets_every_value_whatever_the_component_does() {
    let secrets = misbehaving("ignore-close");
    secrets.ready().await.unwrap();
    assert_eq!(secrets.database().unwrap().host, "db");
    secrets.close();
    let closed = secrets.database().unwrap_err();
    assert_eq!(closed, Error::closed(&Service::Database.into()));
    assert_eq!(secrets.ready().await.unwrap_err().errors()[0], closed);
}

/// Sixty-four instances are all there are: each closed one has given its memory back, though its secrets are still there.
#[tokio::test]
async fn close_ends_the_component_at_once() {
    let mut closed = vec![];
    for _ in 0..130 {
        let secrets = builder(support::sandbox(), &stored()).build().unwrap();
        secrets.ready().await.unwrap();
        secrets.close();
        assert_eq!(secrets.refresh(Service::Database).await, Ok(()));
        closed.push(secrets);
    }
}

/// Health is asked every few seconds.
#[tokio::test]
async fn what_ended_a_component_is_logged_once() {
    let log = Log::default();
    let _guard = tracing_subscriber::fmt().with_writer(log.clone()).set_default();
    let secrets = misbehaving("wrong-config");
    secrets.ready().await.unwrap_err();
    for _ in 0..3 {
        assert_eq!(secrets.health().status, Status::Unavailable);
    }
    let log = log.text();
    assert_eq!(log.matches("a state that is none of its service").count(), 1, "{log}");
}

#[test]
fn a_sandbox_runs_as_many_engines_as_it_says_and_takes_their_room_back() {
    let sandbox = load(support::compiled()).unwrap();
    let open = || sandbox.open(&options(), &HashMap::new());
    for _ in 0..2 {
        let engines: Vec<_> = std::iter::from_fn(|| open().ok()).take(65).collect();
        assert_eq!(engines.len(), 64);
        let error = open().err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.message().contains("runs as many engines as it can, 64: close one"), "{error}");
    }
    assert!(open().is_ok());
}

#[test]
fn options_that_are_too_large_for_the_sandbox_are_refused_as_such() {
    let mut options = options();
    options.insert("profile".to_owned(), "p".repeat(100_000_000).into());
    let error = support::sandbox().open(&options, &HashMap::new()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
    assert!(
        error.message().starts_with("the options have 100000 kB as JSON, and this sandbox takes 8388 kB"),
        "{error}"
    );
}

/// Without them no certificate would expire, and a fleet would refresh in step.
#[test]
fn a_start_in_seconds_and_a_seed_that_is_none_are_refused() {
    for (name, value, expected) in [
        ("startedAt", json!(1_790_000_000), "milliseconds since 1970, not in seconds"),
        ("startedAt", json!(0), "milliseconds since 1970, not in seconds"),
        ("startedAt", json!(1_790_000_000_000_000_u64), "microseconds"),
        ("seed", json!(1_u64 << 53), "2^53 - 1"),
    ] {
        let mut options = options();
        options.insert(name.to_owned(), value);
        let error = support::sandbox().open(&options, &HashMap::new()).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
        assert!(error.message().contains(expected), "{error}");
        assert_eq!(error.violations()[0].path, format!("/{name}"));
    }
}

/// Seven services in the environment.
fn variables() -> HashMap<String, String> {
    let variables = [
        ("DATABASE_URL", format!("postgresql://app:{CANARY}@db.internal/permisos")),
        ("DB_SSL", "true".into()),
        ("REDIS_URL", format!("rediss://:{CANARY}@cache.internal/3")),
        ("SESSION_SECRET", format!("{CANARY}1")),
        ("JWT_SECRET", format!("{CANARY}2")),
        ("INTERNAL_API_KEY", format!("{CANARY}3")),
        ("STRIPE_PUBLIC_KEY", format!("pk_test_{CANARY}")),
        ("STRIPE_PRIVATE_KEY", format!("sk_test_{CANARY}")),
        ("STRIPE_WEBHOOK_SECRET", format!("whsec_{CANARY}")),
        ("EMAIL_USER", "user".into()),
        ("EMAIL_PASS", CANARY.into()),
        ("EMAIL_FROM", "noreply@example.com".into()),
        ("EMAIL_HOST", "smtp.internal".into()),
        ("GOVT_USERNAME", "user".into()),
        ("GOVT_PASSWORD", CANARY.into()),
        ("GOVT_SITE_LOGIN_URL", "https://portal.example.com/login".into()),
        ("SENTRY_DSN", CANARY.into()),
        ("WHATSAPP_TOKEN", CANARY.into()),
        ("WHATSAPP_RETRIES", "3".into()),
    ];
    variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn options() -> Map<String, Value> {
    let fields = json!({
        "token": { "type": "string", "variable": "WHATSAPP_TOKEN" },
        "retries": { "type": "integer", "variable": "WHATSAPP_RETRIES" },
    });
    let secrets = json!([{ "id": "whatsapp/api", "fields": fields }]);
    let options = json!({ "environment": "test", "secrets": secrets, "startedAt": 1_790_000_000_000_u64, "seed": 7 });
    options.as_object().unwrap().clone()
}

#[test]
fn what_is_no_engine_of_this_version_is_refused_and_says_why() {
    for (name, expected) in [
        ("engine-of-another-shape", "its interface permisos:secrets/engine@0.1.0 does not fit"),
        (
            "engine-of-another-version",
            "its interface is permisos:secrets/engine@0.2.0, and this host's is permisos:secrets/engine@0.1.0",
        ),
        ("engine-that-imports", "it imports clock, and the engine imports nothing"),
        ("engine-without-a-function", "its interface permisos:secrets/engine@0.1.0 does not fit"),
        (
            "read-database",
            "it imports permisos:secrets/config@0.1.0#get-database-config, and the engine imports nothing",
        ),
        ("spin", "exports run, and not permisos:secrets/engine@0.1.0"),
    ] {
        let error = Sandbox::new(&support::guest(name)).err().unwrap_or_else(|| panic!("{name} is taken"));
        assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
        assert!(error.message().contains(expected), "{name}: {error}");
        assert!(error.message().contains("of version 0.1.0"), "{name}: {error}");
    }
    let component = support::component();
    for (bytes, expected) in [
        (&b""[..], "is not WebAssembly"),
        (b"<html>\n<body>404</body>", "is not WebAssembly"),
        (b"\0asm", "is WebAssembly of an unknown kind, or cut short"),
        (b"\0asm\x01\0\0\0", "is a core module of WebAssembly, not a component"),
        (&component[..component.len() / 2], "cannot be compiled"),
    ] {
        for error in [Sandbox::new(bytes).err().unwrap(), Sandbox::precompile(bytes).unwrap_err()] {
            assert!(error.message().starts_with(&format!("the component {expected}")), "{error}");
            assert_eq!(error.message().lines().count(), 1, "{error}");
        }
    }
}

#[test]
fn an_engine_that_traps_does_not_open_and_leaks_nothing() {
    let sandbox = Sandbox::new(&support::guest("engine-that-traps")).unwrap();
    let error = sandbox.open(&options(), &variables()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.message().contains("`unreachable` instruction"), "{error}");
    assert_no_leak(&format!("{error:?}"), "the error");
}

#[test]
fn what_was_precompiled_loads_and_what_is_cut_short_does_not() {
    let compiled = support::compiled();
    let sandbox = load(compiled).unwrap();
    assert!(builder(&sandbox, &stored()).build().is_ok());
    for part in [0, 1, 10, 50, 90, 99] {
        let error = load(&compiled[..compiled.len() / 100 * part]).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
        assert!(error.message().contains("Sandbox::precompile"), "{part}: {error}");
    }
    let error = load(&support::component()).err().unwrap();
    assert!(error.message().contains("is not precompiled"), "{error}");
    // By another version of wasmtime, for other bounds, and of something else.
    let mut older = Limits::default().config();
    older.module_version(ModuleVersionStrategy::Custom("47.0.0".to_owned())).unwrap();
    let older = Engine::new(&older).unwrap().precompile_component(&support::guest("spin")).unwrap();
    let unbounded = Engine::default().precompile_component(&support::guest("spin")).unwrap();
    for (bytes, expected) in [(older, "47.0.0"), (unbounded, "fuel")] {
        let error = load(&bytes).err().unwrap();
        assert!(error.message().contains("cannot be loaded: precompile it again"), "{error}");
        assert!(error.message().contains(expected), "{error}");
    }
    let other = Sandbox::precompile(&support::guest("spin")).unwrap();
    let error = load(&other).err().unwrap();
    assert!(error.message().contains("exports run, and not permisos:secrets/engine@0.1.0"), "{error}");
    let module = Limits::default().engine().unwrap().precompile_module(b"\0asm\x01\0\0\0").unwrap();
    let error = load(&module).err().unwrap();
    assert!(error.message().contains("is a precompiled module"), "{error}");
}

#[test]
#[expect(unsafe_code, reason = "there is no file")]
fn a_precompiled_file_that_is_not_there_is_named() {
    let error = unsafe { Sandbox::from_precompiled("/nowhere/component.cwasm") }.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
    assert!(error.message().contains("/nowhere/component.cwasm"), "{error}");
}
