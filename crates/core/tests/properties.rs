//! Properties that hold for every input.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use permisos_secrets_core::{
    Arn, Backoff, CachePolicy, Config, Engine, Fetched, Options, SecretName, Service, Timestamp,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn policy(ttl: u64) -> CachePolicy {
    CachePolicy { ttl: Duration::from_millis(ttl), ..CachePolicy::default() }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 32, 6, |inner| {
        let name = prop_oneof![
            prop::sample::select(vec![
                "host",
                "port",
                "database",
                "username",
                "password",
                "ssl",
                "ca",
                "tls",
                "sessionSecret",
                "fromAddress",
                "publicKey",
                "loginUrl",
                "rejectUnauthorized",
                "secrets",
                "services",
                "ttl",
                "regions",
                "environment",
                "secretIds",
                "source",
                "fields",
                "id",
                "type",
            ])
            .prop_map(str::to_owned),
            ".{0,10}",
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..8)
                .prop_map(|fields| fields.into_iter().collect::<Map<_, _>>().into()),
        ]
    })
}

fn engine(options: &Value, variables: &[(String, String)]) -> Option<Engine> {
    let (options, variables) = Options::parse(options.as_object()?, variables.iter().cloned()).ok()?;
    Some(Engine::new(options, variables))
}

/// Reads every service from one payload text.
fn read_all(text: &str) -> Vec<Result<Config, permisos_secrets_core::Error>> {
    let mut engine = engine(&json!({ "source": "aws", "environment": "production" }), &[]).unwrap();
    let fetch = engine.poll_fetch(Timestamp(0)).unwrap();
    let outcomes: Vec<Value> = Service::ALL
        .iter()
        .map(|service| json!({ "service": service, "payload": { "text": text, "versionId": "v1", "createdAt": 0 } }))
        .collect();
    let fetched: Fetched = serde_json::from_value(json!({ "id": fetch.id, "outcomes": outcomes })).unwrap();
    engine.handle_fetched(Timestamp(0), fetched);
    Service::ALL.map(|service| engine.read(&service.into(), Timestamp(0)).map(|read| read.config)).into()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn backoff_doubles_saturates_and_stays_within_its_window(failures in any::<u32>(), seed in any::<u64>()) {
        let (backoff, mut rng) = (Backoff::default(), fastrand::Rng::with_seed(seed));
        let window = backoff.window(failures);
        let expected = if failures > 8 { 300 } else { (1 << failures).min(300) };
        prop_assert_eq!(window, Duration::from_secs(expected));
        let delay = backoff.delay(failures, None, &mut rng);
        prop_assert!(window / 2 <= delay && delay <= window);
    }

    #[test]
    fn a_longer_retry_after_wins(failures in any::<u32>(), seed in any::<u64>(), asked in 0..10_000_000_u64) {
        let (backoff, asked) = (Backoff::default(), Duration::from_millis(asked));
        let without = backoff.delay(failures, None, &mut fastrand::Rng::with_seed(seed));
        let with = backoff.delay(failures, Some(asked), &mut fastrand::Rng::with_seed(seed));
        prop_assert_eq!(with, without.max(asked));
    }

    #[test]
    fn a_lifetime_is_ttl_times_nine_tenths_to_one(ttl in 1..u64::MAX / 1000, seed in any::<u64>()) {
        let lifetime = policy(ttl).lifetime(&mut fastrand::Rng::with_seed(seed));
        prop_assert!(Duration::from_millis(ttl - ttl / 10) <= lifetime && lifetime <= Duration::from_millis(ttl));
    }

    #[test]
    fn no_payload_panics(text in prop_oneof![".{0,200}", any_json().prop_map(|value| value.to_string())]) {
        read_all(&text);
    }

    #[test]
    fn no_options_panic(options in any_json(), variables in prop::collection::vec(("[A-Z_]{1,12}", ".{0,30}"), 0..8)) {
        engine(&options, &variables);
    }

    #[test]
    fn no_environment_panics(values in prop::collection::vec(".{0,60}", 20)) {
        let names = Service::ALL.into_iter().flat_map(|it| it.definition().variables()).map(str::to_owned);
        let variables: Vec<_> = names.zip(values).collect();
        engine(&json!({ "source": "environment" }), &variables).unwrap();
    }

    #[test]
    fn a_url_parses_back_to_user_and_password(username in "\\PC{1,30}", password in "\\PC{1,30}") {
        let text = json!({ "host": "db", "database": "d", "username": username, "password": password }).to_string();
        if let Ok(Config::Database(config)) = &read_all(&text)[0] {
            let exposed: Value = serde_json::from_str(&Config::Database(config.clone()).expose_json()).unwrap();
            let url = url::Url::parse(exposed["url"].as_str().unwrap()).unwrap();
            let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
            prop_assert_eq!(decode(url.username()), username);
            prop_assert_eq!(decode(url.password().unwrap()), password);
        }
    }

    #[test]
    fn a_name_is_one_to_512_characters_of_the_alphabet(text in "[A-Za-z0-9/_+=.@-]{1,512}") {
        prop_assert!(SecretName::parse(&text).is_ok());
        let (too_long, foreign) = (format!("{text}{}", "x".repeat(512)), format!("{text} "));
        prop_assert!(SecretName::parse(&too_long).is_err());
        prop_assert!(SecretName::parse(&foreign).is_err());
    }

    #[test]
    fn an_arn_gives_back_region_and_name(name in "[A-Za-z0-9/_]{1,60}", suffix in "[A-Za-z0-9]{6}") {
        let arn = Arn::parse(&format!("arn:aws:secretsmanager:mx-central-1:123456789012:secret:{name}-{suffix}")).unwrap();
        prop_assert_eq!((arn.region(), arn.name()), ("mx-central-1", name.as_str()));
    }
}
