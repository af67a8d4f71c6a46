//! JSON Schemas, shipped in the npm package.

use permisos_secrets_core::{options_schema, schema};

use super::parts::{Generated, definitions};

pub(super) fn files() -> anyhow::Result<Vec<Generated>> {
    let mut files = vec![];
    for (service, definition) in definitions() {
        let text = serde_json::to_string_pretty(&schema::json_schema(definition))? + "\n";
        files.push(Generated::file(format!("npm/secrets/schemas/{service}.json"), text));
    }
    let text = serde_json::to_string_pretty(&options_schema())? + "\n";
    files.push(Generated::file("npm/secrets/schemas/permisos.json", text));
    Ok(files)
}
