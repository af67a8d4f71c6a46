//! What each generator needs: the definitions, and names as each language writes them.

use permisos_secrets_core::schema::{DefaultValue, Definition, Field, FieldList, Kind, Need};
use permisos_secrets_core::{DRIVER_OPTIONS, OPTIONS, OptionRow, Service};

/// A file, or what stands between the marks of a name in one, as it should be.
pub(crate) struct Generated {
    pub(super) file: String,
    /// None: the whole file.
    pub(super) region: Option<&'static str>,
    pub(super) text: String,
}

impl Generated {
    pub(super) fn file(file: impl Into<String>, text: String) -> Self {
        Self { file: file.into(), region: None, text }
    }

    pub(super) fn region(file: &str, region: &'static str, text: String) -> Self {
        Self { file: file.to_owned(), region: Some(region), text }
    }
}

pub(super) fn definitions() -> impl Iterator<Item = (Service, &'static Definition)> {
    Service::ALL.into_iter().map(|service| (service, service.definition()))
}

/// The options that a user sets.
pub(super) fn user_options() -> impl Iterator<Item = &'static OptionRow> {
    OPTIONS.iter().filter(|row| !DRIVER_OPTIONS.contains(&row.name))
}

/// The fields of a service's config, group by group: the name of each record in kebab-case without `-config`, what it
/// is, and its fields. The service's own comes last, so that each is known before it is used.
pub(super) fn records(definition: &'static Definition) -> Vec<(String, &'static str, &'static [Field])> {
    let FieldList::Known(fields) = definition.fields else { return vec![] };
    let groups = fields.iter().filter_map(|field| match field.kind {
        Kind::Group(below) => {
            Some((format!("{}-{}", definition.service, kebab(&field.name)), field.description, below))
        }
        _ => None,
    });
    let own = (format!("{}-config", definition.service), definition.description, fields);
    groups.chain(std::iter::once(own)).collect()
}

/// Whether a config may lack the field.
pub(super) fn is_optional(field: &Field) -> bool {
    matches!(field.need, Need::Optional | Need::Default(DefaultValue::With { optional: true, .. }))
}

pub(super) fn kebab(camel: &str) -> String {
    let mut name = String::new();
    for letter in camel.chars() {
        if letter.is_uppercase() {
            name.push('-');
        }
        name.extend(letter.to_lowercase());
    }
    name
}

pub(super) fn snake(camel: &str) -> String {
    kebab(camel).replace('-', "_")
}

pub(super) fn pascal(kebab: &str) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    kebab.split('-').map(capital).collect()
}

pub(super) fn camel(kebab: &str) -> String {
    let pascal = pascal(kebab);
    pascal[..1].to_lowercase() + &pascal[1..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_each_language_writes_them() {
        assert_eq!((kebab("twoWords"), snake("twoWords")), ("two-words".into(), "two_words".into()));
        assert_eq!(
            (pascal("government-portal"), camel("government-portal")),
            ("GovernmentPortal".into(), "governmentPortal".into())
        );
    }
}
