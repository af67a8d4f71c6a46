//! The seam to the outside: what the engine asks for, what a source brings back, and the trait that a source implements.
//! Signatures alone, so that a source needs this crate and no driver.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::error::ErrorKind;
use crate::name::SecretId;
use crate::service::ServiceId;
use crate::time::{UnixTime, maybe_in_milliseconds};

/// Fetches what the engine asks for. Answers every request with an outcome; a failure is an outcome, not an error.
///
/// A source bounds its own time: the driver waits for it, and one flight per secret means that nothing else asks
/// meanwhile.
pub trait Source: Send + Sync + 'static {
    /// Fetches everything in one go: one batch call where the server has one.
    fn fetch<'a>(&'a self, fetch: &'a Fetch) -> Pin<Box<dyn Future<Output = Fetched> + Send + 'a>>;
}

/// Names one fetch among those under way.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct FetchId(pub u64);

/// Everything that is due at one moment: one batch for the driver's source.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Fetch {
    /// Goes back with what was fetched.
    pub id: FetchId,
    /// The secrets to fetch, each at most once.
    pub requests: Vec<Request>,
}

/// One secret to fetch.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// Whose secret it is.
    pub service: ServiceId,
    /// Its name or ARN.
    pub secret_id: SecretId,
    /// The version to fetch.
    pub stage: Stage,
    /// A refresh asks for it: what is stored now, past any cache that the source has. Absent in JSON where it is not so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forced: bool,
}

/// A version by its staging label. Always asked for explicitly: emulators and tools differ about the default.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum Stage {
    /// `AWSCURRENT`
    #[serde(rename = "AWSCURRENT")]
    Current,
    /// `AWSPREVIOUS`
    #[serde(rename = "AWSPREVIOUS")]
    Previous,
}

impl Stage {
    /// The staging label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Current => "AWSCURRENT",
            Self::Previous => "AWSPREVIOUS",
        }
    }
}

/// What a source brings back: an outcome for each request, and the calls that it took.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "serde_json::Value")]
pub struct Fetched {
    /// The fetch it answers.
    pub id: FetchId,
    /// An outcome for each request, in any order. A request without one counts as unavailable.
    pub outcomes: Vec<Outcome>,
    /// The calls made, for the counters.
    pub calls: Vec<Call>,
}

/// What became of one request.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Whose secret it is.
    pub service: ServiceId,
    /// The version asked for.
    pub stage: Stage,
    /// The payload or the failure.
    pub result: Result<Payload, Failure>,
}

/// A secret's value as stored, not yet read.
#[derive(Clone)]
pub struct Payload {
    /// The text; `None` for a binary secret.
    pub text: Option<SecretString>,
    /// The version's id.
    pub version_id: String,
    /// When the version was made, by Secrets Manager's clock, in milliseconds since 1970.
    pub created_at: Option<UnixTime>,
    /// The region that answered.
    pub region: Option<String>,
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text: _, version_id, created_at, region } = self;
        f.debug_struct("Payload")
            .field("text", &"[REDACTED]")
            .field("version_id", version_id)
            .field("created_at", created_at)
            .field("region", region)
            .finish()
    }
}

/// Why a secret could not be fetched. The message must hold no value: it is the source's own words, not the server's.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// What kind of error it is.
    #[serde(rename = "code")]
    pub kind: ErrorKind,
    /// What was tried and what happened; the engine adds what to do.
    pub message: String,
    /// The server asked to wait so long, in milliseconds in JSON.
    #[serde(rename = "retryAfterMs", with = "maybe_in_milliseconds")]
    pub retry_after: Option<Duration>,
}

/// One call to a server.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    /// Which operation.
    pub operation: Operation,
    /// How it failed, if it did.
    pub error: Option<ErrorKind>,
    /// How long it took, in milliseconds in JSON.
    #[serde(rename = "durationMs", with = "maybe_in_milliseconds")]
    pub duration: Option<Duration>,
}

/// An operation of the Secrets Manager API.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Operation {
    /// Up to 20 secrets in one call.
    BatchGetSecretValue,
    /// One secret.
    GetSecretValue,
}

impl Operation {
    /// The name as the API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BatchGetSecretValue => "BatchGetSecretValue",
            Self::GetSecretValue => "GetSecretValue",
        }
    }
}
