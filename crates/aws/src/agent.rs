//! The AWS Workload Credentials Provider (once AWS Secrets Manager Agent), or the Lambda extension, over HTTP on this
//! machine.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorSettings, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use futures_util::StreamExt;
use http_body_util::{BodyExt, Limited};
use permisos_secrets_core::{
    Call, Connection, ErrorKind, Failure, Fetch, Fetched, Operation, Outcome, Payload, Request, Source, UnixTime,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use url::{Host, Url};

use crate::fault::failure;
use crate::flights::in_flight;
use crate::network::{Cause, Client, Route, Unreachable};
use crate::table;

/// Secrets Manager's 64 KiB, escaped as JSON, with room for the rest.
const BODY_LIMIT: usize = 512 * 1024;
const DEFAULT_PORT: &str = "2773";
const PORT_VARIABLE: &str = "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT";
/// In the agent's own order.
const TOKEN_VARIABLES: [&str; 3] = ["AWS_TOKEN", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN"];
const TOKEN_FILE: &str = "/var/run/awssmatoken";
/// How long an agent that does not know `refreshNow` is not asked with it: the one that follows it may.
const REFUSAL: Duration = Duration::from_mins(5);
/// What the Lambda extension answers until it runs.
const NOT_READY: &str = "not ready to serve traffic";

/// Fetches from the agent. The agent has a cache of its own (300 s by default), so a planned fetch sees a rotation that
/// much later; a forced one goes past it.
#[derive(Clone)]
pub struct AgentSource(Arc<Agent>);

struct Agent {
    endpoint: Result<Url, Failure>,
    timeout: Duration,
    /// Uses no proxy: what is on this machine is not asked for through another.
    connector: SharedHttpConnector,
    /// The role that the agent assumes.
    role_arn: Option<String>,
    /// As in `AWS_TOKEN`; none: look for it.
    token: Option<SecretString>,
    /// When it refused `refreshNow` last.
    refused_refresh: Mutex<Option<Instant>>,
}

/// `GetSecretValue`'s answer, as the agent passes it on.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Stored {
    secret_string: Option<String>,
    version_id: String,
    /// Seconds since 1970, as a number or as text, or a date.
    created_date: Option<Value>,
}

/// What the agent answered.
struct Answer {
    status: u16,
    body: Vec<u8>,
}

/// A token, and where it comes from.
struct Token {
    text: SecretString,
    origin: String,
}

impl fmt::Debug for AgentSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentSource").finish_non_exhaustive()
    }
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
        Self(Arc::new(Agent {
            endpoint: endpoint(connection),
            timeout: connection.timeout,
            connector: Client::new(Route::Direct, None).connector(&HttpConnectorSettings::default()),
            role_arn: connection.role_arn.clone(),
            token,
            refused_refresh: Mutex::default(),
        }))
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
        let url = self.url(request)?;
        let late = |_| {
            let message = format!("the agent at {} did not answer within {:?}", place(&url), self.timeout);
            Err(failure(ErrorKind::Timeout, &message))
        };
        tokio::time::timeout(self.timeout, self.ask(&url, request.forced)).await.unwrap_or_else(late)
    }

    fn url(&self, request: &Request) -> Result<Url, Failure> {
        let mut url = self.endpoint.clone()?;
        url.set_path("/secretsmanager/get");
        url.set_query(None);
        let mut query = url.query_pairs_mut();
        query.append_pair("secretId", request.secret_id.as_str()).append_pair("versionStage", request.stage.as_str());
        if let Some(role) = &self.role_arn {
            query.append_pair("roleArn", role);
        }
        drop(query);
        Ok(url)
    }

    async fn ask(&self, url: &Url, forced: bool) -> Result<Payload, Failure> {
        // Read each time: the agent writes a new token when it starts.
        let token = Token::find(self.token.clone()).await?;
        if forced && !self.refuses_refresh() {
            let mut forcing = url.clone();
            forcing.query_pairs_mut().append_pair("refreshNow", "true");
            let answer = self.send(&forcing, &token).await?;
            if !answer.may_refuse_a_parameter() {
                return answer.read(url, &token);
            }
            if answer.text() == "unknown parameter: refreshNow" {
                *self.refused_refresh.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            }
        }
        self.send(url, &token).await?.read(url, &token)
    }

    fn refuses_refresh(&self) -> bool {
        let refused = self.refused_refresh.lock().unwrap_or_else(PoisonError::into_inner);
        refused.is_some_and(|at| at.elapsed() < REFUSAL)
    }

    async fn send(&self, url: &Url, token: &Token) -> Result<Answer, Failure> {
        let unusable = || {
            let message = format!("the agent's token of {} holds characters that no header may", token.origin);
            failure(ErrorKind::Unauthenticated, &message)
        };
        let request = http::Request::get(url.as_str())
            .header("X-Aws-Parameters-Secrets-Token", token.text.expose_secret().trim())
            .body(SdkBody::empty());
        let request = request.ok().and_then(|request| HttpRequest::try_from(request).ok()).ok_or_else(unusable)?;
        let mut response = self.connector.call(request).await.map_err(|error| unreached(url, &error))?;
        let status = response.status().as_u16();
        let body = Limited::new(response.take_body(), BODY_LIMIT).collect().await;
        // What is too long is read no further: it is no answer of the agent's, whatever its status.
        let body = body.map_or_else(|_| vec![], |body| body.to_bytes().into());
        Ok(Answer { status, body })
    }
}

impl Answer {
    fn read(&self, url: &Url, token: &Token) -> Result<Payload, Failure> {
        if self.status != 200 {
            return Err(self.refusal(url, token));
        }
        let malformed = |_| failure(ErrorKind::Unavailable, "the agent answered something malformed or too long");
        let stored: Stored = serde_json::from_slice(&self.body).map_err(malformed)?;
        Ok(Payload {
            text: stored.secret_string.map(Into::into),
            version_id: table::sanitised(&stored.version_id),
            created_at: stored.created_date.as_ref().and_then(created_at),
            region: None,
        })
    }

    /// What the agent passes on has AWS's code. What it says itself has none, but is one of a few texts. Neither is
    /// quoted.
    fn refusal(&self, url: &Url, token: &Token) -> Failure {
        let (status, place) = (self.status, place(url));
        let (code, message) = table::code_and_message(&self.body);
        let (kind, what) = match (status, code.as_str()) {
            (_, "ConnectionError") => {
                (ErrorKind::Unavailable, "the agent found no connection to Secrets Manager".to_owned())
            }
            (_, "InternalFailure") => {
                let message = "the agent failed: its log says why; often it has no credentials".to_owned();
                (ErrorKind::Unavailable, message)
            }
            (_, "MaxRolesExceeded") => {
                let message = "the agent does not assume one more role for `roleArn`: raise its max_roles";
                (ErrorKind::ConfigInvalid, message.to_owned())
            }
            (_, "TimeoutError") => (ErrorKind::Timeout, "the agent's call to Secrets Manager timed out".to_owned()),
            (_, "") => self.own_refusal(&place, token),
            (_, code) => {
                let (kind, hint) = table::meaning(code, &message, status);
                (kind, table::hinted(format!("the agent answered {} (HTTP {status})", table::known_code(code)), hint))
            }
        };
        failure(kind, &what)
    }

    /// A refusal without a code: temporary, unless text or status say otherwise.
    fn own_refusal(&self, place: &str, token: &Token) -> (ErrorKind, String) {
        let status = self.status;
        match (status, self.text().as_str()) {
            (400, text) if text.contains(NOT_READY) => {
                (ErrorKind::Unavailable, "the agent is not ready yet".to_owned())
            }
            (400, "Forwarded") => {
                let message = format!("the agent at {place} takes no request that a proxy forwards: ask it directly");
                (ErrorKind::ConfigInvalid, message)
            }
            (400, "unknown parameter: roleArn") => {
                (ErrorKind::ConfigInvalid, "the agent is too old for `roleArn`: update it".to_owned())
            }
            (400, text) if text.starts_with("invalid roleArn") => {
                (ErrorKind::ConfigInvalid, "the agent refuses `roleArn`: it is malformed".to_owned())
            }
            (401 | 403, _) => {
                let message = format!("the agent at {place} refused the token of {}", token.origin);
                (ErrorKind::Unauthenticated, message)
            }
            (300..=399 | 404 | 405, _) => {
                let message = format!(
                    "what answers at {place} is not the agent (HTTP {status}): give its address as `endpointUrl`"
                );
                (ErrorKind::ConfigInvalid, message)
            }
            (408 | 504, _) => (ErrorKind::Timeout, format!("the agent at {place} timed out (HTTP {status})")),
            (429, _) => (ErrorKind::Throttled, format!("the agent at {place} has too many connections")),
            _ => (ErrorKind::Unavailable, format!("the agent at {place} answered HTTP {status} and no reason")),
        }
    }

    /// Whether it is asked again without what an older agent does not know.
    fn may_refuse_a_parameter(&self) -> bool {
        let (code, message) = table::code_and_message(&self.body);
        let is_parameter = code.is_empty() || table::meaning(&code, &message, 400).0 == ErrorKind::ConfigInvalid;
        self.status == 400 && is_parameter && !self.text().contains(NOT_READY)
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).trim().to_owned()
    }
}

impl Token {
    /// The token that proves to the agent that the caller is of this machine: the first variable that is set and not
    /// empty (a `file://` URL names a file), else the file that the agent writes.
    async fn find(given: Option<SecretString>) -> Result<Self, Failure> {
        let given = given.map(|text| (text, "the source's builder"));
        let named = || {
            TOKEN_VARIABLES.iter().find_map(|&name| {
                let text = std::env::var(name).ok().filter(|text| !text.trim().is_empty())?;
                Some((SecretString::from(text), name))
            })
        };
        let path = match given.or_else(named) {
            Some((text, origin)) => match text.expose_secret().strip_prefix("file://") {
                Some(path) => path.to_owned(),
                None => return Ok(Self { text, origin: origin.to_owned() }),
            },
            None => TOKEN_FILE.to_owned(),
        };
        let read = tokio::fs::read_to_string(&path).await;
        let advice = "set AWS_TOKEN as the agent has it, or";
        let unreadable =
            |_| format!("the agent's token cannot be read from {path}: {advice} let this user read the file");
        let text = read.map_err(unreadable).and_then(|text| {
            let empty = || format!("the agent's token in {path} is empty: {advice} start the agent again");
            Some(text).filter(|text| !text.trim().is_empty()).ok_or_else(empty)
        });
        let text = text.map_err(|message| failure(ErrorKind::Unauthenticated, &message))?;
        Ok(Self { text: text.into(), origin: path })
    }
}

/// Host and port: the rest of a URL may hold a password.
fn place(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

fn created_at(value: &Value) -> Option<UnixTime> {
    let seconds = match value {
        Value::Number(seconds) => seconds.as_f64(),
        // So the agent writes it.
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let milliseconds = match (seconds, value) {
        (Some(seconds), _) => {
            Duration::try_from_secs_f64(seconds).ok().and_then(|it| u64::try_from(it.as_millis()).ok())
        }
        (None, Value::String(text)) => {
            let format = aws_smithy_types::date_time::Format::DateTimeWithOffset;
            let at = aws_smithy_types::DateTime::from_str(text, format).ok()?;
            u64::try_from(at.to_millis().ok()?).ok()
        }
        _ => None,
    };
    milliseconds.map(UnixTime)
}

fn endpoint(connection: &Connection) -> Result<Url, Failure> {
    let url = match &connection.endpoint_url {
        Some(url) => url.clone(),
        None => format!("http://localhost:{}", port()?),
    };
    Url::parse(&url).ok().filter(is_loopback).ok_or_else(|| {
        let message = "`endpointUrl` is not an http URL on this machine (localhost or a loopback address): the agent's \
                       answers are not encrypted";
        failure(ErrorKind::ConfigInvalid, message)
    })
}

fn port() -> Result<u16, Failure> {
    let named = std::env::var(PORT_VARIABLE).ok().filter(|port| !port.trim().is_empty());
    named.as_deref().unwrap_or(DEFAULT_PORT).trim().parse().map_err(|_| {
        failure(ErrorKind::ConfigInvalid, &format!("{PORT_VARIABLE} is not a port: give a number from 1 to 65535"))
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

fn unreached(url: &Url, error: &ConnectorError) -> Failure {
    let place = place(url);
    let is_refused = Unreachable::in_causes_of(error).is_some_and(|lost| lost.cause == Cause::Refused);
    let message = if is_refused {
        format!("the agent at {place} refused the connection: is it running?")
    } else {
        format!("the connection to the agent at {place} failed")
    };
    failure(ErrorKind::Unavailable, &message)
}
