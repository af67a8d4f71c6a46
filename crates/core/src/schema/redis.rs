//! Redis.

use std::fmt;

use secrecy::SecretString;
use zeroize::Zeroize;

use super::database::{url_host, url_user};
use super::view::{self, Describe, Extra, View};
use super::{Context, Fields, SecretUrl, certificate};

const DEFAULT_PORT: u16 = 6379;
/// Redis numbers its databases with an `int`.
const DB_LIMIT: i64 = i32::MAX as i64;

/// How to connect to Redis.
pub struct RedisConfig {
    /// Host name or address.
    pub host: String,
    /// Port; 6379 where none is stored.
    pub port: u16,
    /// The user of Redis's access control lists, where one is used.
    pub username: Option<String>,
    /// The password, where one is used.
    pub password: Option<SecretString>,
    /// The number of the logical database.
    pub db: Option<u32>,
    /// TLS, where it is asked for.
    pub tls: Option<RedisTls>,
    /// `redis://user:password@host:port/db`, `rediss://` under TLS; user and password percent-encoded.
    pub url: SecretUrl,
    /// Fields that the schema does not name.
    pub extra: Extra,
}

/// TLS towards Redis.
pub struct RedisTls {
    /// The name that the server's certificate must hold; the host unless stored otherwise.
    pub servername: String,
    /// Whether the server's certificate is verified; true unless switched off.
    pub reject_unauthorized: bool,
    /// Certificate authorities to trust, as PEM text.
    pub ca: Option<String>,
}

impl RedisConfig {
    pub(crate) fn read(fields: &mut Fields<'_, '_>, context: &Context<'_>) -> Option<Self> {
        let host = fields.required_host("host");
        let port = fields.port("port", DEFAULT_PORT);
        let username = fields.text("username");
        let password = fields.secret("password");
        let db = fields.integer("db", 0, DB_LIMIT).and_then(|db| u32::try_from(db).ok());
        let tls = fields.switch("tls", |fields| RedisTls {
            servername: fields.text("servername").or(host).unwrap_or_default().to_owned(),
            reject_unauthorized: fields.boolean("rejectUnauthorized").unwrap_or(true),
            ca: certificate::read(fields, "ca", context.today),
        });
        let host = host?;
        let scheme = if tls.is_some() { "rediss" } else { "redis" };
        let user = url_user(username, password.as_ref());
        let at = if user.is_empty() { "" } else { "@" };
        let path = db.map(|db| format!("/{db}")).unwrap_or_default();
        let url = [scheme, "://", &user, at, &format!("{}:{port}{path}", url_host(host))].concat();
        Some(Self {
            host: host.to_owned(),
            port,
            username: username.map(str::to_owned),
            password,
            db,
            tls,
            url: url.into(),
            extra: Extra::of(fields),
        })
    }
}

impl Describe for RedisConfig {
    fn describe(&self, view: &mut View) {
        view.shown("host", self.host.as_str());
        view.shown("port", self.port);
        view.optional("username", self.username.as_deref(), View::secret);
        view.optional("password", self.password.as_ref(), View::secret);
        view.optional("db", self.db, View::shown);
        view.optional("tls", self.tls.as_ref(), View::described);
        view.secret("url", &self.url);
        view.secret("extra", &self.extra);
    }
}

impl fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        view::debug("RedisConfig", self, f)
    }
}

impl Drop for RedisConfig {
    fn drop(&mut self) {
        self.username.zeroize();
    }
}

impl Describe for RedisTls {
    fn describe(&self, view: &mut View) {
        view.shown("servername", self.servername.as_str());
        view.shown("rejectUnauthorized", self.reject_unauthorized);
        view.optional("ca", self.ca.as_deref(), View::secret);
    }
}

impl fmt::Debug for RedisTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        view::debug("RedisTls", self, f)
    }
}
