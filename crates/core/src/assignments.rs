//! What a program that reads variables is to find in its environment.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::engine::state::{Origin, Read};
use crate::error::{Error, ErrorKind};
use crate::options::Options;
use crate::schema::{self, Authorities, Config, Definition, ZeroizingJson, pem, plain_text};
use crate::service::ServiceId;
use crate::text::escape_pointer;
use crate::variables::{Assignment, Variables};

impl Options {
    /// The variables that a program without this library reads the secrets from, and why some secrets cannot be read; that
    /// an optional one does not exist is normal. `ca_file` is the file of the authorities of a service, if there is one.
    pub fn assignments<'f>(
        &self,
        read: impl Fn(&ServiceId) -> Result<Read, Error>,
        ca_file: impl Fn(&ServiceId) -> Option<&'f str>,
    ) -> (Vec<Assignment>, Vec<Error>) {
        let (mut assignments, mut failed) = (vec![], vec![]);
        for (service, definition) in self.definitions() {
            match read(&service) {
                Ok(read) => assignments.extend(read.config.variables(definition, ca_file(&service))),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => failed.push(error),
            }
        }
        (assignments, failed)
    }

    /// The fields of a config that its variables cannot say, as JSON pointers: a secret made of these variables alone lacks
    /// them. The names that are stored beside every secret of the service are none.
    pub fn unsaid(&self, service: &ServiceId, config: &Config) -> Vec<String> {
        let Some(definition) = self.definition(service) else { return vec![] };
        let said = config.variables(definition, None);
        let known = definition.variables();
        let said = said.iter().map(|it| (&it.name, it.value.expose_secret()));
        let said = Variables::keep(said, |name| known.contains(&name));
        let parse = |config: &Config| ZeroizingJson(serde_json::from_str(&config.expose_json()).unwrap_or_default());
        let again = match schema::assemble(definition, &self.context(&said)) {
            Ok((_, parsed)) => parse(&parsed.config),
            Err(error) => return error.violations().iter().map(|violation| violation.path.clone()).collect(),
        };
        let (given, mut unsaid) = (parse(config), vec![]);
        differing("", &given.0, &again.0, &mut unsaid);
        // Neither what is derived, nor the names that are stored beside the fields.
        let stored: Vec<_> = definition.stored_names().map(|name| format!("/{}", escape_pointer(name))).collect();
        unsaid.retain(|path| match path.strip_prefix("/extra") {
            Some(path) => !stored.iter().any(|name| path == name),
            None => stored.iter().any(|name| is_below(path, name)),
        });
        unsaid.into_iter().map(|path| path.strip_prefix("/extra").map_or(path.clone(), str::to_owned)).collect()
    }

    /// What the environment of a running process is to hold for code that reads variables: each variable of the secrets
    /// with its value, or none where it is to be unset. `original` is what the environment held at the start: it stays
    /// wherever the environment answers for a secret, and so does a variable that names a file.
    pub fn process_variables(
        &self,
        original: &Variables,
        read: impl Fn(&ServiceId) -> Result<Read, Error>,
    ) -> BTreeMap<String, Option<SecretString>> {
        let mut variables = BTreeMap::new();
        for (service, definition) in self.definitions() {
            let read = read(&service);
            let is_original = read.as_ref().is_ok_and(|read| read.origin == Origin::Environment);
            let files = definition.files();
            for name in definition.variables() {
                let stays = is_original || files.contains(&name);
                variables.insert(name.to_owned(), original.get(name).filter(|_| stays).map(SecretString::from));
            }
            if let Some(read) = read.ok().filter(|_| !is_original) {
                let file = named_file(&read.config, original);
                let assigned = read.config.variables(definition, file).into_iter();
                // Those that are written for libpq alone are none that this process reads.
                let assigned = assigned.filter(|it| definition.variables().contains(&it.name.as_str()));
                variables.extend(assigned.map(|it| (it.name, Some(it.value))));
            }
        }
        variables
    }

    fn definitions(&self) -> impl Iterator<Item = (ServiceId, &Definition)> {
        self.service_ids().filter_map(|service| Some((service.clone(), self.definition(&service)?)))
    }
}

/// The file that was named for the authorities of a config, if they are those. A driver of Node drops its other TLS options
/// for the `sslmode` of a URL, and reads the file that the URL names.
fn named_file<'v>(config: &Config, variables: &'v Variables) -> Option<&'v str> {
    let Some(Authorities::Own(own)) = config.authorities() else { return None };
    let holds = |text: Option<&str>| text.and_then(pem).is_some_and(|text| text == own);
    variables.texts().find(|(_, text)| holds(*text)).map(|(path, _)| path)
}

fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The paths whose values are not the same text.
fn differing(path: &str, given: &Value, again: &Value, paths: &mut Vec<String>) {
    if let Value::Object(fields) = given {
        for (name, given) in fields {
            differing(&format!("{path}/{}", escape_pointer(name)), given, &again[name], paths);
        }
    } else if given != again && (plain_text(given).is_none() || plain_text(given) != plain_text(again)) {
        paths.push(path.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::policy::Freshness;
    use crate::schema::parse_payload;

    const PEM: &str = include_str!("../../../tests/vectors/ca.pem");

    #[test]
    fn a_process_keeps_what_it_said_itself_and_the_names_of_files() {
        let given = json!({ "environment": "development", "services": ["database", "redis", "stripe"] });
        let set = [
            ("DATABASE_URL", "postgres://old@old/old"),
            ("DB_PASSWORD", "old"),
            ("RDS_CA_CERT_PATH", "/etc/ca.pem"),
            ("REDIS_URL", "redis://cache"),
            ("STRIPE_PRIVATE_KEY", "old"),
        ];
        let (options, original) = Options::parse(given.as_object().unwrap(), set).unwrap();
        let none = Variables::default();
        let read = |service: &ServiceId| {
            let (text, origin) = match service.as_str() {
                "database" => (r#"{"host":"db","database":"d","username":"u","password":"p"}"#, Origin::SecretsManager),
                "redis" => (r#"{"host":"cache"}"#, Origin::Environment),
                _ => return Err(Error::not_configured(service)),
            };
            let (definition, context) = (options.definition(service).unwrap(), options.context(&none));
            let config = parse_payload(definition, text, &context).unwrap().config;
            let version_id = Some(Arc::from("v1"));
            Ok(Read { config, origin, freshness: Freshness::Fresh, version_id, previous: None })
        };
        let variables = options.process_variables(&original, read);
        let of = |name: &str| variables[name].as_ref().map(ExposeSecret::expose_secret);
        assert_eq!((of("DB_HOST"), of("DB_PASSWORD"), of("DB_SSL_CA")), (Some("db"), Some("p"), None));
        assert!(of("DATABASE_URL").is_some_and(|url| url.starts_with("postgresql://u:p@db:5432/d")));
        assert_eq!(of("RDS_CA_CERT_PATH"), Some("/etc/ca.pem"));
        assert_eq!((of("REDIS_URL"), of("REDIS_HOST")), (Some("redis://cache"), None));
        assert_eq!(of("STRIPE_PRIVATE_KEY"), None, "what cannot be read is in no variable");
        assert!(!variables.contains_key("EMAIL_USER"), "of a service that is not asked for");
    }

    #[test]
    fn a_url_names_the_file_of_authorities_that_the_process_named() {
        let given = json!({ "environment": "production", "services": ["database"] });
        let set = [("RDS_CA_CERT_PATH", "/etc/ca.pem")];
        let url = |stored: Value, file: &str| {
            let (options, original) = Options::parse(given.as_object().unwrap(), set).unwrap();
            let original = original.with_files(|_| Some(file.to_owned()));
            let read = |service: &ServiceId| {
                let mut payload = json!({ "host": "db", "database": "d", "username": "u", "password": "p4ss-word" });
                payload["ssl"] = stored.clone();
                let (definition, context) = (options.definition(service).unwrap(), options.context(&original));
                let config = parse_payload(definition, &payload.to_string(), &context).unwrap().config;
                let (origin, version_id) = (Origin::SecretsManager, Some(Arc::from("v1")));
                Ok(Read { config, origin, freshness: Freshness::Fresh, version_id, previous: None })
            };
            let variables = options.process_variables(&original, read);
            variables["DATABASE_URL"].as_ref().unwrap().expose_secret().split_once('?').unwrap().1.to_owned()
        };
        let named = "sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem";
        assert_eq!(url(json!(true), PEM), named, "the secret says nothing of authorities");
        assert_eq!(url(json!({ "ca": PEM }), &format!("a comment\n{PEM}")), named, "it says the same ones");
        assert_eq!(url(json!({ "ca": PEM }), &PEM.repeat(2)), "sslmode=verify-full", "it says others");
    }

    #[test]
    fn what_no_variable_can_say_is_named() {
        let fields = json!({ "said": { "variable": "SAID" }, "silent": {} });
        let given = json!({ "environment": "production", "source": "aws", "secrets": [{ "id": "custom/api", "fields": fields }] });
        let none: [(&str, &str); 0] = [];
        let (options, variables) = Options::parse(given.as_object().unwrap(), none).unwrap();
        let unsaid = |service: &str, payload: Value| {
            let service = options.service_ids().find(|it| it.as_str() == service).unwrap();
            let (definition, context) = (options.definition(&service).unwrap(), options.context(&variables));
            options.unsaid(&service, &parse_payload(definition, &payload.to_string(), &context).unwrap().config)
        };
        let database = json!({ "host": "db", "dbname": "d", "username": "u", "password": "p4ss-word", "engine": "aurora-postgresql",
            "ssl": { "note": 1 }, "connect_timeout": 5, "poolMin": 2, "dbInstanceIdentifier": "db-1", "a/b": { "c": 1 } });
        let mut of_database = unsaid("database", database);
        of_database.sort();
        assert_eq!(of_database, ["/a~1b/c", "/dbInstanceIdentifier", "/poolMin", "/ssl/note"]);
        let redis = json!({ "host": "cache", "password": "p4ss-word", "family": 0, "db": 1, "tls": { "rejectUnauthorized": false } });
        assert_eq!(unsaid("redis", redis), [""; 0]);
        assert_eq!(unsaid("custom/api", json!({ "said": "x-value-1", "silent": "y-value-1" })), ["/silent"]);
    }
}
