//! The `metrics` facade through a real exporter: names, labels, values, and never a secret.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeSet;

use metrics_exporter_prometheus::PrometheusBuilder;
use permisos_secrets::{Secrets, Service};
use permisos_secrets_core::{ErrorKind, Metric};
use permisos_secrets_testkit::leak::{CANARY, assert_no_leak};
use support::{Behaviour, Scripted};

fn rendered(secrets: &Secrets) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || {
        Secrets::describe_metrics();
        secrets.record_metrics();
    });
    recorder.handle().render()
}

async fn loaded(behaviour: Behaviour) -> Secrets {
    let source = Scripted::new(behaviour);
    let secrets = Secrets::builder()
        .option("source", "aws")
        .environment("test")
        .services([Service::Redis])
        .variables([("REDIS_URL".to_owned(), format!("redis://:{CANARY}@cache:6379"))])
        .connect(move |_, _| source)
        .build()
        .unwrap();
    secrets.ready().await.unwrap();
    secrets.redis().unwrap();
    secrets
}

#[tokio::test]
async fn health_becomes_metrics() {
    let text = rendered(&loaded(Behaviour::Answer("v1")).await);
    for line in [
        "# TYPE permisos_secrets_reads_total counter",
        "permisos_secrets_reads_total{environment=\"test\",service=\"redis\",outcome=\"fresh\"} 1",
        "permisos_secrets_fetches_total{environment=\"test\",operation=\"GetSecretValue\",status=\"ok\"} 1",
        "permisos_secrets_fetch_duration_seconds_total{environment=\"test\",operation=\"GetSecretValue\",status=\"ok\"} 0.005",
        "permisos_secrets_fallback_active{environment=\"test\",service=\"redis\"} 0",
        "permisos_secrets_stale{environment=\"test\",service=\"redis\"} 0",
    ] {
        assert!(text.lines().any(|it| it == line), "{line} is not in\n{text}");
    }
    let named: BTreeSet<&str> = text.lines().filter_map(|line| line.split(['{', ' ']).next()).collect();
    for metric in Metric::ALL {
        assert!(named.contains(metric.name()), "{} is not in\n{text}", metric.name());
    }
}

#[tokio::test]
async fn the_fallback_is_told_without_its_value() {
    let text = rendered(&loaded(Behaviour::Fail(ErrorKind::AccessDenied)).await);
    for line in [
        "permisos_secrets_fallback_active{environment=\"test\",service=\"redis\"} 1",
        "permisos_secrets_consecutive_failures{environment=\"test\",service=\"redis\"} 1",
        "permisos_secrets_age_seconds{environment=\"test\",service=\"redis\"} NaN",
        "permisos_secrets_fetches_total{environment=\"test\",operation=\"GetSecretValue\",status=\"SECRETS_ACCESS_DENIED\"} 1",
    ] {
        assert!(text.lines().any(|it| it == line), "{line} is not in\n{text}");
    }
    assert_no_leak(&text, "the exposition");
}

#[test]
fn the_documentation_lists_every_metric() {
    let documentation = include_str!("../../../docs/monitoring.md");
    for metric in Metric::ALL {
        let kind = if metric.is_counter() { "counter" } else { "gauge" };
        let labels: Vec<String> = metric.labels().iter().map(|label| format!("`{label}`")).collect();
        let row = format!("| `{}` | {kind} | {} | {} |", metric.name(), labels.join(" "), metric.help());
        assert!(documentation.contains(&row), "docs/monitoring.md lacks the row\n{row}");
    }
}
