//! Least privilege: what a reader and an operator must be allowed, from the names in use. The one place that says so.

use serde::Serialize;
use serde_json::{Value, json};

use crate::name::{Partition, SecretId};

/// What AWS appends to a name in an ARN when the secret is created, as a pattern.
const SUFFIX: &str = "-??????";

/// Where the secrets are, as far as it is known. What is not known becomes `*` in a resource.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Scope {
    /// `aws`, `aws-cn` or `aws-us-gov`; empty: that of the first region.
    pub partition: String,
    /// The account's number.
    pub account: Option<String>,
    /// The primary region and its replicas.
    pub regions: Vec<String>,
    /// The ARNs of the customer's own KMS keys; AWS's own key for Secrets Manager needs no grant.
    pub kms_keys: Vec<String>,
    /// The ARNs of the functions that rotate secrets.
    pub functions: Vec<String>,
}

/// One statement of an IAM policy. In JSON it is as IAM takes it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    /// The statement's name.
    pub sid: &'static str,
    /// Always `Allow`.
    pub effect: &'static str,
    /// The actions, in alphabetical order.
    pub action: Vec<&'static str>,
    /// The resources that they are allowed on.
    pub resource: Vec<String>,
    /// Under which condition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<Value>,
}

/// What an application needs to read these secrets: nothing else, and nothing less.
pub fn reader<'s>(secrets: impl IntoIterator<Item = &'s SecretId>, scope: &Scope) -> Vec<Statement> {
    let mut statements = vec![
        allow("ReadSecrets", &["secretsmanager:GetSecretValue"], scope.resources(secrets)),
        // The action knows no resource: which secrets are read is decided by the statement above.
        allow("ReadSecretsInOneCall", &["secretsmanager:BatchGetSecretValue"], everything()),
    ];
    statements.extend(scope.keys("DecryptSecrets", &["kms:Decrypt"]));
    statements
}

/// What a person or pipeline needs to check, create, migrate and rotate these secrets with the operator's tool. To
/// start a rotation a role must be allowed to invoke its function, and to change a secret's key, to encrypt by the new one
/// ([RotateSecret](https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html),
/// [UpdateSecret](https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecret.html)).
/// `iam:SimulatePrincipalPolicy` is left out: it reveals what others may do.
pub fn operator<'s>(secrets: impl IntoIterator<Item = &'s SecretId>, scope: &Scope) -> Vec<Statement> {
    let actions = [
        "secretsmanager:CreateSecret",
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetSecretValue",
        "secretsmanager:ListSecretVersionIds",
        "secretsmanager:PutSecretValue",
        "secretsmanager:RestoreSecret",
        "secretsmanager:RotateSecret",
        "secretsmanager:TagResource",
        "secretsmanager:UpdateSecret",
    ];
    let account = [
        "cloudtrail:LookupEvents",
        "secretsmanager:BatchGetSecretValue",
        "secretsmanager:ListSecrets",
        "sts:GetCallerIdentity",
    ];
    let mut statements = vec![
        allow("ManageSecrets", &actions, scope.resources(secrets)),
        allow("ListSecretsAndEvents", &account, everything()),
    ];
    statements.extend(scope.keys("UseKey", &["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]));
    if !scope.functions.is_empty() {
        statements.push(allow("InvokeRotation", &["lambda:InvokeFunction"], scope.functions.clone()));
    }
    statements
}

impl Scope {
    /// The partition, as it is known or by the region.
    pub fn partition(&self) -> &str {
        if self.partition.is_empty() { self.of_region().name } else { &self.partition }
    }

    fn of_region(&self) -> Partition {
        Partition::of(self.regions.first().map_or("", String::as_str))
    }

    /// The secrets' ARNs in every region, then those without a suffix: Secrets Manager says that a secret is
    /// absent only to roles that may read the name without a suffix; it denies the others, and an optional secret would seem to fail for ever.
    pub fn resources<'s>(&self, secrets: impl IntoIterator<Item = &'s SecretId>) -> Vec<String> {
        let any = ["*".to_owned()];
        let regions = if self.regions.is_empty() { &any[..] } else { &self.regions };
        let partition = self.partition();
        let account = self.account.as_deref().unwrap_or("*");
        let mut resources = vec![];
        for secret in secrets {
            match secret {
                // A replica's ARN differs from the primary's in the region only.
                SecretId::Arn(arn) if self.regions.is_empty() => resources.push(arn.as_str().to_owned()),
                SecretId::Arn(arn) => {
                    let replicas = regions.iter().map(|region| arn.as_str().replacen(arn.region(), region, 1));
                    resources.extend(replicas);
                }
                SecretId::Name(name) => {
                    resources.extend(regions.iter().map(|region| {
                        format!("arn:{partition}:secretsmanager:{region}:{account}:secret:{name}{SUFFIX}")
                    }));
                }
            }
        }
        let bare: Vec<String> = resources.iter().filter_map(|it| Some(it.strip_suffix(SUFFIX)?.to_owned())).collect();
        resources.extend(bare);
        resources
    }

    /// The use of the customer's own keys, through Secrets Manager only.
    fn keys(&self, sid: &'static str, actions: &[&'static str]) -> Option<Statement> {
        if self.kms_keys.is_empty() {
            return None;
        }
        let domain = Partition::named(self.partition()).domain;
        let via = |region: &String| format!("secretsmanager.{region}.{domain}");
        let condition = if self.regions.is_empty() {
            json!({ "StringLike": { "kms:ViaService": via(&"*".to_owned()) } })
        } else {
            json!({ "StringEquals": { "kms:ViaService": self.regions.iter().map(via).collect::<Vec<_>>() } })
        };
        Some(Statement { condition: Some(condition), ..allow(sid, actions, self.kms_keys.clone()) })
    }
}

fn allow(sid: &'static str, actions: &[&'static str], resource: Vec<String>) -> Statement {
    Statement { sid, effect: "Allow", action: actions.to_vec(), resource, condition: None }
}

fn everything() -> Vec<String> {
    vec!["*".to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_may_read_its_secrets_in_its_regions_and_decrypt_through_secrets_manager_only() {
        let scope = Scope {
            account: Some("123456789012".into()),
            regions: vec!["us-east-1".into(), "us-west-2".into()],
            kms_keys: vec!["arn:aws:kms:us-east-1:123456789012:key/k".into()],
            ..Scope::default()
        };
        let secret = SecretId::parse("permisos/production/redis/credentials").unwrap();
        let [read, batch, decrypt] = &reader([&secret], &scope)[..] else { panic!("three statements") };
        let arn = |region: &str| {
            format!("arn:aws:secretsmanager:{region}:123456789012:secret:permisos/production/redis/credentials")
        };
        let (east, west) = (arn("us-east-1"), arn("us-west-2"));
        assert_eq!(read.resource, [format!("{east}-??????"), format!("{west}-??????"), east, west]);
        assert_eq!((batch.action[0], batch.resource[0].as_str()), ("secretsmanager:BatchGetSecretValue", "*"));
        let via = &decrypt.condition.as_ref().unwrap()["StringEquals"]["kms:ViaService"];
        assert_eq!(*via, json!(["secretsmanager.us-east-1.amazonaws.com", "secretsmanager.us-west-2.amazonaws.com"]));
    }

    #[test]
    fn a_region_tells_its_partition() {
        let secret = SecretId::parse("a/b").unwrap();
        for (region, partition) in [
            ("cn-north-1", "aws-cn"),
            ("eusc-de-east-1", "aws-eusc"),
            ("us-gov-west-1", "aws-us-gov"),
            ("us-east-1", "aws"),
            ("us-isob-east-1", "aws-iso-b"),
        ] {
            let scope = Scope { regions: vec![region.into()], kms_keys: vec!["k".into()], ..Scope::default() };
            let statements = reader([&secret], &scope);
            assert!(statements[0].resource[0].starts_with(&format!("arn:{partition}:secretsmanager:{region}:")));
            let via = statements[2].condition.as_ref().unwrap().to_string();
            assert_eq!(via.contains(".amazonaws.com.cn"), partition == "aws-cn", "{via}");
        }
    }

    #[test]
    fn an_operator_may_invoke_the_functions_that_are_named_and_no_other() {
        let secret = SecretId::parse("a/b").unwrap();
        let function = "arn:aws:lambda:us-east-1:123456789012:function:rotate".to_owned();
        let invokes = |scope: &Scope| {
            let statements = operator([&secret], scope).into_iter();
            statements.filter(|it| it.action.contains(&"lambda:InvokeFunction")).map(|it| it.resource).next()
        };
        assert_eq!(invokes(&Scope::default()), None);
        let scope = Scope { functions: vec![function.clone()], ..Scope::default() };
        assert_eq!(invokes(&scope), Some(vec![function]));
    }

    #[test]
    fn what_is_not_known_is_a_star_and_without_a_key_there_is_no_grant_of_one() {
        let secret = SecretId::parse("a/b").unwrap();
        let statements = reader([&secret], &Scope::default());
        assert_eq!(statements.len(), 2);
        assert_eq!(
            statements[0].resource,
            ["arn:aws:secretsmanager:*:*:secret:a/b-??????", "arn:aws:secretsmanager:*:*:secret:a/b"]
        );
    }
}
