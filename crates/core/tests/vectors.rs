//! Every rule's vectors, on the engine itself.

#![expect(clippy::unwrap_used, reason = "a test")]

use permisos_secrets_core::{Engine, Error, LoginRetry, Options, Refresh, Timestamp, UnixTime};
use permisos_secrets_testkit::vectors::{Subject, run_all};
use serde_json::{Map, Value, json};

struct Core(Engine);

fn document(error: &Error) -> Value {
    serde_json::to_value(error).unwrap()
}

impl Subject for Core {
    const RUNTIME: &str = "core";

    fn open(options: &Value, variables: &Map<String, Value>) -> Result<Self, Value> {
        let variables = variables.iter().map(|(name, value)| (name, value.as_str().unwrap_or_default()));
        let options = Options::parse(options.as_object().unwrap(), variables);
        options.map(|(options, variables)| Self(Engine::new(options, variables))).map_err(|error| document(&error))
    }

    fn handle_clock(&mut self, now: u64, wall: u64) {
        self.0.handle_clock(Timestamp(now), UnixTime(wall));
    }

    fn poll_fetch(&mut self, now: u64) -> Option<Value> {
        self.0.poll_fetch(Timestamp(now)).map(|fetch| serde_json::to_value(fetch).unwrap())
    }

    fn handle_fetched(&mut self, now: u64, fetched: &Value) {
        self.0.handle_fetched(Timestamp(now), serde_json::from_value(fetched.clone()).unwrap());
    }

    fn poll_timeout(&self) -> Option<u64> {
        self.0.poll_timeout().map(|at| at.0)
    }

    fn poll_event(&mut self) -> Option<Value> {
        self.0.poll_event().map(|event| serde_json::to_value(event).unwrap())
    }

    fn read(&self, service: &str, now: u64) -> Result<Value, Value> {
        let read = self.0.read(&service.into(), Timestamp(now)).map_err(|error| document(&error))?;
        let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        Ok(json!({
            "config": parse(&read.config.expose_json()),
            "redacted": parse(&read.config.redacted_json()),
            "origin": read.origin,
            "freshness": read.freshness,
            "versionId": read.version_id.as_deref(),
            "previous": read.previous.map(|previous| json!({ "config": parse(&previous.expose_json()) })),
        }))
    }

    fn refresh(&mut self, service: &str, now: u64) -> Result<String, Value> {
        let refresh = self.0.refresh(&service.into(), Timestamp(now)).map_err(|error| document(&error))?;
        Ok(match refresh {
            Refresh::Current => "current".into(),
            Refresh::Joined => "joined".into(),
            Refresh::Started => "started".into(),
        })
    }

    fn loaded(&self, now: u64) -> Option<Result<(), Value>> {
        self.0.loaded(Timestamp(now)).map(|loaded| loaded.map_err(|error| document(&error)))
    }

    fn health(&self, now: u64) -> Value {
        serde_json::to_value(self.0.health(Timestamp(now))).unwrap()
    }
}

#[test]
fn every_vector_holds() {
    assert!(run_all::<Core>() >= 150, "vectors are missing");
}

/// How an error is walked is its runtime's; what its codes and messages mean is decided here.
#[test]
fn a_login_that_another_password_may_heal_is_told_from_any_other_failure() {
    let vectors: Value = serde_json::from_str(include_str!("../../../tests/vectors/logins/refused.json")).unwrap();
    for vector in vectors.as_array().unwrap() {
        let mut reported = vec![];
        report(&vector["error"], &mut reported);
        assert_eq!(LoginRetry::is_login_failure(reported), vector["retried"], "{}", vector["rule"]);
    }
}

fn report<'v>(error: &'v Value, reported: &mut Vec<(&'v str, &'v str)>) {
    let text = |name: &str| error[name].as_str().unwrap_or_default();
    let message = if error["originalMessage"].is_string() { "originalMessage" } else { "message" };
    let codes = ["code", "errorCode", "kind", "originalCode"].map(text);
    reported.extend(codes.map(|code| (code, text(message))));
    let below = error.as_object().into_iter().flat_map(|it| it.values()).chain(error.as_array().into_iter().flatten());
    for value in below.filter(|value| value.is_object() || value.is_array()) {
        report(value, reported);
    }
}
