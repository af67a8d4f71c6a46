//! What a program that reads variables is to find in its environment.

use std::collections::BTreeMap;

use secrecy::SecretString;

use crate::engine::state::{Origin, Read};
use crate::error::{Error, ErrorKind};
use crate::options::Options;
use crate::schema::{Authorities, Config, Definition, pem};
use crate::service::ServiceId;
use crate::variables::{Assignment, DATABASE_CA_FILE, REDIS_CA_FILE, Variables};

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
                let file = named_file(&read.config, definition, original);
                let assigned = read.config.variables(definition, file).into_iter();
                // Those that are written for libpq alone are none that this process reads.
                let assigned = assigned.filter(|it| !definition.written_variables().contains(&it.name.as_str()));
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
fn named_file<'v>(config: &Config, definition: &Definition, variables: &'v Variables) -> Option<&'v str> {
    let Some(Authorities::Own(own)) = config.authorities() else { return None };
    let options = [DATABASE_CA_FILE, REDIS_CA_FILE];
    let names = options.into_iter().chain(definition.files());
    let holds = |name: &&str| variables.file(name).and_then(pem).is_some_and(|text| text == own);
    names.filter(holds).find_map(|name| variables.get(name))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use secrecy::ExposeSecret;
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
        let url = |stored: serde_json::Value, file: &str| {
            let (options, original) = Options::parse(given.as_object().unwrap(), set).unwrap();
            let original = original.with_file("RDS_CA_CERT_PATH", Some(file.to_owned()));
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
}
