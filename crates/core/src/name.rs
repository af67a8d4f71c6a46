//! Names by the convention `permisos/{environment}/{service}/{secret-type}`, and AWS's rules for them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Rule, Violation};

/// The longest secret name that Secrets Manager takes, in characters.
const NAME_LIMIT: usize = 512;
/// AWS appends a hyphen and this many random characters to the name in an ARN.
const ARN_SUFFIX: usize = 6;

/// A deployment environment such as `production`: one segment of a secret's name.
#[derive(Clone, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Environment(String);

impl Environment {
    /// Checks that the text can be one segment of a secret's name.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let valid = (1..=64).contains(&text.len()) && text.chars().all(|c| c != '/' && is_name_character(c));
        if valid { Ok(Self(text.to_owned())) } else { Err("must be 1 to 64 characters of A-Za-z0-9_+=.@-") }
    }

    /// The environment as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether real customers are served from here: placeholders are errors, test keys warnings.
    pub fn is_production(&self) -> bool {
        self.0 == "production"
    }

    /// Whether an unset `source` means AWS: in production and staging.
    pub(crate) fn defaults_to_aws(&self) -> bool {
        self.is_production() || self.0 == "staging"
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Environment {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A secret's name: 1 to 512 characters of `A-Za-z0-9/_+=.@-`
/// ([CreateSecret](https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html)).
#[derive(Clone, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(transparent)]
pub struct SecretName(String);

impl SecretName {
    /// Checks the name by AWS's rules.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let valid = (1..=NAME_LIMIT).contains(&text.len()) && text.chars().all(is_name_character);
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err("must be a secret name of 1 to 512 characters of A-Za-z0-9/_+=.@-, or a full ARN")
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the name ends in a hyphen and six letters or digits, as ARNs do: AWS may then confuse the two.
    pub fn ends_like_arn(&self) -> bool {
        strip_arn_suffix(&self.0).is_some()
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A part of AWS that has accounts of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Partition {
    /// As ARNs have it, e.g. `aws-us-gov`.
    pub name: &'static str,
    /// The domain of its endpoints.
    pub domain: &'static str,
}

impl Partition {
    /// The partition of a region
    /// ([AWS's table](https://docs.aws.amazon.com/sdkref/latest/guide/feature-region.html)); of one that is not known, the
    /// public one.
    pub fn of(region: &str) -> Self {
        Self::find(|prefix, _| region.starts_with(prefix))
    }

    /// The partition of a name.
    pub(crate) fn named(name: &str) -> Self {
        Self::find(|_, partition| partition.name == name)
    }

    fn find(is: impl Fn(&str, Partition) -> bool) -> Self {
        const PREFIXES: [(&str, Partition); 7] = [
            ("cn-", Partition { name: "aws-cn", domain: "amazonaws.com.cn" }),
            ("eu-isoe-", Partition { name: "aws-iso-e", domain: "cloud.adc-e.uk" }),
            ("eusc-", Partition { name: "aws-eusc", domain: "amazonaws.eu" }),
            ("us-gov-", Partition { name: "aws-us-gov", domain: "amazonaws.com" }),
            ("us-iso-", Partition { name: "aws-iso", domain: "c2s.ic.gov" }),
            ("us-isob-", Partition { name: "aws-iso-b", domain: "sc2s.sgov.gov" }),
            ("us-isof-", Partition { name: "aws-iso-f", domain: "csp.hci.ic.gov" }),
        ];
        let found = PREFIXES.into_iter().find(|&(prefix, partition)| is(prefix, partition));
        found.map_or(Self { name: "aws", domain: "amazonaws.com" }, |(_, partition)| partition)
    }
}

/// A secret's full ARN: `arn:{partition}:secretsmanager:{region}:{account}:secret:{name}-{suffix}`.
#[derive(Clone, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Arn(String);

impl Arn {
    /// Takes an ARN apart and checks each part.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const SHAPE: &str = "must be an ARN like arn:aws:secretsmanager:us-east-1:123456789012:secret:name-AbCdEf";
        let parts: Vec<&str> = text.splitn(7, ':').collect();
        let ["arn", partition, "secretsmanager", region, account, "secret", resource] = parts[..] else {
            return Err(SHAPE);
        };
        let valid = partition.starts_with("aws")
            && is_region(region)
            && account.len() == 12
            && account.bytes().all(|byte| byte.is_ascii_digit())
            && SecretName::parse(resource).is_ok();
        if valid { Ok(Self(text.to_owned())) } else { Err(SHAPE) }
    }

    /// The ARN as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The region that the ARN names.
    pub fn region(&self) -> &str {
        self.part(3)
    }

    /// The secret's name: the resource without the suffix that AWS appended.
    pub fn name(&self) -> &str {
        let resource = self.part(6);
        strip_arn_suffix(resource).unwrap_or(resource)
    }

    fn part(&self, index: usize) -> &str {
        self.0.splitn(7, ':').nth(index).unwrap_or_default()
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What AWS calls a secret id: a name or a full ARN.
#[derive(Clone, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(untagged)]
pub enum SecretId {
    /// A full ARN.
    Arn(Arn),
    /// A name, in the region asked.
    Name(SecretName),
}

impl SecretId {
    /// Reads a name, or a full ARN where the text starts like one.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.starts_with("arn:") { Arn::parse(text).map(Self::Arn) } else { SecretName::parse(text).map(Self::Name) }
    }

    /// The id as AWS takes it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Arn(arn) => arn.as_str(),
            Self::Name(name) => name.as_str(),
        }
    }

    /// The secret's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Arn(arn) => arn.name(),
            Self::Name(name) => name.as_str(),
        }
    }

    /// The resource to name in an IAM policy, in the partition of a region. The six question marks are the suffix that
    /// AWS appends.
    pub fn resource(&self, region: &str) -> String {
        match self {
            Self::Arn(arn) => arn.as_str().to_owned(),
            Self::Name(name) => format!("arn:{}:secretsmanager:*:*:secret:{name}-??????", Partition::of(region).name),
        }
    }

    /// A warning where AWS may confuse the name with an ARN.
    pub(crate) fn warning(&self) -> Option<Violation> {
        match self {
            Self::Name(name) if name.ends_like_arn() => Some(Violation {
                path: String::new(),
                rule: Rule::NameSuffix,
                message: "the secret's name ends in a hyphen and six letters or digits, like the suffix of an ARN: \
                          AWS may confuse the two; rename it or give the full ARN"
                    .into(),
            }),
            Self::Arn(_) | Self::Name(_) => None,
        }
    }
}

impl fmt::Display for SecretId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for SecretId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Whether the text looks like a region, e.g. `us-east-1`.
pub(crate) fn is_region(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || "/_+=.@-".contains(c)
}

fn strip_arn_suffix(text: &str) -> Option<&str> {
    let (name, suffix) = text.rsplit_once('-')?;
    (suffix.len() == ARN_SUFFIX && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(name)
}
