//! What every command needs: the application's options and variables, and a client for AWS.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use permisos_secrets::{OptionsFile, Secrets};
use permisos_secrets_aws::Admin;
use permisos_secrets_core::{
    Error, ErrorKind, Options, SecretId, SecretString, Service, ServiceId, Uncovered, UnixTime, Variables, looks_secret,
};
use serde_json::{Map, Value};

use crate::dotenv;
use crate::global::Global;
use crate::output::{Output, WARN, paint};

/// What every command needs.
pub(crate) struct Context<'o> {
    /// The options, checked.
    pub(crate) options: Options,
    /// The variables of the catalogue that are set.
    pub(crate) variables: Variables,
    /// Where reports and notes go.
    pub(crate) output: &'o Output,
    /// The administrator's calls.
    pub(crate) admin: Admin,
    /// The names of the file's variables, where they come from one.
    pub(crate) file: Option<BTreeSet<String>>,
    /// That file.
    pub(crate) env_file: Option<PathBuf>,
    given: Map<String, Value>,
    environment: BTreeMap<String, String>,
}

impl<'o> Context<'o> {
    /// Checks the options: those of the file, then those of the command line.
    pub(crate) fn new(
        global: Global,
        output: &'o Output,
        mut environment: BTreeMap<String, String>,
    ) -> Result<Self, Error> {
        for name in unreadable() {
            output.note(format_args!("{} {name} is not UTF-8 text and counts as unset", paint(WARN, "note")));
        }
        let mut given = Map::new();
        let mut of_file = None;
        let texts = [
            ("environment", global.environment),
            ("source", global.source),
            ("profile", global.profile),
            ("endpointUrl", global.endpoint_url),
        ];
        given.extend(texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.into()))));
        if !global.region.is_empty() {
            given.insert("regions".to_owned(), global.region.into());
        }
        let file = global.config.map_or(OptionsFile::Nearest, OptionsFile::At);
        let merged = file.under(given)?;
        if let Some(file) = &global.env_file {
            environment
                .retain(|name, _| !Service::ALL.iter().any(|it| it.definition().variables().contains(&name.as_str())));
            // A custom secret's, too. What every application reads as well, such as AWS_REGION, stays the process's.
            let usual = Options::variable_names(&Map::new());
            for name in Options::variable_names(&merged.options).iter().filter(|name| !usual.contains(name)) {
                environment.remove(name);
            }
            let read = dotenv::read(file, output)?;
            of_file = Some(read.keys().cloned().collect());
            environment.extend(read);
        }
        let parsed = Options::parse(&merged.options, &environment);
        let (mut options, variables) = parsed.map_err(|error| merged.explain(&error))?;
        options.started_at = now();
        let variables = variables.with_files(|path| std::fs::read_to_string(path).ok());
        let admin = Admin::new(&options.connection);
        let given = merged.options;
        let (file, env_file) = (of_file, global.env_file);
        Ok(Self { options, variables, output, admin, file, env_file, given, environment })
    }

    /// The secrets as an application would open them, with these options changed.
    pub(crate) fn secrets(&self, changed: &[(&str, Value)]) -> Result<Secrets, Error> {
        let mut given = self.given.clone();
        // Without the application's sealed snapshot: a command that fetches one service would overwrite it.
        given.remove("snapshot");
        let mut builder = Secrets::builder().without_file().options(given).variables(self.environment.clone());
        for (name, value) in changed {
            builder = builder.option(name, value.clone());
        }
        builder.build()
    }

    /// What the file holds and no service reads.
    pub(crate) fn uncovered(&self) -> Uncovered {
        let names = self.file.iter().flatten();
        Uncovered::of(&self.options, names.map(|name| (name.as_str(), self.of_file(name))))
    }

    /// The value that the file sets a variable to.
    pub(crate) fn of_file(&self, name: &str) -> Option<&str> {
        self.file
            .as_ref()
            .filter(|names| names.contains(name))
            .and_then(|_| self.environment.get(name))
            .map(String::as_str)
    }

    /// The variables of the file that look like secrets and that no service reads.
    pub(crate) fn uncovered_values(&self) -> impl Iterator<Item = (String, SecretString)> {
        let Uncovered { variables, near, .. } = self.uncovered();
        let near = near.into_iter().map(|it| it.variable).filter(|name| looks_secret(name, self.of_file(name)));
        variables.into_iter().chain(near).filter_map(|name| {
            let value = self.of_file(&name)?.into();
            Some((name, value))
        })
    }

    /// The region, and the account where it is known: shown before a person confirms a change.
    pub(crate) async fn place(&self) -> Result<String, Error> {
        let region = self.admin.region().await?;
        let account = self.admin.identity().await.map(|identity| format!(" of account {}", identity.account));
        Ok(format!("{region}{}", account.unwrap_or_default()))
    }

    /// What every secret's name starts with, up to the environment.
    pub(crate) fn prefix(&self) -> &str {
        self.given.get("prefix").and_then(Value::as_str).unwrap_or("permisos")
    }

    /// The secret of a service that the options ask for.
    pub(crate) fn secret(&self, service: &ServiceId) -> Result<&SecretId, Error> {
        self.options.secret_ids.get(service).ok_or_else(|| Error::not_configured(service))
    }

    /// The service of that name, if the options ask for it.
    pub(crate) fn service(&self, name: &str) -> Result<ServiceId, Error> {
        let service = ServiceId::from(name);
        if self.options.secret_ids.contains_key(&service) {
            return Ok(service);
        }
        let known: Vec<String> = self.options.service_ids().map(|known| known.to_string()).collect();
        let known = if known.is_empty() { Service::ALL.map(Service::as_str).join(", ") } else { known.join(", ") };
        Err(Error::new(ErrorKind::ConfigInvalid, format!("unknown service: the services are {known}")))
    }
}

/// The process's own variables, as far as they are text.
pub(crate) fn process_environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Variables of the catalogue whose values are not text.
fn unreadable() -> impl Iterator<Item = &'static str> {
    let names = Service::ALL.into_iter().flat_map(|service| service.definition().variables());
    names.filter(|name| std::env::var_os(name).is_some_and(|value| value.to_str().is_none()))
}

/// The wall clock, for dates only.
pub(crate) fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.into()
}
