//! The one checker: a payload becomes the values of a definition, or every violation.

use secrecy::SecretString;

use super::certificate;
use super::context::Context;
use super::definition::{DefaultValue, Definition, Field, Kind, Need, Text};
use super::pattern::Pattern;
use super::placeholder::{Expected, Finding, Spaces, recognise};
use super::values::{Extra, Value, Values};
use crate::error::Rule;
use crate::reader::{Fields, absolute_url, is_address};

/// Reads a payload. What is wrong is in the fields' problems; then some of the values are missing.
pub(crate) fn read(definition: &Definition, fields: &mut Fields<'_, '_>, context: &Context<'_>) -> Values {
    let mut values = Values::default();
    if definition.is_open {
        for name in fields.names() {
            let value =
                fields.text(name).and_then(|text| read_text(fields, name, text, (Text::Token, &[], None), context));
            values.extend(name.to_owned().into(), value.map(Value::Text));
        }
        return values;
    }
    read_fields(&definition.fields, &mut values, None, fields, context);
    values.extra = Extra::new(fields.rest());
    if let Some(special) = definition.special {
        special.finish(&mut values, fields, context);
    }
    values
}

fn read_fields(
    definitions: &[Field],
    values: &mut Values,
    around: Option<&Values>,
    fields: &mut Fields<'_, '_>,
    context: &Context<'_>,
) {
    for field in definitions {
        let value = match field.need {
            Need::Derived => None,
            Need::Default(default) => read_field(field, values, fields, context).or_else(|| match default {
                DefaultValue::Boolean(flag) => Some(Value::Boolean(flag)),
                DefaultValue::Integer(number) => Some(Value::Integer(number)),
                DefaultValue::Text(text) => Some(Value::Text(text.into())),
                DefaultValue::With { make, optional, .. } => {
                    let made = make(context, around.unwrap_or(values)).map(|text| Value::Text(text.into()));
                    if made.is_none() && !optional && !fields.has(&field.name) {
                        fields.require(&field.name);
                    }
                    made
                }
            }),
            Need::Optional | Need::Required => read_field(field, values, fields, context),
        };
        values.extend(field.name.clone(), value);
    }
}

fn read_field(field: &Field, values: &Values, fields: &mut Fields<'_, '_>, context: &Context<'_>) -> Option<Value> {
    let name = match field.alias {
        Some(alias) if !fields.has(&field.name) && fields.has(alias) => alias,
        _ => &field.name,
    };
    if matches!(field.need, Need::Required) && !fields.has(name) {
        // A developer's PostgreSQL may trust a user without one.
        let is_password = matches!(field.kind, Kind::Text(Text::Password)) && field.in_url.is_some();
        let is_known = ["host", "database", "username"].iter().all(|name| values.get(name).is_some());
        if context.is_local && is_password && is_known {
            return Some(Value::Text("".into()));
        }
        match (field.option, field.variable.as_deref()) {
            (Some(option), Some(variable)) => fields.require_or(name, option, variable),
            _ => fields.require(name),
        }
        return None;
    }
    match field.kind {
        Kind::Boolean => fields.boolean(name).map(Value::Boolean),
        Kind::Group(below) => fields.switch(name, |fields| {
            let mut group = Values::default();
            read_fields(below, &mut group, Some(values), fields, context);
            Value::Group(group)
        }),
        Kind::Integer { least, most } => fields.integer(name, least, most).map(Value::Integer),
        Kind::Text(kind) => {
            let digits;
            let stored = match fields.digits(name) {
                Some(found) => {
                    digits = found;
                    &digits
                }
                None => fields.text(name)?,
            };
            let starts = field.prefix.map(|prefix| prefix.starts).unwrap_or_default();
            let text = read_text(fields, name, stored, (kind, starts, field.variable.as_deref()), context)?;
            if stored.chars().count() < field.min_length {
                let phrase = format!("must have at least {} characters", field.min_length);
                fields.violate(name, Rule::MinLength, &phrase);
            }
            if let Some(most) = field.max_length.filter(|most| stored.chars().count() > *most) {
                fields.violate(name, Rule::MaxLength, &format!("must have at most {most} characters"));
            }
            // What options and derived structs have is read before.
            let pattern = field.pattern.as_deref().and_then(|pattern| Some((pattern, Pattern::parse(pattern).ok()?)));
            if let Some((pattern, _)) = pattern.filter(|(_, read)| !read.matches(stored)) {
                fields.violate(name, Rule::Pattern, &format!("must match {pattern}"));
            }
            if !field.one_of.is_empty() && !field.one_of.iter().any(|it| it == stored) {
                fields.violate(name, Rule::OneOf, &format!("must be one of {}", field.one_of.join(", ")));
            }
            if let Some(prefix) = field.prefix.filter(|it| !it.starts.iter().any(|start| stored.starts_with(start))) {
                fields.violate(name, Rule::Prefix, prefix.phrase);
                return None;
            }
            Some(Value::Text(text))
        }
        Kind::Texts => None,
    }
}

/// A text by its own rules.
fn read_text(
    fields: &mut Fields<'_, '_>,
    name: &str,
    text: &str,
    (kind, starts, variable): (Text, &[&str], Option<&str>),
    context: &Context<'_>,
) -> Option<SecretString> {
    let spaces = match kind {
        Text::Certificates => Spaces::Allowed,
        Text::Token => Spaces::Impossible,
        _ => Spaces::Doubtful,
    };
    let is_secret = matches!(kind, Text::Password | Text::Token);
    match recognise(text, Expected { spaces, is_secret, starts, is_custom: fields.problems.is_custom, variable }) {
        Some(Finding::Doubtful(phrase)) => fields.warn(name, Rule::Placeholder, phrase),
        Some(Finding::Word(phrase)) if fields.problems.forbids_placeholders => {
            fields.violate(name, Rule::Placeholder, phrase);
        }
        Some(Finding::Wrong(phrase)) if fields.problems.forbids_placeholders => {
            fields.violate(name, Rule::Placeholder, &phrase);
        }
        Some(Finding::Wrong(phrase)) => fields.warn(name, Rule::Placeholder, &phrase),
        Some(Finding::Word(_)) | None => {}
    }
    match kind {
        Text::Any | Text::Password | Text::Token => {}
        Text::Certificates => return certificate::read(fields, name, text, context.today).map(Into::into),
        Text::EmailAddress => {
            if !is_email_address(text) {
                let phrase = "must be an address like name@example.com or Name <name@example.com>";
                fields.violate(name, Rule::EmailAddress, phrase);
            }
        }
        Text::Host => _ = fields.check_host(name, text)?,
        Text::HttpsUrl => {
            let is_bare =
                |url: url::Url| url.scheme() == "https" && url.username().is_empty() && url.password().is_none();
            if !absolute_url(text).is_some_and(is_bare) {
                fields.violate(name, Rule::HttpsUrl, "must be an absolute https URL without user and password");
            }
        }
        Text::ServerName => return (!is_address(text)).then(|| text.into()),
        Text::Url => _ = fields.check_url(name, text)?,
    }
    Some(text.into())
}

fn is_email_address(text: &str) -> bool {
    let address = match text.rsplit_once('<') {
        Some((_, rest)) => rest.strip_suffix('>').unwrap_or_default(),
        None => text,
    };
    if text.contains(char::is_control) {
        return false;
    }
    let part = |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || "<>@,;".contains(c));
    address.trim().rsplit_once('@').is_some_and(|(user, domain)| part(user) && part(domain))
}
