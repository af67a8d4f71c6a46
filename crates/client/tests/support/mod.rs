//! A source that answers from a script, counts its fetches and misbehaves on request.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![expect(clippy::unwrap_used, reason = "a test's support")]

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use permisos_secrets::{Secrets, Source};
use permisos_secrets_core::{Call, ErrorKind, Failure, Fetch, Fetched, Operation, Outcome, Payload};
use serde_json::json;

/// What the source does with a fetch.
#[derive(Clone)]
pub(crate) enum Behaviour {
    /// Answers every request with a payload of this version.
    Answer(&'static str),
    /// Fails every request.
    Fail(ErrorKind),
    /// Never answers.
    Hang,
    /// Panics.
    Panic,
}

pub(crate) struct Scripted {
    behaviour: Mutex<Behaviour>,
    fetches: AtomicUsize,
    requests: AtomicUsize,
}

impl Scripted {
    pub(crate) fn new(behaviour: Behaviour) -> Arc<Self> {
        Arc::new(Self { behaviour: Mutex::new(behaviour), fetches: AtomicUsize::new(0), requests: AtomicUsize::new(0) })
    }

    pub(crate) fn behave(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
    }

    pub(crate) fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Source for Scripted {
    fn fetch<'a>(&'a self, fetch: &'a Fetch) -> Pin<Box<dyn Future<Output = Fetched> + Send + 'a>> {
        Box::pin(async move {
            self.fetches.fetch_add(1, Ordering::SeqCst);
            self.requests.fetch_add(fetch.requests.len(), Ordering::SeqCst);
            // As over a network: no caller gets the answer at once.
            tokio::time::sleep(Duration::from_millis(5)).await;
            let behaviour = self.behaviour.lock().unwrap().clone();
            let result = match behaviour {
                Behaviour::Answer(version) => Ok(version),
                Behaviour::Fail(kind) => Err(kind),
                Behaviour::Hang => std::future::pending().await,
                Behaviour::Panic => panic!("a source may have bugs"),
            };
            let outcomes = fetch.requests.iter().map(|request| Outcome {
                service: request.service.clone(),
                stage: request.stage,
                result: result.map(|version| payload(request.service.as_str(), version)).map_err(|kind| Failure {
                    kind,
                    message: "scripted".into(),
                    retry_after: None,
                }),
            });
            let duration = Some(Duration::from_millis(5));
            let call = Call { operation: Operation::GetSecretValue, error: result.err(), duration };
            Fetched { id: fetch.id, outcomes: outcomes.collect(), calls: vec![call] }
        })
    }
}

fn payload(service: &str, version: &str) -> Payload {
    let fields = match service {
        "database" => json!({ "host": "db", "database": "permisos", "username": "app", "password": version }),
        "redis" if version == "bad" => json!({ "port": "none" }),
        "redis" => json!({ "host": "cache" }),
        "security" if version.starts_with("weak") => {
            json!({ "sessionSecret": "s".repeat(40), "jwtSecret": "short-jwt-secret", "internalApiKey": "k" })
        }
        "security" => json!({ "sessionSecret": "s".repeat(40), "jwtSecret": "j".repeat(40), "internalApiKey": "k" }),
        "stripe" => json!({ "publicKey": "pk_test_1", "privateKey": "sk_test_1", "webhookSecret": "whsec_1" }),
        "email" => json!({ "smtpUser": "u", "smtpPassword": "p", "fromAddress": "a@b.mx", "host": "smtp" }),
        "government-portal" => json!({ "username": "u", "password": "p", "loginUrl": "https://portal.gob.mx" }),
        _ => json!({ "sentryDsn": "dsn" }),
    };
    Payload {
        text: Some(fields.to_string().into()),
        version_id: version.into(),
        // Long ago: no AWSPREVIOUS is asked for.
        created_at: Some(serde_json::from_value(json!(0)).unwrap()),
        region: Some("us-east-1".into()),
    }
}

/// Secrets over the source, with some options and no variables.
pub(crate) fn secrets(source: &Arc<Scripted>, options: &serde_json::Value) -> Secrets {
    let source = source.clone();
    Secrets::builder()
        .option("source", "aws")
        .options(options.as_object().unwrap().clone())
        .without_variables()
        .connect(move |_, _| source)
        .build()
        .unwrap()
}
