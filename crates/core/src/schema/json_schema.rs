//! Definitions as JSON Schema (draft 2020-12), for editors and for checks outside of this library.

use serde_json::{Map, Value, json};

use super::definition::{DefaultValue, Definition, Field, Kind, Need, Text};
use crate::error::Rule;
use crate::reader::{FALSE, TRUE};
use crate::service::ServiceId;

/// The rules that a schema cannot say, and why: what breaks only these passes the schema, and is refused when it is read.
pub const BEYOND_JSON_SCHEMA: [(Rule, &str); 8] = [
    (Rule::CertificateExpired, "it depends on the day"),
    (Rule::Engine, "`engine` is a field of AWS"),
    (Rule::Json, "a text that is not JSON has no schema"),
    (Rule::MaxSize, "a schema does not see the text's length"),
    (Rule::PemCertificate, "whether a certificate can be read is not a pattern"),
    (Rule::Placeholder, "it depends on the environment"),
    (Rule::Range, "a pattern does not compare digits in a text with a bound"),
    (Rule::SameMode, "it compares two fields"),
];

/// The schema of a secret's payload.
pub fn json_schema(definition: &Definition) -> Value {
    let beyond = BEYOND_JSON_SCHEMA.map(|(rule, why)| format!("{rule} ({why})"));
    let comment = format!("Checked when the secret is read, since a schema cannot say it: {}.", beyond.join(", "));
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
    schema.insert("$comment".to_owned(), comment.into());
    schema.insert("title".to_owned(), json!(definition.id));
    if !definition.description.is_empty() {
        schema.insert("description".to_owned(), definition.description.into());
    }
    schema.extend(object(&definition.fields));
    if matches!(definition.service_id(), ServiceId::Custom(_)) {
        allow_digits(&definition.fields, &mut schema);
    }
    if definition.is_open {
        schema.insert("additionalProperties".to_owned(), json!({ "type": ["string", "null"] }));
    }
    Value::Object(schema)
}

/// A whole number may stand for a text of the application's own. Of one with further rules that is left out: they are of
/// its digits.
fn allow_digits(fields: &[Field], schema: &mut Map<String, Value>) {
    for field in fields.iter().filter(|field| matches!(field.kind, Kind::Text(Text::Any))) {
        let has_rules = field.min_length > 1 || field.max_length.is_some() || field.pattern.is_some();
        if let (false, Some(text)) = (has_rules || !field.one_of.is_empty(), schema["properties"].get_mut(&*field.name))
        {
            *text = json!({ "anyOf": [text.take(), { "type": "integer" }] });
        }
    }
}

fn object(fields: &[Field]) -> Map<String, Value> {
    let (mut properties, mut required, mut rules) = (Map::new(), vec![], vec![]);
    for field in fields.iter().filter(|field| !matches!(field.need, Need::Derived)) {
        let schema = described(field);
        match (field.alias, field.need) {
            (Some(alias), Need::Required) => {
                // Without a value under the first name the second one counts.
                let value = required_value(field);
                rules.push(json!({ "anyOf": [
                    { "required": [field.name], "properties": { &*field.name: value } },
                    { "required": [alias], "properties": { &*field.name: absent(), alias: value } },
                ] }));
                properties.insert(alias.to_owned(), json!({ "description": format!("The same as {}.", field.name) }));
            }
            (_, Need::Required) => required.push(field.name.clone()),
            _ => {}
        }
        properties.insert(field.name.clone().into_owned(), schema);
    }
    let mut object = Map::new();
    object.insert("type".to_owned(), "object".into());
    object.insert("properties".to_owned(), Value::Object(properties));
    if !required.is_empty() {
        object.insert("required".to_owned(), json!(required));
    }
    if !rules.is_empty() {
        object.insert("allOf".to_owned(), rules.into());
    }
    object
}

/// A field with what it is.
fn described(field: &Field) -> Value {
    let mut schema = Map::new();
    if !field.description.is_empty() {
        schema.insert("description".to_owned(), field.description.into());
    }
    match field.need {
        Need::Default(DefaultValue::Boolean(flag)) => _ = schema.insert("default".to_owned(), flag.into()),
        Need::Default(DefaultValue::Integer(number)) => _ = schema.insert("default".to_owned(), number.into()),
        Need::Default(DefaultValue::Text(text)) => _ = schema.insert("default".to_owned(), text.into()),
        Need::Default(DefaultValue::With { .. }) | Need::Derived | Need::Optional | Need::Required => {}
    }
    let is_required = matches!(field.need, Need::Required) && field.alias.is_none();
    let value = if is_required { required_value(field) } else { json!({ "anyOf": [absent(), required_value(field)] }) };
    if let Value::Object(value) = value {
        schema.extend(value);
    }
    Value::Object(schema)
}

/// What counts as absent.
fn absent() -> Value {
    json!({ "enum": [null, ""] })
}

/// A value that is there.
fn required_value(field: &Field) -> Value {
    match field.kind {
        Kind::Boolean => flag(),
        Kind::Group(below) => json!({ "anyOf": [flag(), object(below)] }),
        Kind::Integer { least, most } => json!({ "anyOf": [
            { "type": "integer", "minimum": least, "maximum": most },
            { "type": "string", "pattern": r"^\s*[+-]?[0-9]+\s*$" },
        ] }),
        Kind::Text(text) => {
            let mut schema = Map::new();
            schema.insert("type".to_owned(), "string".into());
            schema.insert("minLength".to_owned(), field.min_length.max(1).into());
            let prefix = field.prefix.map(|prefix| format!("^(?:{})", prefix.starts.join("|")));
            let pattern = prefix.as_deref().or(pattern(text));
            schema.extend(pattern.map(|pattern| ("pattern".to_owned(), pattern.into())));
            schema.extend(field.max_length.map(|most| ("maxLength".to_owned(), most.into())));
            schema.extend(field.pattern.as_deref().map(|pattern| ("pattern".to_owned(), pattern.into())));
            if !field.one_of.is_empty() {
                schema.insert("enum".to_owned(), json!(field.one_of));
            }
            Value::Object(schema)
        }
        Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
    }
}

/// True or false, or a word for it in any case.
fn flag() -> Value {
    let either_case = |letter: char| {
        let upper = letter.to_ascii_uppercase();
        if upper == letter { letter.to_string() } else { format!("[{letter}{upper}]") }
    };
    let words = TRUE.iter().chain(&FALSE).map(|word| word.chars().map(either_case).collect::<String>());
    let pattern = format!("^(?:{})$", words.collect::<Vec<_>>().join("|"));
    json!({ "anyOf": [{ "type": "boolean" }, { "type": "string", "pattern": pattern }] })
}

fn pattern(text: Text) -> Option<&'static str> {
    match text {
        Text::Any | Text::Certificates | Text::Password | Text::ServerName | Text::Token => None,
        Text::EmailAddress => {
            Some(r"^(?:[^\u0000-\u001f\u007f-\u009f]*< *[^\s<>@,;]+@[^\s<>@,;]+ *>| *[^\s<>@,;]+@[^\s<>@,;]+ *)$")
        }
        // Of an IPv6 address the characters alone.
        Text::Host => Some(r"^(?:[A-Za-z0-9._-]{1,253}|\[?[0-9A-Fa-f]*:[0-9A-Fa-f:.]*\]?)$"),
        Text::HttpsUrl => Some(r"^[hH][tT][tT][pP][sS]:/*[^\s/?#@]+(?:[/?#]\S*)?$"),
        Text::Url => Some(r"^[A-Za-z][A-Za-z0-9+.-]*:/*[^\s/?#]+(?:[/?#]\S*)?$"),
    }
}
