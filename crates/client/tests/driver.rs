//! The driver on paused time: sleeping takes no time, and every wait is exact.

mod support;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use permisos_secrets::{Freshness, Notice, Origin, Secrets, Service, ServiceId, Status};
use permisos_secrets_core::ErrorKind;
use serde_json::json;
use support::{Behaviour, Scripted, secrets};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

fn redis() -> ServiceId {
    Service::Redis.into()
}

#[tokio::test(start_paused = true)]
async fn start_up_of_seven_services_is_one_fetch() {
    let source = Scripted::new(Behaviour::Answer("v1"));
    let secrets = secrets(&source, &json!({}));
    assert_eq!(secrets.database().unwrap_err().kind(), ErrorKind::NotReady);
    secrets.ready().await.unwrap();
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
                secrets.ready().await.unwrap();
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
    secrets.ready().await.unwrap();
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
    secrets.ready().await.unwrap();
    source.behave(Behaviour::Fail(ErrorKind::Unavailable));
    sleep(Duration::from_mins(2)).await;
    let read = secrets.read(Service::Redis).unwrap();
    assert_eq!((read.origin, read.freshness), (Origin::SecretsManager, Freshness::Stale));
    assert_eq!(secrets.health().status, Status::Degraded);
    assert!(source.fetches() < 12, "{} fetches: backoff is exponential", source.fetches());
    source.behave(Behaviour::Answer("v2"));
    sleep(Duration::from_mins(5)).await;
    let read = secrets.read(Service::Redis).unwrap();
    assert_eq!((read.freshness, read.version_id.as_deref()), (Freshness::Fresh, Some("v2")));
    assert_eq!(secrets.health().status, Status::Healthy);
}

#[tokio::test(start_paused = true)]
async fn a_source_has_the_time_of_all_its_regions() {
    let source = Scripted::new(Behaviour::Hang);
    let options = json!({ "services": ["redis"], "timeout": 60, "regions": ["us-east-1", "us-west-2", "eu-west-1"] });
    let secrets = secrets(&source, &options);
    assert!(timeout(Duration::from_secs(299), secrets.ready()).await.is_err(), "three minutes, and two of patience");
    let error = secrets.ready().await.unwrap_err();
    assert!(error.message().contains("did not answer within 300 s"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn whoever_hears_of_a_rotation_already_reads_it() {
    let source = Scripted::new(Behaviour::Answer("v1"));
    let secrets = secrets(&source, &json!({ "services": ["database"] }));
    secrets.ready().await.unwrap();
    let mut subscription = secrets.subscribe();
    source.behave(Behaviour::Answer("v2"));
    secrets.refresh(Service::Database).await.unwrap();
    assert!(matches!(subscription.next().await, Some(Notice::Changed(service)) if service == Service::Database));
    let event = subscription.next_event().await.unwrap();
    assert_eq!(event.kind.name(), "rotated");
    assert_eq!(secrets.read(Service::Database).unwrap().version_id.as_deref(), Some("v2"));
}

#[tokio::test(start_paused = true)]
async fn a_panicking_source_is_an_unavailable_one() {
    let source = Scripted::new(Behaviour::Panic);
    let secrets = secrets(&source, &json!({ "services": ["redis"] }));
    assert_eq!(secrets.ready().await.unwrap_err().kind(), ErrorKind::Unavailable);
    source.behave(Behaviour::Answer("v1"));
    sleep(Duration::from_secs(3)).await;
    secrets.ready().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_source_that_never_answers_is_given_up() {
    let source = Scripted::new(Behaviour::Hang);
    let secrets = secrets(&source, &json!({ "services": ["redis"] }));
    assert_eq!(secrets.ready().await.unwrap_err().kind(), ErrorKind::Timeout);
}

#[tokio::test(start_paused = true)]
async fn a_failed_load_lists_every_required_service() {
    let source = Scripted::new(Behaviour::Fail(ErrorKind::AccessDenied));
    let secrets = secrets(&source, &json!({}));
    let error = secrets.ready().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AccessDenied);
    assert_eq!(error.errors().len(), 6, "monitoring is optional");
}

#[tokio::test(start_paused = true)]
async fn the_environment_stands_in_until_aws_answers() {
    let source = Scripted::new(Behaviour::Fail(ErrorKind::Unavailable));
    let behind = source.clone();
    let secrets = Secrets::builder()
        .option("source", "aws")
        .services([Service::Redis])
        .variables([("REDIS_HOST".to_owned(), "fallback".to_owned())])
        .connect(move |_, _| behind)
        .build()
        .unwrap();
    secrets.ready().await.unwrap();
    assert_eq!(secrets.read(Service::Redis).unwrap().origin, Origin::Environment);
    assert_eq!(secrets.health().status, Status::Degraded);
    source.behave(Behaviour::Answer("v1"));
    sleep(Duration::from_secs(3)).await;
    assert_eq!(secrets.read(Service::Redis).unwrap().origin, Origin::SecretsManager);
}

#[tokio::test(start_paused = true)]
async fn closing_forgets_the_values_and_ends_the_loop() {
    let source = Scripted::new(Behaviour::Answer("v1"));
    let secrets = secrets(&source, &json!({ "services": ["redis"], "ttl": 1 }));
    secrets.ready().await.unwrap();
    let mut subscription = secrets.subscribe();
    secrets.close();
    assert_eq!(secrets.redis().unwrap_err().kind(), ErrorKind::NotReady);
    assert_eq!(secrets.ready().await.unwrap_err().kind(), ErrorKind::NotReady);
    while subscription.next().await.is_some() {}
    let fetches = source.fetches();
    sleep(Duration::from_mins(1)).await;
    assert_eq!(source.fetches(), fetches);
}

#[tokio::test(start_paused = true)]
async fn the_last_clone_closes() {
    let source = Scripted::new(Behaviour::Answer("v1"));
    let secrets = secrets(&source, &json!({ "services": ["redis"] }));
    secrets.ready().await.unwrap();
    drop(secrets);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(Arc::strong_count(&source), 1, "the loop is over and let go of the source");
}

#[test]
fn the_environment_needs_no_runtime_and_no_source() {
    let secrets = Secrets::builder()
        .option("source", "environment")
        .services([Service::Redis])
        .variables([("REDIS_URL".to_owned(), "rediss://:pass@cache:6380/2".to_owned())])
        .build()
        .unwrap();
    assert_eq!(secrets.redis().unwrap().db, Some(2));
    assert_eq!(secrets.database().unwrap_err().kind(), ErrorKind::ConfigInvalid);
}

#[tokio::test(start_paused = true)]
async fn a_load_that_is_dropped_half_way_cancels_nothing() {
    let source = Scripted::new(Behaviour::Answer("v1"));
    let secrets = secrets(&source, &json!({ "services": ["redis"] }));
    timeout(Duration::from_millis(1), secrets.ready()).await.unwrap_err();
    secrets.ready().await.unwrap();
    assert_eq!(source.fetches(), 1);
}

#[test]
fn without_a_runtime_load_says_so_and_may_be_called_in_one_later() {
    let secrets = secrets(&Scripted::new(Behaviour::Answer("v1")), &json!({ "services": ["redis"] }));
    let polled = pin!(secrets.ready()).poll(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(Err(error)) = polled else { panic!("{polled:?}") };
    assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
    assert!(error.message().contains("tokio runtime"), "{error}");
    block_on(secrets.ready()).unwrap();
}

#[test]
fn another_runtime_goes_on_where_one_has_ended() {
    let source = Scripted::new(Behaviour::Answer("v1"));
    let secrets = secrets(&source, &json!({ "services": ["redis"] }));
    block_on(secrets.ready()).unwrap();
    source.behave(Behaviour::Answer("v2"));
    block_on(secrets.refresh(Service::Redis)).unwrap();
    assert_eq!(secrets.read(Service::Redis).unwrap().version_id.as_deref(), Some("v2"));
}

#[test]
fn a_fetch_that_ended_with_its_runtime_is_made_again() {
    let source = Scripted::new(Behaviour::Hang);
    let secrets = secrets(&source, &json!({ "services": ["redis"] }));
    let half_way = async { timeout(Duration::from_millis(20), secrets.ready()).await };
    runtime().block_on(half_way).unwrap_err();
    source.behave(Behaviour::Answer("v1"));
    block_on(secrets.refresh(Service::Redis)).unwrap();
    assert_eq!(secrets.read(Service::Redis).unwrap().version_id.as_deref(), Some("v1"));
}

#[test]
fn a_runtime_that_ends_leaves_nobody_waiting_in_another() {
    let secrets = secrets(&Scripted::new(Behaviour::Hang), &json!({ "services": ["redis"] }));
    let (first, second) = (runtime(), runtime());
    let _ = first.block_on(async { timeout(Duration::from_millis(20), secrets.ready()).await });
    let waiter = std::thread::spawn({
        let secrets = secrets.clone();
        move || second.block_on(answered(secrets.ready()))
    });
    drop(first);
    assert_eq!(waiter.join().unwrap().unwrap_err().kind(), ErrorKind::Unavailable);
}

#[test]
fn a_runtime_that_ends_before_it_polls_the_loop_leaves_nobody_waiting() {
    let secrets = secrets(&Scripted::new(Behaviour::Answer("v1")), &json!({ "services": ["redis"] }));
    runtime().block_on(async {
        tokio::select! {
            biased;
            _ = secrets.ready() => unreachable!("the loop was not polled yet"),
            () = async {} => {}
        }
    });
    block_on(secrets.ready()).unwrap();
    block_on(secrets.refresh(Service::Redis)).unwrap();
}

#[test]
fn a_runtime_that_is_shutting_down_is_told_and_another_one_goes_on() {
    let secrets = secrets(&Scripted::new(Behaviour::Answer("v1")), &json!({ "services": ["redis"] }));
    let ending = runtime();
    let handle = ending.handle().clone();
    drop(ending);
    let error = handle.block_on(secrets.ready()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.message().contains("is shutting down"), "{error}");
    block_on(secrets.ready()).unwrap();
}

#[test]
fn secrets_and_their_futures_go_to_any_thread() {
    fn goes<T: Send>(_: &T) {}
    fn is_shared<T: Send + Sync>(_: &T) {}
    let secrets = secrets(&Scripted::new(Behaviour::Answer("v1")), &json!({ "services": ["redis"] }));
    is_shared(&secrets);
    goes(&secrets.ready());
    goes(&secrets.refresh(Service::Redis));
    goes(&secrets.subscribe());
    is_shared(&secrets.redis());
}

#[test]
fn the_file_that_rds_ca_cert_path_names_is_the_certificate() {
    let vectors = include_str!("../../../tests/vectors/payloads/database.json");
    let vectors: serde_json::Value = serde_json::from_str(vectors).unwrap();
    let vector = vectors.as_array().unwrap().iter().find(|it| it["rule"] == "ca is accepted as PEM").unwrap();
    let pem = vector["payload"]["ssl"]["ca"].as_str().unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pem).unwrap();
    let variables = [("DATABASE_URL", "postgres://u:p@db/d"), ("RDS_CA_CERT_PATH", file.path().to_str().unwrap())];
    let secrets = Secrets::builder()
        .option("source", "environment")
        .services([Service::Database])
        .variables(variables.map(|(name, value)| (name.to_owned(), value.to_owned())))
        .build()
        .unwrap();
    let database = secrets.database().unwrap();
    assert_eq!(database.ssl.as_ref().unwrap().ca.as_deref(), Some(pem));
}

/// Waits in a runtime of its own.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    runtime().block_on(answered(future))
}

/// With generous patience: what is broken would wait for ever.
async fn answered<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_mins(1), future).await.expect("an answer")
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}
