//! JSON Schemas of the documents that cross into the component and out of it: `wit/engine.wit` names them.

use permisos_secrets_core::schema::{Definition, Field, Kind};
use permisos_secrets_core::{ErrorKind, Service};
use serde_json::{Map, Value, json};

use super::parts::{Generated, definitions, is_optional};

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

pub(super) fn files() -> anyhow::Result<Vec<Generated>> {
    let documents = [
        ("error", "Why something failed. Holds no value.", error(true)),
        ("event", "Something that happened to one service's secret.", event()),
        ("fetch", "What to fetch now, in one batch.", fetch()),
        ("fetched", "What was fetched: an outcome for each request, and the calls that it took.", fetched()),
        ("file-paths", "The files to read: certificate authorities.", list(&text())),
        ("files", "The text of each file by its path; null where one cannot be read.", texts()),
        ("health", "The state of everything, without values.", health()),
        ("read", "What a read answers, with its secret values.", read()),
        ("setup", "What the options ask of the host.", setup()),
        ("state", "The state of one service, with its secret values: it answers reads until `poll-changed`.", state()),
        ("variable-names", "The environment variables to look up.", list(&text())),
        ("variables", "The environment variables that are set, each value by its name.", texts()),
    ];
    let mut files = vec![];
    for (name, description, schema) in documents {
        let mut document = Map::new();
        document.insert("$schema".to_owned(), DRAFT.into());
        document.insert("title".to_owned(), name.into());
        document.insert("description".to_owned(), description.into());
        if let Value::Object(schema) = schema {
            document.extend(schema);
        }
        let text = serde_json::to_string_pretty(&document)? + "\n";
        files.push(Generated::file(format!("npm/secrets/schemas/engine/{name}.json"), text));
    }
    Ok(files)
}

/// An object of exactly these members.
fn object(members: &[(&str, Value)]) -> Value {
    let names: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    open_object(members, &names)
}

/// An object of these members, of which some have to be there.
fn open_object(members: &[(&str, Value)], required: &[&str]) -> Value {
    let properties: Map<String, Value> = members.iter().map(|(name, it)| ((*name).to_owned(), it.clone())).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn flag() -> Value {
    json!({ "type": "boolean" })
}

fn number() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn any_of(words: &[&str]) -> Value {
    json!({ "enum": words })
}

fn list(items: &Value) -> Value {
    json!({ "type": "array", "items": items })
}

fn maybe(schema: &Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}

fn service() -> Value {
    let built_in = Service::ALL.map(Service::as_str).join(", ");
    json!({ "type": "string", "description": format!("{built_in}, or the id of a custom secret such as whatsapp/api.") })
}

fn code() -> Value {
    any_of(&ErrorKind::ALL.map(ErrorKind::code))
}

fn origin() -> Value {
    any_of(&["environment", "secrets-manager", "snapshot"])
}

fn freshness() -> Value {
    any_of(&["fresh", "stale"])
}

fn stage() -> Value {
    any_of(&["AWSCURRENT", "AWSPREVIOUS"])
}

fn operation() -> Value {
    any_of(&["BatchGetSecretValue", "GetSecretValue"])
}

fn source() -> Value {
    any_of(&["agent", "aws", "environment"])
}

fn violations() -> Value {
    list(&object(&[("path", text()), ("rule", text()), ("message", text())]))
}

/// The errors of several services sum up no others.
fn error(is_whole: bool) -> Value {
    let below = if is_whole { error(false) } else { json!(false) };
    object(&[
        ("code", code()),
        ("retryable", flag()),
        ("service", maybe(&service())),
        ("message", text()),
        ("violations", violations()),
        ("errors", list(&below)),
    ])
}

fn event() -> Value {
    let kind = |name: &str, more: &[(&str, Value)]| {
        let common = [("at", number()), ("service", service()), ("type", json!({ "const": name }))];
        object(&[&common, more].concat())
    };
    let version = || maybe(&text());
    json!({ "oneOf": [
        kind("failed", &[("error", code()), ("message", text()), ("consecutiveFailures", number()), ("retryInMs", number())]),
        kind("fallback", &[("error", code()), ("origin", origin()), ("warnings", violations())]),
        kind("invalid", &[("versionId", version()), ("violations", violations())]),
        kind("loaded", &[("origin", origin()), ("versionId", version()), ("warnings", violations())]),
        kind("recovered", &[("failures", number()), ("fromFallback", flag())]),
        kind("refreshed", &[("versionId", text()), ("warnings", violations())]),
        kind("rotated", &[("from", text()), ("to", text()), ("warnings", violations())]),
        kind("stale", &[("ageMs", number()), ("expiresInMs", number())]),
    ] })
}

fn fetch() -> Value {
    let members =
        [("service", service()), ("secretId", text()), ("stage", stage()), ("forced", json!({ "const": true }))];
    let request = open_object(&members, &["service", "secretId", "stage"]);
    object(&[("id", number()), ("requests", list(&request))])
}

fn fetched() -> Value {
    let milliseconds = || json!({ "type": ["number", "null"], "minimum": 0 });
    let payload = open_object(
        &[("text", maybe(&text())), ("versionId", text()), ("createdAt", milliseconds()), ("region", maybe(&text()))],
        &["versionId"],
    );
    let failure = open_object(&[("code", code()), ("message", text()), ("retryAfterMs", milliseconds())], &["code"]);
    let outcome = |name: &str, result: Value| {
        open_object(&[("service", service()), ("stage", stage()), (name, result)], &["service", name])
    };
    let outcome = json!({ "oneOf": [outcome("payload", payload), outcome("failure", failure)] });
    let members = [("operation", operation()), ("error", maybe(&code())), ("durationMs", milliseconds())];
    let call = open_object(&members, &["operation"]);
    open_object(&[("id", number()), ("outcomes", list(&outcome)), ("calls", list(&call))], &["id"])
}

fn health() -> Value {
    let status = any_of(&["healthy", "degraded", "unavailable"]);
    let reads = object(&[("environment", number()), ("failed", number()), ("fresh", number()), ("stale", number())]);
    let service = object(&[
        ("service", service()),
        ("secretId", text()),
        ("required", flag()),
        ("status", status.clone()),
        ("origin", maybe(&origin())),
        ("freshness", maybe(&freshness())),
        ("ageMs", maybe(&number())),
        ("expiresInMs", maybe(&number())),
        ("versionId", maybe(&text())),
        ("versionAgeMs", maybe(&number())),
        ("region", maybe(&text())),
        ("nextRefreshMs", maybe(&number())),
        ("consecutiveFailures", number()),
        ("lastError", maybe(&code())),
        ("lastErrorMessage", maybe(&text())),
        ("warnings", violations()),
        ("reads", reads),
    ]);
    let fetches =
        object(&[("operation", operation()), ("error", maybe(&code())), ("count", number()), ("durationMs", number())]);
    object(&[
        ("status", status),
        ("environment", text()),
        ("source", source()),
        ("services", list(&service)),
        ("fetches", list(&fetches)),
    ])
}

fn read() -> Value {
    let config = || json!({ "$ref": "#/$defs/config" });
    let redacted =
        || json!({ "type": "object", "description": "The same, every value redacted but host, port and names." });
    let previous = object(&[("config", config()), ("redacted", redacted())]);
    let mut schema = object(&[
        ("config", config()),
        ("redacted", redacted()),
        ("origin", origin()),
        ("freshness", freshness()),
        ("versionId", maybe(&text())),
        ("previous", maybe(&previous)),
    ]);
    schema["$defs"] = configs();
    schema
}

fn state() -> Value {
    let config = || json!({ "$ref": "#/$defs/config" });
    let held = object(&[
        ("config", config()),
        ("previous", maybe(&config())),
        ("versionId", text()),
        ("origin", origin()),
        ("freshUntil", number()),
        ("usableUntil", number()),
    ]);
    let mut schema =
        object(&[("held", maybe(&held)), ("fallback", maybe(&config())), ("failure", maybe(&error(true)))]);
    schema["$defs"] = configs();
    schema
}

fn setup() -> Value {
    let connection = object(&[
        ("regions", list(&text())),
        ("endpointUrl", maybe(&text())),
        ("profile", maybe(&text())),
        ("roleArn", maybe(&text())),
        ("timeoutMs", number()),
    ]);
    let snapshot = object(&[("path", text()), ("identityFile", text())]);
    object(&[
        ("source", source()),
        ("services", list(&service())),
        ("connection", connection),
        ("snapshot", maybe(&snapshot)),
    ])
}

fn texts() -> Value {
    json!({ "type": "object", "additionalProperties": maybe(&text()) })
}

/// Each service's config, and that of a custom secret.
fn configs() -> Value {
    let mut defs = Map::new();
    let mut all = vec![];
    for (service, definition) in definitions() {
        defs.insert(service.to_string(), config(definition));
        all.push(json!({ "$ref": format!("#/$defs/{service}") }));
    }
    let values = json!({ "type": ["string", "integer", "boolean"] });
    let extra = json!({ "type": "object" });
    defs.insert(
        "custom".to_owned(),
        json!({ "type": "object", "properties": { "extra": extra }, "required": ["extra"], "additionalProperties": values }),
    );
    all.push(json!({ "$ref": "#/$defs/custom" }));
    defs.insert("config".to_owned(), json!({ "anyOf": all }));
    Value::Object(defs)
}

fn config(definition: &Definition) -> Value {
    if definition.is_open {
        return json!({ "type": "object", "additionalProperties": text() });
    }
    let mut schema = fields(&definition.fields);
    schema["properties"]["extra"] = json!({ "type": "object", "description": "What the schema does not name." });
    if let Value::Array(required) = &mut schema["required"] {
        required.push("extra".into());
    }
    schema["description"] = definition.description.into();
    schema
}

fn fields(fields: &[Field]) -> Value {
    let (mut properties, mut required) = (Map::new(), vec![]);
    for field in fields {
        let mut schema = match field.kind {
            Kind::Boolean => flag(),
            Kind::Group(below) => self::fields(below),
            Kind::Integer { least, most } => json!({ "type": "integer", "minimum": least, "maximum": most }),
            Kind::Text(_) => text(),
            Kind::Texts => list(&text()),
        };
        schema["description"] = field.description.into();
        properties.insert(field.name.clone().into_owned(), schema);
        if !is_optional(field) {
            required.push(field.name.as_ref());
        }
    }
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}
