//! A payload to fill in, with a comment on each field.

use serde_json::Value;

use crate::schema::{DefaultValue, Definition, Field, Kind, Need, Text};

/// The payload of a secret to fill in: JSON with a comment line above each field.
pub fn template(definition: &Definition) -> String {
    let mut members = members(&definition.fields, "  ");
    for (name, value) in definition.stored {
        let comment = "others read it, such as AWS's rotation functions";
        members.push(format!("  // {comment}\n  {}: {}", Value::from(*name), Value::from(*value)));
    }
    format!("{{\n{}\n}}\n", members.join(",\n"))
}

fn members(fields: &[Field], indent: &str) -> Vec<String> {
    let mut members = vec![];
    let mut last = None;
    for field in fields.iter().filter(|field| !matches!(field.need, Need::Derived)) {
        let (name, comment) = (Value::from(&*field.name), comment(field));
        // There is no example of one that is valid.
        if matches!(field.kind, Kind::Text(Text::Certificates)) {
            last = Some(format!("\n{indent}// {name} goes here too, {comment}"));
            continue;
        }
        let value = match field.kind {
            Kind::Group(below) => {
                format!("{{\n{}\n{indent}}}", self::members(below, &format!("{indent}  ")).join(",\n"))
            }
            _ => example(field).to_string(),
        };
        members.push(format!("{indent}// {comment}\n{indent}{name}: {value}"));
        if let Some(alias) = field.alias {
            let comment = "the same once more: AWS's rotation functions read it";
            members.push(format!("{indent}// {comment}\n{indent}{}: {value}", Value::from(alias)));
        }
    }
    if let (Some(member), Some(comment)) = (members.last_mut(), last) {
        member.push_str(&comment);
    }
    members
}

fn comment(field: &Field) -> String {
    let is_optional = matches!(field.need, Need::Default(_) | Need::Optional);
    if field.description.is_empty() {
        let need = if is_optional { "optional" } else { "required" };
        return match field.min_length {
            0 => need.to_owned(),
            length => format!("{need}, at least {length} characters"),
        };
    }
    let description = lower_first(field.description.trim_end_matches('.'));
    if is_optional { format!("optional: {description}") } else { description }
}

/// A sentence as part of another: not of a name such as `TLS`.
fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => first.to_lowercase().chain(letters).collect(),
        _ => text.to_owned(),
    }
}

fn example(field: &Field) -> Value {
    match (field.kind, field.need) {
        (Kind::Boolean, Need::Default(DefaultValue::Boolean(flag))) => flag.into(),
        (Kind::Boolean, _) => true.into(),
        (Kind::Integer { .. }, Need::Default(DefaultValue::Integer(number))) => number.into(),
        (Kind::Integer { least, .. }, _) => least.max(0).into(),
        _ if !field.example.is_empty() => field.example.into(),
        (Kind::Text(Text::Url), _) => "https://example.com".into(),
        _ => "<text>".into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::options::Options;
    use crate::schema::{Config, Context, parse_payload};

    /// Without its comments a template is a payload that its schema reads, and the schema knows every field of it.
    #[test]
    fn templates_are_payloads() {
        let none: [(&str, &str); 0] = [];
        let fields = json!({ "token": { "minLength": 3 }, "retries": { "type": "integer", "required": false } });
        let given = json!({ "environment": "staging", "secrets": [{ "id": "whatsapp/api", "fields": fields }] });
        let (options, variables) = Options::parse(given.as_object().unwrap(), none).unwrap();
        let context = Context {
            environment: &options.environment,
            region: None,
            today: options.started_at,
            variables: &variables,
            database: &options.database,
        };
        for service in options.service_ids() {
            let definition = options.definition(&service).unwrap();
            let text = template(definition);
            let plain: String = text.lines().filter(|line| !line.trim().starts_with("//")).collect();
            // The example of a session secret is shorter than it has to be, so that it cannot be stored.
            let plain = plain.replace("32 random characters", "32 random and unguessable characters");
            let parsed = parse_payload(definition, &plain, &context).unwrap_or_else(|it| panic!("{service}: {it:?}"));
            let Config::Database(config) = &parsed.config else {
                assert!(!parsed.config.redacted_json().contains("\"extra\":{\""), "{service} knows every field");
                continue;
            };
            assert_eq!(config.extra.names().collect::<Vec<_>>(), ["dbname", "engine"]);
        }
    }
}
