//! Each guest of `tests/guests`, and what its host sees of it.

#![expect(clippy::unwrap_used, reason = "a test")]

use permisos_secrets::{Secrets, Service, ServiceId};
use permisos_secrets_testkit::leak::{CANARY, assert_no_leak};
use permisos_secrets_wasmtime::{Limits, SecretsCtx, add_to_linker};
use serde_json::json;
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store, StoreLimits, Trap};

mod support;

struct State {
    secrets: SecretsCtx,
    bounds: StoreLimits,
}

/// Runs the guest; the error is the trap that ended it.
fn run(name: &str, argument: &str, granted: &[ServiceId]) -> wasmtime::Result<Result<String, String>> {
    static ENGINE: std::sync::OnceLock<Engine> = std::sync::OnceLock::new();
    let engine = ENGINE.get_or_init(|| Limits::engine().unwrap());
    let limits = Limits { memory: 4 << 20, fuel: 50_000_000 };
    let component = Component::new(engine, support::guest(name))?;
    let mut linker = Linker::new(engine);
    add_to_linker(&mut linker, |state: &mut State| &mut state.secrets)?;
    let secrets = SecretsCtx::new(secrets(), granted.iter().cloned());
    let mut store = Store::new(engine, State { secrets, bounds: limits.memory_limits() });
    store.limiter(|state| &mut state.bounds);
    limits.refuel(&mut store)?;
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
fn a_guest_reads_all_seven() {
    let answer = run("read-every", "", &all()).unwrap().unwrap();
    assert_eq!(
        answer,
        "database db.internal:5432, redis cache.internal:6379, security 1 session secrets, stripe 48 characters, \
         email smtp.internal:587, government-portal 40 characters, monitoring 1 keys"
    );
}

#[test]
fn a_guest_reads_a_custom_secret_with_its_types() {
    assert_eq!(run("read-secret", "whatsapp/api", &all()).unwrap().unwrap(), "retries 3, token of 40 characters");
    let built_in = run("read-secret", "database", &all()).unwrap().unwrap_err();
    assert!(built_in.starts_with("ErrorKind::ConfigInvalid"), "{built_in}");
    let unknown = run("read-secret", "a/b", &["a/b".into()]).unwrap().unwrap_err();
    assert!(unknown.contains("not among the services and secrets"), "{unknown}");
}

#[test]
fn what_is_not_granted_is_denied() {
    let denied = "ErrorKind::AccessDenied: stripe is not granted to this guest: its host grants it in SecretsCtx::new";
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
