//! Health: the state of everything, without values.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::engine::secret::TrackedSecret;
use crate::engine::state::{Origin, ReadCounts};
use crate::error::{ErrorKind, Violation};
use crate::name::{Environment, SecretId};
use crate::options::{Options, SourceKind};
use crate::policy::Freshness;
use crate::service::ServiceId;
use crate::source::{Call, Operation};
use crate::time::{Timestamp, in_milliseconds, maybe_in_milliseconds};

/// The state of everything, without values.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// The worst of all services.
    pub status: Status,
    /// The deployment environment.
    pub environment: Environment,
    /// Where values come from.
    pub source: SourceKind,
    /// Each service asked for, in the order of the catalogue, then the custom secrets.
    pub services: Vec<ServiceHealth>,
    /// The calls made so far, by operation and outcome.
    pub fetches: Vec<FetchCount>,
}

/// How well the whole is. The worst comes last.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Everything is fresh.
    Healthy,
    /// A fetch failed and something is stale, or it is from the sealed snapshot, or from the environment though another source is meant.
    Degraded,
    /// A required service cannot be read.
    Unavailable,
}

/// The state of one service.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceHealth {
    /// Which service.
    pub service: ServiceId,
    /// The secret's name or ARN.
    pub secret_id: SecretId,
    /// Whether the application cannot do without it.
    pub required: bool,
    /// How well this service is.
    pub status: Status,
    /// Where reads are answered from; none if they are not.
    pub origin: Option<Origin>,
    /// Whether the value is within its lifetime.
    pub freshness: Option<Freshness>,
    /// How long ago the value was fetched or confirmed.
    #[serde(rename = "ageMs", with = "maybe_in_milliseconds")]
    pub age: Option<Duration>,
    /// When the value is no longer served, from now, if no fetch confirms or replaces it until then.
    #[serde(rename = "expiresInMs", with = "maybe_in_milliseconds")]
    pub expires_in: Option<Duration>,
    /// The version held.
    pub version_id: Option<String>,
    /// How long ago the version was made, by the wall clock.
    #[serde(rename = "versionAgeMs", with = "maybe_in_milliseconds")]
    pub version_age: Option<Duration>,
    /// The region that answered.
    pub region: Option<String>,
    /// When the next fetch comes, from now; none while one is under way or if none will come.
    #[serde(rename = "nextRefreshMs", with = "maybe_in_milliseconds")]
    pub next_refresh: Option<Duration>,
    /// How many fetches failed in a row.
    pub consecutive_failures: u32,
    /// Why the last one failed, if it did.
    pub last_error: Option<ErrorKind>,
    /// The same in words: what was tried, where, and what to do.
    pub last_error_message: Option<String>,
    /// What is worth a warning in the value, such as an expired certificate.
    pub warnings: Vec<Violation>,
    /// How reads were answered so far.
    pub reads: ReadCounts,
}

/// Calls of one operation with one outcome.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FetchCount {
    /// Which operation.
    pub operation: Operation,
    /// How the calls failed; none for those that succeeded.
    pub error: Option<ErrorKind>,
    /// How many.
    pub count: u64,
    /// The time they took together.
    #[serde(rename = "durationMs", with = "in_milliseconds")]
    pub duration: Duration,
}

/// The calls so far.
#[derive(Default)]
pub(crate) struct FetchCounts(BTreeMap<(Operation, Option<ErrorKind>), (u64, Duration)>);

impl FetchCounts {
    pub(crate) fn add(&mut self, calls: &[Call]) {
        for call in calls {
            let (count, duration) = self.0.entry((call.operation, call.error)).or_default();
            *count += 1;
            *duration = duration.saturating_add(call.duration.unwrap_or_default());
        }
    }
}

impl Health {
    pub(crate) fn of<'s>(
        options: &Options,
        secrets: impl Iterator<Item = &'s TrackedSecret>,
        fetches: &FetchCounts,
        now: Timestamp,
    ) -> Self {
        let services: Vec<_> = secrets.map(|secret| ServiceHealth::of(secret, options, now)).collect();
        let fetches = fetches.0.iter().map(|(&(operation, error), &(count, duration))| FetchCount {
            operation,
            error,
            count,
            duration,
        });
        Self {
            status: services.iter().map(|service| service.status).max().unwrap_or(Status::Healthy),
            environment: options.environment.clone(),
            source: options.source,
            fetches: fetches.collect(),
            services,
        }
    }
}

impl ServiceHealth {
    fn of(secret: &TrackedSecret, options: &Options, now: Timestamp) -> Self {
        let state = secret.state();
        let read = state.answer(now).ok().map(|read| (read.origin, read.freshness));
        let required = !secret.is_optional();
        let status = match &read {
            Some((Origin::SecretsManager, Freshness::Fresh)) => Status::Healthy,
            // Each lifetime ends with a fetch; only one that fails makes the value's age worth a word.
            Some((Origin::SecretsManager, Freshness::Stale)) if secret.failure.is_none() => Status::Healthy,
            Some((Origin::Environment, _)) if options.source == SourceKind::Environment => Status::Healthy,
            _ if secret.is_absent() => Status::Healthy,
            None if required => Status::Unavailable,
            Some(_) | None => Status::Degraded,
        };
        let is_held = matches!(read, Some((Origin::SecretsManager | Origin::Snapshot, _)));
        let entry = secret.entry.as_ref().filter(|_| is_held);
        let today = options.started_at.0.saturating_add(now.0);
        Self {
            service: secret.service.clone(),
            secret_id: secret.secret_id.clone(),
            required,
            status,
            origin: read.map(|(origin, _)| origin),
            freshness: read.map(|(_, freshness)| freshness),
            age: entry.map(|entry| entry.age(now)),
            expires_in: entry.map(|entry| entry.usable_until.since(now)),
            version_id: entry.map(|entry| entry.version_id.to_string()),
            version_age: entry
                .and_then(|entry| entry.payload.created_at)
                .map(|created| Duration::from_millis(today.saturating_sub(created.0))),
            region: entry.and_then(|entry| entry.payload.region.clone()),
            next_refresh: secret.current_fetch.due.map(|due| due.since(now)),
            consecutive_failures: secret.current_fetch.failures,
            last_error: secret.failure.as_ref().map(crate::Error::kind),
            last_error_message: secret.failure.as_ref().map(ToString::to_string),
            warnings: secret.warnings().to_vec(),
            reads: state.reads(),
        }
    }
}
