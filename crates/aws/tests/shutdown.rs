//! The runtime of an application stops at any moment, also while a fetch is under way.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use permisos_secrets::{Secrets, Service, Source};
use permisos_secrets_aws::{AgentSource, AwsSource};
use permisos_secrets_core::Connection;
use serde_json::json;
use support::server::{Reply, Seen, Server};
use tokio::runtime::Builder;

const STEP: Duration = Duration::from_micros(50);
const STEPS: u32 = 200;

/// For AWS, which denies the batch, and for the agent.
fn answer(seen: &Seen) -> Reply {
    let reply = match seen.operation.as_str() {
        "BatchGetSecretValue" => Reply::error(400, "AccessDeniedException", "no"),
        _ => Reply::json(200, &json!({ "VersionId": "v1", "SecretString": "{\"host\":\"cache\"}" })),
    };
    Reply { delay: Duration::from_millis(2), ..reply }
}

/// Loads in a runtime that stops after that time.
fn stop_after(time: Duration, services: &[Service], url: &str, source: &Arc<dyn Source>) {
    let source = source.clone();
    let secrets = Secrets::builder()
        .environment("test")
        .option("source", "aws")
        .option("endpointUrl", url)
        .option("region", "us-east-1")
        .services(services)
        .without_variables()
        .connect(move |_, _| source)
        .build()
        .unwrap();
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let loading = secrets.clone();
    runtime.spawn(async move { loading.ready().await });
    thread::sleep(time);
    drop(runtime);
}

#[test]
fn a_stop_at_any_moment_is_silent() {
    // Whatever panics, in whichever thread.
    static PANICS: AtomicUsize = AtomicUsize::new(0);
    std::panic::set_hook(Box::new(|_| {
        PANICS.fetch_add(1, Ordering::SeqCst);
    }));
    let serving = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = serving.block_on(Server::start(answer));
    let connection = Connection { timeout: Duration::from_mins(1), ..server.connection(&["us-east-1"]) };
    let credentials = SharedCredentialsProvider::new(Credentials::new("key", "secret", None, None, "test"));
    let several = [Service::Redis, Service::Database, Service::Email];
    for step in 0..STEPS {
        let aws = || Arc::new(AwsSource::new(&connection).with_credentials(credentials.clone()));
        stop_after(STEP * step, &several[..1], &server.url, &(aws() as Arc<dyn Source>));
        stop_after(STEP * step, &several, &server.url, &(aws() as Arc<dyn Source>));
        let agent = Connection { endpoint_url: Some(server.url.clone()), ..connection.clone() };
        let agent = Arc::new(AgentSource::with_token(&agent, "token"));
        stop_after(STEP * step, &several, &server.url, &(agent as Arc<dyn Source>));
    }
    let _ = std::panic::take_hook();
    assert!(!server.seen().is_empty(), "the server was asked");
    assert_eq!(PANICS.load(Ordering::SeqCst), 0, "panics in {STEPS} stops of each source");
}
