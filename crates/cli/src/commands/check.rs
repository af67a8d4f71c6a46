//! `check`: the doctor. What an application would find, and what else an operator should know.

use std::collections::BTreeSet;
use std::path::Path;

use clap::Args;
use permisos_secrets::Secrets;
use permisos_secrets_aws::{Description, Identity};
use permisos_secrets_core::permissions::{self, Scope, Statement};
use permisos_secrets_core::{
    Error, ErrorKind, Operation, SecretId, ServiceHealth, ServiceId, SourceKind, Uncovered, UnixTime, Violation,
};
use serde::Serialize;

use crate::Exit;
use crate::context::Context;
use crate::dates::{age, due};
use crate::output::{BAD, DIM, GOOD, Page, Report, STRONG, WARN, paint, printable};

/// What AWS asks for a secret, in dollars a month (aws.amazon.com/secrets-manager/pricing).
const SECRET_PRICE: f64 = 0.40;
/// What AWS asks for a call, in dollars.
const CALL_PRICE: f64 = 0.05 / 10_000.0;
/// A month of 730 hours, in seconds.
const MONTH: f64 = 730.0 * 3600.0;
/// The mean of a lifetime drawn from 0.9 to 1.0 of `ttl`.
const MEAN_LIFETIME: f64 = 0.95;

/// Check everything: identity, permissions, every secret, rotation, fallback, cost.
#[derive(Args)]
pub(crate) struct Check;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Checked {
    environment: String,
    source: SourceKind,
    region: Option<String>,
    identity: Option<Identity>,
    /// Why STS did not say who the caller is; secrets may be readable all the same.
    identity_error: Option<Error>,
    services: Vec<Checkup>,
    /// What to add to the caller's policy.
    grant: Vec<Statement>,
    /// Keys known by an alias, which a policy cannot name.
    key_aliases: BTreeSet<String>,
    cost: Option<Cost>,
    /// What the file of variables holds and no service reads.
    uncovered: Uncovered,
    /// Why AWS was not asked, where no option said that it should not be.
    why_not_aws: Option<String>,
    #[serde(skip)]
    now: UnixTime,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Checkup {
    service: ServiceId,
    secret_id: SecretId,
    state: State,
    required: bool,
    version_id: Option<String>,
    error: Option<Error>,
    warnings: Vec<Violation>,
    /// None: the caller may not describe it, or the source is not Secrets Manager.
    description: Option<Description>,
    rotation_overdue: bool,
    fallback: Fallback,
}

#[derive(Clone, Copy, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    /// Required and not readable.
    Failed,
    /// Readable and valid.
    Ok,
    /// Optional, and not there.
    Unused,
    /// Readable, with something worth a warning.
    Warning,
}

/// Whether the environment could stand in.
#[derive(Clone, Copy, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Fallback {
    /// By the options it may not.
    Off,
    /// Its variables make a valid configuration.
    Complete,
    /// Some variables are set and do not make a valid configuration.
    Incomplete,
    /// No variable is set.
    None,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Cost {
    secrets: usize,
    dollars_a_month: f64,
    calls_a_month_by_process: f64,
    dollars_a_month_by_process: f64,
}

impl Check {
    pub(crate) async fn run(self, context: &Context<'_>) -> Exit {
        let options = &context.options;
        let is_aws = options.source == SourceKind::Aws;
        let (mut identity, mut identity_error, mut region) = (None, None, None);
        if is_aws {
            context.output.progress("asking STS who the caller is");
            region = Some(context.admin.region().await?);
            match context.admin.identity().await {
                Ok(known) => identity = Some(known),
                // Every secret would fail for the same reason.
                Err(error) if error.kind() == ErrorKind::Unauthenticated => return Err(error),
                // A private network may well have an endpoint for Secrets Manager and none for STS.
                Err(error) => identity_error = Some(error),
            }
        }
        context.output.progress("reading the secrets");
        let secrets = context.secrets(&[("environmentFallback", false.into())])?;
        // Each service's own error is reported below.
        let _ = secrets.ready().await;
        let mut services = vec![];
        for health in secrets.health().services {
            context.output.progress(format_args!("looking at {}", health.service));
            services.push(Checkup::of(context, &secrets, health, is_aws).await);
        }
        let (grant, key_aliases) =
            if is_aws { missing(&secrets, &services, identity.as_ref(), region.as_ref()) } else { <_>::default() };
        let failed = |checkup: &&Checkup| checkup.state == State::Failed;
        let worst = services.iter().find(failed).and_then(|checkup| checkup.error.as_ref()).map(Error::kind);
        context.output.report(&Checked {
            environment: options.environment.to_string(),
            source: options.source,
            region,
            identity,
            identity_error,
            grant,
            key_aliases,
            cost: is_aws.then(|| cost(context, &services)),
            uncovered: context.uncovered(),
            why_not_aws: options.why_not_aws().map(str::to_owned),
            services,
            now: crate::context::now(),
        });
        let is_beside = options.source == SourceKind::Environment && Path::new(".env").is_file();
        if worst.is_some() && is_beside && context.file.is_none() {
            context
                .output
                .note("The file .env in this folder was not read: pass --env-file .env to check its variables.");
        }
        Ok(worst)
    }
}

impl Checkup {
    async fn of(context: &Context<'_>, secrets: &Secrets, health: ServiceHealth, is_aws: bool) -> Self {
        let ServiceHealth { service, secret_id, required, version_id, mut warnings, .. } = health;
        let error = secrets.read(&service).err();
        // Where Secrets Manager did not answer, seven more calls would only take seven more timeouts.
        let is_reached = !error.as_ref().is_some_and(Error::is_retryable);
        let description =
            if is_aws && is_reached { context.admin.describe(&secret_id).await.ok().flatten() } else { None };
        let now = crate::context::now();
        let due = description.as_ref().and_then(|it| it.rotation.next).filter(|due| *due < now);
        let rotation_overdue = due.is_some() && description.as_ref().is_some_and(|it| it.rotation.enabled);
        // Without a value there is none to warn about.
        if error.is_some() {
            warnings.clear();
        }
        let is_absent = error.as_ref().is_some_and(|error| error.kind() == ErrorKind::NotFound);
        let state = match &error {
            Some(_) if !required && is_absent => State::Unused,
            Some(_) => State::Failed,
            None if warnings.is_empty() && !rotation_overdue => State::Ok,
            None => State::Warning,
        };
        let fallback = match context.options.draft(&service, &context.variables) {
            _ if !context.options.environment_fallback => Fallback::Off,
            Ok(Some(_)) => Fallback::Complete,
            Ok(None) => Fallback::None,
            Err(_) => Fallback::Incomplete,
        };
        Self {
            service,
            secret_id,
            state,
            required,
            version_id,
            error,
            warnings,
            description,
            rotation_overdue,
            fallback,
        }
    }

    /// Whether it is scheduled for deletion: it cannot be read any more, but restored.
    fn is_deleted(&self) -> bool {
        self.description.as_ref().is_some_and(|it| it.deleted_at.is_some())
    }

    /// What is wrong. What to do about a secret that is not there is said once for all of them.
    fn complaint(&self, error: &Error) -> String {
        let Self { service, secret_id, .. } = self;
        match error.kind() {
            _ if self.is_deleted() => format!("{service} ({secret_id}) is scheduled for deletion"),
            ErrorKind::NotFound if self.description.is_some() => {
                format!("{service} ({secret_id}) is there and has no value")
            }
            ErrorKind::NotFound => format!("{service} ({secret_id}) does not exist"),
            _ => error.to_string(),
        }
    }

    fn row(&self, is_aws: bool, now: UnixTime) -> Vec<String> {
        let state = match (self.state, &self.error) {
            (State::Failed, Some(_)) if self.is_deleted() => paint(BAD, "deleted"),
            (State::Failed, Some(error)) => paint(BAD, word(error.kind())),
            (State::Failed, None) => paint(BAD, "failed"),
            (State::Ok, _) => paint(GOOD, "ok"),
            (State::Unused, _) => paint(DIM, "not used"),
            (State::Warning, _) => paint(WARN, "warning"),
        };
        if !is_aws {
            return vec![self.service.to_string(), state];
        }
        let dash = || paint(DIM, "-");
        let version = self.version_id.as_deref().map_or_else(dash, |id| id.chars().take(8).collect());
        let about = self.description.as_ref();
        let changed = about.and_then(|it| it.changed_at).map_or_else(dash, |at| age(at, now));
        let rotation = match about.map(|it| &it.rotation) {
            None => dash(),
            Some(rotation) if rotation.enabled => {
                let due = rotation.next.map_or_else(|| "on".to_owned(), |next| due(next, now));
                if self.rotation_overdue { paint(BAD, due) } else { due }
            }
            Some(_) => paint(DIM, "off"),
        };
        let fallback = match self.fallback {
            Fallback::Complete => "complete".to_owned(),
            Fallback::Incomplete => paint(WARN, "incomplete"),
            Fallback::None => dash(),
            Fallback::Off => paint(DIM, "off"),
        };
        vec![self.service.to_string(), state, version, changed, rotation, fallback, self.secret_id.to_string()]
    }
}

impl Report for Checked {
    fn page(&self, page: &mut Page) {
        let is_aws = self.source == SourceKind::Aws;
        let place = match (self.source, &self.region) {
            (SourceKind::Agent, _) => "through the agent on this machine".to_owned(),
            (SourceKind::Environment, _) => "from environment variables".to_owned(),
            (SourceKind::Aws, region) => format!("in {}", region.as_deref().unwrap_or_default()),
        };
        page.line(format_args!("{STRONG}{}{STRONG:#} {place}", self.environment));
        if let Some(identity) = &self.identity {
            page.line(format_args!("as {}", printable(&identity.arn)));
        }
        if let Some(error) = &self.identity_error {
            page.line(format_args!("{} {error}", paint(WARN, "!")));
        }
        page.line("");
        let titles: &[&str] = if is_aws {
            &["SERVICE", "STATE", "VERSION", "CHANGED", "ROTATION", "FALLBACK", "SECRET"]
        } else {
            &["SERVICE", "STATE"]
        };
        page.table(titles, self.services.iter().map(|checkup| checkup.row(is_aws, self.now)));
        let failed: Vec<(&Checkup, &Error)> = self
            .services
            .iter()
            .filter(|checkup| checkup.state == State::Failed)
            .filter_map(|checkup| Some((checkup, checkup.error.as_ref()?)))
            .collect();
        if !failed.is_empty() {
            page.heading("What is wrong");
            for (checkup, error) in &failed {
                let complaint = checkup.complaint(error);
                let why = self.why_not_aws.as_deref().unwrap_or_default();
                page.line(format_args!("{} {}", paint(BAD, "✗"), complaint.trim_end_matches(why).trim_end()));
            }
            if let Some(why) = &self.why_not_aws {
                page.line(why);
            }
            if is_aws && failed.iter().any(|(_, error)| error.kind() == ErrorKind::NotFound) {
                let environment = &self.environment;
                page.line(format_args!(
                    "permisos-secrets migrate --from .env --to {environment} --missing creates what is missing, fills \
                     what has no value, and restores what is deleted"
                ));
            }
        }
        if is_aws && self.services.iter().any(|it| it.error.is_none() && it.description.is_none()) {
            page.line("");
            page.line(paint(
                DIM,
                "`-` means unknown: your role lacks secretsmanager:DescribeSecret, which age and rotation need",
            ));
        }
        let warned = self.services.iter().filter(|checkup| !checkup.warnings.is_empty()).collect::<Vec<_>>();
        if !warned.is_empty() {
            page.heading("What is worth a look");
            for checkup in warned {
                for Violation { path, message, .. } in &checkup.warnings {
                    page.line(format_args!("{} {}{path}: {message}", paint(WARN, "!"), checkup.service));
                }
            }
        }
        self.uncovered.page(page);
        if !self.grant.is_empty() {
            page.heading("What to grant");
            page.line(serde_json::to_string_pretty(&self.grant).unwrap_or_default());
        }
        for alias in &self.key_aliases {
            page.line(format_args!(
                "Allow kms:Decrypt on the key behind {0} as well. A policy names a key by its ARN: \
                 `aws kms describe-key --key-id {0}` prints it",
                printable(alias)
            ));
        }
        if let Some(Cost { secrets, dollars_a_month, calls_a_month_by_process, dollars_a_month_by_process }) =
            &self.cost
        {
            page.line("");
            page.line(format_args!(
                "{secrets} secrets cost about ${dollars_a_month:.2} a month; each process makes about \
                 {calls_a_month_by_process:.0} calls a month, ${dollars_a_month_by_process:.2}"
            ));
        }
        let broken = self.services.iter().filter(|checkup| checkup.state == State::Failed).count();
        page.line("");
        page.line(if broken == 0 {
            paint(GOOD, "everything required can be read")
        } else {
            paint(BAD, format_args!("{broken} of {} services cannot be read", self.services.len()))
        });
    }
}

/// A kind of error in a column's width.
fn word(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::AccessDenied => "denied",
        ErrorKind::ConfigInvalid => "misconfigured",
        ErrorKind::DecryptionFailed => "not decryptable",
        ErrorKind::Invalid => "invalid",
        ErrorKind::NotFound => "missing",
        ErrorKind::NotReady => "not ready",
        ErrorKind::Throttled => "throttled",
        ErrorKind::Timeout => "timeout",
        ErrorKind::Unauthenticated => "no credentials",
        ErrorKind::Unavailable => "unavailable",
    }
}

/// The statements that the caller lacks, judged by the errors.
fn missing(
    secrets: &Secrets,
    services: &[Checkup],
    identity: Option<&Identity>,
    region: Option<&String>,
) -> (Vec<Statement>, BTreeSet<String>) {
    let is_kind = |checkup: &Checkup, kind: ErrorKind| checkup.error.as_ref().is_some_and(|it| it.kind() == kind);
    let denied = services.iter().filter(|checkup| is_kind(checkup, ErrorKind::AccessDenied));
    let denied: Vec<&SecretId> = denied.map(|checkup| &checkup.secret_id).collect();
    let keys =
        services.iter().filter(|it| is_kind(it, ErrorKind::AccessDenied) || is_kind(it, ErrorKind::DecryptionFailed));
    let kms_keys: BTreeSet<String> = keys.filter_map(|checkup| checkup.description.as_ref()?.kms_key.clone()).collect();
    let (aliases, kms_keys): (BTreeSet<_>, BTreeSet<_>) = kms_keys.into_iter().partition(|key| key.contains("alias/"));
    let mut scope = Scope {
        partition: identity.map(|it| it.partition().to_owned()).unwrap_or_default(),
        account: identity.map(|it| it.account.clone()),
        regions: region.cloned().into_iter().collect(),
        ..Scope::default()
    };
    let kms_keys: BTreeSet<String> = kms_keys.into_iter().map(|key| key_arn(&key, &scope)).collect();
    scope.kms_keys = kms_keys.into_iter().collect();
    let is_batch_denied =
        secrets.health().fetches.iter().any(|count| {
            count.operation == Operation::BatchGetSecretValue && count.error == Some(ErrorKind::AccessDenied)
        });
    let is_missing = |statement: &Statement| {
        if statement.action.contains(&"secretsmanager:BatchGetSecretValue") { is_batch_denied } else { true }
    };
    let statements = permissions::reader(denied, &scope).into_iter();
    (statements.filter(|statement| !statement.resource.is_empty() && is_missing(statement)).collect(), aliases)
}

/// Secrets Manager names a key by its id or by its ARN, a policy only by its ARN.
fn key_arn(key: &str, scope: &Scope) -> String {
    if key.starts_with("arn:") {
        return key.to_owned();
    }
    let region = scope.regions.first().map_or("*", String::as_str);
    format!("arn:{}:kms:{region}:{}:key/{key}", scope.partition(), scope.account.as_deref().unwrap_or("*"))
}

fn cost(context: &Context<'_>, services: &[Checkup]) -> Cost {
    let secrets = services.iter().filter(|checkup| checkup.state != State::Unused).count();
    #[expect(clippy::cast_precision_loss, reason = "a thousand secrets at most")]
    let count = secrets as f64;
    // Lifetimes are drawn one by one: after the first hour each secret is refreshed by a call of its own.
    let calls = count * MONTH / (context.options.cache.ttl.as_secs_f64() * MEAN_LIFETIME);
    Cost {
        secrets,
        dollars_a_month: count * SECRET_PRICE,
        calls_a_month_by_process: calls.round(),
        dollars_a_month_by_process: calls * CALL_PRICE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_granted_by_its_arn() {
        let scope = Scope { account: Some("1".into()), regions: vec!["cn-north-1".into()], ..Scope::default() };
        let arn = "arn:aws-cn:kms:cn-north-1:1:key/k";
        assert_eq!((key_arn("k", &scope).as_str(), key_arn(arn, &scope).as_str()), (arn, arn));
        assert_eq!(key_arn("k", &Scope::default()), "arn:aws:kms:*:*:key/k");
    }
}
