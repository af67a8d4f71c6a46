//! A canary through every error, event, health, Debug and panic.

#![expect(clippy::unwrap_used, reason = "a test")]

use permisos_secrets_core::{Config, Engine, Fetched, Options, Service, Timestamp};
use permisos_secrets_testkit::leak::{CANARY, assert_no_leak};
use serde_json::{Value, json};

/// Payloads that are good, and bad in every way that a message could quote.
fn payloads() -> Vec<String> {
    let good = json!({
        "host": "host", "database": "name", "username": CANARY, "password": CANARY, "extra1": CANARY,
        "sessionSecret": CANARY, "jwtSecret": CANARY, "internalApiKey": CANARY,
        "publicKey": format!("pk_test_{CANARY}"), "privateKey": format!("sk_test_{CANARY}"),
        "webhookSecret": format!("whsec_{CANARY}"),
        "smtpUser": CANARY, "smtpPassword": CANARY, "fromAddress": format!("{CANARY}@permisos.mx"),
        "loginUrl": format!("https://portal.gob.mx/{CANARY}"), "sentryDsn": CANARY,
    });
    let everywhere = |value: Value| -> String {
        let mut payload = good.clone();
        payload.as_object_mut().unwrap().values_mut().for_each(|it| *it = value.clone());
        payload["port"] = value.clone();
        payload["ssl"] = value.clone();
        payload["tls"] = json!({ "ca": value });
        payload.to_string()
    };
    vec![
        good.to_string(),
        everywhere(CANARY.into()),
        everywhere(json!({ "ca": CANARY })),
        everywhere(json!([CANARY])),
        everywhere(format!(" {CANARY} ").into()),
        format!("{{\"password\": \"{CANARY}\", {CANARY}"),
        format!("{{\"password\": {CANARY}}}"),
        format!("\"{CANARY}\""),
        CANARY.to_owned(),
    ]
}

#[test]
fn nothing_of_a_stored_secret_is_shown() {
    for payload in payloads() {
        let options = json!({ "source": "aws", "environment": "production" });
        let (options, variables) = Options::parse(options.as_object().unwrap(), [("REDIS_PASSWORD", CANARY)]).unwrap();
        assert_no_leak(&format!("{options:?} {variables:?}"), "options and variables");
        let mut engine = Engine::new(options, variables);
        let fetch = engine.poll_fetch(Timestamp(0)).unwrap();
        assert_no_leak(&format!("{fetch:?}"), "a fetch");
        let outcomes: Vec<Value> = Service::ALL
            .iter()
            .map(|service| json!({ "service": service, "payload": { "text": payload, "versionId": "v1" } }))
            .collect();
        let fetched: Fetched = serde_json::from_value(json!({ "id": fetch.id, "outcomes": outcomes })).unwrap();
        assert_no_leak(&format!("{fetched:?}"), "what was fetched");
        engine.handle_fetched(Timestamp(0), fetched);
        for service in Service::ALL {
            assert_no_leak(&format!("{:?}", engine.state(&service.into())), "a snapshot");
            match engine.read(&service.into(), Timestamp(0)) {
                Ok(read) => {
                    assert_no_leak(&format!("{read:?} {:#?}", read.config), "a read");
                    assert_no_leak(&read.config.redacted_json(), "redacted JSON");
                }
                Err(error) => {
                    assert_no_leak(&format!("{error} {error:?} {error:#?}"), "an error");
                    assert_no_leak(&serde_json::to_string(&error).unwrap(), "an error as JSON");
                    let panic = std::panic::catch_unwind(|| std::panic::panic_any(error.to_string())).unwrap_err();
                    assert_no_leak(panic.downcast_ref::<String>().unwrap(), "a panic");
                }
            }
        }
        while let Some(event) = engine.poll_event() {
            assert_no_leak(&format!("{event:?} {}", serde_json::to_string(&event).unwrap()), "an event");
        }
        let health = engine.health(Timestamp(0));
        assert_no_leak(&format!("{health:?} {}", serde_json::to_string(&health).unwrap()), "health");
    }
}

#[test]
fn nothing_of_a_certificate_is_shown_by_the_part_of_a_config_that_holds_it() {
    let vectors: Value = serde_json::from_str(include_str!("../../../tests/vectors/payloads/database.json")).unwrap();
    let vectors = vectors.as_array().unwrap();
    let ca = &vectors.iter().find(|it| it["rule"] == "ca is accepted as PEM").unwrap()["payload"]["ssl"]["ca"];
    let payload = json!({ "host": "host", "database": "name", "username": "user", "password": CANARY,
        "ssl": { "ca": ca }, "tls": { "ca": ca } });
    let options = json!({ "source": "aws", "environment": "test", "services": ["database", "redis"] });
    let (options, variables) = Options::parse(options.as_object().unwrap(), [("NODE_ENV", "test")]).unwrap();
    let mut engine = Engine::new(options, variables);
    let fetch = engine.poll_fetch(Timestamp(0)).unwrap();
    let outcomes = ["database", "redis"]
        .map(|service| json!({ "service": service, "payload": { "text": payload.to_string(), "versionId": "v1" } }));
    let fetched: Fetched = serde_json::from_value(json!({ "id": fetch.id, "outcomes": outcomes })).unwrap();
    engine.handle_fetched(Timestamp(0), fetched);
    for service in [Service::Database, Service::Redis] {
        let shown = match engine.read(&service.into(), Timestamp(0)).unwrap().config {
            Config::Database(config) => format!("{config:?} {:?} {:#?}", config.ssl, config.ssl),
            Config::Redis(config) => format!("{config:?} {:?} {:#?}", config.tls, config.tls),
            other => panic!("{other:?}"),
        };
        assert_eq!(shown.matches(r#""ca":"[REDACTED]""#).count(), 3, "{service}");
        assert!(!ca.as_str().unwrap().lines().any(|line| shown.contains(line)), "{service} shows a certificate");
    }
}

#[test]
fn nothing_of_a_variable_is_shown() {
    let names = Service::ALL.into_iter().flat_map(|it| it.definition().variables());
    let variables: Vec<_> = names.map(|name| (name, CANARY)).collect();
    let options = json!({ "source": "environment", "environment": "production" });
    let (options, variables) = Options::parse(options.as_object().unwrap(), variables).unwrap();
    let mut engine = Engine::new(options, variables);
    for service in Service::ALL {
        if let Err(error) = engine.read(&service.into(), Timestamp(0)) {
            assert_no_leak(&format!("{error} {error:?} {}", serde_json::to_string(&error).unwrap()), "an error");
        }
    }
    let error = engine.loaded(Timestamp(0)).unwrap().unwrap_err();
    assert_no_leak(&format!("{error} {error:?}"), "the load's error");
    while let Some(event) = engine.poll_event() {
        assert_no_leak(&serde_json::to_string(&event).unwrap(), "an event");
    }
}

#[test]
fn nothing_of_an_option_is_shown() {
    let names = [
        "environment",
        "source",
        "services",
        "prefix",
        "secretIds",
        "secrets",
        "ttl",
        "environmentFallback",
        "snapshot",
        "database",
        "region",
        "regions",
        "endpointUrl",
        "profile",
        "roleArn",
        "timeout",
        "startedAt",
    ];
    for value in
        [json!(format!("{CANARY}/ ")), json!([CANARY]), json!({ "redis": format!("{CANARY} "), "host": [CANARY] })]
    {
        let options: Value = names.iter().map(|name| ((*name).to_owned(), value.clone())).collect();
        let variables = [("USE_SECRETS_MANAGER", CANARY), ("NODE_ENV", CANARY)];
        let error = Options::parse(options.as_object().unwrap(), variables).unwrap_err();
        assert_no_leak(&format!("{error} {error:?} {}", serde_json::to_string(&error).unwrap()), "an error");
    }
}
