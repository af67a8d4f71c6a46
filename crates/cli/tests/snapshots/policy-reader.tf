# Written by `permisos-secrets policy`: attach it to the role that needs it.

resource "aws_iam_policy" "secrets_reader" {
  name        = "permisos-secrets-production-reader"
  description = "The secrets of production, for an application"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "ReadSecrets"
        Effect = "Allow"
        Action = ["secretsmanager:GetSecretValue"]
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
        Sid      = "ReadSecretsInOneCall"
        Effect   = "Allow"
        Action   = ["secretsmanager:BatchGetSecretValue"]
        Resource = ["*"]
      },
      {
        Sid      = "DecryptSecrets"
        Effect   = "Allow"
        Action   = ["kms:Decrypt"]
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
