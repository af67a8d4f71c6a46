//! What is said of one place.

use serde::Serialize;

/// One place where a variable is read or written.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Site {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) variable: String,
    pub(crate) way: Way,
    pub(crate) usage: Usage,
    pub(crate) when: When,
    /// Whether it runs while modules load: there, or in a function or constructor that is called there.
    pub(crate) at_load: bool,
    /// The function that reads it by its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) through: Option<String>,
}

/// How a variable is named.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Way {
    /// `const env = process.env; env.NAME`.
    Alias,
    /// `process.env['NAME']`, `'NAME' in process.env`.
    Computed,
    /// `const { NAME } = process.env`.
    Destructured,
    /// `env('NAME')`, whose body reads by its parameter.
    Helper,
    /// `['NAME', …].forEach((name) => process.env[name])`.
    List,
    /// `process.env.NAME`.
    Member,
    /// `config.get('NAME')` of a package, or of what was not found: by its name it reads the variable.
    Named,
}

/// What it is read for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Usage {
    /// It is compared.
    Comparison,
    /// Something else stands in where it is not set.
    Default,
    /// Only whether it is set counts.
    Presence,
    Value,
    /// It is set or deleted.
    Write,
}

/// When the code runs, by where it stands.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum When {
    Constructor,
    /// The initializer of an instance's field.
    Field,
    Function,
    /// At the top level of a module.
    Load,
    /// The initializer of a static field, or a static block.
    Static,
}

impl When {
    pub(super) fn is_load(self) -> bool {
        matches!(self, Self::Load | Self::Static)
    }
}
