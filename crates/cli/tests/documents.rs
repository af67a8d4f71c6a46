//! The documents that other programs read: `policy` and `monitor` in every format, compared with the snapshots that the
//! linters of `cargo xtask test` check. `BLESS=1` updates them.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::process::Command;

use permisos_secrets_core::Metric;
use serde_json::Value;
use support::assert_snapshot;

const PRODUCTION: [&str; 6] = ["--environment", "production", "--region", "us-east-1", "--region", "us-west-2"];
const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555";

fn printed(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_permisos-secrets"))
        .args(PRODUCTION)
        .args(arguments)
        .env_clear()
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn policy(audience: &str, format: &str) -> String {
    printed(&["policy", "--for", audience, "--format", format, "--account", "123456789012", "--kms-key", KEY])
}

fn monitor(format: &str) -> String {
    printed(&["monitor", "--format", format])
}

#[test]
fn policies_are_as_kept() {
    for audience in ["operator", "reader"] {
        for (format, extension) in
            [("cloudformation", "template.json"), ("json", "policy.json"), ("terraform", "tf.json")]
        {
            assert_snapshot(&format!("policy-{audience}.{extension}"), &policy(audience, format));
        }
    }
}

#[test]
fn alarms_dashboards_and_rules_are_as_kept() {
    let kinds = [
        ("cloudformation", "monitor.template.json"),
        ("grafana", "monitor.grafana.json"),
        ("prometheus", "monitor.rules.yml"),
        ("terraform", "monitor.tf.json"),
    ];
    for (format, name) in kinds {
        assert_snapshot(name, &monitor(format));
    }
}

#[test]
fn a_policy_is_the_same_in_every_format() {
    for audience in ["operator", "reader"] {
        let document: Value = serde_json::from_str(&policy(audience, "json")).unwrap();
        let template: Value = serde_json::from_str(&policy(audience, "cloudformation")).unwrap();
        assert_eq!(template["Resources"]["SecretsPolicy"]["Properties"]["PolicyDocument"], document);
        let terraform: Value = serde_json::from_str(&policy(audience, "terraform")).unwrap();
        let encoded =
            terraform["resource"]["aws_iam_policy"][format!("secrets_{audience}")]["policy"].as_str().unwrap();
        assert_eq!(serde_json::from_str::<Value>(encoded).unwrap(), document);
    }
}

#[test]
fn without_a_key_no_use_of_one_is_granted() {
    let policy = printed(&["policy", "--account", "123456789012"]);
    assert!(!policy.contains("kms:"), "{policy}");
}

#[test]
fn the_prometheus_metrics_are_the_engines() {
    for text in [monitor("grafana"), monitor("prometheus")] {
        let named = text.split("permisos_secrets_").skip(1);
        let named = named.map(|rest| rest.split(|c: char| !c.is_ascii_lowercase() && c != '_').next().unwrap());
        for name in named {
            let name = format!("permisos_secrets_{name}");
            assert!(Metric::ALL.iter().any(|metric| metric.name() == name), "{name} is no metric");
        }
    }
    let grafana = monitor("grafana");
    for metric in Metric::ALL {
        assert!(grafana.contains(metric.name()), "the dashboard does not show {}", metric.name());
    }
}

#[test]
fn the_cloudwatch_metrics_are_those_documented() {
    let documentation = include_str!("../../../docs/monitoring.md");
    let template: Value = serde_json::from_str(&monitor("cloudformation")).unwrap();
    let resources = template["Resources"].as_object().unwrap();
    let mut names: Vec<String> = vec![];
    for resource in resources.values().filter(|it| it["Type"] == "AWS::CloudWatch::Alarm") {
        names.push(resource["Properties"]["MetricName"].as_str().unwrap().to_owned());
    }
    let body = resources["Dashboard"]["Properties"]["DashboardBody"].as_str().unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    for widget in body["widgets"].as_array().unwrap() {
        // What a metric widget must have, by CloudWatch's "Dashboard body structure and syntax".
        assert_eq!(
            (widget["type"].as_str(), widget["properties"]["region"].as_str()),
            (Some("metric"), Some("us-east-1"))
        );
        assert!(widget["x"].as_u64().unwrap() + widget["width"].as_u64().unwrap() <= 24, "the grid has 24 columns");
        for series in widget["properties"]["metrics"].as_array().unwrap() {
            assert_eq!((series[2].as_str(), series[3].as_str()), (Some("Environment"), Some("production")));
            names.push(series[1].as_str().unwrap().to_owned());
        }
    }
    for name in names {
        assert!(documentation.contains(&format!("| `{name}` |")), "docs/monitoring.md does not list {name}");
    }
}

#[test]
fn every_alarm_has_its_entry_in_the_runbook() {
    let runbook = include_str!("../../../docs/runbook.md");
    let headings: Vec<String> = runbook
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .map(|title| title.to_lowercase().replace(' ', "-").replace('`', ""))
        .collect();
    for text in [monitor("cloudformation"), monitor("prometheus"), monitor("terraform")] {
        let anchors = text.split("runbook.md#").skip(1).map(|rest| rest.split('"').next().unwrap());
        for anchor in anchors {
            assert!(headings.iter().any(|heading| heading == anchor), "docs/runbook.md has no heading for #{anchor}");
        }
    }
}
