//! Metrics: what health says, as numbers with names. The one table for recorders, alerts and dashboards.

use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::engine::health::{FetchCount, Health, Status};
use crate::engine::state::{Origin, ReadCounts};
use crate::error::ErrorKind;
use crate::options::SourceKind;
use crate::policy::Freshness;
use crate::time::milliseconds;

/// A metric. Names, units and suffixes are [those that Prometheus asks for](https://prometheus.io/docs/practices/naming/).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Metric {
    /// How long ago each value was fetched or confirmed.
    Age,
    /// How many fetches of each secret failed in a row.
    ConsecutiveFailures,
    /// Where the environment or a snapshot stands in for Secrets Manager.
    FallbackActive,
    /// The time that calls took together.
    FetchDuration,
    /// Calls to Secrets Manager.
    Fetches,
    /// Reads.
    Reads,
    /// Where a value past its lifetime is served since it cannot be fetched again.
    Stale,
    /// Which required service cannot be read.
    Unavailable,
    /// How long ago each version was made.
    VersionAge,
}

/// One number.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sample<'h> {
    /// Of which metric; in JSON its name.
    pub metric: Metric,
    /// A value for each of [`Metric::labels`], in their order.
    pub labels: Vec<&'h str>,
    /// The number.
    pub value: f64,
}

/// One row of the table.
struct Row {
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
}

const TABLE: [Row; 9] = [
    Row {
        name: "permisos_secrets_age_seconds",
        help: "Time since the value was fetched or confirmed",
        labels: &["environment", "service"],
    },
    Row {
        name: "permisos_secrets_consecutive_failures",
        help: "Fetches of the secret that failed in a row",
        labels: &["environment", "service"],
    },
    Row {
        name: "permisos_secrets_fallback_active",
        help: "1 while environment variables or a snapshot stand in for Secrets Manager",
        labels: &["environment", "service"],
    },
    Row {
        name: "permisos_secrets_fetch_duration_seconds_total",
        help: "Time that calls to Secrets Manager took together",
        labels: &["environment", "operation", "status"],
    },
    Row {
        name: "permisos_secrets_fetches_total",
        help: "Calls to Secrets Manager; status is ok or the error's code",
        labels: &["environment", "operation", "status"],
    },
    Row {
        name: "permisos_secrets_reads_total",
        help: "Reads by what answered them: environment, failed, fresh or stale",
        labels: &["environment", "service", "outcome"],
    },
    Row {
        name: "permisos_secrets_stale",
        help: "1 while a value past its lifetime is served since it cannot be fetched again",
        labels: &["environment", "service"],
    },
    Row {
        name: "permisos_secrets_unavailable",
        help: "1 while a required service cannot be read",
        labels: &["environment", "service"],
    },
    Row {
        name: "permisos_secrets_version_age_seconds",
        help: "Time since the version was made: grows until the next rotation",
        labels: &["environment", "service"],
    },
];

impl Metric {
    /// Every metric, in alphabetical order.
    pub const ALL: [Self; 9] = [
        Self::Age,
        Self::ConsecutiveFailures,
        Self::FallbackActive,
        Self::FetchDuration,
        Self::Fetches,
        Self::Reads,
        Self::Stale,
        Self::Unavailable,
        Self::VersionAge,
    ];

    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// The name, e.g. `permisos_secrets_reads_total`.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// What it counts or measures.
    pub fn help(self) -> &'static str {
        self.row().help
    }

    /// The names of its labels.
    pub fn labels(self) -> &'static [&'static str] {
        self.row().labels
    }

    /// Whether it only grows; the others go up and down.
    pub fn is_counter(self) -> bool {
        self.name().ends_with("_total")
    }
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Health {
    /// Every metric's numbers now. A service that holds no value has no age.
    pub fn samples(&self) -> Vec<Sample<'_>> {
        let mut samples = vec![];
        let place = self.environment.as_str();
        for service in &self.services {
            let of = |metric, value| Sample { metric, labels: vec![place, service.service.as_str()], value };
            // The empty config of an optional service that does not exist replaces nothing.
            let is_fallback = matches!(service.origin, Some(Origin::Environment | Origin::Snapshot))
                && self.source != SourceKind::Environment
                && service.status != Status::Healthy;
            samples.extend(service.age.map(|age| of(Metric::Age, seconds(age))));
            samples.push(of(Metric::ConsecutiveFailures, f64::from(service.consecutive_failures)));
            samples.push(of(Metric::FallbackActive, flag(is_fallback)));
            // Not for the moment in which a value is renewed.
            let is_stale = service.freshness == Some(Freshness::Stale) && service.status != Status::Healthy;
            samples.push(of(Metric::Stale, flag(is_stale)));
            samples.push(of(Metric::Unavailable, flag(service.status == Status::Unavailable)));
            samples.extend(service.version_age.map(|age| of(Metric::VersionAge, seconds(age))));
            let ReadCounts { environment, failed, fresh, stale } = service.reads;
            let reads = [("environment", environment), ("failed", failed), ("fresh", fresh), ("stale", stale)];
            samples.extend(reads.map(|(outcome, count)| Sample {
                metric: Metric::Reads,
                labels: vec![place, service.service.as_str(), outcome],
                value: number(count),
            }));
        }
        for FetchCount { operation, error, count, duration } in &self.fetches {
            let labels = vec![place, operation.as_str(), error.map_or("ok", ErrorKind::code)];
            let duration = seconds(*duration);
            samples.push(Sample { metric: Metric::FetchDuration, labels: labels.clone(), value: duration });
            samples.push(Sample { metric: Metric::Fetches, labels, value: number(*count) });
        }
        samples
    }
}

fn flag(is_set: bool) -> f64 {
    f64::from(u8::from(is_set))
}

/// To the millisecond, as every runtime says it.
fn seconds(duration: Duration) -> f64 {
    number(milliseconds(duration)) / 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53: 285,000 years in milliseconds")]
fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum_and_of_the_alphabet() {
        for (index, metric) in Metric::ALL.into_iter().enumerate() {
            assert_eq!(metric as usize, index);
        }
        assert!(TABLE.is_sorted_by_key(|row| row.name));
    }
}
