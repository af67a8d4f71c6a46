//! The npm package's config types, and a getter for each service.

use std::fmt::Write as _;

use permisos_secrets_core::schema::{Field, Kind};

use serde_json::Value;

use super::parts::{Generated, camel, definitions, is_optional, pascal, user_options};

pub(super) fn files() -> Vec<Generated> {
    let names: Vec<String> = definitions().map(|(service, _)| format!("{}Config", pascal(service.as_str()))).collect();
    let mut sorted = names.clone();
    sorted.sort();
    let types = format!("import type {{ {} }} from './generated/configs.js';\n", sorted.join(", "));
    let getters: Vec<String> = names.iter().map(|name| format!("get{name}")).collect();
    let (mut entries, mut methods, mut forget, mut functions) =
        (String::new(), String::new(), String::new(), String::new());
    for (service, _) in definitions() {
        let (id, name, title) = (service.as_str(), camel(service.as_str()), service.title());
        let config = format!("{}Config", pascal(id));
        let _ = writeln!(entries, "  #{name}: Entry | undefined;");
        let _ = write!(
            methods,
            "  /** {title} */\n  get{config}(): {config} {{\n    const entry = (this.#{name} ??= this.#fetch('{id}'));\n    \
             entry.reads++;\n    return entry.config as {config};\n  }}\n\n"
        );
        let word = if forget.is_empty() { "    if" } else { "    else if" };
        let _ = writeln!(forget, "{word} (service === '{id}') this.#{name} = undefined;");
        let _ = write!(
            functions,
            "/** {title} */\nexport function get{config}(): {config} {{\n  return (current ?? ready()).get{config}();\n}}\n\n"
        );
    }
    let functions = functions.trim_end().to_owned() + "\n";
    let methods = methods.trim_end().to_owned() + "\n";
    let list = format!("  {},\n", getters.join(",\n  "));
    let (secrets, default) = ("npm/secrets/src/secrets.ts", "npm/secrets/src/default.ts");
    vec![
        Generated::file("npm/secrets/src/generated/configs.ts", configs()),
        Generated::region(secrets, "types", types.clone()),
        Generated::region(secrets, "entries", entries),
        Generated::region(secrets, "getters", methods),
        Generated::region(secrets, "forget", forget),
        Generated::region(default, "types", types),
        Generated::region(default, "getters", functions),
        Generated::region("npm/secrets/src/index.ts", "getters", format!("export {{\n{list}}} from './default.js';\n")),
        Generated::region("npm/secrets/src/options.ts", "options", options()),
    ]
}

/// Each option with its type, from the same table as its schema.
fn options() -> String {
    let mut text = String::new();
    for row in user_options() {
        let doc = format!("{}{}", row.description[..1].to_uppercase(), &row.description[1..]);
        let ty = match row.name {
            "secretIds" => "Readonly<Record<string, string>>".to_owned(),
            "secrets" => "readonly SecretDefinition[]".to_owned(),
            "services" => "readonly Service[]".to_owned(),
            _ => type_of(&(row.schema)()),
        };
        let _ = writeln!(text, "  /** {doc}. Default: {}. */\n  {}?: {ty};", row.default, row.name);
    }
    text
}

/// The type of what a small schema allows.
fn type_of(schema: &Value) -> String {
    if let Some(words) = schema["enum"].as_array() {
        return words.iter().map(|word| word.to_string().replace('"', "'")).collect::<Vec<_>>().join(" | ");
    }
    match schema["type"].as_str().unwrap_or_default() {
        "array" => format!("readonly {}[]", type_of(&schema["items"])),
        "integer" => "number".to_owned(),
        "object" => {
            let is_required =
                |name: &str| schema["required"].as_array().is_some_and(|it| it.iter().any(|it| it == name));
            let member = |(name, of): (&String, &Value)| {
                format!("{name}{}: {}", if is_required(name) { "" } else { "?" }, type_of(of))
            };
            let members: Vec<_> = schema["properties"].as_object().into_iter().flatten().map(member).collect();
            format!("{{ {} }}", members.join("; "))
        }
        other => other.to_owned(),
    }
}

fn configs() -> String {
    let mut text = "/** The configs, as stored in Secrets Manager. Written by `cargo xtask generate`. */\n\n\
                    /** Fields that the schema does not name. */\n\
                    export type Extra = Readonly<Record<string, unknown>>;\n"
        .to_owned();
    let mut map = "\n/** Each built-in service's config. */\nexport interface Configs {\n".to_owned();
    for (service, definition) in definitions() {
        let config = format!("{}Config", pascal(service.as_str()));
        let _ = write!(text, "\n/** {} */\nexport interface {config} {{\n", definition.description);
        put(&definition.fields, 1, &mut text);
        text.push_str(if definition.is_open {
            "  readonly [key: string]: string | undefined;\n}\n"
        } else {
            "  /** Fields that the schema does not name. */\n  readonly extra: Extra;\n}\n"
        });
        let id = service.as_str();
        let _ =
            if id.contains('-') { writeln!(map, "  '{id}': {config};") } else { writeln!(map, "  {id}: {config};") };
    }
    text + &map + "}\n\n/** A built-in service. */\nexport type Service = keyof Configs;\n"
}

fn put(fields: &[Field], depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    for field in fields {
        let mark = if is_optional(field) { "?" } else { "" };
        let _ = write!(text, "{indent}/** {} */\n{indent}readonly {}{mark}: ", field.description, field.name);
        match field.kind {
            Kind::Boolean => text.push_str("boolean"),
            Kind::Group(below) => {
                text.push_str("{\n");
                put(below, depth + 1, text);
                let _ = write!(text, "{indent}}}");
            }
            Kind::Integer { .. } => text.push_str("number"),
            Kind::Text(_) => text.push_str("string"),
            Kind::Texts => text.push_str("readonly string[]"),
        }
        text.push_str(";\n");
    }
}
