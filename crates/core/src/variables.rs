//! Environment variables: the snapshot that the host hands in, and what a config is written back to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use crate::schema::near::near;

/// Options that name a file, which is asked for as those that variables name.
pub(crate) const DATABASE_CA_FILE: &str = "database.caFile";
pub(crate) const REDIS_CA_FILE: &str = "redis.caFile";

/// A snapshot of the variables that a definition names. An empty variable counts as unset. Of all others it holds the names
/// alone: one of them may be what a missing variable is called.
#[derive(Clone, Default)]
pub struct Variables {
    values: BTreeMap<String, SecretString>,
    others: BTreeSet<String>,
    files: Vec<NamedFile>,
}

/// A file, and what names it.
#[derive(Clone)]
pub(crate) struct NamedFile {
    /// The variable, whose value is the path or a URL with one, or the option.
    pub name: &'static str,
    pub path: String,
    /// If it could be read.
    pub text: Option<String>,
}

impl Variables {
    pub(crate) fn keep<K: AsRef<str>, V: Into<String>>(
        variables: impl IntoIterator<Item = (K, V)>,
        is_known: impl Fn(&str) -> bool,
    ) -> Self {
        let (mut values, mut others) = (BTreeMap::new(), BTreeSet::new());
        for (name, value) in variables {
            let (name, value) = (name.as_ref(), SecretString::from(value.into()));
            if !is_known(name) {
                others.insert(name.to_owned());
            } else if !value.expose_secret().is_empty() {
                values.insert(name.to_owned(), value);
            }
        }
        Self { values, others, files: vec![] }
    }

    /// Reads the files that variables, URLs and options name, each by its path, before the engine is made. `None` says that
    /// one cannot be read.
    #[must_use]
    pub fn with_files(mut self, read: impl Fn(&str) -> Option<String>) -> Self {
        self.files = self.files();
        for file in &mut self.files {
            file.text = read(&file.path);
        }
        self
    }

    /// A variable's value, if it is set and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(ExposeSecret::expose_secret)
    }

    /// Sets what an option says in the place of a variable.
    pub(crate) fn set(&mut self, name: &str, value: String) {
        self.values.insert(name.to_owned(), value.into());
    }

    /// The text of the file that a variable names, if it was read.
    pub(crate) fn file(&self, variable: &str) -> Option<&str> {
        self.files.iter().find(|file| file.name == variable)?.text.as_deref()
    }

    /// The path and the text of each file that was looked for.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.files.iter().map(|file| (file.path.as_str(), file.text.as_deref()))
    }

    /// The names of variables whose values are not kept.
    pub(crate) fn others(&self) -> impl Iterator<Item = &str> {
        self.others.iter().map(String::as_str)
    }

    /// What is set and most likely means this variable, which is not.
    pub(crate) fn near(&self, variable: &str) -> Option<&str> {
        near(variable, self.others.iter().map(String::as_str))
    }

    /// The names of those that are set.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

/// One variable and its value.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// The variable's name.
    pub name: String,
    /// Its value.
    pub value: SecretString,
    /// Whether it is redacted where a config is shown; host, port, names and flags are not.
    pub is_secret: bool,
}
