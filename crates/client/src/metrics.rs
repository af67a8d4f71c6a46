//! The `metrics` facade, fed from health.

use metrics::{Label, counter, describe_counter, describe_gauge, gauge};
use permisos_secrets_core::{Metric, Sample};

use crate::secrets::Secrets;

impl Secrets {
    /// Describes the metrics to the recorder that is installed, once.
    pub fn describe_metrics() {
        for metric in Metric::ALL {
            if is_counter(metric) {
                describe_counter!(metric.name(), metric.help());
            } else {
                describe_gauge!(metric.name(), metric.help());
            }
        }
    }

    /// Records what health says now: call it before each scrape, or every few seconds. `docs/monitoring.md` lists the
    /// metrics.
    pub fn record_metrics(&self) {
        let health = self.health();
        // A recorder keeps a gauge: what has no age any more is not to show its last one.
        for service in &health.services {
            for metric in [Metric::Age, Metric::VersionAge] {
                let labels = labels(metric, &[health.environment.as_str(), service.service.as_str()]);
                gauge!(metric.name(), labels).set(f64::NAN);
            }
        }
        for Sample { metric, labels: values, value } in health.samples() {
            let labels = labels(metric, &values);
            if is_counter(metric) {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was a u64")]
                counter!(metric.name(), labels).absolute(value as u64);
            } else {
                gauge!(metric.name(), labels).set(value);
            }
        }
    }
}

fn labels(metric: Metric, values: &[&str]) -> Vec<Label> {
    metric.labels().iter().zip(values).map(|(name, value)| Label::new(*name, (*value).to_owned())).collect()
}

/// The facade's counters are whole numbers: seconds go into a gauge, over which `rate` works as well.
fn is_counter(metric: Metric) -> bool {
    metric.is_counter() && metric != Metric::FetchDuration
}
