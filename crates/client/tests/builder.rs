//! What a Rust program writes: one crate, typed setters, a source of its own, and nothing that prints a value.

mod support;

use std::sync::mpsc::channel;
use std::time::Duration;

use futures_util::StreamExt;
use permisos_secrets::schema::{DatabaseConfig, Extra};
use permisos_secrets::{
    DatabaseDefaults, Error, ErrorKind, EventKind, ExposeSecret, Fetch, Fetched, Outcome, Payload, RedisDefaults,
    Secrets, Service, Source, SourceKind,
};
use permisos_secrets_testkit::leak::{CANARY, assert_no_leak};
use serde_json::{Map, Value, json};
use support::{Behaviour, Scripted};

#[test]
fn every_option_has_a_typed_setter() {
    let (sender, receiver) = channel();
    let hour = Duration::from_hours(1);
    let builder = Secrets::builder()
        .environment("production")
        .source_kind(SourceKind::Agent)
        .services([Service::Redis])
        .prefix("app")
        .secret_id(Service::Redis, "cache")
        .secret_id("whatsapp/api", "chat")
        .ttl(Duration::from_millis(1500))
        .stale_if_error(2 * hour)
        .previous_for(Duration::ZERO)
        .environment_fallback(false)
        .snapshot("/var/lib/app/sealed", "/etc/app/identity")
        .database(DatabaseDefaults { host: Some("db".into()), port: Some(5433), database: None, ca_file: None })
        .redis(RedisDefaults { host: None, port: None, ca_file: Some("/etc/ssl/cache.pem".into()) })
        .region("us-east-1")
        .regions(["us-east-1", "us-west-2"])
        .endpoint_url("http://127.0.0.1:1")
        .profile("ops")
        .role_arn("arn:aws:iam::123456789012:role/reader")
        .timeout(Duration::from_secs(3))
        .without_variables()
        .engine(move |options, _| {
            sender.send(options.clone()).unwrap();
            Err(Error::new(ErrorKind::ConfigInvalid, "seen"))
        });
    assert_eq!(builder.build().unwrap_err().message(), "seen");
    let mut given: Map<String, Value> = receiver.recv().unwrap();
    // Not options of a program's: what the engine lacks.
    assert!(given.remove("startedAt").is_some() && given.remove("seed").is_some());
    let expected = json!({
        "environment": "production",
        "source": "agent",
        "services": ["redis"],
        "prefix": "app",
        "secretIds": { "redis": "cache", "whatsapp/api": "chat" },
        "ttl": 2,
        "staleIfError": 7200,
        "previousFor": 0,
        "environmentFallback": false,
        "snapshot": { "path": "/var/lib/app/sealed", "identityFile": "/etc/app/identity" },
        "database": { "host": "db", "port": 5433 },
        "redis": { "caFile": "/etc/ssl/cache.pem" },
        "region": "us-east-1",
        "regions": ["us-east-1", "us-west-2"],
        "endpointUrl": "http://127.0.0.1:1",
        "profile": "ops",
        "roleArn": "arn:aws:iam::123456789012:role/reader",
        "timeout": 3,
    });
    assert_eq!(Value::Object(given.clone()), expected);
    let readme = include_str!("../../../README.md");
    let table = readme.split("## Options").nth(1).unwrap().split("## ").next().unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split(" |").next());
    for option in rows.flat_map(|row| row.split("`, `")).map(|name| name.trim_end_matches('`')) {
        // The application's own secrets are types.
        assert!(["processEnv", "secrets"].contains(&option) || given.contains_key(option), "no setter for {option}");
    }
}

/// Answers every request with the same text.
struct Fixed(&'static str);

impl Source for Fixed {
    fn fetch<'a>(
        &'a self,
        fetch: &'a Fetch,
    ) -> std::pin::Pin<Box<dyn std::future::Future<Output = Fetched> + Send + 'a>> {
        let outcomes = fetch.requests.iter().map(|request| Outcome {
            service: request.service.clone(),
            stage: request.stage,
            result: Ok(Payload {
                text: Some(self.0.into()),
                version_id: "v1".into(),
                created_at: None,
                region: Some("us-east-1".into()),
            }),
        });
        let fetched = Fetched { id: fetch.id, outcomes: outcomes.collect(), calls: vec![] };
        Box::pin(async { fetched })
    }
}

#[tokio::test]
async fn a_source_of_ones_own_is_asked_in_development_too_unless_the_environment_is_meant() {
    let builder = || {
        Secrets::builder()
            .environment("development")
            .services([Service::Redis])
            .variables([("REDIS_URL", "redis://environment")])
            .source(Fixed(r#"{ "host": "source" }"#))
    };
    assert_eq!(builder().load().await.unwrap().redis().unwrap().host, "source");
    let environment = builder().source_kind(SourceKind::Environment).load().await.unwrap();
    assert_eq!(environment.redis().unwrap().host, "environment");
}

#[test]
fn aws_needs_no_word_of_how_to_connect() {
    let secrets = Secrets::builder().environment("production").region("us-east-1").without_variables().build();
    assert_eq!(secrets.unwrap().health().source, SourceKind::Aws);
}

#[tokio::test]
async fn load_says_what_is_wrong_and_goes_to_any_thread() {
    fn goes<T: Send>(future: T) -> T {
        future
    }
    let error = goes(Secrets::builder().environment("test").without_variables().load()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    drop(goes(Secrets::load("test")));
}

#[tokio::test]
async fn a_service_is_named_by_its_variant_or_its_id() {
    let source = Scripted::new(Behaviour::Answer("v1"));
    let secrets = support::secrets(&source, &json!({}));
    secrets.ready().await.unwrap();
    secrets.refresh(Service::Redis).await.unwrap();
    secrets.refresh("redis").await.unwrap();
    assert_eq!(secrets.read("redis").unwrap().version_id, secrets.read(Service::Redis).unwrap().version_id);
    assert_eq!(secrets.read("nothing").unwrap_err().kind(), ErrorKind::ConfigInvalid);
}

#[tokio::test]
async fn a_built_in_secret_is_no_custom_one_also_where_it_fails() {
    let secrets = support::secrets(&Scripted::new(Behaviour::Fail(ErrorKind::NotFound)), &json!({}));
    secrets.ready().await.unwrap_err();
    let error = secrets.custom("database").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
    assert!(error.message().starts_with("database is not a custom secret"), "{error}");
}

#[test]
fn a_runtime_without_timers_is_the_reason() {
    let secrets = support::secrets(&Scripted::new(Behaviour::Answer("v1")), &json!({}));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let error = runtime.block_on(secrets.ready()).unwrap_err();
    assert!(error.message().contains("no timers") && error.message().contains("enable_time"), "{error}");
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(secrets.ready()).unwrap();
}

#[tokio::test]
async fn events_are_a_stream_that_ends_with_the_secrets() {
    let secrets = support::secrets(&Scripted::new(Behaviour::Answer("v1")), &json!({ "services": ["redis"] }));
    let mut events = secrets.events();
    secrets.ready().await.unwrap();
    let event = events.next().await.unwrap();
    assert!(matches!(event.kind, EventKind::Loaded { .. }) && event.service == Service::Redis);
    secrets.close();
    assert_eq!(events.next().await, None);
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn what_is_public_has_a_debug_that_shows_no_value() {
    #[derive(Debug)]
    struct AppState {
        #[expect(dead_code, reason = "it is printed")]
        secrets: Secrets,
    }
    let url = format!("redis://:{CANARY}@cache");
    let builder = Secrets::builder().environment("test").services([Service::Redis]).variables([("REDIS_URL", &url)]);
    assert_no_leak(&format!("{:?}", builder.option("secrets", json!([CANARY]))), "the builder");
    let secrets = Secrets::builder().environment("test").services([Service::Redis]).variables([("REDIS_URL", &url)]);
    let secrets = secrets.load().await.unwrap();
    let redis = secrets.redis().unwrap();
    assert!(redis.url.as_str().contains(CANARY) && redis.url.expose_secret() == redis.url.as_str());
    assert_no_leak(&format!("{:?} {redis:?} {:?}", redis.url, secrets.subscribe()), "a config and its URL");
    let state = format!("{:?}", AppState { secrets });
    assert_no_leak(&state, "the secrets");
    assert!(state.contains("\"redis\": Healthy") && state.contains("test"), "{state}");
}

#[test]
fn a_config_is_made_by_hand_for_a_test() {
    let database = DatabaseConfig {
        host: "db".into(),
        port: 5432,
        database: "app".into(),
        username: "app".into(),
        password: "p".into(),
        ssl: None,
        url: "postgresql://app:p@db:5432/app".into(),
        extra: Extra::default(),
    };
    assert_eq!((database.extra.names().count(), &*database.extra.expose_json()), (0, &"{}".to_owned()));
}
