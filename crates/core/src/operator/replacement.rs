//! What takes the place of code that reads variables, and what of a secret must stand nowhere else.

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use crate::engine::state::Read;
use crate::options::Options;
use crate::schema::{Config, Definition, Entry, Field, Kind, Need, Seen, Text};
use crate::service::{Service, ServiceId};

use super::uncovered::names_secret;

/// What an application reads instead of a variable.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Replacement {
    /// The service whose secret has it.
    pub service: ServiceId,
    /// The same in JavaScript, e.g. `getDatabaseConfig().password`.
    pub expression: String,
}

/// A value that is a key to something, and so has no place in sources, build output or a history.
#[derive(Debug)]
pub struct Sought {
    /// The service whose secret has it.
    pub service: ServiceId,
    /// Its field, with a slash before a field of an object below.
    pub field: String,
    /// The value.
    pub value: SecretString,
}

impl Service {
    /// The function of `@permisos/secrets` that returns its config.
    pub fn getter(self) -> String {
        let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
        format!("get{}Config", self.as_str().split('-').map(capital).collect::<String>())
    }
}

impl Options {
    /// What to read instead of a variable, if a service asked for or a custom secret has it.
    pub fn replacement(&self, variable: &str) -> Option<Replacement> {
        self.service_ids().find_map(|service| {
            let definition = self.definition(&service)?;
            let path = if definition.url == Some(variable) {
                "url".to_owned()
            } else {
                path_to(&definition.fields, variable)?
            };
            let getter = match &service {
                ServiceId::BuiltIn(service) => format!("{}()", service.getter()),
                ServiceId::Custom(id) => format!("getSecret({})", constant(id)),
            };
            Some(Replacement { service, expression: format!("{getter}.{path}") })
        })
    }

    /// The passwords, keys and tokens of a secret, the previous ones too. User names, addresses, published keys and
    /// certificates are none: they may well stand in sources.
    pub fn sought(&self, service: &ServiceId, read: &Read) -> Vec<Sought> {
        let Some(definition) = self.definition(service) else { return vec![] };
        let mut sought: Vec<Sought> = vec![];
        for config in std::iter::once(&read.config).chain(&read.previous) {
            for (field, value) in keys(definition, config) {
                if sought.iter().all(|it| it.value.expose_secret() != value) {
                    sought.push(Sought { service: service.clone(), field: field.to_owned(), value: value.into() });
                }
            }
        }
        sought
    }
}

/// The name of the constant in which an application keeps its definition, as the documentation writes it.
fn constant(id: &str) -> String {
    let vendor = id.split('/').next().unwrap_or_default();
    let mut name = String::new();
    for c in vendor.chars() {
        match (c.is_ascii_alphanumeric(), name.ends_with(' ')) {
            (true, true) => {
                name.pop();
                name.push(c.to_ascii_uppercase());
            }
            (true, false) => name.push(c),
            (false, _) if name.is_empty() || name.ends_with(' ') => {}
            (false, _) => name.push(' '),
        }
    }
    name.trim_end().to_owned()
}

fn path_to(fields: &[Field], variable: &str) -> Option<String> {
    fields.iter().find_map(|field| {
        if field.variable.as_deref() == Some(variable) || field.file == Some(variable) {
            return Some(field.name.to_string());
        }
        let Kind::Group(below) = field.kind else { return None };
        let optional = if matches!(field.need, Need::Required) { "" } else { "?" };
        Some(format!("{}{optional}.{}", field.name, path_to(below, variable)?))
    })
}

fn keys<'c>(definition: &'c Definition, config: &'c Config) -> Vec<(&'c str, &'c str)> {
    let is_custom = matches!(definition.service_id(), ServiceId::Custom(_));
    let is_key = |entry: &Entry<'_>| match definition.fields.iter().find(|it| it.name == entry.name) {
        _ if entry.visible || entry.name == "url" && definition.url.is_some() => false,
        Some(field) if matches!(field.kind, Kind::Text(Text::Certificates)) => false,
        Some(field) if !is_custom => field.variable.as_deref().is_some_and(names_secret),
        // Of a secret whose keys the application names itself.
        None => definition.is_open,
        Some(_) => true,
    };
    let text = |entry: Entry<'c>| match entry.seen {
        Seen::Text(text) if is_key(&entry) => Some((entry.name, text)),
        _ => None,
    };
    config.entries().into_iter().filter_map(text).collect()
}

#[cfg(test)]
mod tests {
    use permisos_secrets_testkit::leak::{CANARY, assert_no_leak};
    use serde_json::json;

    use super::*;
    use crate::engine::state::Origin;
    use crate::policy::Freshness;
    use crate::schema::parse_payload;
    use crate::variables::Variables;

    fn options() -> Options {
        let given = json!({
            "environment": "production",
            "services": ["database", "stripe", "government-portal", "monitoring"],
            "secrets": [{ "id": "meta-whatsapp/api", "fields": {
                "accessToken": { "variable": "WHATSAPP_TOKEN" }, "phone": { "required": false } } }],
        });
        Options::parse(given.as_object().unwrap(), [("", ""); 0]).unwrap().0
    }

    #[test]
    fn a_variable_is_replaced_by_the_getter_of_its_field() {
        let options = options();
        let instead = |name: &str| options.replacement(name).map(|it| it.expression);
        for (name, expression) in [
            ("DATABASE_URL", "getDatabaseConfig().url"),
            ("DB_NAME", "getDatabaseConfig().database"),
            ("DB_SSL", "getDatabaseConfig().ssl"),
            ("RDS_CA_CERT_PATH", "getDatabaseConfig().ssl?.ca"),
            ("GOVT_SITE_LOGIN_URL", "getGovernmentPortalConfig().loginUrl"),
            ("SENTRY_DSN", "getMonitoringConfig().sentryDsn"),
            ("WHATSAPP_TOKEN", "getSecret(metaWhatsapp).accessToken"),
        ] {
            assert_eq!(instead(name).as_deref(), Some(expression));
        }
        for name in ["REDIS_URL", "NODE_ENV", "PORT", ""] {
            assert_eq!(instead(name), None, "{name}");
        }
    }

    #[test]
    fn keys_are_sought_and_what_may_stand_in_sources_is_not() {
        let options = options();
        let fields = |service: &str, payload: serde_json::Value| {
            let service = ServiceId::from(service);
            let none = Variables::default();
            let definition = options.definition(&service).unwrap();
            let parsed = parse_payload(definition, &payload.to_string(), &options.context(&none)).unwrap();
            let (origin, freshness) = (Origin::SecretsManager, Freshness::Fresh);
            let read = Read { config: parsed.config, origin, freshness, version_id: None, previous: None };
            let sought = options.sought(&service, &read);
            assert_no_leak(&format!("{sought:?}"), "what is sought");
            sought.into_iter().map(|it| it.field).collect::<Vec<_>>()
        };
        let database = json!({ "host": "db", "database": "d", "username": CANARY, "password": CANARY });
        assert_eq!(fields("database", database), ["password"]);
        let stripe = json!({ "publicKey": format!("pk_live_{CANARY}"), "privateKey": format!("sk_live_{CANARY}"),
                             "webhookSecret": format!("whsec_{CANARY}") });
        assert_eq!(fields("stripe", stripe), ["privateKey", "webhookSecret"]);
        let portal = json!({ "username": CANARY, "password": CANARY, "loginUrl": "https://portal.example.com" });
        assert_eq!(fields("government-portal", portal), ["password"]);
        assert_eq!(
            fields("monitoring", json!({ "datadogApiKey": CANARY, "other": "another key" })),
            ["datadogApiKey", "other"]
        );
        assert_eq!(
            fields("meta-whatsapp/api", json!({ "accessToken": CANARY, "phone": "5215555" })),
            ["accessToken", "phone"]
        );
    }
}
