//! The `metrics` facade, fed from health.

use metrics::{Label, counter, describe_counter, describe_gauge, gauge};
use permisos_secrets_core::Metric;

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
        for sample in self.health().samples() {
            let named = sample.metric.labels().iter().zip(&sample.labels);
            let labels: Vec<Label> = named.map(|(name, value)| Label::new(*name, (*value).to_owned())).collect();
            let name = sample.metric.name();
            if is_counter(sample.metric) {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was a u64")]
                counter!(name, labels).absolute(sample.value as u64);
            } else {
                gauge!(name, labels).set(sample.value);
            }
        }
    }
}

/// The facade's counters are whole numbers: seconds go into a gauge, over which `rate` works as well.
fn is_counter(metric: Metric) -> bool {
    metric.is_counter() && metric != Metric::FetchDuration
}
