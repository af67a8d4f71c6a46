//! PostgreSQL.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use zeroize::{Zeroize, Zeroizing};

use super::view::{self, Describe, Extra, View};
use super::{Context, Fields, SecretUrl, certificate};
use crate::environment;
use crate::service::Service;

const DEFAULT_PORT: u16 = 5432;

/// How to connect to PostgreSQL. User name and password are always of one version.
pub struct DatabaseConfig {
    /// Host name or address.
    pub host: String,
    /// Port; 5432 where none is stored.
    pub port: u16,
    /// The database's name (`dbname` in AWS's own secrets).
    pub database: String,
    /// The user.
    pub username: String,
    /// The user's password.
    pub password: SecretString,
    /// TLS, where it is asked for.
    pub ssl: Option<DatabaseSsl>,
    /// `postgresql://user:password@host:port/database`, user and password percent-encoded. It does not name TLS, which
    /// every driver spells otherwise: see [`url_with_tls`](Self::url_with_tls).
    pub url: SecretUrl,
    /// Fields that the schema does not name, such as AWS's `engine`.
    pub extra: Extra,
}

/// TLS towards the database.
pub struct DatabaseSsl {
    /// Whether the server's certificate is verified; true unless switched off.
    pub reject_unauthorized: bool,
    /// Certificate authorities to trust, as PEM text.
    pub ca: Option<String>,
}

impl DatabaseConfig {
    pub(crate) fn read(fields: &mut Fields<'_, '_>, context: &Context<'_>) -> Option<Self> {
        let host = fields.required_host("host");
        let port = fields.port("port", DEFAULT_PORT);
        let alias = !fields.has("database") && fields.has("dbname");
        let database = fields.required(if alias { "dbname" } else { "database" });
        let username = fields.required("username");
        let password = fields.required_secret("password");
        let ssl = fields.switch("ssl", |fields| DatabaseSsl {
            reject_unauthorized: fields.boolean("rejectUnauthorized").unwrap_or(true),
            ca: certificate::read(fields, "ca", context.today),
        });
        let (host, database, username, password) = (host?, database?, username?, password?);
        let user = url_user(Some(username), Some(&password));
        let (at, path) = (format!("@{}:{port}/", url_host(host)), percent_encode(database));
        let url = ["postgresql://", &user, &at, &path].concat();
        Some(Self {
            host: host.to_owned(),
            port,
            database: database.to_owned(),
            username: username.to_owned(),
            password,
            ssl,
            url: url.into(),
            extra: Extra::of(fields),
        })
    }

    /// The URL with the TLS that the secret asks for, as libpq and sqlx read it: `sslmode=verify-full`, or `require` where
    /// the certificate is not verified. The certificates of `ssl.ca` go beside it, in a file for libpq. A secret that
    /// names no TLS answers the URL as it is.
    pub fn url_with_tls(&self) -> SecretUrl {
        let Some(ssl) = &self.ssl else { return self.url.clone() };
        let mode = if ssl.reject_unauthorized { "verify-full" } else { "require" };
        [self.url.as_str(), "?sslmode=", mode].concat().into()
    }
}

impl Describe for DatabaseConfig {
    fn describe(&self, view: &mut View) {
        view.shown("host", self.host.as_str());
        view.shown("port", self.port);
        view.shown("database", self.database.as_str());
        view.secret("username", self.username.as_str());
        view.secret("password", &self.password);
        view.optional("ssl", self.ssl.as_ref(), View::described);
        view.secret("url", &self.url);
        view.secret("extra", &self.extra);
    }
}

impl fmt::Debug for DatabaseConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        view::debug("DatabaseConfig", self, f)
    }
}

impl Drop for DatabaseConfig {
    fn drop(&mut self) {
        self.username.zeroize();
    }
}

impl Describe for DatabaseSsl {
    fn describe(&self, view: &mut View) {
        view.shown("rejectUnauthorized", self.reject_unauthorized);
        view.optional("ca", self.ca.as_deref(), View::secret);
    }
}

impl fmt::Debug for DatabaseSsl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        view::debug("DatabaseSsl", self, f)
    }
}

/// Completes a secret that RDS manages: it holds only `username` and `password`. Where to connect comes from the
/// options, else from the environment. A secret that names its host is left alone, and so is each field that is stored.
pub(crate) fn complete(payload: &mut Value, context: &Context<'_>) {
    let Some(payload) = payload.as_object_mut().filter(|payload| !payload.contains_key("host")) else { return };
    let defaults = context.database;
    let has_dbname = payload.get("dbname").is_some_and(|name| !name.is_null() && name != "");
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value.filter(|_| !(has_dbname && name == "database")) {
            payload.entry(name).or_insert(value);
        }
    };
    put("host", defaults.host.as_deref().map(Value::from));
    put("port", defaults.port.map(Value::from));
    put("database", defaults.database.as_deref().map(Value::from));
    let mut assembled = environment::assemble(Service::Database, context.variables);
    for name in ["host", "port", "database", "ssl"] {
        put(name, assembled.payload.0.get_mut(name).map(Value::take));
    }
}

/// `user:password` for a URL, percent-encoded.
pub(crate) fn url_user(username: Option<&str>, password: Option<&SecretString>) -> Zeroizing<String> {
    let user = Zeroizing::new(percent_encode(username.unwrap_or_default()));
    let Some(password) = password else { return user };
    let password = Zeroizing::new(percent_encode(password.expose_secret()));
    Zeroizing::new([user.as_str(), ":", &password].concat())
}

/// The host for a URL: an IPv6 address in brackets.
pub(crate) fn url_host(host: &str) -> String {
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() }
}

/// Encodes everything but the unreserved characters of RFC 3986, as user and password stand in a config's URL. The
/// answer is the one copy that is made.
pub fn percent_encode(text: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(text, RESERVED).collect::<Vec<_>>().concat()
}
