//! What to fill in, with a comment on each field: a payload, or the variables of a developer's machine.

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

/// The variables of these secrets for a developer's machine, as an environment file: servers on this machine, and values that
/// are valid in development; production refuses its passwords as placeholders. What need not be set is a comment.
pub fn dotenv_template<'d>(definitions: impl IntoIterator<Item = &'d Definition>) -> String {
    let mut lines = vec![];
    for definition in definitions {
        let mut names = vec![];
        put_variables(&definition.fields, &mut names);
        if names.is_empty() {
            continue;
        }
        lines.push(format!("\n# === {}", definition.service));
        lines.extend(Some(definition.description).filter(|it| !it.is_empty()).map(|it| format!("# {it}")));
        lines.extend(definition.url.map(|url| format!("# {url} in place of these variables says it in one.")));
        lines.append(&mut names);
    }
    lines.join("\n").trim_start().to_owned() + "\n"
}

fn put_variables(fields: &[Field], lines: &mut Vec<String>) {
    for field in fields {
        // There is no example of certificates that is valid.
        if let (Some(name), false) = (&field.variable, matches!(field.kind, Kind::Text(Text::Certificates))) {
            let is_left_out = matches!(field.need, Need::Default(_) | Need::Optional) && !is_host(field);
            let what = [field.description, if is_left_out { "Optional." } else { "" }];
            let what: Vec<_> = what.into_iter().filter(|it| !it.is_empty()).collect();
            if !what.is_empty() {
                lines.push(format!("# {}", what.join(" ")));
            }
            let mark = if is_left_out { "#" } else { "" };
            lines.push(format!("{mark}{name}={}", local_value(field)));
        }
        if let Kind::Group(below) = field.kind {
            put_variables(below, lines);
        }
    }
}

fn is_host(field: &Field) -> bool {
    matches!(field.kind, Kind::Text(Text::Host))
}

/// Stands for a key.
const OWN: &str = "replace-with-random-characters-of-your-own";

/// A value for a server on this machine. What stands for a password is a placeholder's word, so that production refuses it.
fn local_value(field: &Field) -> String {
    match field.kind {
        Kind::Group(_) => "true".into(),
        Kind::Text(_) if is_host(field) => "localhost".into(),
        Kind::Text(Text::HttpsUrl) => "https://localhost:8443/login".into(),
        Kind::Text(Text::Url) => "https://localhost:8443".into(),
        Kind::Text(Text::EmailAddress) => "developer@example.com".into(),
        Kind::Text(_) => match (field.prefix, field.one_of.first(), field.example) {
            (Some(prefix), ..) => format!("{}{OWN}", prefix.starts[0]),
            (_, Some(text), _) => text.clone().into_owned(),
            (.., "<password>") => "password".into(),
            (.., "<user>") => "developer".into(),
            (.., example) if !example.is_empty() && !example.contains('<') => example.to_owned(),
            _ => format!("{OWN:x<0$}", field.min_length),
        },
        _ => example(field).to_string(),
    }
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
    use crate::schema::{Config, Context, parse_environment, parse_payload};

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
            redis: &options.redis,
            is_local: false,
            url_options: &[],
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

    /// As it stands, the environment file makes every secret in development without a warning, and in production no secret
    /// with a password. Redis's is optional, and of Stripe's keys the mode is a warning.
    #[test]
    fn the_environment_file_is_of_a_developers_machine() {
        let fields = json!({ "token": { "minLength": 50, "variable": "TOKEN" }, "mode": { "variable": "MODE", "required": false } });
        let secrets = json!([{ "id": "whatsapp/api", "fields": fields }]);
        let read = |environment: &str| {
            let given = json!({ "environment": environment, "source": "environment", "secrets": secrets });
            let none: [(&str, &str); 0] = [];
            let (options, _) = Options::parse(given.as_object().unwrap(), none).unwrap();
            let services: Vec<_> = options.service_ids().collect();
            let text = dotenv_template(services.iter().filter_map(|service| options.definition(service)));
            let pairs = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
            let (options, variables) = Options::parse(given.as_object().unwrap(), pairs).unwrap();
            let read = services.iter().map(|service| {
                let context = options.context(&variables);
                let read = parse_environment(options.definition(service).unwrap(), &context);
                (
                    service.to_string(),
                    read.map(|parsed| parsed.warnings.len()).map_err(|error| error.violations().len()),
                )
            });
            (read.collect::<Vec<_>>(), text)
        };
        let (development, text) = read("development");
        assert!(development.iter().all(|(_, read)| *read == Ok(0)), "{development:?}\n{text}");
        assert!(text.contains("\n# Host name or address.\nDB_HOST=localhost\n"), "{text}");
        assert!(text.contains("\n# Optional.\n#MODE="), "{text}");
        let (production, _) = read("production");
        let refused = production.iter().filter(|(_, read)| read.is_err()).map(|(service, _)| service.as_str());
        assert_eq!(refused.collect::<Vec<_>>(), ["database", "security", "email", "government-portal"]);
    }
}
