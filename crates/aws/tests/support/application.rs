//! An application that reads its database secret through the agent.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![expect(clippy::unwrap_used, reason = "a test's support")]

use std::sync::Arc;

use permisos_secrets::{Secrets, SecretsBuilder, Service, Source};
use permisos_secrets_aws::AgentSource;
use permisos_secrets_core::{Connection, LoginRetry, RetryStep, Timestamp};
use serde_json::{Value, json};
use tokio::time::Instant;

/// What `withDatabaseRetry` may take.
const BUDGET: std::time::Duration = std::time::Duration::from_secs(90);

/// The secret at version `n`: user and host name it.
pub(crate) fn fields(n: u64) -> Value {
    json!({ "host": format!("v{n}.internal"), "database": "permisos", "username": format!("app-{n}"),
        "password": format!("not-a-secret-{n}") })
}

/// Its version id, of a length that Secrets Manager accepts as a token.
pub(crate) fn version_id(n: u64) -> String {
    format!("00000000-0000-4000-8000-{n:012}")
}

/// Planned fetches every second unless the options say otherwise.
pub(crate) fn open(url: &str, token: &str, options: &Value) -> Secrets {
    builder(url, token, options).build().unwrap()
}

/// The same with more to say.
pub(crate) fn builder(url: &str, token: &str, options: &Value) -> SecretsBuilder {
    let token = token.to_owned();
    let source =
        move |_, connection: &Connection| -> Arc<dyn Source> { Arc::new(AgentSource::with_token(connection, &token)) };
    Secrets::builder()
        .environment("production")
        .services([Service::Database])
        .option("source", "agent")
        .option("endpointUrl", url)
        .option("ttl", 1)
        .option("timeout", 30)
        .options(options.as_object().unwrap().clone())
        .without_variables()
        .connect(source)
}

/// The user of the version held.
pub(crate) fn user(secrets: &Secrets) -> String {
    secrets.database().unwrap().username.clone()
}

/// Logs in to a server that lets only this user in, as `withDatabaseRetry` does; returns how often it had to wait.
pub(crate) async fn log_in(secrets: &Secrets, wanted: &str) -> u32 {
    let service = Service::Database;
    let started = Instant::now();
    let (mut retry, mut waits) = (LoginRetry::new(Timestamp(0), BUDGET, 7), 0);
    while user(secrets) != wanted {
        let tried = secrets.read(service).unwrap().version_id;
        loop {
            let now = Timestamp(u64::try_from(started.elapsed().as_millis()).unwrap());
            let held = secrets.read(service).unwrap().version_id;
            match retry.after_failure(now, tried.as_deref(), held.as_deref()) {
                RetryStep::GiveUp => panic!("the budget is spent"),
                RetryStep::Refresh => secrets.refresh(service).await.unwrap(),
                RetryStep::Retry => break,
                RetryStep::Wait(wait) => {
                    waits += 1;
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }
    waits
}
