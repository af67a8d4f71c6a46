//! Seeds: what the vectors hold, in each target's format.

use std::fs;
use std::path::Path;

use permisos_secrets_core::{Engine, Fetched, Options, Service, Timestamp};
use serde_json::{Value, json};

use crate::inputs::{IDENTITY, index_of, sealing};

/// Fills a folder for each target.
pub(crate) fn write(folder: &Path) {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors");
    let put = |target: &str, name: &str, bytes: &[u8]| {
        fs::create_dir_all(folder.join(target)).unwrap();
        fs::write(folder.join(target).join(name), bytes).unwrap();
    };
    for file in fs::read_dir(vectors.join("payloads")).unwrap() {
        let file = file.unwrap().path();
        let stem = file.file_stem().unwrap().to_string_lossy().into_owned();
        let vectors: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        for (index, vector) in vectors.as_array().unwrap().iter().enumerate() {
            let name = format!("{stem}-{index}");
            let text = match &vector["payload"] {
                Value::Null => None,
                Value::String(text) => Some(text.clone()),
                value => Some(value.to_string()),
            };
            if let Some(text) = text {
                let service = index_of(vector["service"].as_str().unwrap_or("redis"));
                put("payload", &name, &[&[service], text.as_bytes()].concat());
                for ca in [&vector["payload"]["ssl"]["ca"], &vector["payload"]["tls"]["ca"]] {
                    if let Some(ca) = ca.as_str() {
                        put("pem", &name, ca.as_bytes());
                    }
                }
            }
            if let Some(variables) = vector["variables"].as_object() {
                let line = |(name, value): (&String, &Value)| format!("{name}={}", value.as_str().unwrap_or_default());
                let lines: Vec<String> = variables.iter().map(line).collect();
                put("environment", &name, lines.join("\n").as_bytes());
            }
            if let Some(options) = vector["options"].as_object() {
                put("options", &name, json!(options).to_string().as_bytes());
                for (index, id) in options.get("secretIds").and_then(Value::as_object).into_iter().flatten().enumerate()
                {
                    put("names", &format!("{name}-{index}"), id.1.as_str().unwrap_or_default().as_bytes());
                }
            }
        }
    }
    put("names", "name", b"permisos/production/database/credentials");
    put("names", "arn", b"arn:aws:secretsmanager:us-east-1:123456789012:secret:permisos/production/redis-AbCdEf");
    for (index, seed) in (0..32_u64).enumerate() {
        let mixed = |position: u64| (seed * 64 + position).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let bytes: Vec<u8> = (0..64).flat_map(|position| mixed(position).to_le_bytes()).collect();
        put("script", &format!("seed-{index}"), &bytes);
    }
    let document = document(&vectors);
    put("sealed-document", "document", document.as_bytes());
    put("sealed-file", "file", &sealed(&document));
}

/// What an engine seals that holds the standard payloads.
fn document(vectors: &Path) -> String {
    let standard: Value = serde_json::from_str(&fs::read_to_string(vectors.join("standard.json")).unwrap()).unwrap();
    let (options, variables) = Options::parse(sealing().as_object().unwrap(), [] as [(&str, &str); 0]).unwrap();
    let mut engine = Engine::new(options, variables);
    let fetch = engine.poll_fetch(Timestamp(0)).unwrap();
    let outcome = |service: Service| json!({ "service": service, "payload": { "text": standard[service.as_str()].to_string(), "versionId": "v1" } });
    let outcomes: Vec<Value> = Service::ALL.into_iter().map(outcome).collect();
    let fetched: Fetched = serde_json::from_value(json!({ "id": fetch.id, "outcomes": outcomes })).unwrap();
    engine.handle_fetched(Timestamp(0), fetched);
    engine.poll_seal(Timestamp(0)).unwrap().to_string()
}

fn sealed(document: &str) -> Vec<u8> {
    use permisos_secrets::Vault;
    use permisos_secrets_core::SnapshotFile;
    let folder = tempfile::tempdir().unwrap();
    let (path, identity) = (folder.path().join("snapshot"), folder.path().join("identity"));
    fs::write(&identity, IDENTITY).unwrap();
    #[cfg(unix)]
    fs::set_permissions(&identity, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    Vault::open(&SnapshotFile { path: text(&path), identity_file: text(&identity) }).unwrap().write(document).unwrap();
    fs::read(path).unwrap()
}
