//! `monitor`: alarms, dashboards and rules for the metrics that the library emits.

use clap::{Args, ValueEnum};
use permisos_secrets_core::{Error, ErrorKind, Metric};
use serde_json::{Value, json};

use crate::Exit;
use crate::context::Context;
use crate::terraform::{self, encoded};

/// Print alarms, a dashboard and a rule for failed rotations: CloudWatch, Prometheus, Grafana.
#[derive(Args)]
#[command(
    after_help = "CloudWatch gets its numbers from the log lines of @permisos/secrets/cloudwatch, Prometheus from the \
collectors that docs/monitoring.md lists. This command makes no network call."
)]
pub(crate) struct Monitor {
    /// What to print
    #[arg(long, default_value = "cloudformation")]
    format: Format,
    /// Alarm on versions older than so many days
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3650))]
    rotation_days: u32,
    /// The namespace of the CloudWatch metrics
    #[arg(long, value_name = "NAME", default_value = "Permisos/Secrets", value_parser = namespace)]
    namespace: String,
    /// The URL of the runbook
    #[arg(long, value_name = "URL", default_value = RUNBOOK, value_parser = url)]
    runbook: String,
}

const RUNBOOK: &str = "https://github.com/permisos-digitales/permisos-secrets/blob/main/docs/runbook.md";

/// What to write.
#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// A CloudFormation template: alarms, a dashboard, a rule for failed rotations, a topic for all of them
    Cloudformation,
    /// A Grafana dashboard on the Prometheus metrics
    Grafana,
    /// Prometheus alert rules
    Prometheus,
    /// The same as the CloudFormation template, for Terraform: JSON for a file *.tf.json
    Terraform,
}

/// One alarm, for CloudWatch and for Prometheus.
struct Alarm {
    name: &'static str,
    summary: &'static str,
    severity: &'static str,
    /// The runbook's heading.
    anchor: &'static str,
    /// The value above which it fires.
    threshold: u64,
    /// CloudWatch: the metric, above the threshold in so many periods of so many seconds.
    metric: &'static str,
    period: u32,
    periods: u32,
    /// Prometheus: the metric, above the threshold for so long.
    gauge: Metric,
    lasting: &'static str,
}

impl Monitor {
    pub(crate) fn run(&self, context: &Context<'_>) -> Exit {
        let environment = context.options.environment.as_str();
        let region = || {
            context.options.connection.regions.first().map(String::as_str).ok_or_else(|| {
                let message = "alarms and a dashboard belong to one region: pass --region or set AWS_REGION";
                Error::new(ErrorKind::ConfigInvalid, message)
            })
        };
        match self.format {
            Format::Cloudformation => context.output.document(&self.cloudformation(environment, region()?)),
            Format::Grafana => context.output.document(&grafana(environment)),
            Format::Prometheus => context.output.foreign(&self.prometheus(environment)),
            Format::Terraform => context.output.document(&self.terraform(environment, region()?)),
        }
        Ok(None)
    }

    /// Most urgent first.
    fn alarms(&self) -> [Alarm; 5] {
        let overdue = u64::from(self.rotation_days) * 24 * 3600;
        [
            Alarm {
                name: "SecretsUnavailable",
                summary: "A required secret cannot be read",
                severity: "critical",
                anchor: "secretsunavailable",
                metric: "UnavailableServices",
                threshold: 0,
                period: 60,
                periods: 2,
                gauge: Metric::Unavailable,
                lasting: "2m",
            },
            Alarm {
                name: "SecretsFallbackActive",
                summary: "Environment variables or a snapshot stand in for Secrets Manager",
                severity: "warning",
                anchor: "secretsfallbackactive",
                metric: "FallbackServices",
                threshold: 0,
                period: 300,
                periods: 1,
                gauge: Metric::FallbackActive,
                lasting: "5m",
            },
            Alarm {
                name: "SecretsStale",
                summary: "An expired value is served because fetches fail",
                severity: "warning",
                anchor: "secretsstale",
                metric: "StaleServices",
                threshold: 0,
                period: 300,
                periods: 3,
                gauge: Metric::Stale,
                lasting: "15m",
            },
            Alarm {
                name: "SecretsFetchesFailing",
                summary: "A secret cannot be fetched",
                severity: "warning",
                anchor: "secretsfetchesfailing",
                metric: "FailingServices",
                threshold: 0,
                period: 300,
                periods: 3,
                gauge: Metric::ConsecutiveFailures,
                lasting: "15m",
            },
            Alarm {
                name: "SecretsRotationOverdue",
                summary: "A secret has not been rotated for too long",
                severity: "info",
                anchor: "secretsrotationoverdue",
                metric: "OldestVersion",
                threshold: overdue,
                period: 3600,
                periods: 1,
                gauge: Metric::VersionAge,
                lasting: "1h",
            },
        ]
    }

    fn describe(&self, alarm: &Alarm) -> String {
        format!("{}. What to do: {}", alarm.summary, self.runbook_entry(alarm.anchor))
    }

    fn runbook_entry(&self, anchor: &str) -> String {
        format!("{}#{anchor}", self.runbook)
    }

    fn cloudformation(&self, environment: &str, region: &str) -> Value {
        let mut resources = json!({
            "AlarmTopic": { "Type": "AWS::SNS::Topic", "Properties": { "TopicName": topic(environment) } },
            "AlarmTopicPolicy": {
                "Type": "AWS::SNS::TopicPolicy",
                "Properties": {
                    "Topics": [{ "Ref": "AlarmTopic" }],
                    "PolicyDocument": topic_policy(&json!({ "Ref": "AlarmTopic" })),
                },
            },
        });
        for alarm in self.alarms() {
            resources[alarm.name] = json!({
                "Type": "AWS::CloudWatch::Alarm",
                "Properties": {
                    "AlarmName": alarm_name(environment, &alarm),
                    "AlarmDescription": self.describe(&alarm),
                    "Namespace": self.namespace,
                    "MetricName": alarm.metric,
                    "Dimensions": [{ "Name": "Environment", "Value": environment }],
                    "Statistic": "Maximum",
                    "ComparisonOperator": "GreaterThanThreshold",
                    "Threshold": alarm.threshold,
                    "Period": alarm.period,
                    "EvaluationPeriods": alarm.periods,
                    "TreatMissingData": "notBreaching",
                    "AlarmActions": [{ "Ref": "AlarmTopic" }],
                    "OKActions": [{ "Ref": "AlarmTopic" }],
                },
            });
        }
        resources["Dashboard"] = json!({
            "Type": "AWS::CloudWatch::Dashboard",
            "Properties": {
                "DashboardName": topic(environment),
                "DashboardBody": self.dashboard(environment, region).to_string(),
            },
        });
        resources["RotationFailed"] = json!({
            "Type": "AWS::Events::Rule",
            "Properties": {
                "Name": rotation_rule(environment),
                "Description": self.rotation_description(),
                "EventPattern": rotation_pattern(),
                "State": "ENABLED",
                "Targets": [{ "Id": "alarms", "Arn": { "Ref": "AlarmTopic" } }],
            },
        });
        json!({
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": format!("Monitoring of the secrets of {environment}, by permisos-secrets monitor"),
            "Resources": resources,
            "Outputs": {
                "AlarmTopicArn": { "Description": "Subscribe to it", "Value": { "Ref": "AlarmTopic" } },
            },
        })
    }

    fn terraform(&self, environment: &str, region: &str) -> Value {
        let (topic_arn, secrets) = ("${aws_sns_topic.secrets.arn}", || "secrets".to_owned());
        let policy = json!({ "arn": topic_arn, "policy": encoded(&topic_policy(&topic_arn.into())) });
        let mut resources = vec![
            ("aws_sns_topic", secrets(), json!({ "name": topic(environment) })),
            ("aws_sns_topic_policy", secrets(), policy),
        ];
        for alarm in self.alarms() {
            let attributes = json!({
                "alarm_name": alarm_name(environment, &alarm),
                "alarm_description": self.describe(&alarm),
                "namespace": self.namespace,
                "metric_name": alarm.metric,
                "dimensions": { "Environment": environment },
                "statistic": "Maximum",
                "comparison_operator": "GreaterThanThreshold",
                "threshold": alarm.threshold,
                "period": alarm.period,
                "evaluation_periods": alarm.periods,
                "treat_missing_data": "notBreaching",
                "alarm_actions": [topic_arn],
                "ok_actions": [topic_arn],
            });
            resources.push(("aws_cloudwatch_metric_alarm", snake(alarm.name), attributes));
        }
        let body = encoded(&self.dashboard(environment, region));
        let dashboard = json!({ "dashboard_name": topic(environment), "dashboard_body": body });
        let rule = json!({
            "name": rotation_rule(environment),
            "description": self.rotation_description(),
            "event_pattern": encoded(&rotation_pattern()),
        });
        let target = json!({
            "rule": "${aws_cloudwatch_event_rule.secrets_rotation_failed.name}",
            "target_id": "alarms",
            "arn": topic_arn,
        });
        let failed = || "secrets_rotation_failed".to_owned();
        resources.push(("aws_cloudwatch_dashboard", secrets(), dashboard));
        resources.push(("aws_cloudwatch_event_rule", failed(), rule));
        resources.push(("aws_cloudwatch_event_target", failed(), target));
        terraform::document("Written by `permisos-secrets monitor`. Subscribe to the topic.", resources)
    }

    /// The body of a CloudWatch dashboard.
    fn dashboard(&self, environment: &str, region: &str) -> Value {
        let graphs = [
            (
                "Services that need attention",
                "Maximum",
                60,
                &["UnavailableServices", "FallbackServices", "StaleServices", "FailingServices"][..],
            ),
            ("Calls to Secrets Manager", "Sum", 300, &["Fetches", "FailedFetches"]),
            ("Longest since a value was fetched or confirmed (seconds)", "Maximum", 300, &["OldestAge"]),
            ("Longest since a version was made (seconds)", "Maximum", 3600, &["OldestVersion"]),
        ];
        let widgets = graphs.iter().enumerate().map(|(index, (title, statistic, period, names))| {
            let series = names.iter().map(|name| json!([self.namespace, name, "Environment", environment]));
            json!({
                "type": "metric",
                "x": index % 2 * 12,
                "y": index / 2 * 6,
                "width": 12,
                "height": 6,
                "properties": {
                    "title": title,
                    "view": "timeSeries",
                    "region": region,
                    "stat": statistic,
                    "period": period,
                    "metrics": series.collect::<Vec<_>>(),
                },
            })
        });
        json!({ "widgets": widgets.collect::<Vec<_>>() })
    }

    fn rotation_description(&self) -> String {
        format!("A rotation failed. What to do: {}", self.runbook_entry("rotationfailed"))
    }

    /// YAML, in which every string is quoted as in JSON.
    fn prometheus(&self, environment: &str) -> String {
        let rules = self.alarms().map(|alarm| {
            let summary = Value::from(format!("{}: {{{{ $labels.service }}}}", alarm.summary));
            let runbook = Value::from(self.runbook_entry(alarm.anchor));
            let Alarm { name, threshold, gauge, lasting, severity, .. } = alarm;
            let gauge = of(gauge, environment);
            format!(
                "      - alert: {name}
        expr: '{gauge} > {threshold}'
        for: {lasting}
        labels:
          severity: {severity}
        annotations:
          summary: {summary}
          runbook_url: {runbook}
"
            )
        });
        let (head, group) = ("# Written by `permisos-secrets monitor`.", Value::from(topic(environment)));
        format!("{head}\ngroups:\n  - name: {group}\n    rules:\n{}", rules.concat())
    }
}

/// The name of both topic and dashboard.
fn topic(environment: &str) -> String {
    // A secret's name may hold these characters, a topic's may not.
    format!("permisos-secrets-{}", environment.replace(['+', '=', '.', '@'], "-"))
}

fn alarm_name(environment: &str, alarm: &Alarm) -> String {
    format!("{}-{}", topic(environment), alarm.name)
}

fn rotation_rule(environment: &str) -> String {
    within(64, &format!("{}-rotation-failed", topic(environment)))
}

/// A name within a limit, different from other names that are cut at the same place.
fn within(limit: usize, name: &str) -> String {
    if name.len() <= limit {
        return name.to_owned();
    }
    // FNV-1a: the same name always gives the same text.
    let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("{}-{hash:08x}", &name[..limit - 9])
}

/// A metric of one environment, in Prometheus's language.
fn of(metric: Metric, environment: &str) -> String {
    format!("{}{{environment={}}}", metric.name(), Value::from(environment))
}

/// [How Secrets Manager reports rotations](https://docs.aws.amazon.com/secretsmanager/latest/userguide/cloudtrail_log_entries.html).
fn rotation_pattern() -> Value {
    json!({
        "source": ["aws.secretsmanager"],
        "detail-type": ["AWS Service Event via CloudTrail"],
        "detail": { "eventSource": ["secretsmanager.amazonaws.com"], "eventName": ["RotationAbandoned", "RotationFailed"] },
    })
}

fn topic_policy(topic: &Value) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "LetAlarmsAndRulesPublish",
            "Effect": "Allow",
            "Principal": { "Service": ["cloudwatch.amazonaws.com", "events.amazonaws.com"] },
            "Action": "sns:Publish",
            "Resource": topic,
        }],
    })
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

/// A Grafana dashboard.
fn grafana(environment: &str) -> Value {
    let by = |metric: Metric, labels: &str| {
        format!("sum by ({labels}) (rate({}[$__rate_interval]))", of(metric, environment))
    };
    let worst = |metric: Metric| format!("max by (service) ({})", of(metric, environment));
    let duration = format!("{} / {}", by(Metric::FetchDuration, "operation"), by(Metric::Fetches, "operation"));
    let panels = [
        ("stat", "Unavailable", "none", worst(Metric::Unavailable), "{{service}}"),
        ("stat", "Fallback active", "none", worst(Metric::FallbackActive), "{{service}}"),
        ("stat", "Stale", "none", worst(Metric::Stale), "{{service}}"),
        ("timeseries", "Failed fetches in a row", "none", worst(Metric::ConsecutiveFailures), "{{service}}"),
        ("timeseries", "Reads", "reqps", by(Metric::Reads, "service, outcome"), "{{service}} {{outcome}}"),
        (
            "timeseries",
            "Calls to Secrets Manager",
            "reqps",
            by(Metric::Fetches, "operation, status"),
            "{{operation}} {{status}}",
        ),
        ("timeseries", "Duration of a call", "s", duration, "{{operation}}"),
        ("timeseries", "Since a value was fetched or confirmed", "s", worst(Metric::Age), "{{service}}"),
        ("timeseries", "Since a version was made", "s", worst(Metric::VersionAge), "{{service}}"),
    ];
    let datasource = json!({ "type": "prometheus", "uid": "${datasource}" });
    let panels = panels.into_iter().enumerate().map(|(index, (kind, title, unit, expression, legend))| {
        // The first three are flags: red is set.
        let thresholds = json!({
            "mode": "absolute",
            "steps": [{ "color": "green", "value": null }, { "color": "red", "value": 1 }],
        });
        let defaults =
            if kind == "stat" { json!({ "unit": unit, "thresholds": thresholds }) } else { json!({ "unit": unit }) };
        json!({
            "id": index + 1,
            "type": kind,
            "title": title,
            "datasource": datasource,
            "gridPos": { "x": index % 3 * 8, "y": index / 3 * 8, "w": 8, "h": 8 },
            "fieldConfig": { "defaults": defaults, "overrides": [] },
            "options": {},
            "targets": [{ "refId": "A", "datasource": datasource, "expr": expression, "legendFormat": legend }],
        })
    });
    json!({
        // Grafana's limit is 40 characters.
        "uid": within(40, &topic(environment)),
        "title": format!("Secrets of {environment}"),
        "tags": ["permisos-secrets"],
        "schemaVersion": 39,
        "editable": true,
        "refresh": "1m",
        "time": { "from": "now-6h", "to": "now" },
        "templating": {
            "list": [{ "name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus" }],
        },
        "panels": panels.collect::<Vec<_>>(),
    })
}

fn namespace(text: &str) -> Result<String, &'static str> {
    let valid = (1..=255).contains(&text.len())
        && !text.starts_with("AWS/")
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-/#:".contains(c));
    if valid { Ok(text.to_owned()) } else { Err("must be 1 to 255 characters of A-Za-z0-9._-/#:, not of AWS/") }
}

fn url(text: &str) -> Result<String, &'static str> {
    let valid = text.starts_with("https://") || text.starts_with("http://");
    if valid { Ok(text.to_owned()) } else { Err("must be an http or https URL") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_their_limits_and_apart() {
        let long = "e".repeat(64);
        assert_eq!(within(40, "permisos-secrets-production"), "permisos-secrets-production");
        assert_eq!(rotation_rule(&long).len(), 64);
        assert_eq!(grafana(&long)["uid"].as_str().map(str::len), Some(40));
        assert_ne!(within(40, &topic(&long)), within(40, &topic(&format!("{}f", &long[1..]))));
    }
}
