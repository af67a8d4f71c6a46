//! Environment variables: the snapshot that the host hands in, and the payload assembled from it.
//!
//! A payload from the environment passes the same schema as a stored secret; only the names in its violations differ.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use crate::error::{Rule, Violation};
use crate::options::CustomSecret;
use crate::schema::{self, Config, CustomValue, DatabaseConfig, RedisConfig, Wiped};
use crate::service::{Service, ServiceId};

/// Variables that steer the engine and hold no secret.
const CONTROL: [&str; 5] =
    ["AWS_DEFAULT_REGION", "AWS_REGION", "NODE_ENV", "PERMISOS_ENVIRONMENT", "USE_SECRETS_MANAGER"];
/// Names a file whose text the host reads and hands in.
const FILE: &str = "RDS_CA_CERT_PATH";

/// A snapshot of the variables in the catalogue, and of no others. An empty variable counts as unset.
#[derive(Clone, Default)]
pub struct Variables {
    values: BTreeMap<String, SecretString>,
    files: BTreeMap<String, Option<String>>,
}

impl Variables {
    /// Keeps those variables that the catalogue or a custom secret names.
    pub fn new<K: AsRef<str>, V: Into<String>>(
        variables: impl IntoIterator<Item = (K, V)>,
        custom: &[CustomSecret],
    ) -> Self {
        let mut values = BTreeMap::new();
        for (name, value) in variables {
            let (name, value) = (name.as_ref(), SecretString::from(value.into()));
            if !value.expose_secret().is_empty() && is_known(name, custom) {
                values.insert(name.to_owned(), value);
            }
        }
        Self { values, files: BTreeMap::new() }
    }

    /// Every name that a snapshot keeps: the host asks its environment for these and no others.
    pub fn names(custom: &[CustomSecret]) -> Vec<String> {
        let built_in =
            Service::ALL.into_iter().flat_map(Service::variables).chain(&CONTROL).map(|&name| name.to_owned());
        built_in.chain(custom.iter().flat_map(CustomSecret::variables).map(str::to_owned)).collect()
    }

    /// Whether a variable's value is the path of a file, to be read before the engine is made.
    pub fn names_file(name: &str) -> bool {
        name == FILE
    }

    /// Those variables of a service that are set.
    pub fn of(&self, service: &ServiceId, custom: Option<&CustomSecret>) -> Vec<&str> {
        let is_of = |name: &str| match service {
            ServiceId::BuiltIn(service) => service.variables().contains(&name),
            ServiceId::Custom(_) => custom.is_some_and(|custom| custom.variables().any(|variable| variable == name)),
        };
        self.values.keys().map(String::as_str).filter(|name| is_of(name)).collect()
    }

    /// The files to read before the engine is made: variable and path.
    pub fn files(&self) -> Vec<(&'static str, &str)> {
        self.get(FILE).map(|path| (FILE, path)).into_iter().collect()
    }

    /// Adds the text of the file that a variable names; `None` says that it could not be read.
    #[must_use]
    pub fn with_file(mut self, variable: &str, text: Option<String>) -> Self {
        self.files.insert(variable.to_owned(), text);
        self
    }

    /// A variable's value, if it is set and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(ExposeSecret::expose_secret)
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

fn is_known(name: &str, custom: &[CustomSecret]) -> bool {
    CONTROL.contains(&name)
        || Service::ALL.into_iter().any(|service| service.variables().contains(&name))
        || custom.iter().flat_map(CustomSecret::variables).any(|variable| variable == name)
}

/// What the variables say of one service: a payload in the stored shape, and what is wrong before its schema is asked.
pub(crate) struct Assembled {
    pub(crate) payload: Wiped,
    pub(crate) violations: Vec<Violation>,
}

/// The variable that fills a field of a service, for violations; of a connection URL the part that does.
pub(crate) fn variable_for(service: Service, path: &str, variables: &Variables) -> Option<&'static str> {
    let is_set = |name: &str| variables.get(name).is_some();
    let either = |url: bool, part: &'static str, single: &'static str| if url { part } else { single };
    let database = |part, single| either(is_set("DATABASE_URL"), part, single);
    let redis = |part, single| either(is_set("REDIS_URL"), part, single);
    Some(match (service, path) {
        (Service::Database, "/host") => database("the host in DATABASE_URL", "DB_HOST"),
        (Service::Database, "/port") => database("the port in DATABASE_URL", "DB_PORT"),
        (Service::Database, "/database") => database("the database in DATABASE_URL", "DB_NAME"),
        (Service::Database, "/username") => database("the user in DATABASE_URL", "DB_USER"),
        (Service::Database, "/password") => database("the password in DATABASE_URL", "DB_PASSWORD"),
        (Service::Database, "/ssl" | "/ssl/rejectUnauthorized") => database("sslmode in DATABASE_URL", "DB_SSL"),
        (Service::Database, "/ssl/ca") if variables.get("DB_SSL_CA").is_none() => FILE,
        (Service::Database, "/ssl/ca") => "DB_SSL_CA",
        (Service::Redis, "/host") => redis("the host in REDIS_URL", "REDIS_HOST"),
        (Service::Redis, "/port") => redis("the port in REDIS_URL", "REDIS_PORT"),
        (Service::Redis, "/password") => redis("the password in REDIS_URL", "REDIS_PASSWORD"),
        (Service::Redis, "/db") => redis("the database's number in REDIS_URL", "REDIS_DB"),
        (Service::Redis, "/username") => "the user in REDIS_URL",
        (Service::Redis, "/tls") => "REDIS_TLS",
        (Service::Security, "/sessionSecret") => "SESSION_SECRET",
        (Service::Security, "/jwtSecret") => "JWT_SECRET",
        (Service::Security, "/internalApiKey") => "INTERNAL_API_KEY",
        (Service::Stripe, "/publicKey") => "STRIPE_PUBLIC_KEY",
        (Service::Stripe, "/privateKey") => "STRIPE_PRIVATE_KEY",
        (Service::Stripe, "/webhookSecret") => "STRIPE_WEBHOOK_SECRET",
        (Service::Email, "/smtpUser") => "EMAIL_USER",
        (Service::Email, "/smtpPassword") => "EMAIL_PASS",
        (Service::Email, "/fromAddress") => "EMAIL_FROM",
        (Service::Email, "/host") => "EMAIL_HOST",
        (Service::Email, "/port") => "EMAIL_PORT",
        (Service::GovernmentPortal, "/username") => "GOVT_USERNAME",
        (Service::GovernmentPortal, "/password") => "GOVT_PASSWORD",
        (Service::GovernmentPortal, "/loginUrl") => "GOVT_SITE_LOGIN_URL",
        (Service::Monitoring, "/sentryDsn") => "SENTRY_DSN",
        (Service::Monitoring, "/datadogApiKey") => "DATADOG_API_KEY",
        (Service::Monitoring, "/newRelicLicenseKey") => "NEW_RELIC_LICENSE_KEY",
        _ => return None,
    })
}

/// The payload that the variables make for a built-in service.
pub(crate) fn assemble(service: Service, variables: &Variables) -> Assembled {
    let mut assembly = Assembly { variables, payload: Map::new(), violations: vec![] };
    match service {
        Service::Database => assembly.database(),
        Service::Redis => assembly.redis(),
        Service::Security => assembly.copy(service, &["/sessionSecret", "/jwtSecret", "/internalApiKey"]),
        Service::Stripe => assembly.copy(service, &["/publicKey", "/privateKey", "/webhookSecret"]),
        Service::Email => assembly.copy(service, &["/smtpUser", "/smtpPassword", "/fromAddress", "/host", "/port"]),
        Service::GovernmentPortal => assembly.copy(service, &["/username", "/password", "/loginUrl"]),
        Service::Monitoring => assembly.copy(service, &["/sentryDsn", "/datadogApiKey", "/newRelicLicenseKey"]),
    }
    Assembled { payload: Wiped(Value::Object(assembly.payload)), violations: assembly.violations }
}

/// The payload that the variables make for a custom secret.
pub(crate) fn assemble_custom(secret: &CustomSecret, variables: &Variables) -> Assembled {
    let mut payload = Map::new();
    for (name, field) in &secret.fields {
        if let Some(value) = field.variable.as_deref().and_then(|variable| variables.get(variable)) {
            payload.insert(name.clone(), value.into());
        }
    }
    Assembled { payload: Wiped(Value::Object(payload)), violations: vec![] }
}

struct Assembly<'a> {
    variables: &'a Variables,
    payload: Map<String, Value>,
    violations: Vec<Violation>,
}

impl Assembly<'_> {
    fn copy(&mut self, service: Service, paths: &[&str]) {
        for path in paths {
            if let Some(value) = variable_for(service, path, self.variables).and_then(|name| self.variables.get(name)) {
                self.payload.insert(path[1..].to_owned(), value.into());
            }
        }
    }

    fn database(&mut self) {
        let mut ssl = None;
        if let Some(url) = self.connection_url("DATABASE_URL", &["postgres", "postgresql"]) {
            self.put_decoded("DATABASE_URL", "database", url.path().trim_start_matches('/'));
            for (name, value) in url.query_pairs() {
                match (&*name, &*value) {
                    ("sslmode", "disable") | ("ssl", "false" | "0") => ssl = Some(Value::Bool(false)),
                    ("sslmode", "no-verify") => ssl = Some(json!({ "rejectUnauthorized": false })),
                    ("sslmode", "prefer" | "require" | "verify-ca" | "verify-full") | ("ssl", "true" | "1") => {
                        ssl = Some(json!({}));
                    }
                    ("sslmode" | "ssl", _) => {
                        let message = "sslmode in DATABASE_URL must be disable, no-verify, prefer, require, verify-ca or \
                                       verify-full";
                        self.violate("/ssl", Rule::Type, message);
                    }
                    _ => self.put(&name, value.clone().into_owned()),
                }
            }
        } else if self.variables.get("DATABASE_URL").is_none() {
            self.copy(Service::Database, &["/host", "/port", "/database", "/username", "/password"]);
        }
        match self.flag("DB_SSL", "/ssl") {
            Some(true) if !ssl.as_ref().is_some_and(Value::is_object) => ssl = Some(json!({})),
            Some(false) => ssl = Some(Value::Bool(false)),
            _ => {}
        }
        let ca = self.database_ca();
        if let (Some(ca), true) = (ca, ssl != Some(Value::Bool(false))) {
            ssl.get_or_insert_with(|| json!({}))["ca"] = ca.into();
        }
        if let Some(ssl @ Value::Object(_)) = ssl {
            self.payload.insert("ssl".into(), ssl);
        }
    }

    fn database_ca(&mut self) -> Option<String> {
        if let Some(ca) = self.variables.get("DB_SSL_CA") {
            return Some(ca.to_owned());
        }
        self.variables.get(FILE)?;
        let text = self.variables.files.get(FILE).cloned().flatten();
        if text.is_none() {
            self.violate("/ssl/ca", Rule::FileReadable, "the file that RDS_CA_CERT_PATH names cannot be read");
        }
        text
    }

    fn redis(&mut self) {
        let mut tls = None;
        if let Some(url) = self.connection_url("REDIS_URL", &["redis", "rediss"]) {
            tls = Some(url.scheme() == "rediss");
            for (name, value) in url.query_pairs() {
                self.put(&name, value.clone().into_owned());
            }
            let db = url.path().trim_start_matches('/');
            if !db.is_empty() {
                self.put_decoded("REDIS_URL", "db", db);
            }
        } else if self.variables.get("REDIS_URL").is_none() {
            self.copy(Service::Redis, &["/host", "/port", "/password", "/db"]);
        }
        if self.flag("REDIS_TLS", "/tls").or(tls) == Some(true) {
            self.payload.insert("tls".into(), json!({}));
        }
    }

    /// Host, port, user and password of a connection URL; the rest is left to the caller.
    fn connection_url(&mut self, variable: &'static str, schemes: &[&str]) -> Option<url::Url> {
        let text = self.variables.get(variable)?;
        // A bare `/`, `?` or `#` in the password ends the host; then the password's rest would be a name, which is shown.
        let is_cut = |url: &url::Url| url[url::Position::BeforePath..].contains(['@', '#']);
        let is_ours = |url: &url::Url| schemes.contains(&url.scheme()) && url.host_str().is_some() && !is_cut(url);
        let Some(url) = url::Url::parse(text).ok().filter(is_ours) else {
            let [first, second] = schemes else { return None };
            let message = format!(
                "{variable} must be a URL like {first}://user:password@host:port/name (or {second}://), \
                 with special characters in user and password percent-encoded"
            );
            self.violate("", Rule::Url, &message);
            return None;
        };
        self.put("host", url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned());
        if let Some(port) = url.port() {
            self.payload.insert("port".into(), port.into());
        }
        for (field, value) in [("username", url.username()), ("password", url.password().unwrap_or_default())] {
            if !value.is_empty() {
                self.put_decoded(variable, field, value);
            }
        }
        Some(url)
    }

    fn flag(&mut self, variable: &str, path: &str) -> Option<bool> {
        let text = self.variables.get(variable)?;
        let flag = schema::boolean_word(text);
        if flag.is_none() {
            self.violate(path, Rule::Type, &format!("{variable} must be true or false"));
        }
        flag
    }

    fn put(&mut self, field: &str, value: String) {
        self.payload.insert(field.to_owned(), Value::String(value));
    }

    /// A part of a connection URL.
    fn put_decoded(&mut self, variable: &str, field: &str, text: &str) {
        let bytes = percent_encoding::percent_decode_str(text);
        if bytes.clone().decode_utf8().is_err() {
            let message = format!("the {field} in {variable} is not UTF-8: percent-encode its UTF-8 bytes");
            self.violate(&format!("/{field}"), Rule::Url, &message);
        }
        self.put(field, bytes.decode_utf8_lossy().into_owned());
    }

    fn violate(&mut self, path: &str, rule: Rule, message: &str) {
        self.violations.push(Violation { path: path.to_owned(), rule, message: message.to_owned() });
    }
}

/// One variable and its value.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// The variable's name.
    pub name: String,
    /// Its value.
    pub value: SecretString,
    /// Whether it is redacted where a config is shown; host, port, names and flags are not.
    pub is_secret: bool,
}

/// Fields of AWS's own that say nothing to a client.
const NOT_IN_URL: [&str; 5] = ["dbClusterIdentifier", "dbInstanceIdentifier", "dbname", "engine", "masterarn"];

impl Config {
    /// The variables that a program of before would read this config from: assembled again, they make the same one.
    /// What no variable can say is left out, such as a TLS server name of Redis.
    pub fn variables(&self, custom: Option<&CustomSecret>) -> Vec<Assignment> {
        let mut variables = Assignments(vec![]);
        match self {
            Self::Custom(config) => {
                for (name, field) in custom.into_iter().flat_map(|custom| &custom.fields) {
                    let (Some(variable), Some(value)) = (&field.variable, config.fields.get(name)) else { continue };
                    match value {
                        CustomValue::Boolean(flag) => variables.secret(variable, &flag.to_string()),
                        CustomValue::Integer(number) => variables.secret(variable, &number.to_string()),
                        CustomValue::Text(text) => variables.secret(variable, text.expose_secret()),
                    }
                }
            }
            Self::Database(config) => variables.database(config),
            Self::Email(config) => {
                variables.secret("EMAIL_USER", &config.smtp_user);
                variables.secret("EMAIL_PASS", config.smtp_password.expose_secret());
                variables.secret("EMAIL_FROM", &config.from_address);
                variables.shown("EMAIL_HOST", &config.host);
                variables.shown("EMAIL_PORT", &config.port.to_string());
            }
            Self::GovernmentPortal(config) => {
                variables.secret("GOVT_USERNAME", &config.username);
                variables.secret("GOVT_PASSWORD", config.password.expose_secret());
                variables.secret("GOVT_SITE_LOGIN_URL", &config.login_url);
            }
            Self::Monitoring(config) => {
                let keys = [
                    ("sentryDsn", "SENTRY_DSN"),
                    ("datadogApiKey", "DATADOG_API_KEY"),
                    ("newRelicLicenseKey", "NEW_RELIC_LICENSE_KEY"),
                ];
                for (key, variable) in keys {
                    if let Some(value) = config.key(key) {
                        variables.secret(variable, value.expose_secret());
                    }
                }
            }
            Self::Redis(config) => variables.redis(config),
            Self::Security(config) => {
                variables.secret("SESSION_SECRET", config.session_secret.expose_secret());
                variables.secret("JWT_SECRET", config.jwt_secret.expose_secret());
                variables.secret("INTERNAL_API_KEY", config.internal_api_key.expose_secret());
            }
            Self::Stripe(config) => {
                variables.secret("STRIPE_PUBLIC_KEY", &config.public_key);
                variables.secret("STRIPE_PRIVATE_KEY", config.private_key.expose_secret());
                variables.secret("STRIPE_WEBHOOK_SECRET", config.webhook_secret.expose_secret());
            }
        }
        variables.0
    }
}

struct Assignments(Vec<Assignment>);

impl Assignments {
    fn secret(&mut self, name: &str, value: &str) {
        self.0.push(Assignment { name: name.to_owned(), value: value.into(), is_secret: true });
    }

    fn shown(&mut self, name: &str, value: &str) {
        self.0.push(Assignment { name: name.to_owned(), value: value.into(), is_secret: false });
    }

    fn database(&mut self, config: &DatabaseConfig) {
        let DatabaseConfig { host, port, database, username, password, ssl, url, extra } = config;
        let mode = ssl.as_ref().map(|ssl| if ssl.reject_unauthorized { "require" } else { "no-verify" });
        let rest = extra.names().filter(|name| !NOT_IN_URL.contains(name));
        let rest = rest.filter_map(|name| Some((name, extra.expose(name)?.as_str()?)));
        if let Ok(mut url) = url::Url::parse(url.expose_secret()) {
            let query: Vec<_> = mode.map(|mode| ("sslmode", mode)).into_iter().chain(rest).collect();
            if !query.is_empty() {
                url.query_pairs_mut().extend_pairs(query);
            }
            self.secret("DATABASE_URL", url.as_str());
        }
        self.shown("DB_HOST", host);
        self.shown("DB_PORT", &port.to_string());
        self.shown("DB_NAME", database);
        self.secret("DB_USER", username);
        self.secret("DB_PASSWORD", password.expose_secret());
        self.shown("DB_SSL", if ssl.is_some() { "true" } else { "false" });
        if let Some(ca) = ssl.as_ref().and_then(|ssl| ssl.ca.as_ref()) {
            // On one line: an environment file and many a shell lose the others.
            self.secret("DB_SSL_CA", &STANDARD.encode(ca));
        }
    }

    fn redis(&mut self, config: &RedisConfig) {
        let RedisConfig { host, port, username: _, password, db, tls, url, extra: _ } = config;
        self.secret("REDIS_URL", url.expose_secret());
        self.shown("REDIS_HOST", host);
        self.shown("REDIS_PORT", &port.to_string());
        if let Some(password) = password {
            self.secret("REDIS_PASSWORD", password.expose_secret());
        }
        if let Some(db) = db {
            self.shown("REDIS_DB", &db.to_string());
        }
        self.shown("REDIS_TLS", if tls.is_some() { "true" } else { "false" });
    }
}
