//! What is logged through `tracing`, by the levels that docs/monitoring.md names, through a real subscriber.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use permisos_secrets::{Secrets, Service};
use permisos_secrets_core::ErrorKind;
use permisos_secrets_testkit::log::Log;
use serde_json::json;
use support::{Behaviour, Scripted, secrets};
use tokio::time::sleep;
use tracing_subscriber::filter::LevelFilter;

/// Level and event of each line.
fn logged(log: &Log) -> BTreeSet<String> {
    let text = log.text();
    let line = |line: &str| {
        let (level, rest) = line.trim().split_once(' ').unwrap();
        let name = rest.split(": ").nth(1).unwrap().split([' ', ':']).next().unwrap();
        assert!(rest.contains("service=redis"), "{line}");
        format!("{level} {name}")
    };
    text.lines().filter(|line| line.contains("permisos_secrets::driver")).map(line).collect()
}

#[tokio::test(start_paused = true)]
async fn every_event_is_told_at_its_level() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_ansi(false).without_time();
    let _here = tracing::subscriber::set_default(subscriber.with_writer(log.clone()).finish());
    let source = Scripted::new(Behaviour::Answer("v1"));
    let secrets = secrets(&source, &json!({ "services": ["redis"], "ttl": 60, "staleIfError": 60 }));
    secrets.ready().await.unwrap();
    sleep(Duration::from_secs(70)).await;
    source.behave(Behaviour::Answer("v2"));
    sleep(Duration::from_secs(70)).await;
    source.behave(Behaviour::Answer("bad"));
    sleep(Duration::from_secs(70)).await;
    source.behave(Behaviour::Fail(ErrorKind::Unavailable));
    sleep(Duration::from_secs(30)).await;
    secrets.read(Service::Redis).ok();
    source.behave(Behaviour::Answer("v3"));
    sleep(Duration::from_mins(5)).await;
    let failing = Scripted::new(Behaviour::Fail(ErrorKind::AccessDenied));
    let replaced = Secrets::builder().option("source", "aws").services([Service::Redis]);
    let replaced = replaced.variables([("REDIS_URL".to_owned(), "redis://cache:6379".to_owned())]);
    replaced.connect(move |_, _| failing).build().unwrap().ready().await.unwrap();
    let levels = [
        "DEBUG refreshed",
        "ERROR invalid",
        "INFO loaded",
        "INFO recovered",
        "INFO rotated",
        "WARN failed",
        "WARN fallback",
        "WARN stale",
    ];
    assert_eq!(logged(&log), levels.map(str::to_owned).into());
}

#[tokio::test(start_paused = true)]
async fn each_warning_is_a_line_once_for_a_version() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(LevelFilter::WARN).with_ansi(false).without_time();
    let _here = tracing::subscriber::set_default(subscriber.with_writer(log.clone()).finish());
    let source = Scripted::new(Behaviour::Answer("weak-1"));
    let secrets = secrets(&source, &json!({ "services": ["security"], "ttl": 60 }));
    secrets.ready().await.unwrap();
    let line = |version: &str| {
        let message = "/jwtSecret: has under 32 characters: RFC 7518 wants a key as long as the hash";
        format!(" WARN permisos_secrets::driver: warning: {message} service=security version_id=\"{version}\"\n")
    };
    assert_eq!(log.text(), line("weak-1"));
    sleep(Duration::from_mins(10)).await;
    assert_eq!(log.text(), line("weak-1"), "a confirmed version says nothing new");
    source.behave(Behaviour::Answer("weak-2"));
    sleep(Duration::from_mins(1)).await;
    assert_eq!(log.text(), line("weak-1") + &line("weak-2"));
}
