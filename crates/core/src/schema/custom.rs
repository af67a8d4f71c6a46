//! Secrets that the application defines itself.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use super::Fields;
use super::view::{self, Describe, Extra, View};
use crate::error::Rule;
use crate::options::{CustomSecret, Field, FieldType};

/// A custom secret's fields by name.
pub struct CustomConfig {
    /// The fields that are present.
    pub fields: BTreeMap<String, CustomValue>,
    /// Fields that the definition does not name.
    pub extra: Extra,
}

/// The value of a custom field, of the type that the definition gives it.
#[derive(Clone, Debug)]
pub enum CustomValue {
    /// `boolean`
    Boolean(bool),
    /// `integer`
    Integer(i64),
    /// `string` and `url`
    Text(SecretString),
}

impl CustomConfig {
    pub(crate) fn read(fields: &mut Fields<'_, '_>, definition: &CustomSecret) -> Self {
        let values = definition.fields.iter().filter_map(|(name, field)| {
            if field.required && !fields.has(name) {
                fields.required(name);
                return None;
            }
            Some((name.clone(), read_field(fields, name, field)?))
        });
        Self { fields: values.collect(), extra: Extra::of(fields) }
    }

    /// A text field's value.
    pub fn text(&self, name: &str) -> Option<&SecretString> {
        match self.fields.get(name)? {
            CustomValue::Text(text) => Some(text),
            CustomValue::Boolean(_) | CustomValue::Integer(_) => None,
        }
    }
}

impl Describe for CustomConfig {
    fn describe(&self, view: &mut View) {
        for (name, value) in &self.fields {
            view.secret(name, value);
        }
        view.secret("extra", &self.extra);
    }
}

impl fmt::Debug for CustomConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        view::debug("CustomConfig", self, f)
    }
}

impl view::Secret for &CustomValue {
    fn expose(&self) -> serde_json::Value {
        match self {
            CustomValue::Boolean(flag) => (*flag).into(),
            CustomValue::Integer(number) => (*number).into(),
            CustomValue::Text(text) => text.expose_secret().into(),
        }
    }
}

fn read_field(fields: &mut Fields<'_, '_>, name: &str, field: &Field) -> Option<CustomValue> {
    match field.kind {
        FieldType::Boolean => fields.boolean(name).map(CustomValue::Boolean),
        // JavaScript's safe integers: the value must be the same in every runtime.
        FieldType::Integer => fields.integer(name, -(1 << 53) + 1, (1 << 53) - 1).map(CustomValue::Integer),
        FieldType::String => {
            // Not `secret`: what is no password may be a word, such as an OAuth grant type `password`.
            let text = fields.text(name)?;
            if text.chars().count() < field.min_length {
                let phrase = format!("must have at least {} characters", field.min_length);
                fields.violate(name, Rule::MinLength, &phrase);
            }
            Some(CustomValue::Text(text.into()))
        }
        FieldType::Url => fields.url(name).map(|text| CustomValue::Text(text.into())),
    }
}
