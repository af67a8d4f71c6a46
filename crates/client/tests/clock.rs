//! A machine that sleeps: the wall clock goes on, the clock by which the driver sleeps does not. Time is tokio's, paused.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use permisos_secrets::{Freshness, Secrets, Service, ServiceId, Status};
use permisos_secrets_core::{Engine, ErrorKind, Options};
use permisos_secrets_testkit::clocked::{Clock, Clocked};
use serde_json::json;
use support::{Behaviour, Scripted};
use tokio::time::sleep;

const STARTED_AT: u64 = 1_790_000_000_000;

/// Secrets, and what puts their machine to sleep.
fn secrets(source: &Arc<Scripted>) -> (Secrets, impl Fn(Duration) + use<>) {
    let clock = Arc::<Clock>::default();
    clock.started_at.store(STARTED_AT, Ordering::SeqCst);
    let sleeper = clock.clone();
    let source = source.clone();
    let options = json!({ "source": "aws", "services": ["redis"], "startedAt": STARTED_AT });
    let secrets = Secrets::builder()
        .options(options.as_object().unwrap().clone())
        .without_variables()
        .engine(move |options, variables| {
            let (options, variables) = Options::parse(options, variables)?;
            Ok(Box::new(Clocked::new(Box::new(Engine::new(options, variables)), clock)))
        })
        .connect(move |_, _| source)
        .build()
        .unwrap();
    let fall_asleep = move |time: Duration| {
        sleeper.ahead.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    };
    (secrets, fall_asleep)
}

fn redis() -> ServiceId {
    Service::Redis.into()
}

#[tokio::test(start_paused = true)]
async fn a_sleep_is_noticed_within_a_minute_and_costs_one_fetch() {
    let source = Scripted::new(Behaviour::Answer("v1"));
    let (secrets, fall_asleep) = secrets(&source);
    secrets.ready().await.unwrap();
    sleep(Duration::from_secs(10)).await;
    source.behave(Behaviour::Answer("v2"));
    fall_asleep(Duration::from_hours(60));
    assert_eq!(secrets.read(Service::Redis).unwrap().version_id.as_deref(), Some("v1"), "nothing is lost meanwhile");
    sleep(Duration::from_mins(1)).await;
    let read = secrets.read(Service::Redis).unwrap();
    assert_eq!((read.freshness, read.version_id.as_deref()), (Freshness::Fresh, Some("v2")));
    sleep(Duration::from_mins(10)).await;
    assert_eq!(source.fetches(), 2);
    assert_eq!(secrets.health().status, Status::Healthy);
}

#[tokio::test(start_paused = true)]
async fn a_call_in_flight_while_the_machine_slept_has_not_failed() {
    let source = Scripted::new(Behaviour::Answer("v1"));
    let (secrets, fall_asleep) = secrets(&source);
    secrets.ready().await.unwrap();
    let mut subscription = secrets.subscribe();
    source.behave(Behaviour::Fail(ErrorKind::Unavailable));
    let asleep = async {
        sleep(Duration::from_millis(2)).await;
        assert_eq!(source.fetches(), 2, "it is under way");
        fall_asleep(Duration::from_mins(10));
        sleep(Duration::from_millis(5)).await;
        source.behave(Behaviour::Answer("v2"));
    };
    let redis = redis();
    let (refreshed, ()) = tokio::join!(secrets.refresh(&redis), asleep);
    refreshed.unwrap();
    assert_eq!(source.fetches(), 3);
    assert_eq!(subscription.next_event().await.unwrap().kind.name(), "rotated", "nothing failed before");
}
