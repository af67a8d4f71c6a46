//! The config records of `wit/`, and a getter for each service.

use std::fmt::Write as _;

use permisos_secrets_core::schema::{Definition, Field, Kind};

use super::parts::{Generated, definitions, is_optional, kebab, records};

pub(super) fn files() -> Vec<Generated> {
    let (mut configs, mut getters) = (String::new(), String::new());
    for (service, definition) in definitions() {
        let title = service.title();
        let _ = writeln!(getters, "  /// {title}\n  get-{service}-config: func() -> result<{service}-config, error>;");
        for (name, description, fields) in records(definition) {
            configs.push_str(&record(definition, &name, description, fields));
        }
    }
    let file = "wit/config.wit";
    vec![
        Generated::region(file, "configs", configs.trim_start_matches('\n').to_owned()),
        Generated::region(file, "getters", getters),
    ]
}

fn record(definition: &Definition, name: &str, description: &str, fields: &[Field]) -> String {
    let mut text = format!("\n  /// {description}\n  record {name} {{\n");
    if definition.is_open {
        text.push_str("    /// Name and value of each key.\n    keys: list<tuple<string, string>>,\n  }\n");
        return text;
    }
    for field in fields {
        let ty = match field.kind {
            Kind::Boolean => "bool".to_owned(),
            Kind::Group(_) => format!("{}-{}", definition.service, kebab(&field.name)),
            Kind::Integer { least: 0.., most: ..=0xffff } => "u16".to_owned(),
            Kind::Integer { least: 0.., most: ..=0xffff_ffff } => "u32".to_owned(),
            Kind::Integer { .. } => "s64".to_owned(),
            Kind::Text(_) => "string".to_owned(),
            Kind::Texts => "list<string>".to_owned(),
        };
        let ty = if is_optional(field) { format!("option<{ty}>") } else { ty };
        let _ = writeln!(text, "    /// {}\n    {}: {ty},", field.description, kebab(&field.name));
    }
    if name.ends_with("-config") {
        text.push_str("    /// A JSON object: the fields that the schema does not name.\n    extra: json,\n");
    }
    text.push_str("  }\n");
    text
}
