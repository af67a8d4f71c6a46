//! Between environment variables and configs. A payload from the environment passes the same checker as a stored secret;
//! only the names in its violations differ.

use std::borrow::Cow;
use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};

use super::assembly::Assembly;
use super::definition::{Definition, Field, Kind, Text};
use super::services::{Config, DEFINITIONS, DatabaseConfig};
use super::values::{Entry, Seen};
use crate::engine::state::{Origin, Read};
use crate::error::{Error, ErrorKind};
use crate::options::Options;
use crate::service::ServiceId;
use crate::variables::{Assignment, DATABASE_CA_FILE, REDIS_CA_FILE, Variables};

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

    /// Whether a variable's value is the path of a file, to be read before the engine is made.
    pub fn names_file(name: &str) -> bool {
        DEFINITIONS.iter().any(|definition| definition.files().contains(&name))
    }

    /// Those variables of a service that are set.
    pub fn of(&self, definition: &Definition) -> Vec<&str> {
        let known = definition.variables();
        self.names().filter(|name| known.contains(name)).collect()
    }

    /// The files to read before the engine is made: the variable or the option that names one, and its path.
    pub fn files(&self) -> Vec<(&'static str, String)> {
        let mut files = vec![];
        for definition in DEFINITIONS {
            files.extend(definition.files().into_iter().filter_map(|name| Some((name, self.get(name)?.to_owned()))));
            let in_url = |url| Some((url, definition.special?.file_in_url(self.get(url)?)?));
            files.extend(definition.url.and_then(in_url));
        }
        let options = [DATABASE_CA_FILE, REDIS_CA_FILE];
        files.extend(options.into_iter().filter_map(|name| Some((name, self.get(name)?.to_owned()))));
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

impl Options {
    /// The variables that a program without this library reads the secrets from, and why some secrets cannot be read; that
    /// an optional one does not exist is normal. `ca_file` is the file of the authorities of a service, if there is one.
    pub fn assignments<'f>(
        &self,
        read: impl Fn(&ServiceId) -> Result<Read, Error>,
        ca_file: impl Fn(&ServiceId) -> Option<&'f str>,
    ) -> (Vec<Assignment>, Vec<Error>) {
        let (mut assignments, mut failed) = (vec![], vec![]);
        for (service, definition) in self.definitions() {
            match read(&service) {
                Ok(read) => assignments.extend(read.config.variables(definition, ca_file(&service))),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => failed.push(error),
            }
        }
        (assignments, failed)
    }

    /// What the environment of a running process is to hold for code that reads variables: each variable of the secrets
    /// with its value, or none where it is to be unset. `original` is what the environment held at the start: it stays
    /// wherever the environment answers for a secret, and so does a variable that names a file.
    pub fn process_variables(
        &self,
        original: &Variables,
        read: impl Fn(&ServiceId) -> Result<Read, Error>,
    ) -> BTreeMap<String, Option<SecretString>> {
        let mut variables = BTreeMap::new();
        for (service, definition) in self.definitions() {
            let read = read(&service);
            let is_original = read.as_ref().is_ok_and(|read| read.origin == Origin::Environment);
            let files = definition.files();
            for name in definition.variables() {
                let stays = is_original || files.contains(&name);
                variables.insert(name.to_owned(), original.get(name).filter(|_| stays).map(SecretString::from));
            }
            if let Some(read) = read.ok().filter(|_| !is_original) {
                let assigned = read.config.variables(definition, None).into_iter();
                // Those that are written for libpq alone are none that this process reads.
                let assigned = assigned.filter(|it| !definition.written_variables().contains(&it.name.as_str()));
                variables.extend(assigned.map(|it| (it.name, Some(it.value))));
            }
        }
        variables
    }

    fn definitions(&self) -> impl Iterator<Item = (ServiceId, &Definition)> {
        self.service_ids().filter_map(|service| Some((service.clone(), self.definition(&service)?)))
    }
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
    /// The variables that are written for other programs and not read: those of libpq.
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use secrecy::ExposeSecret;
    use serde_json::json;

    use super::*;
    use crate::policy::Freshness;
    use crate::schema::parse_payload;

    #[test]
    fn a_process_keeps_what_it_said_itself_and_the_names_of_files() {
        let given = json!({ "environment": "development", "services": ["database", "redis", "stripe"] });
        let set = [
            ("DATABASE_URL", "postgres://old@old/old"),
            ("DB_PASSWORD", "old"),
            ("RDS_CA_CERT_PATH", "/etc/ca.pem"),
            ("REDIS_URL", "redis://cache"),
            ("STRIPE_PRIVATE_KEY", "old"),
        ];
        let (options, original) = Options::parse(given.as_object().unwrap(), set).unwrap();
        let none = Variables::default();
        let read = |service: &ServiceId| {
            let (text, origin) = match service.as_str() {
                "database" => (r#"{"host":"db","database":"d","username":"u","password":"p"}"#, Origin::SecretsManager),
                "redis" => (r#"{"host":"cache"}"#, Origin::Environment),
                _ => return Err(Error::not_configured(service)),
            };
            let (definition, context) = (options.definition(service).unwrap(), options.context(&none));
            let config = parse_payload(definition, text, &context).unwrap().config;
            let version_id = Some(Arc::from("v1"));
            Ok(Read { config, origin, freshness: Freshness::Fresh, version_id, previous: None })
        };
        let variables = options.process_variables(&original, read);
        let of = |name: &str| variables[name].as_ref().map(ExposeSecret::expose_secret);
        assert_eq!((of("DB_HOST"), of("DB_PASSWORD"), of("DB_SSL_CA")), (Some("db"), Some("p"), None));
        assert!(of("DATABASE_URL").is_some_and(|url| url.starts_with("postgresql://u:p@db:5432/d")));
        assert_eq!(of("RDS_CA_CERT_PATH"), Some("/etc/ca.pem"));
        assert_eq!((of("REDIS_URL"), of("REDIS_HOST")), (Some("redis://cache"), None));
        assert_eq!(of("STRIPE_PRIVATE_KEY"), None, "what cannot be read is in no variable");
        assert!(!variables.contains_key("EMAIL_USER"), "of a service that is not asked for");
    }
}
