//! One definition of a secret: what it is called, what it holds, by which rules. The seven are structs that derive it, and
//! so may an application's own be; those of the options are the same type, made at run time.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::assembly::Assembly;
use super::context::Context;
use super::values::Values;
use crate::reader::Fields;
use crate::service::ServiceId;

/// What a secret is called and what it holds.
#[derive(Clone, Debug)]
pub struct Definition {
    /// The service's id: one of the seven, or the same as `id`.
    pub service: Cow<'static, str>,
    /// `{service}/{secret-type}`: what follows the environment in the secret's name.
    pub id: Cow<'static, str>,
    /// What it is, in a sentence or two.
    pub description: &'static str,
    /// The fields of its payload, and those derived from them.
    pub fields: FieldList,
    /// Whether an application runs well without it.
    pub optional: bool,
    /// Whether every further field is a secret text too, as if it were named.
    pub is_open: bool,
    /// The variable with a URL that holds several fields.
    pub url: Option<&'static str>,
    /// What is stored beside the fields, for others that read the secret.
    pub stored: &'static [(&'static str, &'static str)],
    #[doc(hidden)]
    pub special: Option<&'static dyn Special>,
}

/// The fields of a definition. Cloning shares them.
#[derive(Clone, Debug)]
pub enum FieldList {
    /// Those of a struct.
    Known(&'static [Field]),
    /// Those of the options.
    Given(Arc<[Field]>),
}

impl Deref for FieldList {
    type Target = [Field];

    fn deref(&self) -> &[Field] {
        match self {
            Self::Known(fields) => fields,
            Self::Given(fields) => fields,
        }
    }
}

/// A text for people, which a program leaves out that has none to read it: the component.
pub const fn documented(text: &'static str) -> &'static str {
    if cfg!(feature = "descriptions") { text } else { "" }
}

/// One field of a payload.
#[derive(Debug)]
pub struct Field {
    /// Its name in JSON.
    pub name: Cow<'static, str>,
    /// What it is, in a sentence or two.
    pub description: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// Whether it has to be there.
    pub need: Need,
    /// The environment variable that it falls back to.
    pub variable: Option<Cow<'static, str>>,
    /// The fewest characters of a text.
    pub min_length: usize,
    /// How a text starts.
    pub prefix: Option<&'static Prefix>,
    /// Whether it is no secret: shown where the others are redacted.
    pub visible: bool,
    /// Whether an issuer gives out a new one when the secret is renewed.
    pub renewed: bool,
    /// Another name under which AWS stores it.
    pub alias: Option<&'static str>,
    /// The environment variable that names a file with the value.
    pub file: Option<&'static str>,
    /// Its part of the definition's URL variable, in words.
    pub in_url: Option<&'static str>,
    /// A value for templates.
    pub example: &'static str,
}

/// What a value is.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// True or false, or a word for it.
    Boolean,
    /// An object below, or `true` for an empty one and `false` for none.
    Group(&'static [Field]),
    /// A whole number within bounds, as a number or as digits.
    Integer {
        /// The least.
        least: i64,
        /// The most.
        most: i64,
    },
    /// Text.
    Text(Text),
    /// Several texts; derived ones only.
    Texts,
}

/// What a text is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Text {
    /// Any text.
    Any,
    /// Certificate authorities as PEM, or as base64 of PEM. Handed out as PEM.
    Certificates,
    /// `name@example.com` or `Name <name@example.com>`.
    EmailAddress,
    /// A host name or IP address.
    Host,
    /// An absolute https URL without user and password.
    HttpsUrl,
    /// A password or a key: a word that examples have for one is a placeholder.
    Password,
    /// The name that a server's certificate holds. An address is none, and counts as absent.
    ServerName,
    /// A password or a key whose alphabet has no white space.
    Token,
    /// An absolute URL.
    Url,
}

/// How a text starts.
#[derive(Debug)]
pub struct Prefix {
    /// One of these.
    pub starts: &'static [&'static str],
    /// What is said where it does not.
    pub phrase: &'static str,
}

/// Whether a field has to be there.
#[derive(Clone, Copy, Debug)]
pub enum Need {
    /// Where it is absent, this stands.
    Default(DefaultValue),
    /// It is not stored, but made from the other fields.
    Derived,
    /// It may be absent.
    Optional,
    /// It has to be there.
    Required,
}

/// What stands where nothing is stored.
#[derive(Clone, Copy, Debug)]
pub enum DefaultValue {
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Text.
    Text(&'static str),
    /// What this makes of the context and of the fields around; where that is nothing, the field has to be there.
    With {
        /// The same in words.
        words: &'static str,
        #[doc(hidden)]
        make: fn(&Context<'_>, &Values) -> Option<String>,
    },
}

impl Definition {
    /// The service that it defines.
    pub fn service_id(&self) -> ServiceId {
        self.service.as_ref().into()
    }

    /// The environment variables that it falls back to.
    pub fn variables(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.url.into_iter().collect();
        put_variables(&self.fields, &mut names);
        names
    }

    /// Those of its variables that name a file.
    pub(crate) fn files(&self) -> Vec<&'static str> {
        let mut names = vec![];
        put_files(&self.fields, &mut names);
        names
    }

    /// The fields that a payload holds, by every name under which it is written.
    pub fn stored_names(&self) -> impl Iterator<Item = &str> {
        let fields = self.fields.iter().filter(|field| !matches!(field.need, Need::Derived));
        let names = fields.flat_map(|field| std::iter::once(field.name.as_ref()).chain(field.alias));
        names.chain(self.stored.iter().map(|(name, _)| *name))
    }

    /// The field at a JSON pointer.
    pub(crate) fn field(&self, path: &str) -> Option<&Field> {
        let mut fields: &[Field] = &self.fields;
        let mut found = None;
        for segment in path.strip_prefix('/')?.split('/') {
            found = fields.iter().find(|field| Fields::escape(&field.name) == segment);
            fields = match found?.kind {
                Kind::Group(below) => below,
                _ => &[],
            };
        }
        found
    }
}

fn put_files(fields: &[Field], names: &mut Vec<&'static str>) {
    for field in fields {
        names.extend(field.file);
        if let Kind::Group(below) = field.kind {
            put_files(below, names);
        }
    }
}

fn put_variables<'f>(fields: &'f [Field], names: &mut Vec<&'f str>) {
    for field in fields {
        names.extend(field.variable.as_deref());
        names.extend(field.file);
        if let Kind::Group(below) = field.kind {
            put_variables(below, names);
        }
    }
}

/// What a definition cannot say as data, as code beside its struct.
#[doc(hidden)]
pub trait Special: fmt::Debug + Sync {
    /// Completes a stored payload before it is read, from the options or from what the variables make.
    fn complete(&self, _payload: &mut Map<String, Json>, _context: &Context<'_>, _assembled: &mut Map<String, Json>) {}

    /// Adds derived fields, and checks rules of several fields. Some may be missing, which was found before.
    fn finish(&self, _values: &mut Values, _fields: &mut Fields<'_, '_>, _context: &Context<'_>) {}

    /// Adds to the payload what is more than a field's own variable.
    fn assemble(&self, _assembly: &mut Assembly<'_>) {}
}
