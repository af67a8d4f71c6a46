//! Secrets that the application defines itself.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use secrecy::{ExposeSecret, SecretString};

use crate::schema::record::Secret;
use crate::schema::values::{Entry, Extra, Seen, Value, Values, debug};

/// A custom secret's fields by name.
pub struct CustomConfig {
    /// The fields that are present.
    pub fields: BTreeMap<String, CustomValue>,
    /// Fields that the definition does not name.
    pub extra: Extra,
    /// The same as the application's own struct, made when it is asked for.
    typed: OnceLock<Arc<dyn Any + Send + Sync>>,
}

/// The value of a custom field, of the type that the definition gives it.
#[derive(Clone)]
pub enum CustomValue {
    /// `boolean`
    Boolean(bool),
    /// `integer`
    Integer(i64),
    /// `string` and `url`
    Text(SecretString),
}

impl CustomConfig {
    /// A config of these fields.
    pub fn new(fields: BTreeMap<String, CustomValue>, extra: Extra) -> Self {
        Self { fields, extra, typed: OnceLock::new() }
    }

    pub(crate) fn from_values(values: &mut Values) -> Self {
        let mut fields = BTreeMap::new();
        for (name, value) in values.take_fields() {
            let value = match value {
                Value::Boolean(flag) => CustomValue::Boolean(flag),
                Value::Integer(number) => CustomValue::Integer(number),
                Value::Text(text) => CustomValue::Text(text),
                Value::Group(_) | Value::Texts(_) => continue,
            };
            fields.insert(name.into_owned(), value);
        }
        Self::new(fields, values.take_extra())
    }

    /// A text field's value.
    pub fn text(&self, name: &str) -> Option<&SecretString> {
        match self.fields.get(name)? {
            CustomValue::Text(text) => Some(text),
            CustomValue::Boolean(_) | CustomValue::Integer(_) => None,
        }
    }

    /// The same as a struct, the same one at each call; none if its fields are others.
    pub(crate) fn typed<T: Secret>(&self) -> Option<Arc<T>> {
        if let Some(known) = self.typed.get().and_then(|known| known.clone().downcast().ok()) {
            return Some(known);
        }
        let mut values = Values::default();
        values.extra = self.extra.clone();
        for (name, value) in &self.fields {
            let value = match value {
                CustomValue::Boolean(flag) => Value::Boolean(*flag),
                CustomValue::Integer(number) => Value::Integer(*number),
                CustomValue::Text(text) => Value::Text(text.clone()),
            };
            values.put(name.clone().into(), value);
        }
        let made = T::from_values(&mut values);
        let made = (!values.is_broken).then(|| Arc::new(made))?;
        // Another thread may have been faster.
        self.typed.get_or_init(|| made.clone()).clone().downcast().ok().or(Some(made))
    }

    pub(crate) fn entries(&self) -> Vec<Entry<'_>> {
        let fields = self.fields.iter().map(|(name, value)| {
            let seen = match value {
                CustomValue::Boolean(flag) => Seen::Boolean(*flag),
                CustomValue::Integer(number) => Seen::Integer(*number),
                CustomValue::Text(text) => Seen::Text(text.expose_secret()),
            };
            Entry::secret(name, seen)
        });
        fields.chain(std::iter::once(Entry::secret("extra", Seen::Extra(&self.extra)))).collect()
    }
}

impl fmt::Debug for CustomConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug("CustomConfig", &self.entries(), f)
    }
}

/// What it is, not what it holds.
impl fmt::Debug for CustomValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boolean(_) => "Boolean([REDACTED])",
            Self::Integer(_) => "Integer([REDACTED])",
            Self::Text(_) => "Text([REDACTED])",
        })
    }
}
