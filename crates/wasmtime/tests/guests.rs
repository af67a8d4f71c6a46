//! Each guest of `tests/guests`, and what its host sees of it.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;

use permisos_secrets::{ErrorKind, Secrets, Service, ServiceId};
use permisos_secrets_testkit::leak::{CANARY, assert_no_leak};
use permisos_secrets_testkit::log::Log;
use permisos_secrets_wasmtime::wasmtime::component::{Component, Linker};
use permisos_secrets_wasmtime::wasmtime::{Engine, Store, Trap};
use permisos_secrets_wasmtime::{Limits, SecretsCtx, add_to_linker, wasmtime};
use serde_json::{Value, json};
use support::Stored;
use tracing_subscriber::util::SubscriberInitExt;

mod support;

const FUEL: u64 = 50_000_000;

/// Runs the guest with what the environment holds; the error is the trap that ended it.
fn run(name: &str, argument: &str, granted: &[ServiceId]) -> wasmtime::Result<Result<String, String>> {
    run_with(secrets(), FUEL, name, argument, granted)
}

fn run_with(
    secrets: Secrets,
    fuel: u64,
    name: &str,
    argument: &str,
    granted: &[ServiceId],
) -> wasmtime::Result<Result<String, String>> {
    static ENGINE: std::sync::OnceLock<Engine> = std::sync::OnceLock::new();
    let engine = ENGINE.get_or_init(|| Limits::guest().engine().unwrap());
    let limits = Limits { memory: 4 << 20, fuel, ..Limits::guest() };
    let component = Component::new(engine, support::guest(name))?;
    let mut linker = Linker::new(engine);
    add_to_linker(&mut linker, |ctx: &mut SecretsCtx| ctx)?;
    let mut store = limits.store(engine, SecretsCtx::new(secrets, granted.iter().cloned())?, |ctx| ctx)?;
    let instance = linker.instantiate(&mut store, &component)?;
    let run = instance.get_typed_func::<(&str,), (Result<String, String>,)>(&mut store, "run")?;
    Ok(run.call(&mut store, (argument,))?.0)
}

fn secrets() -> Secrets {
    let variables = [
        ("DATABASE_URL", format!("postgresql://app:{CANARY}@db.internal/permisos")),
        ("REDIS_URL", format!("redis://:{CANARY}@cache.internal")),
        ("SESSION_SECRET", CANARY.into()),
        ("JWT_SECRET", CANARY.into()),
        ("INTERNAL_API_KEY", CANARY.into()),
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
    let custom = json!([{
        "id": "whatsapp/api",
        "fields": {
            "token": { "type": "string", "variable": "WHATSAPP_TOKEN" },
            "retries": { "type": "integer", "variable": "WHATSAPP_RETRIES" },
        },
    }]);
    Secrets::builder()
        .environment("development")
        .option("secrets", custom)
        .variables(variables.map(|(name, value)| (name.to_owned(), value)))
        .build()
        .unwrap()
}

fn all() -> Vec<ServiceId> {
    Service::ALL.into_iter().map(Into::into).chain(["whatsapp/api".into()]).collect()
}

#[test]
fn a_guest_reads_what_it_is_granted() {
    let answer = run("read-database", "", &[Service::Database.into()]).unwrap();
    assert_eq!(answer.unwrap(), "db.internal:5432, user of 3 characters");
}

#[test]
fn the_guest_of_the_docs_is_one_that_runs() {
    let docs = include_str!("../../../docs/hosts.md");
    let (_, shown) = docs.split_once("```rust\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    let guest = include_str!("../../../tests/guests/examples/application.rs");
    let (_, guest) = guest.split_once("\n\n").unwrap();
    assert_eq!(shown, guest.replace("../../wit", "wit"));
    assert_eq!(run("application", "", &all()).unwrap().unwrap(), "db.internal:5432");
}

/// An application in Rust, Python (componentize-py), and JavaScript on two engines (componentize-js and componentize-qjs),
/// each within the default bounds of guests.
#[test]
fn guests_in_every_language_read_what_they_are_granted_and_no_more() {
    for name in ["application", "application-python", "application-quickjs", "application-starlingmonkey"] {
        let (engine, component) = support::compiled_guest(name);
        let mut linker = Linker::new(&engine);
        add_to_linker(&mut linker, |ctx: &mut SecretsCtx| ctx).unwrap();
        let run = |granted: ServiceId| {
            let ctx = SecretsCtx::new(secrets(), [granted]).unwrap();
            let mut store = Limits::guest().store(&engine, ctx, |ctx| ctx).unwrap();
            let instance =
                linker.instantiate(&mut store, &component).unwrap_or_else(|error| panic!("{name}: {error:?}"));
            let run = instance.get_typed_func::<(&str,), (Result<String, String>,)>(&mut store, "run").unwrap();
            run.call(&mut store, ("",)).unwrap_or_else(|error| panic!("{name}: {error:?}")).0
        };
        assert_eq!(run(Service::Database.into()).unwrap(), "db.internal:5432", "{name}");
        let denied = run(Service::Redis.into()).unwrap_err();
        assert!(denied.starts_with("database is not granted to this guest"), "{name}: {denied}");
    }
}

#[test]
fn a_grant_of_a_secret_that_the_host_does_not_have_is_an_error() {
    let error = SecretsCtx::new(secrets(), ["databse"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
    assert!(error.message().ends_with("did you mean `database`?"), "{error}");
    let error = SecretsCtx::new(secrets(), ["whatsap/api"]).unwrap_err();
    assert!(error.message().ends_with("did you mean `whatsapp/api`?"), "{error}");
    let error = SecretsCtx::new(secrets(), ["a/b"]).unwrap_err();
    assert!(error.message().ends_with("add it there"), "{error}");
}

/// A store without limits: with fuel of its own the first read says what is missing, and without any the log does. An
/// engine that cannot be held to them is refused.
#[test]
fn limits_that_were_forgotten_are_said() {
    let log = Log::default();
    let _guard = tracing_subscriber::fmt().with_writer(log.clone()).set_default();
    let engine = Limits::guest().engine().unwrap();
    let component = Component::new(&engine, support::guest("read-database")).unwrap();
    let mut linker = Linker::new(&engine);
    add_to_linker(&mut linker, |ctx: &mut SecretsCtx| ctx).unwrap();
    let run = |fuel: u64| -> wasmtime::Result<Result<String, String>> {
        let mut store = Store::new(&engine, SecretsCtx::new(secrets(), all())?);
        store.set_fuel(fuel)?;
        let instance = linker.instantiate(&mut store, &component)?;
        let run = instance.get_typed_func::<(&str,), (Result<String, String>,)>(&mut store, "run")?;
        Ok(run.call(&mut store, ("",))?.0)
    };
    let error = run(FUEL).unwrap().unwrap_err();
    assert!(error.contains("not held to any limits") && error.contains("Limits::store"), "{error}");
    assert_eq!(run(0).unwrap_err().downcast_ref::<Trap>(), Some(&Trap::OutOfFuel));
    assert_eq!(log.text().matches("Limits::store").count(), 2, "{}", log.text());
    let ctx = SecretsCtx::new(secrets(), all()).unwrap();
    let error = Limits::guest().store(&Engine::default(), ctx, |ctx| ctx).unwrap_err();
    assert!(error.to_string().contains("counts no fuel: make it by Limits::engine"), "{error}");
}

/// As an application writes it, whose own functions return anyhow's error.
#[test]
fn errors_of_the_api_become_those_of_anyhow() {
    fn linked() -> anyhow::Result<Linker<SecretsCtx>> {
        let engine = Limits::guest().engine()?;
        let mut linker = Linker::new(&engine);
        add_to_linker(&mut linker, |ctx: &mut SecretsCtx| ctx)?;
        let mut store = Limits::guest().store(&engine, SecretsCtx::new(secrets(), all())?, |ctx| ctx)?;
        linker.instantiate(&mut store, &Component::new(&engine, support::guest("spin"))?)?;
        Ok(linker)
    }
    linked().unwrap();
}

/// Every field of every config, each with a value of its own, arrives in its place.
#[tokio::test]
async fn a_guest_reads_everything_that_its_host_holds() {
    let vectors = include_str!("../../../tests/vectors/payloads/database.json");
    let vectors: Vec<Value> = serde_json::from_str(vectors).unwrap();
    let with_ca = vectors.iter().find(|vector| vector["rule"] == "ca is accepted as PEM").unwrap();
    let ca = with_ca["payload"]["ssl"]["ca"].as_str().unwrap();
    let session = |version: &str| format!("{CANARY}-session-{version}");
    let payloads = json!({
        "database": {
            "host": "db.internal", "port": 6432, "database": "permisos", "username": "app", "password": "canary-1",
            "ssl": { "rejectUnauthorized": false, "ca": ca }, "more": 1,
        },
        "redis": {
            "host": "cache.internal", "port": 7000, "username": "reader", "password": "canary-2", "db": 3,
            "tls": { "servername": "cache.example.com", "rejectUnauthorized": false, "ca": ca }, "more": 2,
        },
        "security": {
            "sessionSecret": session("new"), "jwtSecret": "canary-3-new", "internalApiKey": "canary-4", "more": 3,
        },
        "security@AWSPREVIOUS": {
            "sessionSecret": session("old"), "jwtSecret": "canary-3-old", "internalApiKey": "canary-0",
        },
        "stripe": {
            "publicKey": "pk_test_5", "privateKey": "sk_test_6", "webhookSecret": "whsec_7", "more": 4,
        },
        "email": {
            "smtpUser": "user", "smtpPassword": "canary-8", "fromAddress": "noreply@example.com",
            "host": "smtp.internal", "port": 2525, "configurationSet": "set", "more": 5,
        },
        "government-portal": {
            "username": "clerk", "password": "canary-9", "loginUrl": "https://portal.example.com/login", "more": 6,
        },
        "monitoring": { "sentryDsn": "canary-10", "datadogApiKey": "canary-11" },
        "whatsapp/api": { "token": "canary-12", "retries": 3, "sandbox": true, "more": 7 },
    });
    let fields = json!({ "token": {}, "retries": { "type": "integer" }, "sandbox": { "type": "boolean" } });
    let secrets = Secrets::builder()
        .environment("test")
        .option("source", "aws")
        .option("secrets", json!([{ "id": "whatsapp/api", "fields": fields }]))
        .without_variables()
        .connect(move |_, _| Arc::new(Stored::new(payloads)))
        .build()
        .unwrap();
    secrets.ready().await.unwrap();
    let shown = run_with(secrets, FUEL, "read-every", "whatsapp/api", &all()).unwrap().unwrap();
    let (new, old) = (session("new"), session("old"));
    let expected = [
        format!(
            r#"DatabaseConfig {{ host: "db.internal", port: 6432, database: "permisos", username: "app", password: "canary-1", ssl: Some(DatabaseSsl {{ reject-unauthorized: false, ca: Some({ca:?}) }}), url: "postgresql://app:canary-1@db.internal:6432/permisos", extra: "{{\"more\":1}}" }}"#
        ),
        format!(
            r#"RedisConfig {{ host: "cache.internal", port: 7000, username: Some("reader"), password: Some("canary-2"), db: Some(3), tls: Some(RedisTls {{ servername: Some("cache.example.com"), reject-unauthorized: false, ca: Some({ca:?}) }}), url: "rediss://reader:canary-2@cache.internal:7000/3", extra: "{{\"more\":2}}" }}"#
        ),
        format!(
            r#"SecurityConfig {{ session-secret: {new:?}, jwt-secret: "canary-3-new", internal-api-key: "canary-4", session-secrets: [{new:?}, {old:?}], jwt-secrets: ["canary-3-new", "canary-3-old"], extra: "{{\"more\":3}}" }}"#
        ),
        r#"StripeConfig { public-key: "pk_test_5", private-key: "sk_test_6", webhook-secret: "whsec_7", extra: "{\"more\":4}" }"#.to_owned(),
        r#"EmailConfig { smtp-user: "user", smtp-password: "canary-8", from-address: "noreply@example.com", host: "smtp.internal", port: 2525, secure: false, configuration-set: Some("set"), extra: "{\"more\":5}" }"#.to_owned(),
        r#"GovernmentPortalConfig { username: "clerk", password: "canary-9", login-url: "https://portal.example.com/login", extra: "{\"more\":6}" }"#.to_owned(),
        r#"MonitoringConfig { keys: [("datadogApiKey", "canary-11"), ("sentryDsn", "canary-10")] }"#.to_owned(),
        r#"{"retries":3,"sandbox":true,"token":"canary-12","extra":{"more":7}}"#.to_owned(),
    ];
    assert_eq!(shown.lines().count(), expected.len());
    for (shown, expected) in shown.lines().zip(expected) {
        let config = expected.split(' ').next().unwrap();
        assert!(shown == expected, "{config} differs in a field");
    }
}

#[test]
fn a_guest_reads_a_custom_secret_with_its_types() {
    assert_eq!(run("read-secret", "whatsapp/api", &all()).unwrap().unwrap(), "retries 3, token of 40 characters");
    let built_in = run("read-secret", "database", &all()).unwrap().unwrap_err();
    assert!(built_in.starts_with("SECRETS_CONFIG_INVALID"), "{built_in}");
}

#[test]
fn what_is_not_granted_is_denied() {
    let denied = "SECRETS_ACCESS_DENIED: stripe is not granted to this guest: its host grants it in SecretsCtx::new";
    assert_eq!(run("read-stripe", "", &[Service::Database.into()]).unwrap().unwrap_err(), denied);
    assert!(run("read-stripe", "", &[Service::Stripe.into()]).unwrap().is_ok());
    assert!(run("wasi-config", "stripe/privateKey", &[]).unwrap().unwrap_err().contains("not granted"));
    assert!(run("wasmcloud-secrets", "stripe/privateKey", &[]).unwrap().unwrap_err().contains("not granted"));
}

#[test]
fn wasi_config_gives_one_value_and_lists_names_alone() {
    assert_eq!(run("wasi-config", "database/host", &all()).unwrap().unwrap(), "db.internal");
    assert_eq!(run("wasi-config", "database/port", &all()).unwrap().unwrap(), "5432");
    assert_eq!(run("wasi-config", "whatsapp/api/token", &all()).unwrap().unwrap(), CANARY);
    for absent in ["database", "database/nothing", "database/ssl"] {
        assert_eq!(run("wasi-config", absent, &all()).unwrap().unwrap(), "no such key", "{absent}");
    }
    let listed = run("wasi-config", "", &all()).unwrap().unwrap();
    assert!(listed.lines().all(|line| line.ends_with('=')), "{listed}");
    assert!(listed.lines().any(|line| line == "database/password="), "{listed}");
    assert_no_leak(&listed, "wasi:config's get-all");
}

#[test]
fn wasmcloud_secrets_are_revealed_by_their_handle() {
    assert_eq!(run("wasmcloud-secrets", "database/password", &all()).unwrap().unwrap(), "text of 40 characters");
    assert_eq!(run("wasmcloud-secrets", "database/nothing", &all()).unwrap().unwrap_err(), "SecretsError::NotFound");
}

#[test]
fn a_guest_that_misbehaves_ends_alone_and_leaks_nothing() {
    for (name, expected) in [
        ("allocate", None),
        ("recurse", Some(Trap::StackOverflow)),
        ("spin", Some(Trap::OutOfFuel)),
        ("trap", Some(Trap::UnreachableCodeReached)),
    ] {
        let error = run(name, "", &all()).unwrap_err();
        assert_no_leak(&format!("{error:?}"), name);
        match expected {
            Some(trap) => assert_eq!(error.downcast_ref::<Trap>(), Some(&trap), "{name}: {error:?}"),
            None => assert!(format!("{error:?}").contains("memory"), "{name}: {error:?}"),
        }
        // The host lives on.
        assert!(run("read-database", "", &all()).unwrap().is_ok(), "after {name}");
    }
}

/// Many memories within the bound of each are no way to more of it, in the pool or out of it.
#[test]
fn a_guest_has_one_memory() {
    let memories = |count: usize| {
        let instance = "(core instance (instantiate $m))\n";
        format!("(component (core module $m (memory 64)) {})", instance.repeat(count))
    };
    let several = "(component (core module $m (memory 64) (memory 64)) (core instance (instantiate $m)))";
    let pooled = Limits::default().engine().unwrap();
    assert!(instantiate(&pooled, &memories(1)).is_ok());
    for guest in [memories(2), memories(8), several.to_owned()] {
        let error = format!("{:#}", instantiate(&pooled, &guest).unwrap_err());
        assert!(
            error.contains("the configured maximum of 1") || error.contains("the per-instance limit of 1"),
            "{error}"
        );
    }
    let on_demand = Engine::new(wasmtime::Config::new().consume_fuel(true)).unwrap();
    assert!(instantiate(&on_demand, &memories(1)).is_ok());
    let error = format!("{:#}", instantiate(&on_demand, &memories(2)).unwrap_err());
    assert!(error.contains("memory count too high"), "{error}");
}

/// Where it may have several, they are bounded together.
#[test]
fn memories_share_one_bound() {
    let engine = Limits::guest().engine().unwrap();
    let memories = |pages: u32| {
        let guest =
            format!("(component (core module $m (memory {pages})) {})", "(core instance (instantiate $m))".repeat(3));
        let component = Component::new(&engine, wat::parse_str(guest).unwrap())?;
        let limits = Limits { memory: 12 << 16, ..Limits::guest() };
        let mut store = limits.store(&engine, SecretsCtx::new(secrets(), all())?, |ctx| ctx)?;
        Linker::new(&engine).instantiate(&mut store, &component).map(drop)
    };
    memories(4).unwrap();
    let error = format!("{:#}", memories(5).unwrap_err());
    assert!(error.contains("would pass its limit of 786432 bytes"), "{error}");
}

#[test]
fn a_guest_has_few_instances_and_tables() {
    let pooled = Limits::default().engine().unwrap();
    for part in ["", "(table 1 funcref)"] {
        let instances = "(core instance (instantiate $m))\n".repeat(64);
        let guest = format!("(component (core module $m {part}) {instances})");
        let error = format!("{:#}", instantiate(&pooled, &guest).unwrap_err());
        assert!(error.contains("exceeds the configured maximum of 8 in the pooling"), "{error}");
    }
}

fn instantiate(engine: &Engine, guest: &str) -> wasmtime::Result<()> {
    let component = Component::new(engine, wat::parse_str(guest).unwrap())?;
    let mut store = Limits::default().store(engine, SecretsCtx::new(secrets(), all())?, |ctx| ctx)?;
    Linker::new(engine).instantiate(&mut store, &component).map(drop)
}

#[test]
fn what_the_host_does_for_a_guest_is_work_of_the_guests() {
    let secrets = secrets();
    let error = run_with(secrets.clone(), FUEL, "pester", "", &all()).unwrap_err();
    assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::OutOfFuel), "{error:?}");
    let reads = secrets.health().services[0].reads.environment;
    assert!((1..=FUEL / 20_000).contains(&reads), "{reads} reads");
}

/// One read, the first of its store.
#[test]
fn the_first_read_costs_as_the_others_do() {
    let used = |name: &str| {
        let engine = Limits::guest().engine().unwrap();
        let component = Component::new(&engine, support::guest(name)).unwrap();
        let mut linker = Linker::new(&engine);
        add_to_linker(&mut linker, |ctx: &mut SecretsCtx| ctx).unwrap();
        let ctx = SecretsCtx::new(secrets(), all()).unwrap();
        let mut store = Limits::guest().store(&engine, ctx, |ctx| ctx).unwrap();
        let instance = linker.instantiate(&mut store, &component).unwrap();
        let run = instance.get_typed_func::<(&str,), (Result<String, String>,)>(&mut store, "run").unwrap();
        [(); 2].map(|()| {
            let before = store.get_fuel().unwrap();
            run.call(&mut store, ("",)).unwrap().0.unwrap();
            before - store.get_fuel().unwrap()
        })
    };
    let [first, second] = used("read-database");
    assert!(first >= 20_000 && second >= 20_000, "the first read costs {first}, the second {second}");
}

#[test]
fn a_key_costs_work_by_its_length() {
    let key = "k".repeat(1 << 20);
    let look_up = |fuel| run_with(secrets(), fuel, "wasi-config", &key, &[]);
    assert_eq!(look_up(FUEL).unwrap().unwrap(), "no such key");
    assert_eq!(look_up(1 << 19).unwrap_err().downcast_ref::<Trap>(), Some(&Trap::OutOfFuel));
}
