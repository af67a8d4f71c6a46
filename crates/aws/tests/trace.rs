//! A canary through the AWS SDK, hyper and the driver while everything is logged, at trace level.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::sync::Arc;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use permisos_secrets::{Secrets, Service, Source, SourceKind};
use permisos_secrets_aws::{AgentSource, AwsSource};
use permisos_secrets_core::Connection;
use permisos_secrets_testkit::leak::{CANARY, assert_no_leak};
use permisos_secrets_testkit::log::Log;
use serde_json::json;
use support::server::{Reply, Seen, Server};

/// A Redis whose every value is the canary, as text of a payload.
fn payload() -> String {
    json!({ "host": "cache", "username": CANARY, "password": CANARY, "note": CANARY }).to_string()
}

fn value(id: &str, text: &str) -> serde_json::Value {
    json!({ "Name": id, "ARN": "arn", "VersionId": "v1", "SecretString": text, "CreatedDate": 0 })
}

/// Good answers, bad ones and errors that quote, by the region in the path.
fn answer(seen: &Seen) -> Reply {
    let text = match seen.region.as_str() {
        "us-east-1" => payload(),
        "us-east-2" => format!("{{\"password\": \"{CANARY}"),
        "us-west-1" => return Reply::error(400, "ThrottlingException", "slow"),
        "us-west-2" => return Reply::error(500, "X", "y"),
        _ => return Reply { body: CANARY.into(), ..Reply::json(200, &json!(null)) },
    };
    if seen.query.contains("secretId") || seen.operation == "GetSecretValue" {
        return Reply::json(200, &value("permisos/development/redis/credentials", &text));
    }
    let ids = seen.body["SecretIdList"].as_array().cloned().unwrap_or_default();
    let values: Vec<_> = ids.iter().map(|id| value(id.as_str().unwrap_or_default(), &text)).collect();
    Reply::json(200, &json!({ "SecretValues": values, "Errors": [] }))
}

async fn load(source: Arc<dyn Source>, services: &[Service]) {
    let secrets = Secrets::builder().option("source", "aws").services(services).without_variables();
    let secrets = secrets.connect(move |_: SourceKind, _: &Connection| source).build().unwrap();
    let mut subscription = secrets.subscribe();
    if let Err(error) = secrets.ready().await {
        assert_no_leak(&format!("{error} {error:?}"), "an error");
    }
    secrets.refresh(services[0]).await.ok();
    assert_no_leak(&format!("{:?}", secrets.health()), "health");
    assert_no_leak(&format!("{:?}", secrets.read(services[0])), "a read");
    secrets.close();
    while let Some(notice) = subscription.next().await {
        assert_no_leak(&format!("{notice:?}"), "a notice");
    }
}

#[tokio::test]
async fn nothing_of_a_secret_is_logged_at_trace_level() {
    let log = Log::default();
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(log.clone())
        .init();
    let server = Server::start(answer).await;
    for region in ["us-east-1", "us-east-2", "us-west-1", "us-west-2", "eu-west-1"] {
        for services in [&[Service::Redis][..], &[Service::Redis, Service::Database]] {
            let credentials = Credentials::new("key", CANARY, Some(CANARY.to_owned()), None, "test");
            let credentials = SharedCredentialsProvider::new(credentials);
            let connection = server.connection(&[region]);
            load(Arc::new(AwsSource::new(&connection).with_credentials(credentials)), services).await;
        }
    }
    let agent = Connection { endpoint_url: Some(server.url.clone()), ..server.connection(&[]) };
    load(Arc::new(AgentSource::with_token(&agent, CANARY)), &[Service::Redis]).await;
    let text = log.text();
    assert!(text.contains("aws_smithy") && text.contains("TRACE"), "the SDK is logged too");
    assert!(text.contains("permisos_secrets::driver"), "and the driver");
    assert_no_leak(&text, "the log");
}
