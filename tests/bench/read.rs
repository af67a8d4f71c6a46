//! A warm read against AWS's own caching crate with parsing, in one run, from the same server.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

#[path = "../../crates/aws/tests/support/server.rs"]
mod server;

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Region};
use aws_secretsmanager_caching::SecretsManagerCachingClient;
use permisos_secrets::{Secrets, Service};
use permisos_secrets_aws::AwsSource;
use serde_json::{Value, json};
use server::{Reply, Server};

const ROUNDS: usize = 7;
const READS: u32 = 200_000;
const NAME: &str = "permisos/bench/database/credentials";

#[tokio::main]
async fn main() {
    let server = Server::start(|_| {
        let text = json!({ "host": "db", "port": 5432, "database": "d", "username": "u", "password": "p" }).to_string();
        let arn = format!("arn:aws:secretsmanager:us-east-1:123456789012:secret:{NAME}-AbCdEf");
        let value = json!({ "ARN": arn, "Name": NAME, "VersionId": "v1", "VersionStages": ["AWSCURRENT"],
            "SecretString": text, "CreatedDate": 1 });
        Reply::json(200, &value)
    })
    .await;
    let credentials = SharedCredentialsProvider::new(Credentials::new("key", "secret", None, None, "bench"));

    let source = AwsSource::new(&server.connection(&["us-east-1"])).with_credentials(credentials.clone());
    let secrets = Secrets::builder()
        .option("source", "aws")
        .environment("bench")
        .services([Service::Database])
        .without_variables()
        .connect(move |_, _| std::sync::Arc::new(source))
        .build()
        .unwrap();
    secrets.ready().await.unwrap();

    let config = aws_sdk_secretsmanager::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(&server.url)
        .credentials_provider(credentials)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    let client = aws_sdk_secretsmanager::Client::from_conf(config);
    let limit = NonZeroUsize::new(100).unwrap();
    let caching = SecretsManagerCachingClient::new(client, limit, Duration::from_hours(1), false).unwrap();
    caching.get_secret_value(NAME, None, None, false).await.unwrap();

    let mut ours = vec![];
    let mut theirs = vec![];
    for _ in 0..ROUNDS {
        let started = Instant::now();
        for _ in 0..READS {
            black_box(secrets.database().unwrap().port);
        }
        ours.push(started.elapsed() / READS);
        let started = Instant::now();
        for _ in 0..READS {
            let output = caching.get_secret_value(NAME, None, None, false).await.unwrap();
            let value: Value = serde_json::from_str(&output.secret_string.unwrap()).unwrap();
            black_box(value["port"].as_u64());
        }
        theirs.push(started.elapsed() / READS);
    }
    ours.sort();
    theirs.sort();
    let (ours, theirs) = (ours[ROUNDS / 2], theirs[ROUNDS / 2]);
    let ratio = theirs.as_secs_f64() / ours.as_secs_f64();
    println!(
        "warm read: {ratio:.1} times cheaper than aws_secretsmanager_caching with parsing ({ours:?} against {theirs:?})"
    );
}
