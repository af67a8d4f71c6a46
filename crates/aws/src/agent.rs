//! The AWS Secrets Manager Agent, or the Lambda extension, over HTTP on this machine.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::{Request as HttpRequest, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use permisos_secrets::Source;
use permisos_secrets_core::{
    Call, Connection, ErrorKind, Failure, Fetch, Fetched, Operation, Outcome, Payload, Request, UnixTime,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::{Host, Url};

use crate::flights::in_flight;
use crate::table;

/// Secrets Manager's 64 KiB, escaped as JSON, with room for the rest.
const BODY_LIMIT: usize = 512 * 1024;
const DEFAULT_PORT: u16 = 2773;
const TOKEN_FILE: &str = "/var/run/awssmatoken";

/// Fetches from the agent. The agent has a cache of its own (300 s by default), so a rotation is seen that much later;
/// asking it to refresh each time would make it useless.
#[derive(Clone)]
pub struct AgentSource(Arc<Agent>);

struct Agent {
    endpoint: Result<Url, Failure>,
    timeout: Duration,
    client: Client<HttpConnector, Empty<Bytes>>,
    /// As in `AWS_TOKEN`; none: look for it.
    token: Option<SecretString>,
}

/// `GetSecretValue`'s answer, as the agent passes it on.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Value {
    secret_string: Option<String>,
    version_id: String,
    /// Seconds since 1970, or a date as text, depending on the agent's version.
    created_date: Option<serde_json::Value>,
}

impl AgentSource {
    /// A source that contacts the agent at the first fetch. The endpoint is the connection's, else
    /// `http://localhost:2773`, or the port that `PARAMETERS_SECRETS_EXTENSION_HTTP_PORT` names.
    pub fn new(connection: &Connection) -> Self {
        Self::connected(connection, None)
    }

    /// Takes this token, or the file that a `file://` URL names, instead of looking for one.
    pub fn with_token(connection: &Connection, token: &str) -> Self {
        Self::connected(connection, Some(token.into()))
    }

    fn connected(connection: &Connection, token: Option<SecretString>) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self(Arc::new(Agent { endpoint: endpoint(connection), timeout: connection.timeout, client, token }))
    }

    async fn fetch_all(&self, fetch: &Fetch) -> Fetched {
        let flights = fetch.requests.iter().map(|request| async move {
            let started = Instant::now();
            let result = self.0.get(request).await;
            let error = result.as_ref().err().map(|failure| failure.kind);
            let duration = Some(started.elapsed());
            let outcome = Outcome { service: request.service.clone(), stage: request.stage, result };
            (outcome, Call { operation: Operation::GetSecretValue, error, duration })
        });
        let (outcomes, calls) = in_flight(flights.collect()).unzip().await;
        Fetched { id: fetch.id, outcomes, calls }
    }
}

impl Source for AgentSource {
    fn fetch<'a>(&'a self, fetch: &'a Fetch) -> Pin<Box<dyn Future<Output = Fetched> + Send + 'a>> {
        Box::pin(self.fetch_all(fetch))
    }
}

impl Agent {
    async fn get(&self, request: &Request) -> Result<Payload, Failure> {
        let mut url = self.endpoint.clone()?;
        url.set_path("/secretsmanager/get");
        url.query_pairs_mut()
            .append_pair("secretId", request.secret_id.as_str())
            .append_pair("versionStage", request.stage.as_str());
        let timed = tokio::time::timeout(self.timeout, self.ask(&url));
        timed.await.unwrap_or_else(|_| Err(failure(ErrorKind::Timeout, "the agent did not answer in time")))
    }

    async fn ask(&self, url: &Url) -> Result<Payload, Failure> {
        // Read each time: the agent writes a new token when it starts.
        let token = token(self.token.clone()).await?;
        let unusable = |_| failure(ErrorKind::Unauthenticated, "the agent's token holds characters that no header may");
        let request = HttpRequest::get(url.as_str())
            .header("X-Aws-Parameters-Secrets-Token", token.expose_secret().trim())
            .body(Empty::new())
            .map_err(unusable)?;
        let lost = || failure(ErrorKind::Unavailable, "the agent cannot be reached: is it running on this machine?");
        let response = self.client.request(request).await.map_err(|_| lost())?;
        let status = response.status();
        let body = Limited::new(response.into_body(), BODY_LIMIT).collect().await;
        let malformed = || failure(ErrorKind::Unavailable, "the agent answered something malformed or too long");
        let body = body.map_err(|_| malformed())?.to_bytes();
        if status != StatusCode::OK {
            return Err(refusal(status, &body));
        }
        let value: Value = serde_json::from_slice(&body).map_err(|_| malformed())?;
        Ok(Payload {
            text: value.secret_string.map(Into::into),
            version_id: table::sanitised(&value.version_id),
            created_at: value.created_date.as_ref().and_then(created_at),
            region: None,
        })
    }
}

fn refusal(status: StatusCode, body: &[u8]) -> Failure {
    #[derive(Deserialize)]
    struct Refusal {
        #[serde(rename = "__type", alias = "code", alias = "Code")]
        code: String,
    }
    let code = serde_json::from_slice::<Refusal>(body).map(|refusal| refusal.code).unwrap_or_default();
    let code = code.rsplit('#').next().unwrap_or_default();
    let kind = match status {
        // The agent itself refuses a wrong token so.
        StatusCode::FORBIDDEN if code.is_empty() => ErrorKind::Unauthenticated,
        _ => table::kind(code, status.as_u16()),
    };
    failure(kind, &format!("the agent answered {} (HTTP {})", table::shown(code), status.as_u16()))
}

fn created_at(value: &serde_json::Value) -> Option<UnixTime> {
    let milliseconds = match value {
        serde_json::Value::Number(seconds) => {
            Duration::try_from_secs_f64(seconds.as_f64()?).ok().and_then(|it| u64::try_from(it.as_millis()).ok())
        }
        serde_json::Value::String(text) => {
            let format = aws_smithy_types::date_time::Format::DateTimeWithOffset;
            let at = aws_smithy_types::DateTime::from_str(text, format).ok()?;
            u64::try_from(at.to_millis().ok()?).ok()
        }
        _ => None,
    };
    milliseconds.map(UnixTime)
}

fn endpoint(connection: &Connection) -> Result<Url, Failure> {
    let port = std::env::var("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT").ok().and_then(|port| port.parse().ok());
    let default = format!("http://localhost:{}", port.unwrap_or(DEFAULT_PORT));
    let url = Url::parse(connection.endpoint_url.as_deref().unwrap_or(&default));
    url.ok().filter(is_loopback).ok_or_else(|| {
        let message = "`endpointUrl` is not an http URL on this machine (localhost or a loopback address): the agent's \
                       answers are not encrypted";
        failure(ErrorKind::ConfigInvalid, message)
    })
}

fn is_loopback(url: &Url) -> bool {
    url.scheme() == "http"
        && match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
}

/// The token that proves to the agent that the caller is of this machine: `AWS_TOKEN` (a `file://` URL names a file),
/// else `AWS_SESSION_TOKEN`, else the file that the agent writes.
async fn token(given: Option<SecretString>) -> Result<SecretString, Failure> {
    let variable = |name| std::env::var(name).ok().map(SecretString::from);
    let given = given.or_else(|| variable("AWS_TOKEN")).or_else(|| variable("AWS_SESSION_TOKEN"));
    let path = match &given {
        Some(token) => match token.expose_secret().strip_prefix("file://") {
            Some(path) => path,
            None => return Ok(token.clone()),
        },
        None => TOKEN_FILE,
    };
    tokio::fs::read_to_string(path).await.map(Into::into).map_err(|_| {
        let message =
            format!("the agent's token cannot be read from {path}: set AWS_TOKEN or let this user read the file");
        failure(ErrorKind::Unauthenticated, &message)
    })
}

fn failure(kind: ErrorKind, message: &str) -> Failure {
    Failure { kind, message: message.to_owned(), retry_after: None }
}
