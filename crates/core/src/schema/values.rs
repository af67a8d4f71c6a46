//! What the checker makes of a payload, and how a config shows its fields again.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value as Json};
use zeroize::Zeroizing;

use super::zeroizing::{ZeroizingJson, exact_json};

const REDACTED: &str = "[REDACTED]";

/// The value of one field, of the kind that its definition gives it.
pub enum Value {
    /// True or false.
    Boolean(bool),
    /// The fields of an object below.
    Group(Values),
    /// A whole number.
    Integer(i64),
    /// Text.
    Text(SecretString),
    /// Several texts.
    Texts(Vec<SecretString>),
}

/// The fields that a payload has, by name: those of the definition, and the others as `extra`.
#[derive(Default)]
pub struct Values {
    fields: Vec<(Cow<'static, str>, Value)>,
    pub(crate) extra: Extra,
    /// Whether something was missing, or was of another kind than a struct has.
    pub(crate) is_broken: bool,
}

impl Values {
    pub(crate) fn put(&mut self, name: Cow<'static, str>, value: Value) {
        self.fields.push((name, value));
    }

    /// Puts a value, if there is one.
    pub(crate) fn extend(&mut self, name: Cow<'static, str>, value: Option<Value>) {
        self.fields.extend(value.map(|value| (name, value)));
    }

    pub(crate) fn put_text(&mut self, name: &'static str, text: String) {
        self.put(name.into(), Value::Text(text.into()));
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(it, _)| it == name).map(|(_, value)| value)
    }

    pub(crate) fn secret(&self, name: &str) -> Option<&SecretString> {
        match self.get(name)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.secret(name).map(ExposeSecret::expose_secret)
    }

    pub(crate) fn integer(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            Value::Integer(number) => Some(*number),
            _ => None,
        }
    }

    pub(crate) fn take_fields(&mut self) -> Vec<(Cow<'static, str>, Value)> {
        std::mem::take(&mut self.fields)
    }

    #[inline(never)]
    fn take(&mut self, name: &str) -> Option<Value> {
        let index = self.fields.iter().position(|(it, _)| it == name)?;
        Some(self.fields.swap_remove(index).1)
    }

    #[inline(never)]
    pub(crate) fn take_boolean(&mut self, name: &str) -> bool {
        match self.take(name) {
            Some(Value::Boolean(flag)) => flag,
            _ => self.lacks(),
        }
    }

    /// Takes the object below.
    pub fn take_group<T>(&mut self, name: &str, read: fn(&mut Self) -> T) -> T {
        let mut below = match self.take(name) {
            Some(Value::Group(below)) => below,
            _ => Self { is_broken: true, ..Self::default() },
        };
        let group = read(&mut below);
        self.is_broken |= below.is_broken;
        group
    }

    #[inline(never)]
    pub(crate) fn take_integer(&mut self, name: &str) -> i64 {
        match self.take(name) {
            Some(Value::Integer(number)) => number,
            _ => self.lacks(),
        }
    }

    #[inline(never)]
    pub(crate) fn take_text(&mut self, name: &str) -> SecretString {
        match self.take(name) {
            Some(Value::Text(text)) => text,
            _ => self.lacks(),
        }
    }

    #[inline(never)]
    pub(crate) fn take_string(&mut self, name: &str) -> String {
        self.take_text(name).expose_secret().to_owned()
    }

    #[inline(never)]
    pub(crate) fn take_texts(&mut self, name: &str) -> Vec<SecretString> {
        match self.take(name) {
            Some(Value::Texts(texts)) => texts,
            _ => self.lacks(),
        }
    }

    fn lacks<T: Default>(&mut self) -> T {
        self.is_broken = true;
        T::default()
    }

    /// Takes the fields that the definition does not name.
    pub fn take_extra(&mut self) -> Extra {
        std::mem::take(&mut self.extra)
    }
}

/// The fields of a payload that its definition does not name. Kept, handed out, redacted. Cloning shares them.
#[derive(Clone)]
pub struct Extra(Arc<ZeroizingJson>);

impl Extra {
    pub(crate) fn new(fields: Map<String, Json>) -> Self {
        Self(Arc::new(ZeroizingJson(Json::Object(fields))))
    }

    /// The fields' names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.0.as_object().into_iter().flat_map(|fields| fields.keys().map(String::as_str))
    }

    /// All fields as a JSON object, **exposed**. Zeroed when dropped.
    pub fn expose_json(&self) -> Zeroizing<String> {
        exact_json(&self.0.0)
    }

    /// A field's value, **exposed**.
    pub fn expose(&self, name: &str) -> Option<&Json> {
        self.0.0.get(name)
    }
}

impl Default for Extra {
    fn default() -> Self {
        Self::new(Map::new())
    }
}

impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.names().map(|name| (name, REDACTED))).finish()
    }
}

/// One field of a config, to be shown or exposed.
pub struct Entry<'a> {
    pub(crate) name: &'a str,
    /// Whether it is no secret.
    pub(crate) visible: bool,
    pub(crate) seen: Seen<'a>,
}

/// The value of a field where a config has it.
pub enum Seen<'a> {
    /// True or false.
    Boolean(bool),
    /// What the definition does not name.
    Extra(&'a Extra),
    /// The object below.
    Group(Vec<Entry<'a>>),
    /// A whole number.
    Integer(i64),
    /// Text.
    Text(&'a str),
    /// Several texts.
    Texts(&'a [SecretString]),
}

impl<'a> Entry<'a> {
    pub(crate) fn secret(name: &'a str, seen: Seen<'a>) -> Self {
        Self { name, visible: false, seen }
    }
}

/// The config as JSON **with its secret values**. Zeroed when dropped.
pub(crate) fn exposed_json(entries: &[Entry<'_>]) -> Zeroizing<String> {
    exact_json(&Shape { entries, exposes: true })
}

/// The shape of the config as JSON: every value redacted that is not `visible`.
pub(crate) fn redacted_json(entries: &[Entry<'_>]) -> String {
    exact_json(&Shape { entries, exposes: false }).to_string()
}

/// Writes a config's redacted shape for Debug.
pub fn debug(name: &str, entries: &[Entry<'_>], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{name} {}", redacted_json(entries))
}

/// A config as a JSON object, with or without secret values.
pub(crate) struct Shape<'a> {
    pub(crate) entries: &'a [Entry<'a>],
    pub(crate) exposes: bool,
}

impl Serialize for Shape<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(self.entries.len()))?;
        for Entry { name, visible, seen } in self.entries {
            let exposes = self.exposes || *visible;
            match seen {
                // What is shown in it is shown in its place.
                Seen::Group(entries) => object.serialize_entry(name, &Self { entries, exposes: self.exposes })?,
                Seen::Extra(extra) if exposes => object.serialize_entry(name, &extra.0.0)?,
                Seen::Extra(extra) => {
                    let redacted: Map<_, _> = extra.names().map(|it| (it.to_owned(), REDACTED.into())).collect();
                    object.serialize_entry(name, &redacted)?;
                }
                Seen::Texts(texts) => {
                    let texts = texts.iter().map(|text| if exposes { text.expose_secret() } else { REDACTED });
                    object.serialize_entry(name, &texts.collect::<Vec<_>>())?;
                }
                _ if !exposes => object.serialize_entry(name, REDACTED)?,
                Seen::Boolean(flag) => object.serialize_entry(name, flag)?,
                Seen::Integer(number) => object.serialize_entry(name, number)?,
                Seen::Text(text) => object.serialize_entry(name, text)?,
            }
        }
        object.end()
    }
}
