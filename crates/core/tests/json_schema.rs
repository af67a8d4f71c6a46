//! The JSON Schemas say what the checker says: on every payload vector a published validator accepts and refuses the same.

#![expect(clippy::disallowed_methods, reason = "a test reads files")]

use std::collections::BTreeSet;
use std::path::Path;

use permisos_secrets_core::schema::{BEYOND_JSON_SCHEMA, json_schema};
use permisos_secrets_core::{Options, Rule, ServiceId};
use serde_json::{Value, json};

/// Vectors on which the two differ, and why. Besides these, the validator may accept what breaks the rules of
/// `BEYOND_JSON_SCHEMA` alone.
const DIFFERENT: [(&str, &str); 5] = [
    ("an RDS-managed secret is completed from the options", "a schema does not see the options"),
    ("a stored dbname is the database, whatever the options say", "a schema does not see the options"),
    ("an empty dbname is none", "a schema does not see the options"),
    ("RDS: the secret that AWS manages", "a schema does not see the options"),
    ("without host and region the host is required", "a schema does not see the region"),
];

#[test]
fn a_published_validator_accepts_and_refuses_what_the_checker_does() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/payloads");
    let beyond: BTreeSet<Rule> = BEYOND_JSON_SCHEMA.iter().map(|(rule, _)| *rule).collect();
    let (mut count, mut wrong, mut excused) = (0, vec![], BTreeSet::new());
    for file in std::fs::read_dir(folder).unwrap() {
        let vectors: Value = serde_json::from_str(&std::fs::read_to_string(file.unwrap().path()).unwrap()).unwrap();
        for vector in vectors.as_array().unwrap().iter().filter(|vector| !vector["payload"].is_null()) {
            let (rule, service) = (vector["rule"].as_str().unwrap(), vector["service"].as_str().unwrap_or("redis"));
            let payload = &vector["payload"];
            let text = payload.as_str().map_or_else(|| payload.to_string(), str::to_owned);
            let mut given = json!({ "environment": "development", "startedAt": 1_790_000_000_000_u64 });
            for (name, value) in vector["options"].as_object().into_iter().flatten() {
                given[name] = value.clone();
            }
            // The vectors of the options themselves.
            let none: [(&str, &str); 0] = [];
            let Ok((options, _)) = Options::parse(given.as_object().unwrap(), none) else { continue };
            let id = ServiceId::from(service);
            let validator = jsonschema::draft202012::new(&json_schema(options.definition(&id).unwrap())).unwrap();
            let is_valid = serde_json::from_str(&text).is_ok_and(|payload| validator.is_valid(&payload));
            let checked = options.check(&id, &text);
            let only_beyond = checked
                .as_ref()
                .is_err_and(|error| error.violations().iter().all(|violation| beyond.contains(&violation.rule)));
            count += 1;
            match DIFFERENT.iter().find(|(it, _)| *it == rule) {
                Some((name, _)) if is_valid != checked.is_ok() => _ = excused.insert(*name),
                _ if is_valid == checked.is_ok() || (is_valid && only_beyond) => {}
                _ => wrong.push(format!("{service}: {rule}: the validator says {is_valid}, the checker {checked:?}")),
            }
        }
    }
    assert!(count > 100, "{count} vectors");
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(excused.len(), DIFFERENT.len(), "what no longer differs is to leave the list");
}
