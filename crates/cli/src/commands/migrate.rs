//! `migrate`: from environment variables to secrets. Idempotent: it skips what is stored already, so that after a failure
//! the same command continues. Deletes nothing.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use permisos_secrets_aws::{Admin, SecretAttributes};
use permisos_secrets_core::{
    Change, Draft, Error, ErrorKind, FieldChange, Near, SecretId, ServiceId, Stage, Uncovered, Unheard, Violation,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use crate::Exit;
use crate::context::Context;
use crate::global::Global;
use crate::output::{BAD, DIM, GOOD, Page, Report, STRONG, WARN, counted, paint};
use crate::prompt;

/// How often to ask for a new version until it is read back, a second apart: reads are eventually consistent.
const READ_BACK_TRIES: u32 = 30;

/// Store environment variables as secrets; deletes nothing, and continues after a failure.
#[derive(Args)]
pub(crate) struct Migrate {
    /// An environment file, or the word environment for the variables of this process
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// The deployment environment to fill, e.g. production
    #[arg(long, value_name = "NAME")]
    to: String,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Only create missing secrets, fill those without a value and restore deleted ones; report those that differ, but
    /// keep them
    #[arg(long)]
    missing: bool,
    /// Do not ask for confirmation
    #[arg(long, short)]
    yes: bool,
    /// The KMS key for new and changed secrets; by default AWS's own key for Secrets Manager
    #[arg(long, value_name = "KEY")]
    kms_key: Option<String>,
    /// A tag in addition to application, environment, managed-by and service
    #[arg(long, value_name = "NAME=VALUE", value_parser = tag)]
    tag: Vec<(String, String)>,
}

/// What is to be done for one service.
struct Step {
    service: ServiceId,
    secret_id: SecretId,
    action: Action,
    draft: Draft,
    has_description: bool,
    /// The version that was compared.
    version: Option<String>,
}

#[derive(Clone, Copy, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Action {
    Create,
    /// It is there and has no value.
    Fill,
    /// It holds other values, and only what is missing is asked for.
    Leave,
    /// It is scheduled for deletion.
    Restore,
    /// Its value is stored already.
    Same,
    Update,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Plan {
    environment: String,
    /// The region, and the account where it is known.
    place: String,
    steps: Vec<Planned>,
    /// Services none of whose variables is set.
    without_variables: Vec<ServiceId>,
    /// Those of them that the application needs.
    #[serde(skip)]
    needed: Vec<ServiceId>,
    /// What the file holds and no service reads.
    uncovered: Uncovered,
    #[serde(skip)]
    only_missing: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Planned {
    service: ServiceId,
    secret_id: SecretId,
    action: Action,
    fields: Vec<FieldChange>,
    warnings: Vec<Violation>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Migrated {
    #[serde(flatten)]
    plan: Plan,
    verified: Vec<Verified>,
    /// Variables that the application does not need any more.
    removable: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Verified {
    service: ServiceId,
    version_id: String,
    /// Those of the variables that made it.
    #[serde(skip)]
    variables: Vec<String>,
}

impl Migrate {
    /// The options that the command itself gives.
    pub(crate) fn adapt(&self, global: Global) -> Global {
        let env_file = (self.from.as_os_str() != "environment").then(|| self.from.clone());
        Global {
            environment: Some(self.to.clone()),
            env_file: env_file.or(global.env_file),
            source: Some("aws".to_owned()),
            ..global
        }
    }

    pub(crate) async fn run(self, mut context: Context<'_>) -> Exit {
        // A default may depend on the region: SES's host.
        context.options.connection.regions = vec![context.admin.region().await?];
        let Drafts { drafts, without_variables } = Drafts::of(&context).inspect_err(|_| {
            // All that is to be mended in the file, at once.
            let uncovered = context.uncovered();
            if !uncovered.is_empty() && !context.output.is_json() {
                context.output.report(&uncovered);
            }
        })?;
        let mut steps = vec![];
        let mut planned = vec![];
        for (service, draft) in drafts {
            context.output.progress(format_args!("looking at {service}"));
            let (step, plan) = self.plan(&context, service, draft).await?;
            steps.push(step);
            planned.push(plan);
        }
        let (environment, place) = (context.options.environment.to_string(), context.place().await?);
        let needed =
            without_variables.iter().filter(|service| !context.options.is_optional(service)).cloned().collect();
        let (uncovered, only_missing) = (context.uncovered(), self.missing);
        let plan = Plan { environment, place, steps: planned, without_variables, needed, uncovered, only_missing };
        let count = steps.iter().filter(|step| !matches!(step.action, Action::Leave | Action::Same)).count();
        if self.dry_run {
            context.output.report(&plan);
            return Ok(None);
        }
        if count > 0 && !self.yes {
            if context.output.is_json() {
                return Err(Error::new(ErrorKind::ConfigInvalid, "--json cannot prompt: pass --yes or --dry-run"));
            }
            context.output.report(&plan);
            let question = format!("Store {} of {} in {}?", counted(count, "secret"), plan.environment, plan.place);
            if !prompt::confirm(&question, "--yes")? {
                return Err(Error::new(ErrorKind::ConfigInvalid, "not confirmed: nothing is changed"));
            }
        }
        let mut verified = vec![];
        for (index, step) in steps.iter().enumerate() {
            if step.action == Action::Leave {
                continue;
            }
            let service = step.service.clone();
            context.output.progress(format_args!("storing {service} ({} of {})", index + 1, steps.len()));
            match self.apply(&context, step).await {
                Ok(version_id) => {
                    let definition = context.options.definition(&service);
                    let variables = definition.into_iter().flat_map(|it| context.variables.heard(it).0);
                    let variables = variables.map(str::to_owned).collect();
                    verified.push(Verified { service, version_id, variables });
                }
                Err(error) => return Err(interrupted(&error, &steps, index)),
            }
        }
        let removable = verified.iter().flat_map(|it| it.variables.iter().cloned()).collect();
        context.output.report(&Migrated { plan, verified, removable });
        Ok(None)
    }

    async fn plan(&self, context: &Context<'_>, service: ServiceId, draft: Draft) -> Result<(Step, Planned), Error> {
        let secret_id = context.secret(&service)?.clone();
        let description = context.admin.describe(&secret_id).await?;
        let is_deleted = description.as_ref().is_some_and(|it| it.deleted_at.is_some());
        let stored = match &description {
            Some(_) if !is_deleted => stored(&context.admin, &service, &secret_id).await?,
            _ => None,
        };
        let text = stored.as_ref().map(|(text, _)| text.expose_secret());
        // What a restored secret holds is not known yet, and stays.
        let fields = if is_deleted && self.missing { vec![] } else { draft.changes(text) };
        let draft = match text {
            Some(text) if !self.missing => draft.over(&context.options, &service, text)?,
            _ => draft,
        };
        let is_same = stored.is_some() && fields.iter().all(|it| matches!(it.change, Change::Kept | Change::Same));
        let action = match &description {
            None => Action::Create,
            Some(_) if is_deleted => Action::Restore,
            Some(_) if is_same => Action::Same,
            // Terraform or a colleague made it and put nothing into it: nothing can be lost.
            Some(_) if stored.is_none() => Action::Fill,
            Some(_) if self.missing => Action::Leave,
            Some(_) => Action::Update,
        };
        let warnings = draft.warnings.clone();
        let planned = Planned { service: service.clone(), secret_id: secret_id.clone(), action, fields, warnings };
        let has_description = description.is_some_and(|it| it.description.is_some());
        let version = stored.map(|(_, version)| version);
        Ok((Step { service, secret_id, action, draft, has_description, version }, planned))
    }

    /// Stores one secret, reads it back and returns its version.
    async fn apply(&self, context: &Context<'_>, step: &Step) -> Result<String, Error> {
        let Step { service, secret_id, action, draft, has_description, version } = step;
        let admin = &context.admin;
        let mut text = SecretString::from(draft.text().as_str());
        let version = match action {
            Action::Leave | Action::Same => None,
            Action::Restore if self.missing => {
                admin.restore(secret_id).await?;
                match stored(admin, service, secret_id).await? {
                    Some(_) => None,
                    None => Some(admin.put(secret_id, &text).await?),
                }
            }
            Action::Create => Some(admin.create(secret_id, &text, &self.attributes(context, service, false)).await?),
            Action::Fill | Action::Restore | Action::Update => {
                if *action == Action::Restore {
                    admin.restore(secret_id).await?;
                    // Only now can it be read: its other fields are kept.
                    if let Some((stored, _)) = stored(admin, service, secret_id).await? {
                        let merged = draft.over(&context.options, service, stored.expose_secret())?;
                        text = SecretString::from(merged.text().as_str());
                    }
                } else {
                    unmoved(context, service, secret_id, version.as_deref()).await?;
                }
                admin.update(secret_id, &self.attributes(context, service, *has_description)).await?;
                Some(admin.put(secret_id, &text).await?)
            }
        };
        let found = read_back(context, service, secret_id, &text, version.as_deref()).await?;
        let message =
            || format!("{service} was stored, but Secrets Manager does not return it yet: run the command again");
        found.ok_or_else(|| Error::of(service.clone(), ErrorKind::Unavailable, message()))
    }

    fn attributes(&self, context: &Context<'_>, service: &ServiceId, has_description: bool) -> SecretAttributes {
        let environment = &context.options.environment;
        let mut tags = vec![
            ("application".to_owned(), context.prefix().to_owned()),
            ("environment".to_owned(), environment.to_string()),
            ("managed-by".to_owned(), crate::NAME.to_owned()),
            ("service".to_owned(), service.to_string()),
        ];
        tags.extend(self.tag.iter().cloned());
        let description = (!has_description).then(|| format!("{service} of {} in {environment}", context.prefix()));
        SecretAttributes { description, kms_key: self.kms_key.clone(), tags }
    }
}

/// What the variables make.
struct Drafts {
    drafts: Vec<(ServiceId, Draft)>,
    without_variables: Vec<ServiceId>,
}

impl Drafts {
    /// A valid draft of each service that has variables, or every violation of all of them.
    fn of(context: &Context<'_>) -> Result<Self, Error> {
        let (mut drafts, mut without_variables, mut errors) = (vec![], vec![], vec![]);
        for service in context.options.service_ids() {
            match context.options.draft(&service, &context.variables) {
                Ok(Some(draft)) => drafts.push((service, draft)),
                Ok(None) => without_variables.push(service),
                Err(error) => errors.push(error),
            }
        }
        if let Some(error) = Error::several(errors) {
            return Err(error);
        }
        if drafts.is_empty() {
            let message = "no variable of any service is set: nothing to migrate";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        Ok(Self { drafts, without_variables })
    }
}

/// Text and version of the stored value, if there is one. Fails on a binary value, which must not be overwritten.
async fn stored(
    admin: &Admin,
    service: &ServiceId,
    secret_id: &SecretId,
) -> Result<Option<(SecretString, String)>, Error> {
    let Some(stored) = admin.value(secret_id, Stage::Current).await? else { return Ok(None) };
    let Some(text) = stored.text else {
        let message = format!("{secret_id} holds a binary value, which is not overwritten: is it the right secret?");
        return Err(Error::of(service.clone(), ErrorKind::Invalid, message));
    };
    Ok(Some((text, stored.version_id)))
}

/// Fails if the version that was compared is no longer current: a version stored meanwhile must not be overwritten.
pub(super) async fn unmoved(
    context: &Context<'_>,
    service: &ServiceId,
    secret_id: &SecretId,
    before: Option<&str>,
) -> Result<(), Error> {
    let now = context.admin.value(secret_id, Stage::Current).await?.map(|stored| stored.version_id);
    if now.as_deref() == before {
        return Ok(());
    }
    let message =
        format!("{service} has a newer version than the one compared: nothing was stored, run the command again");
    Err(Error::of(service.clone(), ErrorKind::Unavailable, message))
}

/// Waits until Secrets Manager returns the version with the stored text, and checks it as a reader does. `None`: it did not
/// return it in time.
pub(super) async fn read_back(
    context: &Context<'_>,
    service: &ServiceId,
    secret_id: &SecretId,
    text: &SecretString,
    version: Option<&str>,
) -> Result<Option<String>, Error> {
    for attempt in 0..READ_BACK_TRIES {
        if attempt > 0 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let stored = retrying(context.admin.value(secret_id, Stage::Current).await)?.flatten();
        let Some(stored) = stored else { continue };
        let Some(found) = &stored.text else { continue };
        match version {
            Some(version) if stored.version_id != version => continue,
            Some(_) if found.expose_secret() != text.expose_secret() => continue,
            _ => {}
        }
        context.options.check(service, found.expose_secret())?;
        return Ok(Some(stored.version_id));
    }
    Ok(None)
}

/// The answer, or none where a retry may help.
pub(super) fn retrying<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_retryable() => Ok(None),
        Err(error) => Err(error),
    }
}

/// What is stored and what is not, when a step failed.
fn interrupted(error: &Error, steps: &[Step], failed: usize) -> Error {
    let (done, left) = steps.split_at(failed);
    let named = |steps: &[Step]| match steps {
        [] => "none".to_owned(),
        steps => steps.iter().map(|step| step.service.as_str()).collect::<Vec<_>>().join(", "),
    };
    let message = format!(
        "{error}\n  stored and verified: {}\n  failed, stored or not: {}\n  not begun: {}\nRun the same command again: \
         it skips what is stored and continues with the rest",
        named(done),
        named(&left[..1]),
        named(&left[1..]),
    );
    Error::new(error.kind(), message)
}

fn tag(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').filter(|(name, _)| !name.is_empty());
    parts.map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or_else(|| "must be NAME=VALUE".to_owned())
}

impl Report for Uncovered {
    fn page(&self, page: &mut Page) {
        if self.is_empty() {
            return;
        }
        page.heading("In the file, and read by no service");
        for Near { variable, meant } in &self.near {
            page.line(format_args!("{} {variable}: is {meant} meant?", paint(WARN, "!")));
        }
        for Unheard { variables, url } in &self.unheard {
            let names = variables.join(", ");
            page.line(format_args!("{} {names}: {url} is set, and counts instead", paint(WARN, "!")));
        }
        if self.variables.is_empty() {
            return;
        }
        let names = self.variables.join(", ");
        page.line(format_args!("{} {names}: by name or value a secret, and left where it is", paint(WARN, "!")));
        if !self.definitions.is_empty() {
            page.line("To store and read them too, add to the application's options, and give their file as --config:");
            let secrets = serde_json::json!({ "secrets": self.definitions });
            page.line(serde_json::to_string_pretty(&secrets).unwrap_or_default());
        }
    }
}

impl Report for Plan {
    fn page(&self, page: &mut Page) {
        page.line(format_args!("{STRONG}{}{STRONG:#} in {}", self.environment, self.place));
        for Planned { service, secret_id, action, fields, warnings } in &self.steps {
            let action = match action {
                Action::Create => paint(GOOD, "create"),
                Action::Fill => paint(GOOD, "fill"),
                Action::Leave => paint(WARN, "differs and stays"),
                Action::Restore if self.only_missing => paint(WARN, "restore"),
                Action::Restore => paint(WARN, "restore and update"),
                Action::Same => paint(DIM, "same"),
                Action::Update => paint(WARN, "update"),
            };
            page.heading(format_args!("{service} {action} {}", paint(DIM, secret_id)));
            let names = |change| {
                let of = fields.iter().filter(|field| field.change == change);
                of.map(|field| field.path.trim_start_matches('/')).collect::<Vec<_>>().join(", ")
            };
            let kinds = [
                (Change::Added, paint(GOOD, "+ added  ")),
                (Change::Changed, paint(WARN, "~ changed")),
                (Change::Same, paint(DIM, "= same   ")),
                (Change::Kept, paint(DIM, "= kept   ")),
            ];
            for (change, mark) in kinds {
                let names = names(change);
                if !names.is_empty() {
                    page.line(format_args!("  {mark} {names}"));
                }
            }
            page.violations(WARN, "!", warnings);
        }
        if !self.without_variables.is_empty() {
            let services: Vec<&str> = self.without_variables.iter().map(ServiceId::as_str).collect();
            page.line("");
            page.line(format_args!("{} {}", paint(DIM, "no variables for"), services.join(", ")));
        }
        self.uncovered.page(page);
        page.line("");
    }
}

impl Report for Migrated {
    fn page(&self, page: &mut Page) {
        for Planned { service, fields, .. } in self.plan.steps.iter().filter(|it| it.action == Action::Leave) {
            let differing = fields.iter().filter(|it| matches!(it.change, Change::Added | Change::Changed));
            let names: Vec<&str> = differing.map(|it| it.path.trim_start_matches('/')).collect();
            page.line(format_args!("{} {service} differs and was kept: {}", paint(WARN, "!"), names.join(", ")));
        }
        for Verified { service, version_id, .. } in &self.verified {
            let action = self.plan.steps.iter().find(|step| step.service == *service).map(|step| step.action);
            let done = match action {
                Some(Action::Create) => "created, read back and valid",
                Some(Action::Fill) => "filled, read back and valid",
                Some(Action::Restore) if self.plan.only_missing => "restored as it was, read and valid",
                Some(Action::Restore) => "restored, updated, read back and valid",
                Some(Action::Update) => "updated, read back and valid",
                Some(Action::Leave | Action::Same) | None => "as it was, read and valid",
            };
            page.line(format_args!("{} {service} {done} {}", paint(GOOD, "✓"), paint(DIM, version_id)));
        }
        for service in &self.plan.needed {
            page.line(format_args!("{} {service} has no variables: create its secret yourself", paint(BAD, "✗")));
        }
        self.plan.uncovered.page(page);
        page.heading("Variables to remove once nothing reads them: the application, its scripts, CI, other programs");
        for Verified { variables, .. } in &self.verified {
            page.words(variables.iter().map(String::as_str));
        }
    }
}
