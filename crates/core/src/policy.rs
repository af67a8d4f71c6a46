//! Cache policy: pure arithmetic on durations. Freshness is named as in RFC 9111, stale-if-error as in RFC 5861.

use std::time::Duration;

use fastrand::Rng;
use serde::{Deserialize, Serialize};

use crate::time::milliseconds;

/// Whether a value is within its lifetime.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Freshness {
    /// Within its lifetime.
    Fresh,
    /// Past its lifetime, within stale-if-error; revalidation is under way.
    Stale,
}

/// How long what was fetched may be served.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CachePolicy {
    /// The longest lifetime. Default one hour, as AWS's own caching clients.
    pub ttl: Duration,
    /// How long past its lifetime an entry is still served while fetches fail. Default 24 hours: a night's outage.
    pub stale_if_error: Duration,
    /// How long the value before a rotation is honoured. Default 24 hours: the usual life of a session.
    pub previous_for: Duration,
}

impl Default for CachePolicy {
    fn default() -> Self {
        let day = Duration::from_hours(24);
        Self { ttl: Duration::from_hours(1), stale_if_error: day, previous_for: day }
    }
}

impl CachePolicy {
    /// The longest time that a value is served after Secrets Manager answered it.
    pub fn longest(&self) -> Duration {
        self.ttl.saturating_add(self.stale_if_error)
    }

    /// A lifetime: `ttl` × U[0.9, 1.0], so that a fleet started together does not refresh together.
    pub fn lifetime(&self, rng: &mut Rng) -> Duration {
        let ttl = milliseconds(self.ttl);
        Duration::from_millis(uniform(rng, ttl - ttl / 10, ttl))
    }
}

/// How long to wait after failed fetches.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Backoff {
    /// What the window doubles from. 1 s: a failover's blip is over after two.
    pub initial: Duration,
    /// The largest window. 300 s: an hour's outage costs a process a dozen calls, its end is noticed in minutes.
    pub limit: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { initial: Duration::from_secs(1), limit: Duration::from_mins(5) }
    }
}

impl Backoff {
    /// The window after so many consecutive failures: min(initial × 2ⁿ, limit), saturating.
    pub fn window(&self, failures: u32) -> Duration {
        let factor = 1_u32.checked_shl(failures).unwrap_or(u32::MAX);
        self.initial.saturating_mul(factor).min(self.limit)
    }

    /// The wait: U[w/2, w] with w the window; a server's retry-after wins if longer.
    pub fn delay(&self, failures: u32, retry_after: Option<Duration>, rng: &mut Rng) -> Duration {
        let window = milliseconds(self.window(failures));
        Duration::from_millis(uniform(rng, window.div_ceil(2), window)).max(retry_after.unwrap_or_default())
    }
}

fn uniform(rng: &mut Rng, low: u64, high: u64) -> u64 {
    rng.u64(low..=high.max(low))
}
