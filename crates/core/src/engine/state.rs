//! What readers read: a state of one service that answers by itself for every moment until the next one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind};
use crate::policy::Freshness;
use crate::schema::{Config, exact_json};
use crate::service::ServiceId;
use crate::time::Timestamp;

/// Where a config came from.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Environment variables.
    Environment,
    /// AWS Secrets Manager, directly or through the agent.
    SecretsManager,
    /// The sealed snapshot: what Secrets Manager answered before a restart in an outage.
    Snapshot,
}

/// What a read answers.
#[derive(Clone, Debug)]
pub struct Read {
    /// The typed config.
    pub config: Config,
    /// Where it came from.
    pub origin: Origin,
    /// Whether it is within its lifetime; what comes from the environment always is.
    pub freshness: Freshness,
    /// The version of the secret; none from the environment.
    pub version_id: Option<Arc<str>>,
    /// The config before the last rotation, while it is still honoured.
    pub previous: Option<Config>,
}

impl Read {
    /// An answer as JSON **with its secret values**, for a runtime without Rust's types:
    /// `{ config, redacted, origin, freshness, versionId, previous }` or `{ error }`. Zeroed when dropped.
    pub fn expose_json(answer: &Result<Self, Error>) -> Zeroizing<String> {
        let Self { config, origin, freshness, version_id, previous } = match answer {
            Ok(read) => read,
            Err(error) => return Zeroizing::new(format!("{{\"error\":{}}}", json(error))),
        };
        let shapes = |config: &Config| {
            let (exposed, redacted) = (config.expose_json(), config.redacted_json());
            Zeroizing::new(format!("\"config\":{},\"redacted\":{redacted}", *exposed))
        };
        let previous = previous.as_ref().map(|previous| Zeroizing::new(format!("{{{}}}", *shapes(previous))));
        Zeroizing::new(format!(
            "{{{},\"origin\":{},\"freshness\":{},\"versionId\":{},\"previous\":{}}}",
            *shapes(config),
            json(origin),
            json(freshness),
            json(&version_id.as_deref()),
            previous.as_ref().map_or("null", |previous| previous.as_str()),
        ))
    }
}

/// Values of the engine's own, which are always JSON.
fn json(value: &impl Serialize) -> String {
    exact_json(value).to_string()
}

/// The state of one service. Immutable: a driver publishes it to its readers, who need no lock and no engine.
#[derive(Clone, Debug)]
pub struct ServiceState {
    /// Whose state it is.
    pub service: ServiceId,
    /// A good value; it answers while it is usable.
    pub held: Option<Held>,
    /// What the environment holds; it answers where nothing is held.
    pub fallback: Option<Config>,
    /// Answers where there is nothing else; none: `NotReady`.
    pub failure: Option<Error>,
    pub(crate) counts: Arc<ReadCounter>,
}

/// A good value and how long it may be served.
#[derive(Clone, Debug)]
pub struct Held {
    /// The value.
    pub config: Config,
    /// The value before the last rotation, while it is still honoured.
    pub previous: Option<Config>,
    /// The version's id.
    pub version_id: Arc<str>,
    /// Secrets Manager, or the sealed snapshot.
    pub origin: Origin,
    /// The end of its lifetime.
    pub fresh_until: Timestamp,
    /// The end of stale-if-error: it must not be served any more.
    pub usable_until: Timestamp,
}

impl ServiceState {
    /// Nothing yet.
    pub fn empty(service: ServiceId) -> Self {
        Self { service, held: None, fallback: None, failure: None, counts: Arc::default() }
    }

    /// Answers a read: the value held, else the environment, else the error. Never waits.
    pub fn read(&self, now: Timestamp) -> Result<Read, Error> {
        self.counted(now).map(Answer::into_read)
    }

    /// The config alone: a read that costs one reference count.
    pub fn config(&self, now: Timestamp) -> Result<Config, Error> {
        self.counted(now).map(|answer| answer.config().clone())
    }

    /// Whether the end of what is held has come. The engine takes the value away then; until its driver had a turn, as
    /// after the process stood still, it has not decided yet.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.held.as_ref().is_some_and(|held| held.usable_until <= now)
    }

    /// What a read would answer; not counted as one.
    pub(crate) fn answer(&self, now: Timestamp) -> Result<Read, Error> {
        self.decide(now).map(Answer::into_read)
    }

    /// Counts reads that were answered elsewhere, from an answer of this origin and freshness.
    pub fn count(&self, origin: Origin, freshness: Freshness, times: u64) {
        let counter = match (origin, freshness) {
            (Origin::Environment, _) => &self.counts.environment,
            (_, Freshness::Fresh) => &self.counts.fresh,
            (_, Freshness::Stale) => &self.counts.stale,
        };
        counter.fetch_add(times, Ordering::Relaxed);
    }

    fn counted(&self, now: Timestamp) -> Result<Answer<'_>, Error> {
        let answer = self.decide(now);
        match &answer {
            Ok(Answer::Environment(_)) => self.count(Origin::Environment, Freshness::Fresh, 1),
            Ok(Answer::Held(held, freshness)) => self.count(held.origin, *freshness, 1),
            Err(_) => drop(self.counts.failed.fetch_add(1, Ordering::Relaxed)),
        }
        answer
    }

    fn decide(&self, now: Timestamp) -> Result<Answer<'_>, Error> {
        if let Some(held) = self.held.as_ref().filter(|held| now < held.usable_until) {
            let freshness = if now < held.fresh_until { Freshness::Fresh } else { Freshness::Stale };
            return Ok(Answer::Held(held, freshness));
        }
        if let Some(config) = &self.fallback {
            return Ok(Answer::Environment(config));
        }
        Err(self.failure.clone().unwrap_or_else(|| {
            let message =
                format!("{} is not loaded yet: load the secrets, and wait for it, before the first read", self.service);
            Error::of(self.service.clone(), ErrorKind::NotReady, message)
        }))
    }

    /// How reads of this service were answered since the engine was made.
    pub fn reads(&self) -> ReadCounts {
        let total = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let ReadCounter { environment, failed, fresh, stale } = &*self.counts;
        ReadCounts { environment: total(environment), failed: total(failed), fresh: total(fresh), stale: total(stale) }
    }
}

/// An answer not yet cloned out of its snapshot.
enum Answer<'a> {
    Environment(&'a Config),
    Held(&'a Held, Freshness),
}

impl Answer<'_> {
    fn config(&self) -> &Config {
        match self {
            Self::Environment(config) => config,
            Self::Held(held, _) => &held.config,
        }
    }

    fn into_read(self) -> Read {
        let config = self.config().clone();
        match self {
            Self::Environment(_) => Read {
                config,
                origin: Origin::Environment,
                freshness: Freshness::Fresh,
                version_id: None,
                previous: None,
            },
            Self::Held(held, freshness) => Read {
                config,
                origin: held.origin,
                freshness,
                version_id: Some(held.version_id.clone()),
                previous: held.previous.clone(),
            },
        }
    }
}

/// How reads of one service were answered.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct ReadCounts {
    /// From the environment.
    pub environment: u64,
    /// With an error.
    pub failed: u64,
    /// From Secrets Manager, within its lifetime.
    pub fresh: u64,
    /// From Secrets Manager, past its lifetime, or from the sealed snapshot.
    pub stale: u64,
}

/// Counts reads; every snapshot of a service shares one.
#[derive(Debug, Default)]
pub(crate) struct ReadCounter {
    environment: AtomicU64,
    failed: AtomicU64,
    fresh: AtomicU64,
    stale: AtomicU64,
}
