//! The options in words and as JSON Schema. What they mean is decided in `options.rs`; a test holds the names together.

use serde_json::{Map, Value, json};

use crate::service::Service;

/// One option as documentation and schemas name it.
#[derive(Debug)]
pub struct OptionRow {
    /// Its name.
    pub name: &'static str,
    /// What stands where it is not given, in words.
    pub default: &'static str,
    /// What it is.
    pub description: &'static str,
    /// Its value as JSON Schema.
    pub schema: fn() -> Value,
}

/// The options that every runtime takes. Durations are in seconds.
pub const OPTIONS: [OptionRow; 22] = [
    row("environment", "`PERMISOS_ENVIRONMENT`, `NODE_ENV`, `development`", "the names' second segment", text),
    row(
        "source",
        "by `USE_SECRETS_MANAGER`, else `aws` in production and staging, `environment` elsewhere",
        "`aws`, `agent` (AWS's Workload Credentials Provider, once Secrets Manager Agent, or the Lambda extension), \
         `environment`",
        || json!({ "enum": ["agent", "aws", "environment"] }),
    ),
    row(
        "services",
        "all seven",
        "only these are fetched and required",
        || json!({ "type": "array", "items": { "enum": Service::ALL } }),
    ),
    row("secrets", "none", "the application's own secrets", secrets),
    row("prefix", "`permisos`", "the names' first segment", text),
    row(
        "secretIds",
        "by convention",
        "another name or ARN by service",
        || json!({ "type": "object", "additionalProperties": { "type": "string" } }),
    ),
    row("ttl", "3600 s", "how long a value is fresh", || seconds(1)),
    row("staleIfError", "86400 s", "how much longer it is served while AWS cannot be reached", || seconds(0)),
    row("previousFor", "86400 s", "how long the previous keys are honoured after a rotation", || seconds(0)),
    row(
        "environmentFallback",
        "`true`",
        "whether variables stand in when retrieval fails",
        || json!({ "type": "boolean" }),
    ),
    row(
        "processEnv",
        "`true`",
        "whether `@permisos/secrets/register` writes the variables of the secrets to `process.env`",
        || json!({ "type": "boolean" }),
    ),
    row(
        "snapshot",
        "none",
        "`{ path, identityFile }`: the last good values, encrypted, for a start while AWS is down",
        || object(&[("path", text()), ("identityFile", text())], &["path", "identityFile"]),
    ),
    row(
        "database",
        "none",
        "`{ host, port, database, caFile }` for a secret that does not say it, as one that RDS manages; `caFile` is a file \
         with the certificate authorities to trust",
        || object(&[("host", text()), ("port", port()), ("database", text()), ("caFile", text())], &[]),
    ),
    row(
        "redis",
        "none",
        "`{ host, port, caFile }` for a secret that does not say it, as one that ElastiCache rotates",
        || object(&[("host", text()), ("port", port()), ("caFile", text())], &[]),
    ),
    row("region", "the AWS configuration's", "the region", text),
    row(
        "regions",
        "the AWS configuration's",
        "the regions, the primary first, then replicas",
        || json!({ "type": "array", "items": { "type": "string" }, "uniqueItems": true }),
    ),
    row(
        "endpointUrl",
        "AWS's own",
        "another endpoint, e.g. of a VPC, an emulator, or the agent on this machine; may hold `{region}`",
        text,
    ),
    row("profile", "the AWS configuration's", "a profile of the AWS configuration files", text),
    row("roleArn", "none", "a role to assume, also behind the agent", text),
    row(
        "timeout",
        "5 s",
        "the longest time for one call in one region",
        || json!({ "type": "integer", "minimum": 1, "maximum": 60 }),
    ),
    row("startedAt", "0", "the wall clock when the engine starts, in milliseconds: set by the driver", number),
    row("seed", "0", "seeds lifetimes and waits: set by the driver", number),
];

/// The options that the driver sets, each process for itself.
pub const DRIVER_OPTIONS: [&str; 2] = ["seed", "startedAt"];

const fn row(name: &'static str, default: &'static str, description: &'static str, schema: fn() -> Value) -> OptionRow {
    OptionRow { name, default, description, schema }
}

/// The schema of `permisos.json`: the options that a user sets.
pub fn options_schema() -> Value {
    let mut properties = Map::new();
    // An editor's own.
    properties.insert("$schema".to_owned(), text());
    for OptionRow { name, default, description, schema } in OPTIONS {
        if DRIVER_OPTIONS.contains(&name) {
            continue;
        }
        let mut property = schema();
        property["description"] = format!("{description}. Default: {default}.").into();
        properties.insert(name.to_owned(), property);
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "permisos.json: the options of permisos-secrets",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn port() -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": 65_535 })
}

fn number() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn seconds(least: u32) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": 7 * 24 * 3600 })
}

fn object(properties: &[(&str, Value)], required: &[&str]) -> Value {
    let properties: Map<String, Value> = properties.iter().map(|(name, it)| ((*name).to_owned(), it.clone())).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn secrets() -> Value {
    let field = object(
        &[
            ("type", json!({ "enum": ["boolean", "integer", "string", "url"] })),
            ("required", json!({ "type": "boolean" })),
            ("minLength", number()),
            ("maxLength", json!({ "type": "integer", "minimum": 1 })),
            ("pattern", text()),
            ("enum", json!({ "type": "array", "items": { "type": "string", "minLength": 1 }, "minItems": 1 })),
            ("variable", json!({ "type": "string", "pattern": "^[A-Za-z0-9_]+$" })),
        ],
        &[],
    );
    let fields = json!({ "type": "object", "minProperties": 1, "additionalProperties": field });
    let id = json!({ "type": "string", "pattern": "^[A-Za-z0-9_+=.@-]+/[A-Za-z0-9_+=.@-]+$" });
    json!({ "type": "array", "items": object(&[("id", id), ("fields", fields), ("optional", json!({ "type": "boolean" }))], &["id", "fields"]), "maxItems": 1000 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;

    /// A new option is one of the table, and one of the table is an option.
    #[test]
    fn the_table_names_every_option() {
        let none: [(&str, &str); 0] = [];
        let given = json!({ "qqqqqqqqqqqqqqqqqqqqqqqqqqq": 1 });
        let error = Options::parse(given.as_object().unwrap(), none).unwrap_err();
        let (_, known) = error.violations()[0].message.split_once("known are ").unwrap();
        let mut known: Vec<&str> = known.split(", ").collect();
        let mut named = OPTIONS.map(|row| row.name);
        known.sort_unstable();
        named.sort_unstable();
        assert_eq!(known, named);
    }
}
