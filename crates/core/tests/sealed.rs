//! The sealed snapshot: what one process seals, another serves while AWS cannot be reached, no longer than the first
//! might have.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use permisos_secrets_core::{
    Engine, Fetched, Freshness, Options, Origin, Rule, Service, ServiceId, Status, Timestamp, UnixTime,
};
use permisos_secrets_testkit::leak::{CANARY, assert_no_leak};
use serde_json::{Value, json};

const HOUR: u64 = 3_600_000;
const STARTED_AT: u64 = 1_790_000_000_000;

/// One process: an engine with the clock that it was started at.
struct Process(Engine);

fn redis() -> ServiceId {
    Service::Redis.into()
}

impl Process {
    /// Starts at an hour, with the snapshot of an earlier process, if there is one.
    fn start(hour: u64, more: &Value, sealed: Option<&str>) -> Self {
        let mut options = json!({ "source": "aws", "environment": "production", "services": ["redis", "monitoring"],
            "snapshot": { "path": "p", "identityFile": "i" }, "startedAt": STARTED_AT + hour * HOUR });
        options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let variables = [("REDIS_HOST", "fallback")];
        let (options, variables) = Options::parse(options.as_object().unwrap(), variables).unwrap();
        let mut engine = Engine::new(options, variables);
        if let Some(sealed) = sealed {
            engine.restore(Timestamp(0), sealed);
        }
        Self(engine)
    }

    /// Fetches what is due; both services are answered the same.
    fn fetch(&mut self, at: u64, result: &Value) {
        let fetch = self.0.poll_fetch(Timestamp(at)).unwrap();
        let outcomes: Vec<Value> = fetch
            .requests
            .iter()
            .map(|request| {
                let mut outcome = result.clone();
                outcome["service"] = json!(request.service);
                outcome["stage"] = json!(request.stage.as_str());
                outcome
            })
            .collect();
        let fetched: Fetched = serde_json::from_value(json!({ "id": fetch.id, "outcomes": outcomes })).unwrap();
        self.0.handle_fetched(Timestamp(at), fetched);
    }

    fn seal(&mut self, at: u64) -> Option<String> {
        self.0.poll_seal(Timestamp(at)).map(|text| text.to_string())
    }

    fn events(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.0.poll_event())
            .map(|event| serde_json::to_value(event).unwrap())
            .filter(|event| event["service"] == "redis")
            .map(|event| match (&event["origin"], &event["violations"][0]["rule"]) {
                (Value::String(origin), _) => format!("{} {origin}", event["type"].as_str().unwrap()),
                (_, Value::String(rule)) => format!("{} {rule}", event["type"].as_str().unwrap()),
                _ => event["type"].as_str().unwrap().to_owned(),
            })
            .collect()
    }
}

fn value(version: &str) -> Value {
    json!({ "payload": { "text": json!({ "host": "cache", "password": CANARY }).to_string(), "versionId": version,
        "createdAt": 0, "region": "mx-central-1" } })
}

fn failure(code: &str) -> Value {
    json!({ "failure": { "code": code } })
}

/// What a process sealed that started at hour 0.
fn sealed() -> String {
    let mut process = Process::start(0, &json!({}), None);
    process.fetch(0, &value("v1"));
    process.seal(0).unwrap()
}

#[test]
fn a_start_in_an_outage_serves_what_was_sealed_and_says_so() {
    let mut process = Process::start(5, &json!({}), Some(&sealed()));
    assert!(process.0.read(&redis(), Timestamp(0)).is_err(), "only a failed fetch lets it stand in");
    process.fetch(0, &failure("SECRETS_UNAVAILABLE"));
    assert_eq!(process.0.loaded(Timestamp(0)), Some(Ok(())));
    let read = process.0.read(&redis(), Timestamp(0)).unwrap();
    assert_eq!(
        (read.origin, read.freshness, read.version_id.as_deref()),
        (Origin::Snapshot, Freshness::Stale, Some("v1"))
    );
    let health = process.0.health(Timestamp(0));
    assert_eq!(health.status, Status::Degraded);
    let redis = &health.services[0];
    assert_eq!(
        (redis.origin, redis.age, redis.region.as_deref()),
        (Some(Origin::Snapshot), Some(Duration::from_hours(5)), Some("mx-central-1"))
    );
    assert_eq!(process.events(), ["failed", "fallback snapshot", "stale"]);
}

#[test]
fn it_is_not_touched_while_aws_answers() {
    let mut process = Process::start(5, &json!({}), Some(&sealed()));
    process.fetch(0, &value("v2"));
    let read = process.0.read(&redis(), Timestamp(0)).unwrap();
    assert_eq!((read.origin, read.version_id.as_deref()), (Origin::SecretsManager, Some("v2")));
    assert_eq!(process.events(), ["loaded secrets-manager"]);
}

#[test]
fn secrets_manager_takes_over_by_itself() {
    for (version, event) in [("v1", "refreshed"), ("v2", "rotated")] {
        let mut process = Process::start(5, &json!({}), Some(&sealed()));
        process.fetch(0, &failure("SECRETS_UNAVAILABLE"));
        process.events();
        process.fetch(2000, &value(version));
        let read = process.0.read(&redis(), Timestamp(2000)).unwrap();
        assert_eq!((read.origin, read.version_id.as_deref()), (Origin::SecretsManager, Some(version)));
        let health = process.0.health(Timestamp(2000));
        assert_eq!((health.status, health.services[0].version_age.is_some()), (Status::Healthy, true));
        assert_eq!(process.events(), ["recovered", event]);
    }
}

#[test]
fn a_version_keeps_its_age_through_a_restart() {
    let mut process = Process::start(5, &json!({}), Some(&sealed()));
    process.fetch(0, &failure("SECRETS_UNAVAILABLE"));
    assert_eq!(
        process.0.health(Timestamp(0)).services[0].version_age,
        Some(Duration::from_millis(STARTED_AT + 5 * HOUR))
    );
}

#[test]
fn what_is_sealed_after_a_sleep_is_dated_rightly() {
    let mut process = Process::start(0, &json!({}), None);
    process.fetch(0, &value("v1"));
    process.0.handle_clock(Timestamp(1000), UnixTime(STARTED_AT + 20 * HOUR));
    process.fetch(1000, &failure("SECRETS_UNAVAILABLE"));
    let sealed = process.seal(1000).unwrap();
    let mut next = Process::start(20, &json!({}), Some(&sealed));
    next.fetch(0, &failure("SECRETS_UNAVAILABLE"));
    assert_eq!(next.0.health(Timestamp(0)).services[0].age, Some(Duration::from_hours(20)));
}

#[test]
fn what_could_not_be_written_is_sealed_again_after_a_minute() {
    let mut process = Process::start(0, &json!({}), None);
    process.fetch(0, &value("v1"));
    assert!(process.seal(0).is_some());
    process.0.refuse_snapshot(Timestamp(1000), "could not be written: the disk is full");
    assert_eq!(process.seal(60_999), None);
    assert_eq!(process.0.poll_timeout(), Some(Timestamp(61_000)));
    assert!(process.seal(61_000).is_some());
    assert_eq!(process.seal(61_001), None);
    assert!(process.0.poll_timeout() > Some(Timestamp(61_001)), "the driver is not woken again for it");
}

#[test]
fn it_lasts_as_long_as_the_value_would_have_without_the_restart() {
    let mut process = Process::start(5, &json!({}), Some(&sealed()));
    process.fetch(0, &failure("SECRETS_UNAVAILABLE"));
    let over = 20 * HOUR;
    assert_eq!(process.0.read(&redis(), Timestamp(over - 1)).unwrap().origin, Origin::Snapshot);
    process.0.poll_fetch(Timestamp(over));
    assert_eq!(process.0.read(&redis(), Timestamp(over)).unwrap().origin, Origin::Environment, "then the environment");
}

#[test]
fn a_restart_within_the_outage_does_not_make_it_younger() {
    let mut first = Process::start(5, &json!({}), Some(&sealed()));
    first.fetch(0, &failure("SECRETS_UNAVAILABLE"));
    assert_eq!(first.seal(0), None, "nothing new is known");
    let mut second = Process::start(24, &json!({}), Some(&sealed()));
    second.fetch(0, &failure("SECRETS_UNAVAILABLE"));
    assert_eq!(second.0.health(Timestamp(0)).services[0].age, Some(Duration::from_hours(24)));
}

#[test]
fn what_is_too_old_foreign_or_malformed_is_reported_and_ignored() {
    let other = json!({ "environment": "staging" });
    let renamed = json!({ "secretIds": { "redis": "other/name", "monitoring": "other/name" } });
    let cases = [
        (Process::start(25, &json!({}), Some(&sealed())), true),
        (Process::start(2, &json!({ "ttl": 60, "staleIfError": 60 }), Some(&sealed())), true),
        (Process::start(0, &json!({ "startedAt": STARTED_AT - HOUR }), Some(&sealed())), true),
        (Process::start(5, &renamed, Some(&sealed())), true),
        (Process::start(5, &other, Some(&sealed())), false),
        (Process::start(5, &json!({}), Some(&sealed()[1..])), true),
        (Process::start(5, &json!({}), Some(&sealed().replace("\"format\":1", "\"format\":2"))), true),
        (Process::start(5, &json!({}), Some("")), true),
    ];
    for (index, (mut process, is_written_anew)) in cases.into_iter().enumerate() {
        assert_eq!(process.events(), ["invalid snapshot"], "case {index}");
        process.fetch(0, &failure("SECRETS_UNAVAILABLE"));
        assert_eq!(process.0.read(&redis(), Timestamp(0)).unwrap().origin, Origin::Environment, "case {index}");
        process.fetch(2000, &value("v2"));
        assert_eq!(process.0.health(Timestamp(2000)).status, Status::Healthy);
        assert_eq!(process.seal(2000).is_some(), is_written_anew, "case {index}");
    }
}

#[test]
fn a_sealed_value_passes_the_schema_again() {
    let bad = sealed().replace("cache", "not a host");
    let mut process = Process::start(5, &json!({}), Some(&bad));
    process.fetch(0, &failure("SECRETS_UNAVAILABLE"));
    assert_eq!(process.events(), ["failed", "invalid host", "fallback environment"]);
}

#[test]
fn what_was_fetched_since_is_never_followed_by_what_was_sealed_before() {
    let mut process = Process::start(0, &json!({}), Some(&sealed()));
    process.fetch(0, &value("v2"));
    for at in (HOUR..26 * HOUR).step_by(60_000) {
        if let Some(fetch) = process.0.poll_fetch(Timestamp(at)) {
            let fetched = json!({ "id": fetch.id, "outcomes": [] });
            process.0.handle_fetched(Timestamp(at), serde_json::from_value(fetched).unwrap());
        }
        assert_ne!(process.0.read(&redis(), Timestamp(at)).unwrap().origin, Origin::Snapshot, "at {at}");
    }
}

#[test]
fn it_is_for_retrieval_failures_only() {
    let mut process = Process::start(5, &json!({}), Some(&sealed()));
    process.fetch(0, &failure("SECRETS_CONFIG_INVALID"));
    assert!(process.0.read(&redis(), Timestamp(0)).is_err());
    let mut process = Process::start(5, &json!({}), Some(&sealed()));
    process.fetch(0, &json!({ "payload": { "text": "{}", "versionId": "v2" } }));
    assert!(process.0.read(&redis(), Timestamp(0)).is_err());
}

#[test]
fn a_bad_version_is_not_papered_over_by_it_however_often_it_cannot_be_fetched_again() {
    let bad = json!({ "payload": { "text": "{}", "versionId": "v2" } });
    let mut process = Process::start(5, &json!({}), Some(&sealed()));
    process.fetch(0, &bad);
    process.fetch(2000, &failure("SECRETS_UNAVAILABLE"));
    assert!(process.0.read(&redis(), Timestamp(2000)).is_err());
    assert_eq!(process.events(), ["invalid required", "failed"]);

    // One that already stands in is a good value held: it lasts as long as any.
    let mut process = Process::start(5, &json!({}), Some(&sealed()));
    process.fetch(0, &failure("SECRETS_UNAVAILABLE"));
    process.fetch(2000, &bad);
    process.fetch(6000, &failure("SECRETS_UNAVAILABLE"));
    assert_eq!(process.0.read(&redis(), Timestamp(6000)).unwrap().origin, Origin::Snapshot);
    assert!(process.0.poll_fetch(Timestamp(20 * HOUR)).is_some());
    assert!(process.0.read(&redis(), Timestamp(20 * HOUR)).is_err(), "not the environment either");
}

#[test]
fn an_optional_secret_that_is_not_there_stays_absent() {
    let mut process = Process::start(5, &json!({}), Some(&sealed()));
    process.fetch(0, &failure("SECRETS_NOT_FOUND"));
    let monitoring = process.0.read(&Service::Monitoring.into(), Timestamp(0)).unwrap();
    assert_eq!(monitoring.origin, Origin::Environment);
    assert_eq!(process.0.read(&redis(), Timestamp(0)).unwrap().origin, Origin::Snapshot);
}

#[test]
fn it_is_sealed_for_a_new_version_at_once_and_for_a_confirmation_once_a_minute() {
    let mut process = Process::start(0, &json!({ "ttl": 10 }), None);
    assert_eq!(process.seal(0), None, "nothing is held");
    process.fetch(0, &value("v1"));
    assert!(process.seal(0).is_some());
    assert_eq!(process.seal(0), None, "nothing new");
    process.fetch(10_000, &value("v1"));
    assert_eq!(process.seal(10_000), None, "a confirmation can wait");
    process.fetch(20_000, &value("v2"));
    assert!(process.seal(20_000).unwrap().contains("\"versionId\":\"v2\""));
    process.fetch(80_000, &value("v2"));
    assert!(process.seal(80_000).unwrap().contains(&(STARTED_AT + 80_000).to_string()));
}

#[test]
fn what_could_not_be_fetched_is_sealed_as_it_was() {
    let mut process = Process::start(5, &json!({}), Some(&sealed()));
    let fetch = process.0.poll_fetch(Timestamp(0)).unwrap();
    let mut good = value("v2");
    good["service"] = "monitoring".into();
    let fetched = json!({ "id": fetch.id, "outcomes": [good] });
    process.0.handle_fetched(Timestamp(0), serde_json::from_value(fetched).unwrap());
    let mut next = Process::start(6, &json!({}), process.seal(0).as_deref());
    next.fetch(0, &failure("SECRETS_UNAVAILABLE"));
    assert_eq!(next.0.health(Timestamp(0)).services[0].age, Some(Duration::from_hours(6)));
    assert_eq!(next.0.health(Timestamp(0)).services[1].age, Some(Duration::from_hours(1)));
}

#[test]
fn nothing_is_sealed_unasked_from_the_environment_or_after_closing() {
    for options in [json!({ "snapshot": null }), json!({ "snapshot": false })] {
        let mut process = Process::start(0, &options, None);
        process.fetch(0, &value("v1"));
        assert_eq!(process.seal(0), None);
    }
    assert_eq!(Process::start(0, &json!({ "source": "environment" }), None).seal(0), None);
    let mut process = Process::start(0, &json!({}), None);
    process.fetch(0, &value("v1"));
    process.0.close();
    assert_eq!(process.seal(0), None);
}

#[test]
fn nothing_of_a_sealed_value_is_shown() {
    for broken in [sealed(), sealed().replace("\"payload\":", "\"payload\":[").replace("cache", CANARY)] {
        let mut process = Process::start(5, &json!({}), Some(&broken));
        process.fetch(0, &failure("SECRETS_UNAVAILABLE"));
        while let Some(event) = process.0.poll_event() {
            assert_no_leak(&format!("{event:?} {}", serde_json::to_string(&event).unwrap()), "an event");
        }
        assert_no_leak(&format!("{:?} {:?}", process.0.state(&redis()), process.0.health(Timestamp(0))), "the state");
    }
    let options = json!({ "source": "aws", "snapshot": { "path": "x", "identityFile": "x", "keyFile": 1 } });
    let error = Options::parse(options.as_object().unwrap(), [] as [(&str, &str); 0]).unwrap_err();
    let rules: Vec<_> = error.violations().iter().map(|it| (it.path.as_str(), it.rule)).collect();
    assert_eq!(rules, [("/snapshot/path", Rule::Unique), ("/snapshot/keyFile", Rule::UnknownOption)]);
}
