//! One input, one answer: whatever comes, there is a config or an error, no panic, and no error shows a value.

use std::sync::LazyLock;

use permisos_secrets::Vault;
use permisos_secrets_core::{
    Arn, Engine, Environment, Fetched, Options, Origin, SecretId, SecretName, Service, ServiceId, SnapshotFile,
    Timestamp,
};
use serde_json::{Map, Value, json};

/// An identity that protects nothing: it opens the fuzzer's own files.
pub(crate) const IDENTITY: &str = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
pub(crate) const STARTED_AT: u64 = 1_790_000_000_000;

/// A custom secret with a field of each type.
pub(crate) fn custom() -> Value {
    json!([{ "id": "whatsapp/api", "fields": {
        "token": { "type": "string", "minLength": 8, "variable": "WHATSAPP_TOKEN" },
        "retries": { "type": "integer", "required": false, "variable": "WHATSAPP_RETRIES" },
        "enabled": { "type": "boolean", "required": false },
        "url": { "type": "url", "required": false },
    } }])
}

fn services() -> Vec<ServiceId> {
    Service::ALL.into_iter().map(ServiceId::from).chain(["whatsapp/api".into()]).collect()
}

/// The services by name, for seeds.
pub(crate) fn index_of(service: &str) -> u8 {
    let found = services().iter().position(|it| it.as_str() == service);
    u8::try_from(found.unwrap_or(7)).unwrap()
}

fn engine(options: &Value, variables: &[(&str, &str)]) -> Engine {
    let (options, variables) = Options::parse(options.as_object().unwrap(), variables.iter().copied()).unwrap();
    Engine::new(options, variables)
}

/// The first byte chooses the service, the rest is a stored secret's text.
pub(crate) fn payload(data: &[u8]) {
    let Some((&first, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let services = services();
    let service = &services[usize::from(first) % services.len()];
    let environment = if first < 128 { "production" } else { "test" };
    let options = json!({ "source": "aws", "environment": environment, "secrets": custom(), "startedAt": STARTED_AT });
    let mut engine = engine(&options, &[]);
    take(&mut engine, service, text);
    look(&mut engine, service);
}

fn take(engine: &mut Engine, service: &ServiceId, text: &str) {
    let fetch = engine.poll_fetch(Timestamp(0)).unwrap();
    let outcome = json!({ "service": service, "payload": { "text": text, "versionId": "v1", "createdAt": 0 } });
    let fetched: Fetched = serde_json::from_value(json!({ "id": fetch.id, "outcomes": [outcome] })).unwrap();
    engine.handle_fetched(Timestamp(0), fetched);
}

/// Asks everything that can be asked.
fn look(engine: &mut Engine, service: &ServiceId) {
    if let Ok(read) = engine.read(service, Timestamp(0)) {
        let exposed: Value = serde_json::from_str(&read.config.expose_json()).unwrap();
        let redacted: Value = serde_json::from_str(&read.config.redacted_json()).unwrap();
        let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&exposed), names(&redacted), "both show the same fields");
        let derives_url = [Service::Database, Service::Redis].iter().any(|it| service == it);
        if let Some(url) = exposed["url"].as_str().filter(|_| derives_url) {
            assert!(url.contains("://"), "a derived URL is one");
        }
    }
    let _ = format!("{:?}", engine.health(Timestamp(0)));
    while let Some(event) = engine.poll_event() {
        let _ = serde_json::to_string(&event).unwrap();
    }
}

/// Lines `NAME=value`, with a file's text after an empty line.
pub(crate) fn environment(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (lines, file) = text.split_once("\n\n").unwrap_or((text, ""));
    let variables: Vec<(&str, &str)> = lines.lines().filter_map(|line| line.split_once('=')).collect();
    let options = json!({ "source": "environment", "environment": "production", "secrets": custom(),
        "startedAt": STARTED_AT });
    let (options, variables) = Options::parse(options.as_object().unwrap(), variables).unwrap();
    let variables = variables.with_files(|_| (!file.is_empty()).then(|| file.to_owned()));
    let mut engine = Engine::new(options, variables);
    for service in services() {
        look(&mut engine, &service);
    }
}

pub(crate) fn names(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(name) = SecretName::parse(text) {
        assert_eq!(name.as_str(), text);
        assert!((1..=512).contains(&text.len()));
        let _ = name.ends_like_arn();
    }
    if let Ok(arn) = Arn::parse(text) {
        assert_eq!(arn.as_str(), text);
        assert!(text.contains(arn.region()) && text.contains(arn.name()));
    }
    if let Ok(id) = SecretId::parse(text) {
        assert_eq!(id.to_string(), text);
        let _ = id.resource("us-gov-west-1");
    }
    if let Ok(environment) = Environment::parse(text) {
        assert!(!environment.as_str().contains('/'));
    }
}

pub(crate) fn options(data: &[u8]) {
    let Ok(options) = serde_json::from_slice::<Map<String, Value>>(data) else { return };
    let _ = Options::variable_names(&options);
    match Options::parse(&options, [("NODE_ENV", "production"), ("AWS_REGION", "us-east-1")]) {
        Ok((options, variables)) => {
            let mut engine = Engine::new(options, variables);
            let asked = engine.poll_fetch(Timestamp(0)).map_or(0, |fetch| fetch.requests.len());
            assert!(asked <= 1007, "the number of secrets is bounded");
            let _ = engine.health(Timestamp(0));
        }
        Err(error) => assert!(!error.violations().is_empty(), "an error says what is wrong"),
    }
}

/// A certificate authority, on its way through the database's schema.
pub(crate) fn pem(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let payload = json!({ "host": "db", "database": "d", "username": "u", "password": "p", "ssl": { "ca": text } });
    let options = json!({ "source": "aws", "services": ["database"], "startedAt": STARTED_AT });
    let mut engine = engine(&options, &[]);
    let service = Service::Database.into();
    take(&mut engine, &service, &payload.to_string());
    look(&mut engine, &service);
    if let Ok(read) = engine.read(&service, Timestamp(0)) {
        let exposed: Value = serde_json::from_str(&read.config.expose_json()).unwrap();
        if let Some(ca) = exposed["ssl"]["ca"].as_str() {
            assert!(ca.starts_with("-----BEGIN "), "what is handed out is PEM");
        }
    }
}

/// The options of a process with a snapshot.
pub(crate) fn sealing() -> Value {
    json!({ "source": "aws", "environment": "production", "secrets": custom(), "startedAt": STARTED_AT,
        "snapshot": { "path": "snapshot", "identityFile": "identity" } })
}

/// What a driver decrypted.
pub(crate) fn sealed_document(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut engine = engine(&sealing(), &[]);
    engine.restore(Timestamp(0), text);
    let fetch = engine.poll_fetch(Timestamp(0)).unwrap();
    let failed: Vec<Value> = fetch
        .requests
        .iter()
        .map(|it| json!({ "service": it.service, "failure": { "code": "SECRETS_UNAVAILABLE" } }))
        .collect();
    let fetched: Fetched = serde_json::from_value(json!({ "id": fetch.id, "outcomes": failed })).unwrap();
    engine.handle_fetched(Timestamp(0), fetched);
    assert!(engine.poll_seal(Timestamp(0)).is_none(), "nothing is new");
    let day = Timestamp(25 * 3_600_000 + 301_000);
    for service in services() {
        look(&mut engine, &service);
    }
    engine.poll_fetch(day);
    for service in services() {
        if let Ok(read) = engine.read(&service, day) {
            assert_eq!(read.origin, Origin::Environment, "nothing outlives its time");
        }
    }
}

static VAULT: LazyLock<Vault> = LazyLock::new(|| {
    use std::io::Write;
    // Mode 0600, as it must be.
    let mut identity = tempfile::NamedTempFile::new().unwrap();
    identity.write_all(IDENTITY.as_bytes()).unwrap();
    let identity_file = identity.path().to_str().unwrap().to_owned();
    Vault::open(&SnapshotFile { path: "/nowhere".into(), identity_file }).unwrap()
});

/// The bytes on disk.
pub(crate) fn sealed_file(data: &[u8]) {
    if let Ok(text) = VAULT.unseal(data) {
        assert!(text.len() <= data.len());
    }
}
