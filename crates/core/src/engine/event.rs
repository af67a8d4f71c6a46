//! What happened, for logs, alerts and listeners. Holds no value.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::engine::state::Origin;
use crate::error::{ErrorKind, Violation};
use crate::service::ServiceId;
use crate::time::{Timestamp, in_milliseconds};

/// Something that happened to one service's secret.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Event {
    /// When, in milliseconds since the driver was made.
    pub at: Timestamp,
    /// Whose secret it is.
    pub service: ServiceId,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase", tag = "type")]
pub enum EventKind {
    /// A fetch failed.
    Failed {
        /// Why.
        error: ErrorKind,
        /// What was tried and what to do.
        message: String,
        /// How many fetches of this secret failed in a row.
        consecutive_failures: u32,
        /// When the next try comes, from now.
        #[serde(rename = "retryInMs", with = "in_milliseconds")]
        retry_in: Duration,
    },
    /// Reads are answered from elsewhere because of this error.
    Fallback {
        /// Why the secret could not be fetched.
        error: ErrorKind,
        /// What stands in: the sealed snapshot, else the environment.
        origin: Origin,
        /// What is worth a warning in it.
        warnings: Vec<Violation>,
    },
    /// A version is malformed or violates the schema, and replaces nothing; or the sealed snapshot cannot be used.
    Invalid {
        /// The bad version; none where the environment is the source, or the snapshot as a whole is at fault.
        version_id: Option<String>,
        /// Everything that is wrong with it.
        violations: Vec<Violation>,
    },
    /// The first value.
    Loaded {
        /// Where it came from.
        origin: Origin,
        /// Its version; none from the environment.
        version_id: Option<String>,
        /// What is worth a warning.
        warnings: Vec<Violation>,
    },
    /// A fetch succeeded again after failures.
    Recovered {
        /// How many fetches had failed in a row.
        failures: u32,
        /// Whether reads were answered from the sealed snapshot or the environment meanwhile.
        from_fallback: bool,
    },
    /// A fetch confirmed the version held.
    Refreshed {
        /// The version held.
        version_id: String,
        /// What became worth a warning since it was confirmed last, such as a certificate that expired.
        warnings: Vec<Violation>,
    },
    /// Another version is current; reads already answer it.
    Rotated {
        /// The version before.
        from: String,
        /// The version now.
        to: String,
        /// What is worth a warning in the new version.
        warnings: Vec<Violation>,
    },
    /// A value past its lifetime is served because revalidation failed.
    Stale {
        /// How long it has been held.
        #[serde(rename = "ageMs", with = "in_milliseconds")]
        age: Duration,
        /// When it is gone, from now.
        #[serde(rename = "expiresInMs", with = "in_milliseconds")]
        expires_in: Duration,
    },
}

impl EventKind {
    /// The version that the event is about, if it is about one.
    pub fn version_id(&self) -> Option<&str> {
        match self {
            Self::Invalid { version_id, .. } | Self::Loaded { version_id, .. } => version_id.as_deref(),
            Self::Refreshed { version_id, .. } | Self::Rotated { to: version_id, .. } => Some(version_id),
            Self::Failed { .. } | Self::Fallback { .. } | Self::Recovered { .. } | Self::Stale { .. } => None,
        }
    }

    /// What is worth a warning in what is read from now on. Each warning is reported once for a version.
    pub fn warnings(&self) -> &[Violation] {
        match self {
            Self::Fallback { warnings, .. }
            | Self::Loaded { warnings, .. }
            | Self::Refreshed { warnings, .. }
            | Self::Rotated { warnings, .. } => warnings,
            Self::Failed { .. } | Self::Invalid { .. } | Self::Recovered { .. } | Self::Stale { .. } => &[],
        }
    }

    /// The event's name: `loaded`, `refreshed`, `rotated`, `stale`, `fallback`, `recovered`, `invalid` or `failed`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Failed { .. } => "failed",
            Self::Fallback { .. } => "fallback",
            Self::Invalid { .. } => "invalid",
            Self::Loaded { .. } => "loaded",
            Self::Recovered { .. } => "recovered",
            Self::Refreshed { .. } => "refreshed",
            Self::Rotated { .. } => "rotated",
            Self::Stale { .. } => "stale",
        }
    }
}
