//! The driver on paused time: sleeping takes no time, and every wait is exact.

mod support;

use std::sync::Arc;
use std::time::Duration;

use permisos_secrets::core::ErrorKind;
use permisos_secrets::{Freshness, Notice, Origin, Secrets, Service, ServiceId, Status};
use serde_json::json;
use support::{Behaviour, Scripted, secrets};
use tokio::time::sleep;

fn redis() -> ServiceId {
    Service::Redis.into()
}

#[tokio::test(start_paused = true)]
async fn start_up_of_seven_services_is_one_fetch() {
    let source = Scripted::new(Behaviour::Answer("v1"));
    let secrets = secrets(&source, &json!({}));
    assert_eq!(secrets.database().unwrap_err().kind(), ErrorKind::NotReady);
    secrets.load().await.unwrap();
    assert_eq!((source.fetches(), source.requests()), (1, 7));
    assert_eq!(secrets.database().unwrap().host, "db");
    assert_eq!(secrets.redis().unwrap().port, 6379);
    assert_eq!(secrets.security().unwrap().session_secrets.len(), 1);
    assert_eq!(secrets.stripe().unwrap().public_key, "pk_test_1");
    assert_eq!(secrets.email().unwrap().port, 587);
    assert_eq!(secrets.government_portal().unwrap().login_url, "https://portal.gob.mx");
    assert!(secrets.monitoring().unwrap().key("sentryDsn").is_some());
    assert_eq!(secrets.health().status, Status::Healthy);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_cold_callers_cause_one_call() {
    let source = Scripted::new(Behaviour::Answer("v1"));
    let secrets = secrets(&source, &json!({}));
    let callers: Vec<_> = (0..10_000)
        .map(|_| {
            let secrets = secrets.clone();
            tokio::spawn(async move {
                secrets.load().await.unwrap();
                secrets.redis().unwrap().port
            })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap(), 6379);
    }
    assert_eq!(source.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn concurrent_refreshes_share_one_flight_and_then_are_limited() {
    let source = Scripted::new(Behaviour::Answer("v1"));
    let secrets = secrets(&source, &json!({ "services": ["redis"] }));
    secrets.load().await.unwrap();
    source.behave(Behaviour::Answer("v2"));
    let redis = redis();
    let (one, other) = tokio::join!(secrets.refresh(&redis), secrets.refresh(&redis));
    assert_eq!((one, other), (Ok(()), Ok(())));
    assert_eq!(source.fetches(), 2);
    secrets.refresh(&redis).await.unwrap();
    assert_eq!(source.fetches(), 2, "at most one forced fetch per second");
    assert_eq!(secrets.read(&redis).unwrap().version_id.as_deref(), Some("v2"));
    sleep(Duration::from_secs(1)).await;
    secrets.refresh(&redis).await.unwrap();
    assert_eq!(source.fetches(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_outage_keeps_the_last_good_value_and_its_end_is_noticed() {
    let source = Scripted::new(Behaviour::Answer("v1"));
    let secrets = secrets(&source, &json!({ "services": ["redis"], "ttl": 60 }));
    secrets.load().await.unwrap();
    source.behave(Behaviour::Fail(ErrorKind::Unavailable));
    sleep(Duration::from_mins(2)).await;
    let read = secrets.read(&redis()).unwrap();
    assert_eq!((read.origin, read.freshness), (Origin::SecretsManager, Freshness::Stale));
    assert_eq!(secrets.health().status, Status::Degraded);
    assert!(source.fetches() < 12, "{} fetches: backoff is exponential", source.fetches());
    source.behave(Behaviour::Answer("v2"));
    sleep(Duration::from_mins(5)).await;
    let read = secrets.read(&redis()).unwrap();
    assert_eq!((read.freshness, read.version_id.as_deref()), (Freshness::Fresh, Some("v2")));
    assert_eq!(secrets.health().status, Status::Healthy);
}

#[tokio::test(start_paused = true)]
async fn whoever_hears_of_a_rotation_already_reads_it() {
    let source = Scripted::new(Behaviour::Answer("v1"));
    let secrets = secrets(&source, &json!({ "services": ["database"] }));
    secrets.load().await.unwrap();
    let mut subscription = secrets.subscribe();
    source.behave(Behaviour::Answer("v2"));
    secrets.refresh(&Service::Database.into()).await.unwrap();
    assert!(matches!(subscription.next().await, Some(Notice::Changed(service)) if service == Service::Database));
    let event = subscription.next_event().await.unwrap();
    assert_eq!(event.kind.name(), "rotated");
    assert_eq!(secrets.read(&Service::Database.into()).unwrap().version_id.as_deref(), Some("v2"));
}

#[tokio::test(start_paused = true)]
async fn a_panicking_source_is_an_unavailable_one() {
    let source = Scripted::new(Behaviour::Panic);
    let secrets = secrets(&source, &json!({ "services": ["redis"] }));
    assert_eq!(secrets.load().await.unwrap_err().kind(), ErrorKind::Unavailable);
    source.behave(Behaviour::Answer("v1"));
    sleep(Duration::from_secs(3)).await;
    secrets.load().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_source_that_never_answers_is_given_up() {
    let source = Scripted::new(Behaviour::Hang);
    let secrets = secrets(&source, &json!({ "services": ["redis"] }));
    assert_eq!(secrets.load().await.unwrap_err().kind(), ErrorKind::Timeout);
}

#[tokio::test(start_paused = true)]
async fn a_failed_load_lists_every_required_service() {
    let source = Scripted::new(Behaviour::Fail(ErrorKind::AccessDenied));
    let secrets = secrets(&source, &json!({}));
    let error = secrets.load().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AccessDenied);
    assert_eq!(error.errors().len(), 6, "monitoring is optional");
}

#[tokio::test(start_paused = true)]
async fn the_environment_stands_in_until_aws_answers() {
    let source = Scripted::new(Behaviour::Fail(ErrorKind::Unavailable));
    let behind = source.clone();
    let secrets = Secrets::builder()
        .option("source", "aws")
        .services(&[Service::Redis])
        .variables([("REDIS_HOST".to_owned(), "fallback".to_owned())])
        .connect(move |_, _| behind)
        .build()
        .unwrap();
    secrets.load().await.unwrap();
    assert_eq!(secrets.read(&redis()).unwrap().origin, Origin::Environment);
    assert_eq!(secrets.health().status, Status::Degraded);
    source.behave(Behaviour::Answer("v1"));
    sleep(Duration::from_secs(3)).await;
    assert_eq!(secrets.read(&redis()).unwrap().origin, Origin::SecretsManager);
}

#[tokio::test(start_paused = true)]
async fn closing_forgets_the_values_and_ends_the_loop() {
    let source = Scripted::new(Behaviour::Answer("v1"));
    let secrets = secrets(&source, &json!({ "services": ["redis"], "ttl": 1 }));
    secrets.load().await.unwrap();
    let mut subscription = secrets.subscribe();
    secrets.close();
    assert_eq!(secrets.redis().unwrap_err().kind(), ErrorKind::NotReady);
    assert_eq!(secrets.load().await.unwrap_err().kind(), ErrorKind::NotReady);
    while subscription.next().await.is_some() {}
    let fetches = source.fetches();
    sleep(Duration::from_mins(1)).await;
    assert_eq!(source.fetches(), fetches);
}

#[tokio::test(start_paused = true)]
async fn the_last_clone_closes() {
    let source = Scripted::new(Behaviour::Answer("v1"));
    let secrets = secrets(&source, &json!({ "services": ["redis"] }));
    secrets.load().await.unwrap();
    drop(secrets);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(Arc::strong_count(&source), 1, "the loop is over and let go of the source");
}

#[test]
fn the_environment_needs_no_runtime_and_no_source() {
    let secrets = Secrets::builder()
        .option("source", "environment")
        .services(&[Service::Redis])
        .variables([("REDIS_URL".to_owned(), "rediss://:pass@cache:6380/2".to_owned())])
        .build()
        .unwrap();
    assert_eq!(secrets.redis().unwrap().db, Some(2));
    assert_eq!(secrets.database().unwrap_err().kind(), ErrorKind::ConfigInvalid);
}

#[test]
fn aws_without_a_source_says_what_to_call() {
    let error = Secrets::builder().option("source", "aws").variables([]).build().err().unwrap();
    assert!(error.message().contains("connect"), "{error}");
}
