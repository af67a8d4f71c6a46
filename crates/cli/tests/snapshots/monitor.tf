# Written by `permisos-secrets monitor`. Subscribe to the topic.

resource "aws_sns_topic" "secrets" {
  name = "permisos-secrets-production"
}

resource "aws_sns_topic_policy" "secrets" {
  arn = aws_sns_topic.secrets.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "LetAlarmsAndRulesPublish"
        Effect = "Allow"
        Principal = {
          Service = [
            "cloudwatch.amazonaws.com",
            "events.amazonaws.com",
          ]
        }
        Action   = "sns:Publish"
        Resource = aws_sns_topic.secrets.arn
      },
    ]
  })
}

resource "aws_cloudwatch_metric_alarm" "secrets_unavailable" {
  alarm_name        = "permisos-secrets-production-SecretsUnavailable"
  alarm_description = "A required secret cannot be read. What to do: https://github.com/permisos-digitales/permisos-secrets/blob/main/docs/runbook.md#secretsunavailable"
  namespace         = "Permisos/Secrets"
  metric_name       = "UnavailableServices"
  dimensions = {
    Environment = "production"
  }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 60
  evaluation_periods  = 2
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.secrets.arn]
  ok_actions          = [aws_sns_topic.secrets.arn]
}

resource "aws_cloudwatch_metric_alarm" "secrets_fallback_active" {
  alarm_name        = "permisos-secrets-production-SecretsFallbackActive"
  alarm_description = "Environment variables or a snapshot stand in for Secrets Manager. What to do: https://github.com/permisos-digitales/permisos-secrets/blob/main/docs/runbook.md#secretsfallbackactive"
  namespace         = "Permisos/Secrets"
  metric_name       = "FallbackServices"
  dimensions = {
    Environment = "production"
  }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.secrets.arn]
  ok_actions          = [aws_sns_topic.secrets.arn]
}

resource "aws_cloudwatch_metric_alarm" "secrets_stale" {
  alarm_name        = "permisos-secrets-production-SecretsStale"
  alarm_description = "An expired value is served because fetches fail. What to do: https://github.com/permisos-digitales/permisos-secrets/blob/main/docs/runbook.md#secretsstale"
  namespace         = "Permisos/Secrets"
  metric_name       = "StaleServices"
  dimensions = {
    Environment = "production"
  }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 300
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.secrets.arn]
  ok_actions          = [aws_sns_topic.secrets.arn]
}

resource "aws_cloudwatch_metric_alarm" "secrets_fetches_failing" {
  alarm_name        = "permisos-secrets-production-SecretsFetchesFailing"
  alarm_description = "A secret cannot be fetched. What to do: https://github.com/permisos-digitales/permisos-secrets/blob/main/docs/runbook.md#secretsfetchesfailing"
  namespace         = "Permisos/Secrets"
  metric_name       = "FailingServices"
  dimensions = {
    Environment = "production"
  }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 300
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.secrets.arn]
  ok_actions          = [aws_sns_topic.secrets.arn]
}

resource "aws_cloudwatch_metric_alarm" "secrets_rotation_overdue" {
  alarm_name        = "permisos-secrets-production-SecretsRotationOverdue"
  alarm_description = "A secret has not been rotated for too long. What to do: https://github.com/permisos-digitales/permisos-secrets/blob/main/docs/runbook.md#secretsrotationoverdue"
  namespace         = "Permisos/Secrets"
  metric_name       = "OldestVersion"
  dimensions = {
    Environment = "production"
  }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 7776000
  period              = 3600
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.secrets.arn]
  ok_actions          = [aws_sns_topic.secrets.arn]
}

resource "aws_cloudwatch_dashboard" "secrets" {
  dashboard_name = "permisos-secrets-production"
  dashboard_body = jsonencode({
    widgets = [
      {
        type   = "metric"
        x      = 0
        y      = 0
        width  = 12
        height = 6
        properties = {
          title  = "Services that need attention"
          view   = "timeSeries"
          region = "us-east-1"
          stat   = "Maximum"
          period = 60
          metrics = [
            [
              "Permisos/Secrets",
              "UnavailableServices",
              "Environment",
              "production",
            ],
            [
              "Permisos/Secrets",
              "FallbackServices",
              "Environment",
              "production",
            ],
            [
              "Permisos/Secrets",
              "StaleServices",
              "Environment",
              "production",
            ],
            [
              "Permisos/Secrets",
              "FailingServices",
              "Environment",
              "production",
            ],
          ]
        }
      },
      {
        type   = "metric"
        x      = 12
        y      = 0
        width  = 12
        height = 6
        properties = {
          title  = "Calls to Secrets Manager"
          view   = "timeSeries"
          region = "us-east-1"
          stat   = "Sum"
          period = 300
          metrics = [
            [
              "Permisos/Secrets",
              "Fetches",
              "Environment",
              "production",
            ],
            [
              "Permisos/Secrets",
              "FailedFetches",
              "Environment",
              "production",
            ],
          ]
        }
      },
      {
        type   = "metric"
        x      = 0
        y      = 6
        width  = 12
        height = 6
        properties = {
          title  = "Longest since a value was fetched or confirmed (seconds)"
          view   = "timeSeries"
          region = "us-east-1"
          stat   = "Maximum"
          period = 300
          metrics = [[
            "Permisos/Secrets",
            "OldestAge",
            "Environment",
            "production",
          ]]
        }
      },
      {
        type   = "metric"
        x      = 12
        y      = 6
        width  = 12
        height = 6
        properties = {
          title  = "Longest since a version was made (seconds)"
          view   = "timeSeries"
          region = "us-east-1"
          stat   = "Maximum"
          period = 3600
          metrics = [[
            "Permisos/Secrets",
            "OldestVersion",
            "Environment",
            "production",
          ]]
        }
      },
    ]
  })
}

resource "aws_cloudwatch_event_rule" "secrets_rotation_failed" {
  name        = "permisos-secrets-production-rotation-failed"
  description = "A rotation failed. What to do: https://github.com/permisos-digitales/permisos-secrets/blob/main/docs/runbook.md#rotationfailed"
  event_pattern = jsonencode({
    source        = ["aws.secretsmanager"]
    "detail-type" = ["AWS Service Event via CloudTrail"]
    detail = {
      eventSource = ["secretsmanager.amazonaws.com"]
      eventName = [
        "RotationAbandoned",
        "RotationFailed",
      ]
    }
  })
}

resource "aws_cloudwatch_event_target" "secrets_rotation_failed" {
  rule      = aws_cloudwatch_event_rule.secrets_rotation_failed.name
  target_id = "alarms"
  arn       = aws_sns_topic.secrets.arn
}
