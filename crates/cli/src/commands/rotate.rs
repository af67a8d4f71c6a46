//! `rotate`: new values for a service, in the way that their issuer supports. The compromise procedure.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{IsTerminal, Read, stdin};
use std::time::Duration;

use clap::Args;
use permisos_secrets_aws::Description;
use permisos_secrets_core::{Draft, Error, ErrorKind, SecretId, Service, ServiceId, Stage};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Map, Value};
use zeroize::{Zeroize, Zeroizing};

use super::audit::{Audit, Trail};
use super::migrate::{read_back, retrying, unmoved};
use crate::Exit;
use crate::context::Context;
use crate::output::{BAD, DIM, GOOD, Page, Report, paint};
use crate::prompt;

/// 256 bits, as 64 hexadecimal digits: as long as the longest hash that signs tokens (RFC 7518, HS512).
const RANDOM_BYTES: usize = 32;
/// How far back an emergency looks in CloudTrail.
const LOOK_BACK: Duration = Duration::from_hours(6);
const EVENT_LIMIT: usize = 200;
/// The most bytes to read from standard input.
const INPUT_LIMIT: u64 = 65_536;

/// Replace a service's values: the compromise procedure.
///
/// security: stores new random values at once; sessions and tokens signed with the previous ones stay valid for
/// `previousFor`. database: runs the rotation function that is attached to the secret. Others: create the new value at
/// the issuer, then enter it here, at the prompt or as a JSON object of fields on standard input.
#[derive(Args)]
pub(crate) struct Rotate {
    /// The service, e.g. security
    service: String,
    /// Only these fields, e.g. jwtSecret; with --stdin they may be new
    #[arg(long, value_name = "NAME")]
    field: Vec<String>,
    /// Read new values from standard input, as a JSON object of fields
    #[arg(long)]
    stdin: bool,
    /// Do not ask for confirmation
    #[arg(long, short)]
    yes: bool,
    /// Also show the checklist for a compromise, and CloudTrail's events of the last hours
    #[arg(long)]
    emergency: bool,
    /// Seconds to wait for a rotation function
    #[arg(long, value_name = "SECONDS", default_value = "300")]
    timeout: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rotated {
    service: ServiceId,
    secret_id: SecretId,
    fields: Vec<String>,
    from: Option<String>,
    to: String,
    emergency: Option<Emergency>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Emergency {
    /// What the operator still has to do.
    checklist: Vec<String>,
    /// CloudTrail's events of the last hours.
    #[serde(flatten)]
    trail: Option<Trail>,
    /// Why CloudTrail could not be read.
    events_error: Option<Error>,
}

impl Rotate {
    pub(crate) async fn run(self, mut context: Context<'_>) -> Exit {
        if context.output.is_json() && !self.yes {
            return Err(Error::new(ErrorKind::ConfigInvalid, "--json cannot prompt: pass --yes"));
        }
        context.options.connection.regions = vec![context.admin.region().await?];
        let context = &context;
        let service = context.service(&self.service)?;
        let secret_id = context.secret(&service)?.clone();
        let Some(about) = context.admin.describe(&secret_id).await? else {
            let message = format!(
                "{secret_id} does not exist: create it with `migrate`, or from the payload that `template {service}` prints"
            );
            return Err(Error::of(service, ErrorKind::NotFound, message));
        };
        if about.deleted_at.is_some() {
            let message = format!(
                "{secret_id} is scheduled for deletion: `migrate` restores it with the values of the variables, \
                 `migrate --missing` with those that it has"
            );
            return Err(Error::of(service, ErrorKind::NotFound, message));
        }
        let is_by_function = !self.stdin && about.rotation.function.is_some();
        if service == Service::Database && !self.stdin && about.rotation.function.is_none() {
            return Err(no_function(context, &service, &about));
        }
        if is_by_function && !self.field.is_empty() {
            let message = "the rotation function decides which fields it replaces: leave out --field";
            return Err(Error::of(service, ErrorKind::ConfigInvalid, message));
        }
        let (fields, from, to) = if is_by_function {
            let function = about.rotation.function.as_deref().unwrap_or_default();
            self.confirm(context, &format!("Let {function} rotate {service} of {}", context.options.environment))
                .await?;
            (vec![], about.current, self.by_function(context, &service, &secret_id).await?)
        } else {
            let found = context.admin.value(&secret_id, Stage::Current).await?;
            let Some((stored, version)) = found.and_then(|it| Some((it.text?, it.version_id))) else {
                let message =
                    format!("{secret_id} holds no text to change: `template {service}` shows what it should hold");
                return Err(Error::of(service, ErrorKind::Invalid, message));
            };
            let new = self.new_values(context, &service, &stored)?;
            let draft = context.options.amend(&service, stored.expose_secret(), &new.0)?;
            let fields: Vec<String> = new.0.keys().cloned().collect();
            let what = format!("Replace {} of {service} of {}", fields.join(", "), context.options.environment);
            self.confirm(context, &what).await?;
            unmoved(context, &service, &secret_id, Some(&version)).await?;
            let to = store(context, &service, &secret_id, &draft).await?;
            (fields, Some(version), to)
        };
        let emergency = if self.emergency { Some(Box::pin(emergency(context, &service)).await) } else { None };
        context.output.report(&Rotated { service, secret_id, fields, from, to, emergency });
        Ok(None)
    }

    async fn confirm(&self, context: &Context<'_>, question: &str) -> Result<(), Error> {
        if self.yes || prompt::confirm(&format!("{question} in {}?", context.place().await?), "--yes")? {
            return Ok(());
        }
        Err(Error::new(ErrorKind::ConfigInvalid, "not confirmed: nothing is changed"))
    }

    /// The new values of the fields: random ones, those of standard input, or what a person types.
    fn new_values(
        &self,
        context: &Context<'_>,
        service: &ServiceId,
        stored: &SecretString,
    ) -> Result<NewValues, Error> {
        let mut new = NewValues(Map::new());
        if self.stdin {
            let mut text = Zeroizing::new(String::new());
            let read = stdin().take(INPUT_LIMIT).read_to_string(&mut text);
            let object = read.ok().and_then(|_| serde_json::from_str::<Map<String, Value>>(&text).ok());
            let Some(object) = object.filter(|object| !object.is_empty()) else {
                let message = "standard input is not a JSON object of fields, such as { \"privateKey\": \"…\" }";
                return Err(Error::of(service.clone(), ErrorKind::Invalid, message));
            };
            new.0 = object;
            self.expect(context, service, stored, &new)?;
        } else if *service == Service::Security {
            for field in self.fields(context, service, stored)? {
                new.0.insert(field, random()?.as_str().into());
            }
        } else {
            let known = self.fields(context, service, stored)?;
            if context.output.is_json() || !stdin().is_terminal() {
                let message =
                    format!("there is no terminal to type the new values of {service} at: pass them with --stdin");
                return Err(Error::of(service.clone(), ErrorKind::ConfigInvalid, message));
            }
            for field in known {
                let value = prompt::hidden(&format!("New {field} (empty: keep it)"))?;
                if !value.is_empty() {
                    new.0.insert(field, value.as_str().into());
                }
            }
            if new.0.is_empty() {
                return Err(Error::new(ErrorKind::ConfigInvalid, "no new value was entered: nothing is changed"));
            }
        }
        Ok(new)
    }

    /// Fails unless these are fields to replace: a mistyped one would be stored beside the right one.
    fn expect(
        &self,
        context: &Context<'_>,
        service: &ServiceId,
        stored: &SecretString,
        new: &NewValues,
    ) -> Result<(), Error> {
        let refuse = |message: String| Err(Error::of(service.clone(), ErrorKind::Invalid, message));
        if self.field.is_empty() {
            let stored = NewValues(serde_json::from_str(stored.expose_secret()).unwrap_or_default());
            let mut known = context.options.field_names(service);
            let further: Vec<&str> = stored.0.keys().map(String::as_str).filter(|name| !known.contains(name)).collect();
            known.extend(further);
            if new.0.keys().any(|name| !known.contains(&name.as_str())) {
                // The unknown name may be a value in the wrong place: the message leaves it out.
                return refuse(format!(
                    "standard input holds a field that {service} does not have; it has {}. To add one, name it by --field",
                    known.join(", ")
                ));
            }
        } else if new.0.len() != self.field.iter().collect::<BTreeSet<_>>().len()
            || !self.field.iter().all(|name| new.0.contains_key(name))
        {
            return refuse(format!(
                "standard input must hold exactly the fields of --field: {}",
                self.field.join(", ")
            ));
        }
        Ok(())
    }

    /// The fields to replace: those of `--field`, else those that the service's issuer renews.
    fn fields(&self, context: &Context<'_>, service: &ServiceId, stored: &SecretString) -> Result<Vec<String>, Error> {
        let stored: NewValues = NewValues(serde_json::from_str(stored.expose_secret()).unwrap_or_default());
        let fields = context.options.definition(service).into_iter().flat_map(|definition| &*definition.fields);
        let mut renewed: Vec<String> =
            fields.filter(|field| field.renewed).map(|field| field.name.clone().into_owned()).collect();
        if renewed.is_empty() {
            renewed.extend(stored.0.keys().cloned());
        }
        if self.field.is_empty() {
            return Ok(renewed);
        }
        if let Some(unknown) = self.field.iter().find(|field| !renewed.contains(field)) {
            let message =
                format!("{service} does not rotate {unknown}; its fields to rotate are {}", renewed.join(", "));
            return Err(Error::of(service.clone(), ErrorKind::ConfigInvalid, message));
        }
        Ok(self.field.clone())
    }

    /// Runs the rotation function and waits until it has moved AWSCURRENT, its last step.
    async fn by_function(
        &self,
        context: &Context<'_>,
        service: &ServiceId,
        secret_id: &SecretId,
    ) -> Result<String, Error> {
        let version = context.admin.rotate(secret_id).await?;
        for waited in 0..self.timeout.max(1) {
            context.output.progress(format_args!("{service}: the rotation function is at work, {waited} s"));
            // The function continues even if one of these reads fails.
            let stored = retrying(context.admin.value(secret_id, Stage::Current).await)?.flatten();
            if let Some(stored) = stored.filter(|stored| stored.version_id == version)
                && let Some(text) = stored.text
            {
                context.options.check(service, text.expose_secret())?;
                return Ok(version);
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let message = format!(
            "{service}: the rotation function has not finished after {} s. The old version is still current; the \
             function may have changed the database already. See whether it still comes: `history {service}` shows \
             {version} as AWSPENDING until then. If not, the function's log in CloudWatch Logs says why",
            self.timeout
        );
        Err(Error::of(service.clone(), ErrorKind::Timeout, message))
    }
}

/// Zeroed when dropped.
struct NewValues(Map<String, Value>);

impl Drop for NewValues {
    fn drop(&mut self) {
        for value in self.0.values_mut() {
            if let Value::String(text) = value {
                text.zeroize();
            }
        }
    }
}

async fn store(
    context: &Context<'_>,
    service: &ServiceId,
    secret_id: &SecretId,
    draft: &Draft,
) -> Result<String, Error> {
    let text = SecretString::from(draft.text().as_str());
    let version = context.admin.put(secret_id, &text).await?;
    let (kind, why) = match read_back(context, service, secret_id, &text, Some(&version)).await {
        Ok(Some(version)) => return Ok(version),
        Ok(None) => (ErrorKind::Unavailable, "Secrets Manager does not return the new version yet".to_owned()),
        Err(error) => (error.kind(), error.to_string()),
    };
    let message = format!(
        "{why}\n{service} was stored as version {version}. Do not rotate again: that would end the previous version. \
         `history {service}` and `check` show when it is current"
    );
    Err(Error::of(service.clone(), kind, message))
}

fn random() -> Result<Zeroizing<String>, Error> {
    let mut bytes = Zeroizing::new([0; RANDOM_BYTES]);
    getrandom::fill(&mut *bytes).map_err(|_| Error::new(ErrorKind::Unavailable, "the system has no random numbers"))?;
    let mut text = Zeroizing::new(String::with_capacity(2 * RANDOM_BYTES));
    for byte in *bytes {
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

fn no_function(context: &Context<'_>, service: &ServiceId, about: &Description) -> Error {
    let message = format!(
        "{} has no rotation function, and a new password has to be set in the database too. Nothing is changed.\n\
         Either attach a function (docs/guide, section 6), or do it by hand, both at once:\n  \
         ALTER ROLE … PASSWORD '…';  in the database\n  \
         permisos-secrets rotate {service} --environment {} --stdin  with {{ \"password\": \"…\" }}",
        about.name, context.options.environment
    );
    Error::of(service.clone(), ErrorKind::ConfigInvalid, message)
}

async fn emergency(context: &Context<'_>, service: &ServiceId) -> Emergency {
    let (trail, events_error) = match Audit::of_the_last(LOOK_BACK, EVENT_LIMIT, context).await {
        Ok(trail) => (Some(trail), None),
        Err(error) => (None, Some(error)),
    };
    let hours = context.options.cache.previous_for.as_secs() / 3600;
    let environment = &context.options.environment;
    let minutes = context.options.cache.ttl.as_secs().div_ceil(60);
    let issuer = match service {
        ServiceId::BuiltIn(Service::Security) => format!(
            "sessions and tokens signed with the old keys are honoured for {hours} h: to end them now, run \
             `permisos-secrets rotate security --environment {environment}` once more and restart the application"
        ),
        ServiceId::BuiltIn(Service::Stripe) => "revoke the old keys in Stripe's dashboard, and look at its log".into(),
        ServiceId::BuiltIn(Service::Email) => "delete the old SMTP credentials' access key in IAM".into(),
        ServiceId::BuiltIn(Service::Database) => "end the old sessions in the database (pg_terminate_backend)".into(),
        _ => "revoke the old value where it was issued".to_owned(),
    };
    let checklist = vec![
        issuer,
        format!("restart the application, or wait {minutes} min: a process may hold the old value for that long"),
        format!(
            "find out who read it and from where: below, and by `permisos-secrets audit --environment {environment}`"
        ),
        "find out how it leaked; rotate everything that was stored beside it".to_owned(),
    ];
    Emergency { checklist, trail, events_error }
}

impl Report for Rotated {
    fn page(&self, page: &mut Page) {
        let fields = if self.fields.is_empty() { "by its function".to_owned() } else { self.fields.join(", ") };
        page.line(format_args!("{} {} rotated: {fields}", paint(GOOD, "✓"), self.service));
        let from = self.from.as_deref().unwrap_or("-");
        page.line(format_args!("{} read back and valid: {}", paint(GOOD, "✓"), paint(DIM, &self.to)));
        page.line(format_args!("{} the previous version is AWSPREVIOUS: {}", paint(GOOD, "✓"), paint(DIM, from)));
        let Some(emergency) = &self.emergency else { return };
        page.heading("What is left to do");
        for item in &emergency.checklist {
            page.line(format_args!("☐ {item}"));
        }
        page.heading("Events in CloudTrail (which is about fifteen minutes late)");
        if let Some(error) = &emergency.events_error {
            page.line(format_args!("{} {error}", paint(BAD, "✗")));
        }
        if let Some(trail) = &emergency.trail {
            trail.page(page);
        }
    }
}
