//! The administrator's calls: what a person or a pipeline does to secrets, and what an application never needs.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, SecretListEntry, Tag};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::DateTime;
use permisos_secrets_core::{Connection, Error, ErrorKind, Failure, SecretId, Stage, UnixTime};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::credentials::Chain;
use crate::setup::{SecondAttempt, describe, set_up};
use crate::signed::{Decision, Signed};
use crate::table;

/// How often a page of events is asked for again, and how long after the last time.
const THROTTLED_TRIES: usize = 10;
const THROTTLED_WAIT: Duration = Duration::from_secs(1);
/// What makes a version at each call: without an answer it is unknown whether it did.
const AMBIGUOUS: [&str; 2] = ["secretsmanager:PutSecretValue", "secretsmanager:RotateSecret"];
/// Pages of one listing: an account has quotas, a server that repeats itself has none.
const PAGE_LIMIT: usize = 1000;

/// Calls AWS in the primary region. Cloning shares the connection.
#[derive(Clone)]
pub struct Admin(Arc<Inner>);

struct Inner {
    connection: Connection,
    clients: OnceCell<Clients>,
}

struct Clients {
    region: String,
    secrets: aws_sdk_secretsmanager::Client,
    sts: aws_sdk_sts::Client,
    signed: Signed,
    credentials: Chain,
}

/// Who calls.
#[derive(Clone, Debug, Serialize)]
pub struct Identity {
    /// The account's number.
    pub account: String,
    /// The user's or role session's ARN.
    pub arn: String,
}

impl Identity {
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub fn partition(&self) -> &str {
        self.arn.split(':').nth(1).filter(|it| !it.is_empty()).unwrap_or("aws")
    }

    /// The ARN that policies are attached to: of a role session the role's.
    pub fn principal(&self) -> String {
        let parts: Vec<&str> = self.arn.splitn(6, ':').collect();
        match parts.get(5).and_then(|it| it.strip_prefix("assumed-role/")).and_then(|it| it.split('/').next()) {
            Some(role) => format!("arn:{}:iam::{}:role/{role}", self.partition(), self.account),
            None => self.arn.clone(),
        }
    }
}

/// What Secrets Manager says of a secret; never its value.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    /// The full ARN.
    pub arn: String,
    /// The name.
    pub name: String,
    /// What the secret is for.
    pub description: Option<String>,
    /// The customer's own KMS key; none for AWS's.
    pub kms_key: Option<String>,
    /// When it was created.
    pub created_at: Option<UnixTime>,
    /// When it was last changed in any way.
    pub changed_at: Option<UnixTime>,
    /// Set where it is scheduled for deletion.
    pub deleted_at: Option<UnixTime>,
    /// How it is rotated.
    pub rotation: Rotation,
    /// The regions that hold a replica.
    pub replicas: Vec<String>,
    /// The version that is `AWSCURRENT`.
    pub current: Option<String>,
}

/// How a secret is rotated.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rotation {
    /// Whether Secrets Manager rotates by schedule.
    pub enabled: bool,
    /// The function that does it.
    pub function: Option<String>,
    /// When it last succeeded.
    pub last: Option<UnixTime>,
    /// When it is due.
    pub next: Option<UnixTime>,
}

/// A version of a secret; never its value.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// Its id.
    pub id: String,
    /// Its staging labels; none: it is deprecated and will be removed.
    pub stages: Vec<String>,
    /// When it was made.
    pub created_at: Option<UnixTime>,
    /// The day on which it was last read.
    pub accessed_at: Option<UnixTime>,
}

/// A stored value.
#[derive(Debug)]
pub struct Stored {
    /// The text; none for a binary secret.
    pub text: Option<SecretString>,
    /// The version.
    pub version_id: String,
}

/// What a new secret is given besides its value.
#[derive(Clone, Debug, Default)]
pub struct SecretAttributes {
    /// What the secret is for; none: as it is.
    pub description: Option<String>,
    /// The customer's own KMS key; none: AWS's for Secrets Manager, or as it is.
    pub kms_key: Option<String>,
    /// Tags by name.
    pub tags: Vec<(String, String)>,
}

/// What somebody did, as CloudTrail reports it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TrailEvent {
    /// When.
    pub at: UnixTime,
    /// The operation, e.g. `GetSecretValue`.
    pub operation: String,
    /// Who, as an ARN where there is one; else account and id, which is all that CloudTrail reports of another account.
    pub principal: String,
    /// The account of who did it, where it is reported.
    pub account: Option<String>,
    /// In which region.
    pub region: String,
    /// From which address.
    pub address: String,
    /// The secret's name or ARN, where the event names one.
    pub secret: Option<String>,
    /// Why it was refused, if it was.
    pub error: Option<String>,
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").field("connection", &self.0.connection).finish_non_exhaustive()
    }
}

impl Admin {
    /// Makes no call before the first request.
    pub fn new(connection: &Connection) -> Self {
        Self(Arc::new(Inner { connection: connection.clone(), clients: OnceCell::new() }))
    }

    /// The region that is called.
    pub async fn region(&self) -> Result<String, Error> {
        Ok(self.clients().await?.region.clone())
    }

    /// Who calls, and whether the credentials are good.
    pub async fn identity(&self) -> Result<Identity, Error> {
        let clients = self.clients().await?;
        let answer = clients.sts.get_caller_identity().send().await;
        let answer = answer.map_err(|error| clients.error("sts:GetCallerIdentity", None, &error))?;
        Ok(Identity { account: answer.account.unwrap_or_default(), arn: answer.arn.unwrap_or_default() })
    }

    /// What is known of a secret; `None` if there is none of that name.
    pub async fn describe(&self, secret: &SecretId) -> Result<Option<Description>, Error> {
        let clients = self.clients().await?;
        let answer = clients.secrets.describe_secret().secret_id(secret.as_str()).send().await;
        absent(answer.map(Description::from), |error| {
            clients.error("secretsmanager:DescribeSecret", Some(secret), error)
        })
    }

    /// Every secret whose name starts so, in the order of names, those that are scheduled for deletion too.
    pub async fn list(&self, prefix: &str) -> Result<Vec<Description>, Error> {
        let clients = self.clients().await?;
        let filter = Filter::builder().key(FilterNameStringType::Name).values(prefix).build();
        let (mut found, mut token) = (vec![], None);
        for _ in 0..PAGE_LIMIT {
            let request = clients.secrets.list_secrets().filters(filter.clone()).set_next_token(token.take());
            let page = request
                .include_planned_deletion(true)
                .send()
                .await
                .map_err(|it| clients.error("secretsmanager:ListSecrets", None, &it))?;
            found.extend(page.secret_list.unwrap_or_default().into_iter().map(Description::from));
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                break;
            }
        }
        found.retain(|it| it.name.starts_with(prefix));
        found.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(found)
    }

    /// Every version of a secret, the newest first, those without a staging label too.
    pub async fn versions(&self, secret: &SecretId) -> Result<Vec<Version>, Error> {
        let clients = self.clients().await?;
        let (mut found, mut token) = (vec![], None);
        for _ in 0..PAGE_LIMIT {
            let request = clients.secrets.list_secret_version_ids().secret_id(secret.as_str()).include_deprecated(true);
            let page = request.set_next_token(token.take()).send().await;
            let page =
                page.map_err(|error| clients.error("secretsmanager:ListSecretVersionIds", Some(secret), &error))?;
            found.extend(page.versions.unwrap_or_default().into_iter().map(|version| Version {
                id: version.version_id.as_deref().map(table::sanitised).unwrap_or_default(),
                stages: version.version_stages.unwrap_or_default(),
                created_at: time(version.created_date.as_ref()),
                accessed_at: time(version.last_accessed_date.as_ref()),
            }));
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                break;
            }
        }
        // Dates have whole seconds: of two versions of one second the current one is the newer.
        let is_current = |version: &Version| version.stages.iter().any(|stage| stage == Stage::Current.as_str());
        found.sort_by_key(|version| std::cmp::Reverse((version.created_at, is_current(version))));
        Ok(found)
    }

    /// A stored value; `None` if there is no such secret or it has no such version.
    pub async fn value(&self, secret: &SecretId, stage: Stage) -> Result<Option<Stored>, Error> {
        let clients = self.clients().await?;
        let request = clients.secrets.get_secret_value().secret_id(secret.as_str()).version_stage(stage.as_str());
        let stored = request.send().await.map(|value| Stored {
            text: value.secret_string.map(Into::into),
            version_id: value.version_id.as_deref().map(table::sanitised).unwrap_or_default(),
        });
        absent(stored, |error| clients.error("secretsmanager:GetSecretValue", Some(secret), error))
    }

    /// Creates a secret; answers its version.
    pub async fn create(
        &self,
        secret: &SecretId,
        text: &SecretString,
        attributes: &SecretAttributes,
    ) -> Result<String, Error> {
        let clients = self.clients().await?;
        let request = clients.secrets.create_secret().name(secret.as_str());
        let request = request.set_description(attributes.description.clone());
        let request = request.set_kms_key_id(attributes.kms_key.clone()).set_tags(Some(tags(&attributes.tags)));
        let answer = request.secret_string(text.expose_secret()).send().await;
        let answer = answer.map_err(|error| clients.error("secretsmanager:CreateSecret", Some(secret), &error))?;
        Ok(answer.version_id.as_deref().map(table::sanitised).unwrap_or_default())
    }

    /// Stores a new version, which is `AWSCURRENT` at once; the one before becomes `AWSPREVIOUS`. Answers its id.
    pub async fn put(&self, secret: &SecretId, text: &SecretString) -> Result<String, Error> {
        let clients = self.clients().await?;
        let request = clients.secrets.put_secret_value().secret_id(secret.as_str());
        let answer = request.secret_string(text.expose_secret()).send().await;
        let answer = answer.map_err(|error| clients.error("secretsmanager:PutSecretValue", Some(secret), &error))?;
        Ok(answer.version_id.as_deref().map(table::sanitised).unwrap_or_default())
    }

    /// Sets description, KMS key and tags of a secret that exists; removes no tag.
    pub async fn update(&self, secret: &SecretId, attributes: &SecretAttributes) -> Result<(), Error> {
        let clients = self.clients().await?;
        let SecretAttributes { description, kms_key, tags: tagged } = attributes;
        if description.is_some() || kms_key.is_some() {
            let request = clients.secrets.update_secret().secret_id(secret.as_str());
            let answer = request.set_description(description.clone()).set_kms_key_id(kms_key.clone()).send().await;
            answer.map_err(|error| clients.error("secretsmanager:UpdateSecret", Some(secret), &error))?;
        }
        let request = clients.secrets.tag_resource().secret_id(secret.as_str()).set_tags(Some(tags(tagged)));
        let answer = request.send().await;
        answer.map_err(|error| clients.error("secretsmanager:TagResource", Some(secret), &error))?;
        Ok(())
    }

    /// Takes back that a secret is scheduled for deletion.
    pub async fn restore(&self, secret: &SecretId) -> Result<(), Error> {
        let clients = self.clients().await?;
        let answer = clients.secrets.restore_secret().secret_id(secret.as_str()).send().await;
        answer.map_err(|error| clients.error("secretsmanager:RestoreSecret", Some(secret), &error))?;
        Ok(())
    }

    /// Starts the rotation function of a secret, now. Answers the version that becomes current when it is done.
    pub async fn rotate(&self, secret: &SecretId) -> Result<String, Error> {
        let clients = self.clients().await?;
        let request = clients.secrets.rotate_secret().secret_id(secret.as_str()).rotate_immediately(true);
        let answer = request.send().await;
        let answer = answer.map_err(|error| clients.error("secretsmanager:RotateSecret", Some(secret), &error))?;
        Ok(answer.version_id.as_deref().map(table::sanitised).unwrap_or_default())
    }

    /// What was done to Secrets Manager in this region since a moment, the newest first, at most so many events.
    /// CloudTrail reports management events of the last 90 days, about fifteen minutes late.
    pub async fn events(&self, since: UnixTime, limit: usize) -> Result<Vec<TrailEvent>, Error> {
        let clients = self.clients().await?;
        let (mut found, mut token) = (vec![], Value::Null);
        for _ in 0..PAGE_LIMIT {
            let mut body = serde_json::json!({
                "StartTime": since.0 / 1000,
                "LookupAttributes": [
                    { "AttributeKey": "EventSource", "AttributeValue": "secretsmanager.amazonaws.com" },
                ],
            });
            if !token.is_null() {
                body["NextToken"] = token;
            }
            let mut page =
                clients.events(&body).await.map_err(|it| clients.explain("cloudtrail:LookupEvents", None, &it))?;
            let events = page["Events"].as_array().map(Vec::as_slice).unwrap_or_default();
            found.extend(events.iter().map(TrailEvent::from));
            token = page["NextToken"].take();
            if found.len() >= limit || token.as_str().is_none_or(str::is_empty) {
                break;
            }
        }
        found.sort_by_key(|event| std::cmp::Reverse(event.at));
        found.truncate(limit);
        Ok(found)
    }

    /// Whether a principal (a user's or role's ARN) may do these actions on these resources, as IAM simulates it.
    pub async fn simulate(
        &self,
        principal: &str,
        actions: &[&str],
        resources: &[String],
    ) -> Result<Vec<Decision>, Error> {
        let clients = self.clients().await?;
        let answer = clients.signed.simulate_principal_policy(principal, actions, resources).await;
        answer.map_err(|failure| clients.explain("iam:SimulatePrincipalPolicy", None, &failure))
    }

    async fn clients(&self) -> Result<&Clients, Error> {
        let Inner { connection, clients } = &*self.0;
        let make = || async {
            let region = connection.regions.first().map(String::as_str);
            let mut setup = Box::pin(set_up(connection, region, None)).await.map_err(plain)?;
            let mut secrets = aws_sdk_secretsmanager::config::Builder::from(&setup.config);
            let mut sts = aws_sdk_sts::config::Builder::from(&setup.config);
            if let Some(url) = &setup.endpoint_url {
                secrets = secrets.endpoint_url(url);
            }
            // AWS's own endpoints serve one service each: that of Secrets Manager is none for the others.
            setup.endpoint_url = setup.endpoint_url.filter(|url| !url.contains(".amazonaws.com"));
            if let Some(url) = &setup.endpoint_url {
                sts = sts.endpoint_url(url);
            }
            Ok(Clients {
                secrets: aws_sdk_secretsmanager::Client::from_conf(secrets.retry_classifier(SecondAttempt).build()),
                sts: aws_sdk_sts::Client::from_conf(sts.retry_classifier(SecondAttempt).build()),
                signed: Signed::new(connection, &setup),
                region: setup.region,
                credentials: setup.credentials,
            })
        };
        let clients = clients.get_or_try_init(make).await?;
        let place = format!("the call in {}", clients.region);
        // Before the call, so that a provider of credentials that is slow or refuses is named, and not the call.
        clients.credentials.credentials().await.map_err(|fault| plain(fault.failure(&place)))?;
        Ok(clients)
    }
}

impl Clients {
    fn error<E>(&self, action: &str, secret: Option<&SecretId>, error: &SdkError<E, HttpResponse>) -> Error
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let operation = action.rsplit(':').next().unwrap_or_default();
        let failure = describe(&format!("{operation} in {}", self.region), error);
        self.explain(action, secret, &self.credentials.blamed(failure))
    }

    /// One page of events. CloudTrail takes two requests a second from an account: many pages need patience.
    async fn events(&self, body: &Value) -> Result<Value, Failure> {
        for _ in 0..THROTTLED_TRIES {
            match self.signed.lookup_events(body).await {
                Err(failure) if failure.kind == ErrorKind::Throttled => tokio::time::sleep(THROTTLED_WAIT).await,
                answer => return answer,
            }
        }
        self.signed.lookup_events(body).await
    }

    /// What happened and what to do about it.
    fn explain(&self, action: &str, secret: Option<&SecretId>, failure: &Failure) -> Error {
        let resource = secret.map_or_else(|| "*".to_owned(), |secret| secret.resource(&self.region));
        let advice = match failure.kind {
            // Its name was described a moment ago: the secret is there.
            ErrorKind::NotFound if action == "secretsmanager:RotateSecret" => {
                "; an earlier rotation is not finished: `history` shows its version as AWSPENDING, and Secrets Manager \
                 tries it again by itself. The log of the function says why"
                    .into()
            }
            ErrorKind::AccessDenied => format!("; grant {action} on {resource}"),
            ErrorKind::DecryptionFailed => {
                "; check that the KMS key is enabled and that its policy lets you use it".into()
            }
            ErrorKind::NotFound => {
                format!("; is there such a secret in {}, and not scheduled for deletion?", self.region)
            }
            ErrorKind::Timeout | ErrorKind::Unavailable if AMBIGUOUS.contains(&action) => {
                "; it may have been done all the same: look with `history` before you try again".into()
            }
            ErrorKind::Throttled | ErrorKind::Timeout | ErrorKind::Unavailable => "; try again".into(),
            ErrorKind::Unauthenticated => "; give valid credentials, or a profile that has some by --profile".into(),
            ErrorKind::ConfigInvalid | ErrorKind::Invalid | ErrorKind::NotReady => String::new(),
        };
        let name = secret.map(|secret| format!("{secret}: ")).unwrap_or_default();
        Error::new(failure.kind, format!("{name}{}{advice}", failure.message))
    }
}

/// Both answers have the same fields, in types of their own.
macro_rules! description_from {
    ($type:ty, $stages:ident, $replicas:expr) => {
        impl From<$type> for Description {
            fn from(it: $type) -> Self {
                let is_current = |stages: &[String]| stages.iter().any(|stage| stage == Stage::Current.as_str());
                let versions = it.$stages.as_ref().into_iter().flatten();
                let current = versions.filter(|(_, stages)| is_current(stages)).map(|(id, _)| table::sanitised(id));
                Self {
                    current: current.last(),
                    replicas: $replicas(&it),
                    arn: it.arn.unwrap_or_default(),
                    name: it.name.unwrap_or_default(),
                    description: it.description.filter(|text| !text.is_empty()),
                    kms_key: it.kms_key_id,
                    created_at: time(it.created_date.as_ref()),
                    changed_at: time(it.last_changed_date.as_ref()),
                    deleted_at: time(it.deleted_date.as_ref()),
                    rotation: Rotation {
                        enabled: it.rotation_enabled.unwrap_or_default(),
                        function: it.rotation_lambda_arn.filter(|arn| !arn.is_empty()),
                        last: time(it.last_rotated_date.as_ref()),
                        next: time(it.next_rotation_date.as_ref()),
                    },
                }
            }
        }
    };
}

description_from!(DescribeSecretOutput, version_ids_to_stages, |it: &DescribeSecretOutput| {
    it.replication_status().iter().filter_map(|replica| replica.region.clone()).collect()
});
description_from!(SecretListEntry, secret_versions_to_stages, |_: &SecretListEntry| vec![]);

impl From<&Value> for TrailEvent {
    /// An event holds its record as JSON text once more; what the record lacks, the event may have.
    fn from(event: &Value) -> Self {
        let record: Value =
            event["CloudTrailEvent"].as_str().and_then(|it| serde_json::from_str(it).ok()).unwrap_or_default();
        let text = |pointer: &str| record.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let outer = |name: &str| event[name].as_str().map(str::to_owned);
        let account = text("/userIdentity/accountId");
        let seconds = event["EventTime"].as_f64().unwrap_or_default();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, as it should")]
        let at = UnixTime((seconds * 1000.0) as u64);
        Self {
            at,
            operation: text("/eventName").or_else(|| outer("EventName")).unwrap_or_default(),
            principal: text("/userIdentity/arn")
                .or_else(|| Some(format!("{}/{}", account.as_ref()?, text("/userIdentity/principalId")?)))
                .or_else(|| outer("Username"))
                .or_else(|| text("/userIdentity/invokedBy"))
                .unwrap_or_default(),
            account,
            region: text("/awsRegion").unwrap_or_default(),
            address: text("/sourceIPAddress").unwrap_or_default(),
            // Rotations, which Secrets Manager reports by itself, have no request.
            secret: ["/requestParameters/secretId", "/requestParameters/name", "/additionalEventData/SecretId"]
                .into_iter()
                .find_map(text),
            error: text("/errorCode"),
        }
    }
}

fn tags(tags: &[(String, String)]) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

fn time(date: Option<&DateTime>) -> Option<UnixTime> {
    u64::try_from(date?.to_millis().ok()?).ok().map(UnixTime)
}

/// That there is no such secret is an answer.
fn absent<T, E>(
    answer: Result<T, SdkError<E, HttpResponse>>,
    explain: impl FnOnce(&SdkError<E, HttpResponse>) -> Error,
) -> Result<Option<T>, Error>
where
    E: ProvideErrorMetadata,
{
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
        Err(error) => Err(explain(&error)),
    }
}

fn plain(failure: Failure) -> Error {
    Error::new(failure.kind, failure.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_no_arn_is_told_by_account_and_id() {
        let event = |identity: Value| {
            let record = serde_json::json!({ "userIdentity": identity }).to_string();
            TrailEvent::from(&serde_json::json!({ "Username": "name", "CloudTrailEvent": record }))
        };
        let foreign = serde_json::json!({ "type": "AWSAccount", "principalId": "AROA:s", "accountId": "999999999999" });
        let foreign = event(foreign);
        assert_eq!(foreign.principal, "999999999999/AROA:s");
        assert_eq!(foreign.account.as_deref(), Some("999999999999"));
        assert_eq!(event(serde_json::json!({ "accountId": "123456789012" })).principal, "name");
    }
}
