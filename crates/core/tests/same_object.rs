//! The same version is the same object.

use std::sync::Arc;

use permisos_secrets_core::schema::SecurityConfig;
use permisos_secrets_core::{Engine, Options, Service, Timestamp};
use serde_json::json;

/// A fetch that confirms a version changes nothing that readers hold, keys of the version before included.
#[test]
fn a_confirmed_version_is_the_same_object() {
    let options = json!({ "source": "aws", "services": ["security"], "ttl": 1, "environment": "production" });
    let (options, variables) = Options::parse(options.as_object().unwrap(), [("", ""); 0]).unwrap();
    let mut engine = Engine::new(options, variables);
    let service = Service::Security.into();
    let answer = |engine: &mut Engine, now: u64, version: &str| {
        while let Some(fetch) = engine.poll_fetch(Timestamp(now)) {
            let fetch = serde_json::to_value(&fetch).unwrap();
            let outcomes = fetch["requests"].as_array().unwrap().iter().map(|request| {
                let version = if request["stage"] == "AWSPREVIOUS" { "v0" } else { version };
                let text = json!({ "sessionSecret": version.repeat(20), "jwtSecret": version.repeat(20), "internalApiKey": "k123" });
                let payload = json!({ "text": text.to_string(), "versionId": version, "createdAt": 0 });
                json!({ "service": "security", "stage": request["stage"], "payload": payload })
            });
            let fetched = json!({ "id": fetch["id"], "outcomes": outcomes.collect::<Vec<_>>() });
            engine.handle_fetched(Timestamp(now), serde_json::from_value(fetched).unwrap());
        }
        engine.read(&service, Timestamp(now)).unwrap().config.typed::<SecurityConfig>().unwrap()
    };
    let first = answer(&mut engine, 0, "v1");
    assert_eq!(first.session_secrets.len(), 2);
    for second in 1..10 {
        assert!(Arc::ptr_eq(&first, &answer(&mut engine, second * 2000, "v1")), "{second}");
    }
    let rotated = answer(&mut engine, 30_000, "v2");
    assert!(!Arc::ptr_eq(&first, &rotated));
    assert!(Arc::ptr_eq(&rotated, &answer(&mut engine, 32_000, "v2")));
}
