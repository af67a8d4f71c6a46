//! Between environment variables and configs. A payload from the environment passes the same checker as a stored secret;
//! only the names in its violations differ.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretString;

use super::assembly::Assembly;
use super::definition::{Definition, Field, Kind, Text};
use super::services::{Config, DEFINITIONS};
use super::values::{Entry, Seen};
use crate::engine::state::{Origin, Read};
use crate::error::{Error, ErrorKind};
use crate::options::Options;
use crate::service::ServiceId;
use crate::variables::{Assignment, Variables};

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

    /// Every name whose value a snapshot keeps: the host asks its environment for these and no others.
    pub fn known(custom: &[Definition]) -> Vec<&str> {
        let mut names = vec![];
        for definition in DEFINITIONS {
            names.extend(definition.variables());
        }
        names.extend(CONTROL);
        for definition in custom {
            names.extend(definition.variables());
        }
        names
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

    /// The files to read before the engine is made: variable and path.
    pub fn files(&self) -> Vec<(&'static str, &str)> {
        let mut files = vec![];
        for name in DEFINITIONS.iter().flat_map(|definition| definition.files()) {
            files.extend(self.get(name).map(|path| (name, path)));
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

impl Options {
    /// The variables that a program without this library reads the secrets from, and why some secrets cannot be read; that
    /// an optional one does not exist is normal.
    pub fn assignments(&self, read: impl Fn(&ServiceId) -> Result<Read, Error>) -> (Vec<Assignment>, Vec<Error>) {
        let (mut assignments, mut failed) = (vec![], vec![]);
        for (service, definition) in self.definitions() {
            match read(&service) {
                Ok(read) => assignments.extend(read.config.variables(definition)),
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
                let assigned = read.config.variables(definition);
                variables.extend(assigned.into_iter().map(|it| (it.name, Some(it.value))));
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
    /// one. What no variable can say is left out, such as a TLS server name of Redis.
    pub fn variables(&self, definition: &Definition) -> Vec<Assignment> {
        let entries = self.entries();
        let mut assignments = vec![];
        if let (Some(name), Some(url)) = (definition.url, self.full_url()) {
            assignments.push(Assignment { name: name.to_owned(), value: url.into(), is_secret: true });
        }
        assign(&definition.fields, &entries, &mut assignments);
        assignments
    }
}

fn assign(fields: &[Field], entries: &[Entry<'_>], assignments: &mut Vec<Assignment>) {
    for field in fields {
        let entry = entries.iter().find(|entry| entry.name == field.name);
        let mut put = |value: String, is_shown: bool| {
            let name = field.variable.as_deref().map(str::to_owned);
            let assignment = |name| Assignment { name, value: value.into(), is_secret: !is_shown };
            assignments.extend(name.map(assignment));
        };
        match (field.kind, entry.map(|entry| &entry.seen)) {
            (Kind::Group(below), seen) => {
                put(seen.is_some().to_string(), true);
                if let Some(Seen::Group(entries)) = seen {
                    assign(below, entries, assignments);
                }
            }
            (_, Some(Seen::Boolean(flag))) => put(flag.to_string(), field.visible),
            (_, Some(Seen::Integer(number))) => put(number.to_string(), field.visible),
            // On one line: an environment file and many a shell lose the others.
            (Kind::Text(Text::Certificates), Some(Seen::Text(text))) => put(STANDARD.encode(text), field.visible),
            (_, Some(Seen::Text(text))) => put((*text).to_owned(), field.visible),
            (_, Some(Seen::Extra(_) | Seen::Group(_) | Seen::Texts(_)) | None) => {}
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
