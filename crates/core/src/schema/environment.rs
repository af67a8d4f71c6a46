//! Between environment variables and configs. A payload from the environment passes the same checker as a stored secret;
//! only the names in its violations differ.

use std::borrow::Cow;

use secrecy::ExposeSecret;

use super::assembly::Assembly;
use super::definition::{Definition, Field, Kind, Text};
use super::services::{Config, DEFINITIONS, DatabaseConfig, LIBPQ_OPTIONS};
use super::url::plain_text;
use super::values::{Entry, Seen};
use crate::variables::{Assignment, DATABASE_CA_FILE, NamedFile, REDIS_CA_FILE, Variables};

/// Variables that steer the engine and hold no secret.
const CONTROL: [&str; 5] =
    ["AWS_DEFAULT_REGION", "AWS_REGION", "NODE_ENV", "PERMISOS_ENVIRONMENT", "USE_SECRETS_MANAGER"];

impl Variables {
    /// Keeps those variables that a service or a custom secret names. A host hands in the names of all that are set and not
    /// empty; the values of others are not needed, and not kept.
    pub fn new<K: AsRef<str>, V: Into<String>>(
        variables: impl IntoIterator<Item = (K, V)>,
        custom: &[Definition],
    ) -> Self {
        let known = Self::known(custom);
        Self::keep(variables, |name| known.contains(&name))
    }

    /// Every name whose value a snapshot keeps.
    pub(crate) fn known(custom: &[Definition]) -> Vec<&str> {
        Self::named_by(DEFINITIONS.into_iter().chain(custom))
    }

    /// Those that these definitions name, and those that steer the engine.
    pub(crate) fn named_by<'d>(definitions: impl IntoIterator<Item = &'d Definition>) -> Vec<&'d str> {
        let variables = definitions.into_iter().flat_map(Definition::variables);
        variables.chain(CONTROL).collect()
    }

    /// Those variables of a service that are set.
    pub fn of(&self, definition: &Definition) -> Vec<&str> {
        let known = definition.variables();
        self.names().filter(|name| known.contains(name)).collect()
    }

    /// Those of them that count, and those that do not beside a connection URL.
    pub fn heard(&self, definition: &Definition) -> (Vec<&str>, Vec<&str>) {
        let has_url = definition.url.is_some_and(|url| self.get(url).is_some());
        let single = definition.fields.iter().filter(|field| !matches!(field.kind, Kind::Group(_)));
        let single: Vec<&str> = single.filter_map(|field| field.variable.as_deref()).collect();
        self.of(definition).into_iter().partition(|name| !(has_url && single.contains(name)))
    }

    /// The files that variables, URLs and options name, not yet read.
    pub(crate) fn files(&self) -> Vec<NamedFile> {
        let mut files = vec![];
        let mut add = |name, path: Option<String>| files.extend(path.map(|path| NamedFile { name, path, text: None }));
        for definition in DEFINITIONS {
            for name in definition.files() {
                add(name, self.get(name).map(str::to_owned));
            }
            if let (Some(url), Some(special)) = (definition.url, definition.special) {
                add(url, self.get(url).and_then(|text| special.file_in_url(text)));
            }
        }
        for option in [DATABASE_CA_FILE, REDIS_CA_FILE] {
            add(option, self.get(option).map(str::to_owned));
        }
        files
    }
}

/// The variable that fills a field, for violations; of a connection URL the part that does.
pub(crate) fn variable_for<'d>(definition: &'d Definition, path: &str, variables: &Variables) -> Option<Cow<'d, str>> {
    let field = definition.field(path)?;
    let part = || Some(Cow::Owned(format!("{} in {}", field.in_url?, definition.url?)));
    if definition.url.is_some_and(|url| variables.get(url).is_some()) && field.in_url.is_some() {
        return part();
    }
    let variable = field.variable.as_deref();
    match field.file {
        Some(file) if variable.is_none_or(|name| variables.get(name).is_none()) => Some(file.into()),
        _ => variable.map(Cow::Borrowed).or_else(part),
    }
}

/// What is set instead of a variable that is missing, in words.
pub(crate) fn hint(definition: &Definition, path: &str, variables: &Variables) -> Option<String> {
    let missing = variable_for(definition, path, variables)?;
    let url = definition.url.filter(|url| variables.get(url).is_none());
    let mut missing =
        definition.variables().contains(&missing.as_ref()).then_some(missing.as_ref()).into_iter().chain(url);
    missing.find_map(|missing| Some(format!("{} is set: is {missing} meant?", variables.near(missing)?)))
}

/// The payload that the variables make.
pub(crate) fn assemble<'v>(definition: &Definition, variables: &'v Variables) -> Assembly<'v> {
    let mut assembly = Assembly::new(variables);
    // A URL holds all of it, or is to be mended.
    if definition.url.is_none_or(|url| variables.get(url).is_none()) {
        for field in definition.fields.iter().filter(|field| !matches!(field.kind, Kind::Group(_))) {
            if let Some(value) = field.variable.as_deref().and_then(|name| variables.get(name)) {
                assembly.put(&field.name, value.to_owned());
            }
        }
    }
    if let Some(special) = definition.special {
        special.assemble(&mut assembly);
    }
    assembly
}

impl Config {
    /// The variables that a program without this library would read this config from: assembled again, they make the same
    /// one. With the path of a file of the authorities to trust, they name it where a program looks for one.
    pub fn variables(&self, definition: &Definition, ca_file: Option<&str>) -> Vec<Assignment> {
        let entries = self.entries();
        let mut assignments = vec![];
        if let (Some(name), Some(url)) = (definition.url, self.full_url(ca_file)) {
            assignments.push(Assignment { name: name.to_owned(), value: url.into(), is_secret: true });
        }
        assign(&definition.fields, &entries, ca_file, &mut assignments);
        if let Self::Database(config) = self {
            libpq(config, ca_file, &mut assignments);
        }
        assignments
    }

    /// By which authorities a program has to verify the server's certificate; none where nothing is verified, or where
    /// every program knows them by itself.
    pub fn authorities(&self) -> Option<Authorities<'_>> {
        match self {
            Self::Database(config) if config.verifies() => Some(match config.ssl.as_ref()?.ca.as_deref() {
                Some(pem) => Authorities::Own(pem),
                None => Authorities::Public,
            }),
            Self::Redis(config) => {
                config.tls.as_ref().filter(|tls| tls.reject_unauthorized)?.ca.as_deref().map(Authorities::Own)
            }
            _ => None,
        }
    }
}

/// Who vouches for a server.
#[derive(Clone, Copy)]
pub enum Authorities<'a> {
    /// Those of this PEM text.
    Own(&'a str),
    /// Those that the system trusts: libpq wants to be given their file.
    Public,
}

impl Definition {
    /// The variables that are written for other programs and not read: those that libpq connects by.
    pub fn written_variables(&self) -> &'static [&'static str] {
        if self.service == "database" { &LIBPQ } else { &[] }
    }
}

/// What libpq reads ([its documentation](https://www.postgresql.org/docs/current/libpq-envars.html)).
const LIBPQ: [&str; 7] = ["PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGSSLMODE", "PGSSLROOTCERT"];

fn libpq(config: &DatabaseConfig, ca_file: Option<&str>, assignments: &mut Vec<Assignment>) {
    let DatabaseConfig { host, port, database, username, password, .. } = config;
    let port = port.to_string();
    let (mode, ca_file) = (config.ssl_mode(), ca_file.filter(|_| config.verifies()));
    let values = [
        Some(host.as_str()),
        Some(&port),
        Some(database),
        Some(username),
        Some(password.expose_secret()),
        mode,
        ca_file,
    ];
    for (name, value) in LIBPQ.into_iter().zip(values) {
        let is_secret = matches!(name, "PGUSER" | "PGPASSWORD");
        let value = value.filter(|value| !value.is_empty());
        assignments.extend(value.map(|value| Assignment { name: name.to_owned(), value: value.into(), is_secret }));
    }
    for (option, name) in LIBPQ_OPTIONS {
        let value = config.extra.expose(option).and_then(plain_text);
        let assignment =
            |value: Cow<'_, str>| Assignment { name: name.to_owned(), value: (*value).into(), is_secret: false };
        assignments.extend(value.map(assignment));
    }
}

/// One variable of a program's environment is not longer than this on Linux, its name included.
const LONGEST: usize = 128 * 1024 - 64;

fn assign(fields: &[Field], entries: &[Entry<'_>], ca_file: Option<&str>, assignments: &mut Vec<Assignment>) {
    for field in fields {
        let entry = entries.iter().find(|entry| entry.name == field.name);
        let mut put = |value: String, is_shown: bool| {
            let name = field.variable.as_deref().map(str::to_owned);
            let assignment = |name| Assignment { name, value: value.into(), is_secret: !is_shown };
            assignments.extend(name.map(assignment));
        };
        match (field.kind, entry.map(|entry| &entry.seen)) {
            (Kind::Group(below), seen) => {
                let (mut word, mut inside) = ("false", &[][..]);
                if let Some(Seen::Group(entries)) = seen {
                    let is_unverified = |entry: &Entry<'_>| {
                        entry.name == "rejectUnauthorized" && matches!(entry.seen, Seen::Boolean(false))
                    };
                    word = if entries.iter().any(is_unverified) { "no-verify" } else { "true" };
                    inside = entries;
                }
                put(word.to_owned(), true);
                assign(below, inside, ca_file, assignments);
            }
            (_, Some(Seen::Boolean(flag))) => put(flag.to_string(), field.visible),
            (_, Some(Seen::Integer(number))) => put(number.to_string(), field.visible),
            (Kind::Text(Text::Certificates), Some(Seen::Text(text))) => {
                if ca_file.is_none() || text.len() < LONGEST {
                    put((*text).to_owned(), field.visible);
                }
                if let (Some(path), Some(name)) = (ca_file, field.file) {
                    assignments.push(Assignment { name: name.to_owned(), value: path.into(), is_secret: false });
                }
            }
            // An empty variable counts as unset.
            (_, Some(Seen::Text(text))) if !text.is_empty() => put((*text).to_owned(), field.visible),
            (_, Some(Seen::Extra(_) | Seen::Group(_) | Seen::Text(_) | Seen::Texts(_)) | None) => {}
        }
    }
}
