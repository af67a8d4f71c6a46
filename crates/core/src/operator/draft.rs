//! Payloads before they are stored: made from variables or from what an operator typed, checked as a reader would, and
//! compared with what is stored, without showing either.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, Rule, Violation};
use crate::options::Options;
use crate::reader::boolean_word;
use crate::schema::{
    self, Context, DefaultValue, Definition, Field, Kind, Need, SIZE_LIMIT, Text, Values, ZeroizingJson,
};
use crate::service::ServiceId;
use crate::text::escape_pointer;
use crate::variables::Variables;

/// The payload of one secret, valid, not stored yet.
pub struct Draft {
    payload: ZeroizingJson,
    /// What is worth a warning.
    pub warnings: Vec<Violation>,
    /// What stands for a field that is not stored: storing that very value changes nothing.
    defaults: Map<String, Value>,
    /// Fields that are read under another name, too, if that is stored.
    aliases: Vec<(Cow<'static, str>, &'static str)>,
}

/// What storing a draft does to one field. Holds no value.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct FieldChange {
    /// The field as a JSON pointer, e.g. `/ssl/ca`.
    pub path: String,
    /// What happens to it.
    pub change: Change,
}

/// What happens to a field.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It is new.
    Added,
    /// Its value becomes another.
    Changed,
    /// The draft does not name it: it stays as it is stored.
    Kept,
    /// Its value is stored already.
    Same,
}

impl Options {
    /// The secret that the variables make for a service; `None` where none of its variables is set.
    pub fn draft(&self, service: &ServiceId, variables: &Variables) -> Result<Option<Draft>, Error> {
        let definition = self.defined(service)?;
        if variables.of(definition).is_empty() {
            return Ok(None);
        }
        let (mut payload, parsed) = schema::assemble(definition, &self.context(variables))?;
        if let Value::Object(fields) = &mut payload.0 {
            store_types(fields, &definition.fields);
            fields.extend(definition.stored.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
        }
        let defaults = definition.fields.iter().filter_map(|field| {
            let default = match field.need {
                // A secret that is silent about TLS has none.
                _ if matches!(field.kind, Kind::Group(_)) => false.into(),
                Need::Default(DefaultValue::Integer(number)) => number.into(),
                Need::Default(DefaultValue::With { make, .. }) => {
                    make(&self.context(variables), &Values::default())?.into()
                }
                _ => return None,
            };
            Some((field.name.clone().into_owned(), default))
        });
        let aliases = definition.fields.iter().filter_map(|field| Some((field.name.clone(), field.alias?))).collect();
        let draft = Draft { payload, warnings: parsed.warnings, defaults: defaults.collect(), aliases };
        match draft.text().len() {
            length if length > SIZE_LIMIT => Err(too_long(service, length, draft.longest())),
            _ => Ok(Some(draft)),
        }
    }

    /// A stored payload with some fields replaced, checked as a reader would: nothing is stored that cannot be read.
    pub fn amend(&self, service: &ServiceId, stored: &str, fields: &Map<String, Value>) -> Result<Draft, Error> {
        let mut payload = ZeroizingJson(parse(service, stored)?);
        merge(&mut payload.0, &Value::Object(fields.clone()));
        let warnings = self.check(service, &schema::exact_json(&payload.0))?;
        Ok(Draft { payload, warnings, defaults: Map::new(), aliases: vec![] })
    }

    /// Checks a payload as a reader would; answers what is worth a warning.
    pub fn check(&self, service: &ServiceId, payload: &str) -> Result<Vec<Violation>, Error> {
        let variables = Variables::default();
        let parsed = schema::parse_payload(self.defined(service)?, payload, &self.context(&variables));
        parsed.map(|parsed| parsed.warnings).map_err(|violations| {
            let summary = format!("the payload of {service} is not valid");
            Error::violating(ErrorKind::Invalid, Some(service.clone()), summary, violations)
        })
    }

    /// The fields that a service's payload may be expected to have. A payload may hold others.
    pub fn field_names(&self, service: &ServiceId) -> Vec<&str> {
        self.definition(service).into_iter().flat_map(Definition::stored_names).collect()
    }

    fn defined(&self, service: &ServiceId) -> Result<&Definition, Error> {
        self.definition(service).ok_or_else(|| Error::not_configured(service))
    }

    pub(crate) fn context<'a>(&'a self, variables: &'a Variables) -> Context<'a> {
        Context {
            environment: &self.environment,
            region: self.connection.regions.first().map(String::as_str),
            today: self.started_at,
            variables,
            database: &self.database,
            redis: &self.redis,
            is_local: false,
            url_options: &[],
        }
    }
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft").field("warnings", &self.warnings).finish_non_exhaustive()
    }
}

impl Draft {
    /// The payload as JSON **with its values**. Zeroed when dropped.
    pub fn text(&self) -> Zeroizing<String> {
        schema::exact_json(&self.payload.0)
    }

    /// The field that is the longest, as a JSON pointer.
    fn longest(&self) -> String {
        let (mut path, mut value) = (String::new(), &self.payload.0);
        while let Value::Object(fields) = value {
            let Some((name, below)) = fields.iter().max_by_key(|(_, value)| schema::exact_json(value).len()) else {
                break;
            };
            path = format!("{path}/{}", escape_pointer(name));
            value = below;
        }
        path
    }

    /// What storing it would do to each field of what is stored, if anything is.
    pub fn changes(&self, stored: Option<&str>) -> Vec<FieldChange> {
        let stored = ZeroizingJson(stored.and_then(|stored| serde_json::from_str(stored).ok()).unwrap_or_default());
        let mut changes = vec![];
        compare("", Some(&self.payload.0), &stored.0, &mut changes);
        for change in changes.iter_mut().filter(|it| it.change == Change::Added && stored.0.is_object()) {
            let name = change.path.trim_start_matches('/');
            let alias = self.aliases.iter().find(|(field, _)| field == name).and_then(|(_, alias)| stored.0.get(alias));
            let stand_ins = self.defaults.get(name).into_iter().chain(alias);
            if self.payload.0.get(name).is_some_and(|value| stand_ins.clone().any(|it| is_same(value, it))) {
                change.change = Change::Same;
            }
        }
        changes
    }

    /// The draft with those fields of what is stored that it does not name: storing it deletes nothing.
    pub fn over(&self, options: &Options, service: &ServiceId, stored: &str) -> Result<Self, Error> {
        let Value::Object(fields) = &self.payload.0 else { return options.amend(service, stored, &Map::new()) };
        options.amend(service, stored, fields)
    }
}

/// Secrets Manager would refuse it, after other secrets were stored.
fn too_long(service: &ServiceId, length: usize, longest: String) -> Error {
    let message = format!(
        "the secret would have {length} bytes, and Secrets Manager stores {SIZE_LIMIT}: this field is the longest; of a bundle \
         of certificates take the regional one, or leave it out and give the application its file (caFile, RDS_CA_CERT_PATH)"
    );
    let violations = vec![Violation { path: longest, rule: Rule::MaxSize, message }];
    let summary = format!("the environment variables of {service} do not make a secret that can be stored");
    Error::violating(ErrorKind::Invalid, Some(service.clone()), summary, violations)
}

/// Numbers and flags as such, not as the text of a variable, and certificates as PEM; the names that AWS's rotation
/// functions read.
fn store_types(fields: &mut Map<String, Value>, definitions: &[Field]) {
    for field in definitions {
        let Some(value) = fields.get_mut(&*field.name) else { continue };
        if let (Value::Object(fields), Kind::Group(below)) = (&mut *value, field.kind) {
            store_types(fields, below);
        }
        if let Some(text) = value.as_str() {
            let typed = match field.kind {
                Kind::Boolean => boolean_word(text).map(Value::from),
                Kind::Integer { .. } => text.trim().parse::<i64>().ok().map(Value::from),
                Kind::Text(Text::Certificates) => schema::pem(text).map(Value::from),
                Kind::Group(_) | Kind::Text(_) | Kind::Texts => None,
            };
            if let Some(typed) = typed {
                *value = typed;
            }
        }
        if let Some(alias) = field.alias {
            let value = value.clone();
            fields.insert(alias.to_owned(), value);
        }
    }
}

fn parse(service: &ServiceId, stored: &str) -> Result<Value, Error> {
    if let Ok(value @ Value::Object(_)) = serde_json::from_str(stored) {
        return Ok(value);
    }
    let message = "is no JSON object: its fields cannot be kept".to_owned();
    let violation = Violation { path: String::new(), rule: Rule::Json, message };
    let summary = format!("what is stored for {service} is not valid");
    Err(Error::violating(ErrorKind::Invalid, Some(service.clone()), summary, vec![violation]))
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

fn compare(path: &str, draft: Option<&Value>, stored: &Value, changes: &mut Vec<FieldChange>) {
    let nothing = Map::new();
    let (draft_fields, stored_fields) = (draft.and_then(Value::as_object), stored.as_object());
    if draft_fields.is_some_and(|it| !it.is_empty()) || stored_fields.is_some_and(|it| !it.is_empty()) {
        let (draft_fields, stored_fields) = (draft_fields.unwrap_or(&nothing), stored_fields.unwrap_or(&nothing));
        let left = stored_fields.keys().filter(|name| !draft_fields.contains_key(*name));
        for name in draft_fields.keys().chain(left) {
            let below = format!("{path}/{}", escape_pointer(name));
            let stored = stored_fields.get(name).unwrap_or(&Value::Null);
            compare(&below, draft_fields.get(name), stored, changes);
        }
        return;
    }
    let change = match (draft, stored) {
        (None, _) => Change::Kept,
        (Some(_), Value::Null) => Change::Added,
        (Some(draft), stored) if is_same(draft, stored) => Change::Same,
        (Some(_), _) => Change::Changed,
    };
    changes.push(FieldChange { path: path.to_owned(), change });
}

/// A port is the same as number and as digits, a certificate as PEM and as base64 of it.
fn is_same(draft: &Value, stored: &Value) -> bool {
    let digits = |value: &Value| value.as_i64().map(|number| number.to_string());
    let is_certificate = |value: &Value| value.as_str().is_some_and(|text| text.contains("-----BEGIN CERTIFICATE"));
    let pem = |value: &Value| schema::pem(value.as_str()?);
    draft == stored
        || (digits(draft).is_some() && digits(draft).as_deref() == stored.as_str())
        || (is_certificate(draft) && pem(draft) == pem(stored))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use permisos_secrets_testkit::leak::{CANARY, assert_no_leak};

    use super::*;
    use crate::schema::Config;
    use crate::service::Service;

    const PEM: &str = include_str!("../../../../tests/vectors/ca.pem");

    fn options(environment: &str) -> Options {
        let given = json!({ "environment": environment, "source": "aws", "region": "us-east-1" });
        let none: [(&str, &str); 0] = [];
        Options::parse(given.as_object().unwrap(), none).unwrap().0
    }

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        Variables::new(pairs.iter().copied(), &[])
    }

    #[test]
    fn a_database_is_stored_under_the_names_that_rotation_functions_read() {
        let url = format!("postgres://app:{CANARY}@db:5433/permisos?sslmode=require");
        let service = Service::Database.into();
        let draft = options("production").draft(&service, &variables(&[("DATABASE_URL", &url)])).unwrap().unwrap();
        let stored: Value = serde_json::from_str(&draft.text()).unwrap();
        assert_eq!((&stored["dbname"], &stored["database"]), (&json!("permisos"), &json!("permisos")));
        assert_eq!(
            (&stored["engine"], &stored["port"], &stored["ssl"]),
            (&json!("postgres"), &json!(5433), &json!({}))
        );
    }

    #[test]
    fn a_service_without_variables_makes_no_draft_and_one_with_bad_ones_an_error_with_all_of_it() {
        let options = options("production");
        assert!(options.draft(&Service::Redis.into(), &variables(&[])).unwrap().is_none());
        let error = options.draft(&Service::Security.into(), &variables(&[("JWT_SECRET", CANARY)])).err().unwrap();
        assert_eq!(error.violations().len(), 2);
        assert_no_leak(&format!("{error:?}"), "an error");
    }

    #[test]
    fn a_comparison_tells_what_happens_to_each_field_and_no_value() {
        let (options, service) = (options("staging"), ServiceId::from(Service::Redis));
        let variables = variables(&[("REDIS_HOST", "cache"), ("REDIS_PORT", "6380"), ("REDIS_PASSWORD", CANARY)]);
        let draft = options.draft(&service, &variables).unwrap().unwrap();
        let stored = json!({ "host": "old", "port": "6380", "note": CANARY }).to_string();
        let changes = draft.changes(Some(&stored));
        assert_eq!(
            serde_json::to_value(&changes).unwrap(),
            json!([
                { "path": "/host", "change": "changed" },
                { "path": "/port", "change": "same" },
                { "path": "/password", "change": "added" },
                { "path": "/note", "change": "kept" },
            ])
        );
        let merged = draft.over(&options, &service, &stored).unwrap();
        assert!(merged.text().contains("note"));
        assert!(
            draft
                .over(&options, &service, &merged.text())
                .unwrap()
                .changes(Some(&merged.text()))
                .iter()
                .all(|change| change.change == Change::Same)
        );
    }

    #[test]
    fn every_service_has_names_of_fields() {
        let options = options("production");
        for service in Service::ALL {
            assert!(options.field_names(&service.into()).len() > 2, "{service}");
        }
        let stripe = options.field_names(&Service::Stripe.into());
        assert_eq!(stripe, ["publicKey", "privateKey", "webhookSecret"]);
    }

    #[test]
    fn what_cannot_be_read_is_not_stored() {
        let (options, service) = (options("production"), ServiceId::from(Service::Stripe));
        let stored = json!({ "publicKey": "pk_live_1", "privateKey": "sk_live_1", "webhookSecret": "whsec_1" });
        let fields = json!({ "privateKey": CANARY });
        let error = options.amend(&service, &stored.to_string(), fields.as_object().unwrap()).err().unwrap();
        assert_eq!(error.violations()[0].path, "/privateKey");
        assert_no_leak(&format!("{error:?} {error}"), "an error");
        assert!(options.amend(&service, CANARY, &Map::new()).is_err());
    }

    /// Every variable of the catalogue, through a secret and back.
    #[test]
    fn variables_of_a_config_make_the_same_config() {
        let sets: [&[(&str, &str)]; 12] = [
            &[("DATABASE_URL", "postgres://a%40b:p%23w@db:5433/permisos?sslmode=no-verify&schema=public")],
            &[("DATABASE_URL", "postgres://u:p@db/n?sslmode=require&application_name=a+b&options=-c%20x%3Dy")],
            &[("DATABASE_URL", "postgres://u:p@db/n?ssl=0")],
            &[("DATABASE_URL", "postgres://u:p@db/n?sslmode=verify-ca")],
            &[("DATABASE_URL", "postgres://u:p@db/n?sslmode=prefer&pgbouncer=true"), ("DB_SSL_CA", PEM)],
            &[("DATABASE_URL", "postgres://u:p@db/n?uselibpqcompat=true&sslmode=require"), ("DB_SSL_CA", PEM)],
            &[("REDIS_URL", "rediss://10.0.0.1?family=6"), ("REDIS_TLS", "no-verify"), ("REDIS_TLS_CA", PEM)],
            &[("REDIS_HOST", "10.0.0.1"), ("REDIS_TLS_SERVERNAME", "cache"), ("REDIS_TLS_CA", PEM)],
            &[("DB_HOST", "::1"), ("DB_NAME", "n"), ("DB_USER", "u"), ("DB_PASSWORD", "p"), ("DB_SSL", "false")],
            &[("REDIS_URL", "rediss://user:p%2Fw@cache:6380/2")],
            &[("SESSION_SECRET", "0123456789abcdef0123456789abcdef"), ("JWT_SECRET", "j"), ("INTERNAL_API_KEY", "i")],
            &[("EMAIL_USER", "u"), ("EMAIL_PASS", "p"), ("EMAIL_FROM", "a@b.mx")],
        ];
        let options = options("staging");
        for set in sets {
            let before = variables(set);
            let service = Service::ALL
                .map(ServiceId::from)
                .into_iter()
                .find(|service| !before.of(options.definition(service).unwrap()).is_empty())
                .unwrap();
            let definition = options.definition(&service).unwrap();
            let (_, parsed) = schema::assemble(definition, &options.context(&before)).unwrap();
            let back = parsed.config.variables(definition, None);
            let back: Vec<_> = back.iter().map(|it| (it.name.as_str(), it.value.expose_secret())).collect();
            let after = variables(&back);
            let (_, again) = schema::assemble(definition, &options.context(&after)).unwrap();
            assert_eq!(*parsed.config.expose_json(), *again.config.expose_json());
            // And migrated, exported and migrated again it is what is stored.
            let stored = options.draft(&service, &before).unwrap().unwrap().text();
            let draft = options.draft(&service, &after).unwrap().unwrap();
            let changes = draft.changes(Some(&stored));
            assert!(changes.iter().all(|it| it.change == Change::Same), "{changes:?}");
        }
    }

    /// What AWS or a console stored, and what an earlier migration did: certificates as base64.
    #[test]
    fn a_stored_secret_that_is_exported_and_migrated_again_stays_as_it_is() {
        let options = options("production");
        let is_change = |change| matches!(change, Change::Added | Change::Changed);
        let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, PEM);
        let database = |ssl: Value| {
            json!({
                "username": "u", "password": "p4ss-word", "engine": "postgres", "host": "db", "port": 5432,
                "dbname": "n", "ssl": ssl,
            })
        };
        let redis = |tls: Value| json!({ "host": "cache", "password": "p4ss-word", "tls": tls });
        for (service, payload) in [
            (Service::Database, database(json!({ "rejectUnauthorized": false, "ca": PEM }))),
            (Service::Database, database(json!({ "ca": base64 }))),
            (Service::Database, database(json!(false))),
            (Service::Database, database(Value::Null)),
            (Service::Redis, redis(Value::Null)),
            (Service::Redis, redis(json!({ "rejectUnauthorized": false, "ca": base64 }))),
            (Service::Redis, redis(json!({ "servername": "other", "ca": PEM }))),
        ] {
            let (service, stored) = (ServiceId::from(service), payload.to_string());
            let definition = options.definition(&service).unwrap();
            let none = Variables::default();
            let read = |text: &str| schema::parse_payload(definition, text, &options.context(&none)).unwrap().config;
            let config = read(&stored);
            let exported = config.variables(definition, None);
            let exported: Vec<_> = exported.iter().map(|it| (it.name.as_str(), it.value.expose_secret())).collect();
            let draft = options.draft(&service, &variables(&exported)).unwrap().unwrap();
            let merged = draft.over(&options, &service, &stored).unwrap();
            let changed: Vec<_> = draft.changes(Some(&stored)).into_iter().filter(|it| is_change(it.change)).collect();
            assert!(changed.is_empty(), "{changed:?}");
            let again = read(&merged.text());
            assert_eq!(again.variables(definition, None).len(), exported.len());
            let text = |config: &Config| config.redacted_json();
            assert_eq!(text(&config).split("extra").next(), text(&again).split("extra").next());
        }
    }

    #[test]
    fn a_secret_longer_than_secrets_manager_stores_is_refused_before_anything_is_stored() {
        let bundle = PEM.repeat(100);
        let variables = variables(&[("DATABASE_URL", "postgres://u:p4ss-word@db/n"), ("DB_SSL_CA", &bundle)]);
        let error = options("production").draft(&Service::Database.into(), &variables).err().unwrap();
        assert_eq!((error.violations()[0].path.as_str(), error.violations()[0].rule), ("/ssl/ca", Rule::MaxSize));
        assert!(error.message().contains("Secrets Manager stores 65536"), "{error}");
    }

    #[test]
    fn what_other_programs_read_means_the_same() {
        let options = options("production");
        let of = |service: Service, payload: Value, file: Option<&str>| {
            let definition = options.definition(&service.into()).unwrap();
            let none = Variables::default();
            let config =
                schema::parse_payload(definition, &payload.to_string(), &options.context(&none)).unwrap().config;
            let assignments = config.variables(definition, file);
            move |name: &str| {
                let found = assignments.iter().find(|it| it.name == name);
                found.map(|it| it.value.expose_secret().to_owned())
            }
        };
        let database = |ssl: Value| json!({ "username": "u", "password": "p4ss-word", "host": "db", "dbname": "n", "poolMin": 2, "ssl": ssl });
        let url = "postgresql://u:p4ss-word@db:5432/n";
        let (file, own) = (Some("/tmp/ca"), of(Service::Database, database(json!({ "ca": PEM })), Some("/tmp/ca")));
        assert_eq!(own("DATABASE_URL").unwrap(), format!("{url}?sslmode=verify-full&sslrootcert=%2Ftmp%2Fca"));
        assert_eq!(own("DB_SSL_CA").as_deref(), Some(PEM));
        let pg = ["PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGSSLMODE", "PGSSLROOTCERT"].map(&own);
        let pg: Vec<_> = pg.iter().map(|it| it.as_deref().unwrap()).collect();
        assert_eq!(pg, ["db", "5432", "n", "u", "p4ss-word", "verify-full", "/tmp/ca"]);
        let unverified = of(Service::Database, database(json!({ "rejectUnauthorized": false, "ca": PEM })), file);
        assert_eq!(unverified("DATABASE_URL").unwrap(), format!("{url}?sslmode=require"), "with a file libpq verifies");
        assert_eq!((unverified("DB_SSL").as_deref(), unverified("PGSSLROOTCERT")), (Some("no-verify"), None));
        let silent = of(Service::Database, database(Value::Null), None);
        assert_eq!((silent("DATABASE_URL").as_deref(), silent("PGSSLMODE")), (Some(url), None));
        let long = of(Service::Database, database(json!({ "ca": PEM })), file);
        assert_eq!(long("RDS_CA_CERT_PATH").as_deref(), file);
        let cache = json!({ "host": "10.0.0.1", "password": "p4ss-word", "tls": { "ca": PEM, "servername": "cache" } });
        let cache = of(Service::Redis, cache, file);
        assert_eq!(cache("REDIS_TLS_CA_PATH").as_deref(), file);
        assert_eq!(cache("REDIS_TLS_SERVERNAME").as_deref(), Some("cache"));
    }
}
