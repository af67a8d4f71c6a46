//! Between environment variables and configs. A payload from the environment passes the same checker as a stored secret;
//! only the names in its violations differ.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::assembly::Assembly;
use super::definition::{Definition, Field, Kind, Text};
use super::services::{Config, DEFINITIONS};
use super::values::{Entry, Seen};
use crate::variables::{Assignment, Variables};

/// Variables that steer the engine and hold no secret.
const CONTROL: [&str; 5] =
    ["AWS_DEFAULT_REGION", "AWS_REGION", "NODE_ENV", "PERMISOS_ENVIRONMENT", "USE_SECRETS_MANAGER"];

impl Variables {
    /// Keeps those variables that a service or a custom secret names.
    pub fn new<K: AsRef<str>, V: Into<String>>(
        variables: impl IntoIterator<Item = (K, V)>,
        custom: &[Definition],
    ) -> Self {
        let known = Self::named_by(DEFINITIONS.into_iter().chain(custom));
        Self::keep(variables, |name| known.contains(&name))
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
