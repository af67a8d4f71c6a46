# Written by `permisos-secrets policy`: attach it to the role that needs it.

resource "aws_iam_policy" "secrets_operator" {
  name        = "permisos-secrets-production-operator"
  description = "The secrets of production, for an operator"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "ManageSecrets"
        Effect = "Allow"
        Action = [
          "secretsmanager:CreateSecret",
          "secretsmanager:DescribeSecret",
          "secretsmanager:GetSecretValue",
          "secretsmanager:ListSecretVersionIds",
          "secretsmanager:PutSecretValue",
          "secretsmanager:RestoreSecret",
          "secretsmanager:RotateSecret",
          "secretsmanager:TagResource",
          "secretsmanager:UpdateSecret",
        ]
        Resource = [
          "arn:aws:secretsmanager:us-east-1:123456789012:secret:permisos/production/database/credentials-??????",
          "arn:aws:secretsmanager:us-west-2:123456789012:secret:permisos/production/database/credentials-??????",
          "arn:aws:secretsmanager:us-east-1:123456789012:secret:permisos/production/redis/credentials-??????",
          "arn:aws:secretsmanager:us-west-2:123456789012:secret:permisos/production/redis/credentials-??????",
          "arn:aws:secretsmanager:us-east-1:123456789012:secret:permisos/production/security/session-??????",
          "arn:aws:secretsmanager:us-west-2:123456789012:secret:permisos/production/security/session-??????",
          "arn:aws:secretsmanager:us-east-1:123456789012:secret:permisos/production/stripe/api-keys-??????",
          "arn:aws:secretsmanager:us-west-2:123456789012:secret:permisos/production/stripe/api-keys-??????",
          "arn:aws:secretsmanager:us-east-1:123456789012:secret:permisos/production/email/credentials-??????",
          "arn:aws:secretsmanager:us-west-2:123456789012:secret:permisos/production/email/credentials-??????",
          "arn:aws:secretsmanager:us-east-1:123456789012:secret:permisos/production/government/portal-??????",
          "arn:aws:secretsmanager:us-west-2:123456789012:secret:permisos/production/government/portal-??????",
          "arn:aws:secretsmanager:us-east-1:123456789012:secret:permisos/production/monitoring/api-keys-??????",
          "arn:aws:secretsmanager:us-west-2:123456789012:secret:permisos/production/monitoring/api-keys-??????",
          "arn:aws:secretsmanager:us-east-1:123456789012:secret:permisos/production/database/credentials",
          "arn:aws:secretsmanager:us-west-2:123456789012:secret:permisos/production/database/credentials",
          "arn:aws:secretsmanager:us-east-1:123456789012:secret:permisos/production/redis/credentials",
          "arn:aws:secretsmanager:us-west-2:123456789012:secret:permisos/production/redis/credentials",
          "arn:aws:secretsmanager:us-east-1:123456789012:secret:permisos/production/security/session",
          "arn:aws:secretsmanager:us-west-2:123456789012:secret:permisos/production/security/session",
          "arn:aws:secretsmanager:us-east-1:123456789012:secret:permisos/production/stripe/api-keys",
          "arn:aws:secretsmanager:us-west-2:123456789012:secret:permisos/production/stripe/api-keys",
          "arn:aws:secretsmanager:us-east-1:123456789012:secret:permisos/production/email/credentials",
          "arn:aws:secretsmanager:us-west-2:123456789012:secret:permisos/production/email/credentials",
          "arn:aws:secretsmanager:us-east-1:123456789012:secret:permisos/production/government/portal",
          "arn:aws:secretsmanager:us-west-2:123456789012:secret:permisos/production/government/portal",
          "arn:aws:secretsmanager:us-east-1:123456789012:secret:permisos/production/monitoring/api-keys",
          "arn:aws:secretsmanager:us-west-2:123456789012:secret:permisos/production/monitoring/api-keys",
        ]
      },
      {
        Sid    = "ListSecretsAndEvents"
        Effect = "Allow"
        Action = [
          "cloudtrail:LookupEvents",
          "secretsmanager:BatchGetSecretValue",
          "secretsmanager:ListSecrets",
          "sts:GetCallerIdentity",
        ]
        Resource = ["*"]
      },
      {
        Sid    = "UseKey"
        Effect = "Allow"
        Action = [
          "kms:Decrypt",
          "kms:Encrypt",
          "kms:GenerateDataKey",
        ]
        Resource = ["arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"]
        Condition = {
          StringEquals = {
            "kms:ViaService" = [
              "secretsmanager.us-east-1.amazonaws.com",
              "secretsmanager.us-west-2.amazonaws.com",
            ]
          }
        }
      },
    ]
  })
}
