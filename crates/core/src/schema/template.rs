//! A payload to fill in, with a comment on each field.

use crate::options::{CustomSecret, FieldType};
use crate::service::{Service, ServiceId};

const DATABASE: &str = r#"{
  // host name or address
  "host": "database.example.com",
  // optional: 5432
  "port": 5432,
  "database": "permisos",
  // the same name once more: AWS's rotation functions read it
  "dbname": "permisos",
  "engine": "postgres",
  "username": "permisos_app",
  "password": "<password>",
  // optional: TLS
  "ssl": {
    // optional: true
    "rejectUnauthorized": true
    // optional, after a comma: "ca", the certificate authority as PEM, or as base64 of PEM
  }
}
"#;
const REDIS: &str = r#"{
  // host name or address
  "host": "cache.example.com",
  // optional: 6379
  "port": 6379,
  // optional: the user of an access control list
  "username": "permisos_app",
  // optional
  "password": "<password>",
  // optional: the number of the logical database
  "db": 0,
  // optional: TLS
  "tls": {
    // optional: the host
    "servername": "cache.example.com",
    // optional: true
    "rejectUnauthorized": true
    // optional, after a comma: "ca", the certificate authority as PEM, or as base64 of PEM
  }
}
"#;
const SECURITY: &str = r#"{
  // at least 32 characters; signs sessions
  "sessionSecret": "<at least 32 random characters>",
  // at least 32 characters; signs tokens
  "jwtSecret": "<at least 32 random characters>",
  // authenticates internal callers
  "internalApiKey": "<random characters>"
}
"#;
const STRIPE: &str = r#"{
  // pk_test_ or pk_live_, of the same mode as the private key
  "publicKey": "pk_test_<key>",
  // sk_ or, restricted and better, rk_
  "privateKey": "rk_test_<key>",
  "webhookSecret": "whsec_<secret>"
}
"#;
const EMAIL: &str = r#"{
  "smtpUser": "<user>",
  // for SES the SMTP password, which is derived from an IAM key and is not the key itself
  "smtpPassword": "<password>",
  // name@example.com or Name <name@example.com>
  "fromAddress": "Permisos <hola@example.com>",
  // optional: SES in the secret's region
  "host": "email-smtp.us-east-1.amazonaws.com",
  // optional: 587
  "port": 587,
  // optional: SES's configuration set
  "configurationSet": "permisos"
}
"#;
const GOVERNMENT_PORTAL: &str = r#"{
  "username": "<user>",
  "password": "<password>",
  // https, without user and password
  "loginUrl": "https://portal.example.com/login"
}
"#;
const MONITORING: &str = r#"{
  // any provider's keys, by the names under which the application reads them; none is required
  "sentryDsn": "https://<key>@sentry.example.com/1",
  "datadogApiKey": "<key>",
  "newRelicLicenseKey": "<key>"
}
"#;

/// The payload of a service to fill in: JSON with a comment line above each field that needs one.
pub fn template(service: &ServiceId, custom: Option<&CustomSecret>) -> String {
    let built_in = match service {
        ServiceId::BuiltIn(Service::Database) => DATABASE,
        ServiceId::BuiltIn(Service::Redis) => REDIS,
        ServiceId::BuiltIn(Service::Security) => SECURITY,
        ServiceId::BuiltIn(Service::Stripe) => STRIPE,
        ServiceId::BuiltIn(Service::Email) => EMAIL,
        ServiceId::BuiltIn(Service::GovernmentPortal) => GOVERNMENT_PORTAL,
        ServiceId::BuiltIn(Service::Monitoring) => MONITORING,
        ServiceId::Custom(_) => return custom.map(of_definition).unwrap_or_default(),
    };
    built_in.to_owned()
}

fn of_definition(custom: &CustomSecret) -> String {
    let fields = custom.fields.iter().map(|(name, field)| {
        let example = match field.kind {
            FieldType::Boolean => "true",
            FieldType::Integer => "0",
            FieldType::String => "\"<text>\"",
            FieldType::Url => "\"https://example.com\"",
        };
        let need = if field.required { "required" } else { "optional" };
        let length =
            if field.min_length > 0 { format!(", at least {} characters", field.min_length) } else { String::new() };
        let name = serde_json::Value::from(name.as_str());
        format!("  // {need}{length}\n  {name}: {example}")
    });
    format!("{{\n{}\n}}\n", fields.collect::<Vec<_>>().join(",\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;
    use crate::schema::{Config, Context, parse_payload};
    use serde_json::json;

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
        };
        for service in options.service_ids() {
            let custom = options.definition(&service);
            let text = template(&service, custom);
            let plain: String = text.lines().filter(|line| !line.trim().starts_with("//")).collect();
            // The example of a session secret is shorter than it has to be: nobody is to store it.
            let plain = plain.replace("32 random characters", "32 random and unguessable characters");
            let parsed =
                parse_payload(&service, custom, &plain, &context).unwrap_or_else(|it| panic!("{service}: {it:?}"));
            let Config::Database(config) = &parsed.config else {
                assert!(!parsed.config.redacted_json().contains("\"extra\":{\""), "{service} knows every field");
                continue;
            };
            assert_eq!(config.extra.names().collect::<Vec<_>>(), ["dbname", "engine"]);
        }
    }
}
