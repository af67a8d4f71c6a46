//! The same Rust API with the engine in its sandbox, and every kind of component that is not an engine.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use permisos_secrets::{Error, ErrorKind, Secrets, SecretsBuilder, Service, Source, Status};
use permisos_secrets_core::{Fetch, Fetched, Timestamp};
use permisos_secrets_testkit::leak::{CANARY, assert_no_leak};
use permisos_secrets_testkit::log::Log;
use permisos_secrets_wasmtime::{Limits, Sandbox};
use serde_json::{Map, Value, json};
use support::{Stored, load};
use tracing_subscriber::util::SubscriberInitExt;
use wasmtime::component::{Component, Linker, Val};
use wasmtime::{Engine, ModuleVersionStrategy, Store};

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
    let builder = Secrets::builder().option("misdeed", misdeed).without_variables().engine(sandbox.engine());
    builder.connect(|_, _| Arc::new(Never)).build().unwrap()
}

#[tokio::test]
async fn a_component_that_misbehaves_is_ended() {
    for (misdeed, expected) in [
        ("change-for-ever", "did not end within its limit of work"),
        ("fetch-another", "answers nonsense: a fetch for a service that is not among its own"),
        ("fetch-for-ever", "answers nonsense: a fetch of what is being fetched"),
        ("fetch-nothing", "answers nonsense: a fetch of nothing"),
        ("long-event", "fuel allocated for hostcalls has been exhausted"),
        ("wrong-config", "answers nonsense: a config of another service"),
        ("wrong-previous", "answers nonsense: a config of another service"),
        ("wrong-fallback", "answers nonsense: a config of another service"),
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

#[test]
fn a_read_of_another_services_config_ends_the_component() {
    let sandbox = Sandbox::new(&support::guest("engine-that-misbehaves")).unwrap();
    let options = json!({ "misdeed": "ignore-close" }).as_object().unwrap().clone();
    let mut engine = sandbox.open(&options, &HashMap::new()).unwrap();
    for _ in 0..2 {
        let error = engine.read(&Service::Database.into(), Timestamp(0)).unwrap_err();
        assert!(error.message().contains("answers nonsense: a config of another service"), "{error}");
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
    assert_eq!(secrets.ready().await.unwrap_err(), closed);
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
    assert_eq!(log.matches("a config of another service").count(), 1, "{log}");
}

#[test]
fn a_sandbox_runs_as_many_engines_as_it_says_and_takes_their_room_back() {
    let open = || support::sandbox().open(&Map::new(), &HashMap::new());
    for _ in 0..2 {
        // Other tests of this file run engines, too.
        let engines: Vec<_> = std::iter::from_fn(|| open().ok()).take(65).collect();
        assert!((32..=64).contains(&engines.len()), "{}", engines.len());
        let error = open().err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.message().contains("64"), "{error}");
    }
    assert!(open().is_ok());
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
    let options = json!({ "environment": "test", "secrets": [{ "id": "whatsapp/api", "fields": fields }] });
    options.as_object().unwrap().clone()
}

/// As a host in another language calls the component: by the names in `wit/`, with values of no type.
#[test]
#[expect(unsafe_code, reason = "the bytes are those that were just made")]
fn every_getter_of_the_interface_answers_the_same() {
    let engine = Limits::engine().unwrap();
    let component = unsafe { Component::deserialize(&engine, support::compiled()) }.unwrap();
    let mut store = Store::new(&engine, ());
    Limits::default().refuel(&mut store).unwrap();
    let instance = Linker::new(&engine).instantiate(&mut store, &component).unwrap();
    let (_, interface) = instance.get_export(&mut store, None, "permisos:secrets/engine@0.1.0").unwrap();
    let mut call = |name: &str, arguments: &[Val]| -> Val {
        let (_, function) = instance.get_export(&mut store, Some(&interface), name).unwrap();
        let function = instance.get_func(&mut store, function).unwrap();
        let mut answer = [Val::Bool(false)];
        function.call(&mut store, arguments, &mut answer).unwrap();
        let [answer] = answer;
        match answer {
            Val::Result(result) => *result.unwrap_or_else(|_| panic!("{name} fails")).unwrap(),
            answer => answer,
        }
    };
    let variables = variables().into_iter().map(|(name, value)| {
        let named = |name: &str, value| (name.to_owned(), value);
        let fields = [("name", Val::String(name)), ("value", Val::String(value)), ("file", Val::Option(None))];
        Val::Record(fields.map(|(name, value)| named(name, value)).into())
    });
    let options = Val::String(Value::Object(options()).to_string());
    let this = call("[static]engine.open", &[options, Val::List(variables.collect())]);
    let names = Service::ALL.map(|service| (service.as_str(), "built-in"));
    for (name, case) in names.into_iter().chain([("whatsapp/api", "custom")]) {
        let id = if case == "custom" { Val::String(name.to_owned()) } else { Val::Enum(name.to_owned()) };
        let service = Val::Variant(case.to_owned(), Some(Box::new(id.clone())));
        let Val::String(answer) = call("[method]engine.read-json", &[this.clone(), service, Val::U64(0)]) else {
            panic!("read-json answers text")
        };
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let typed = match case {
            "custom" => call("[method]engine.custom", &[this.clone(), id, Val::U64(0)]),
            _ => call(&format!("[method]engine.{name}"), &[this.clone(), Val::U64(0)]),
        };
        assert!(document(&typed) == answer["config"], "{name} differs");
    }
}

/// A value of the interface as the JSON document of the other runtimes.
fn document(value: &Val) -> Value {
    match value {
        Val::Bool(flag) => (*flag).into(),
        Val::S64(number) => (*number).into(),
        Val::U16(number) => (*number).into(),
        Val::U32(number) => (*number).into(),
        Val::String(text) => text.as_str().into(),
        Val::Option(None) => Value::Null,
        Val::Option(Some(value)) | Val::Variant(_, Some(value)) => document(value),
        Val::List(items) if items.iter().all(|item| matches!(item, Val::Tuple(_))) && !items.is_empty() => {
            let pair = |item: &Val| match item {
                Val::Tuple(pair) => (document(&pair[0]).as_str().unwrap().to_owned(), document(&pair[1])),
                _ => unreachable!("all are pairs"),
            };
            items.iter().map(pair).collect()
        }
        Val::List(items) => items.iter().map(document).collect(),
        Val::Record(fields) => {
            let mut object = Map::new();
            for (name, value) in fields {
                match (name.as_str(), document(value)) {
                    // Their fields are beside the others in JSON, and a list of pairs in WIT.
                    ("fields" | "keys", Value::Object(fields)) => object.extend(fields),
                    ("extra", Value::String(json)) => drop(object.insert("extra".into(), json.parse().unwrap())),
                    (_, Value::Null) => {}
                    (name, value) => drop(object.insert(camel_case(name), value)),
                }
            }
            object.into()
        }
        // Not shown: it may be a value.
        _ => panic!("a config holds something new"),
    }
}

fn camel_case(kebab: &str) -> String {
    let mut words = kebab.split('-');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| name + &word[..1].to_uppercase() + &word[1..])
}

#[test]
fn what_is_no_engine_of_this_version_is_refused_and_says_why() {
    for (name, expected) in [
        ("engine-of-another-shape", "its interface permisos:secrets/engine@0.1.0 does not fit"),
        ("engine-of-another-version", "and not permisos:secrets/engine@0.1.0"),
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
    for bytes in [&b""[..], b"\0asm", b"not wasm at all", &component[..component.len() / 2]] {
        let error = Sandbox::new(bytes).err().unwrap();
        assert!(error.message().contains("is not a WebAssembly component that can be compiled"), "{error}");
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
    let mut older = Limits::config();
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
    let module = Limits::engine().unwrap().precompile_module(b"\0asm\x01\0\0\0").unwrap();
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
