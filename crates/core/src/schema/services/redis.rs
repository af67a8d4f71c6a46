//! Redis.

use permisos_secrets_derive::{Group, Secret};
use secrecy::SecretString;
use serde_json::json;

use crate::reader::Fields;
use crate::schema::assembly::Assembly;
use crate::schema::context::Context;
use crate::schema::definition::Special;
use crate::schema::secret_url::SecretUrl;
use crate::schema::url::{url_host, url_user};
use crate::schema::values::{Extra, Values};

/// How to connect to Redis.
#[derive(Secret)]
#[secret(id = "redis/credentials", service = "redis", url = "REDIS_URL", special = Redis)]
pub struct RedisConfig {
    /// Host name or address.
    #[field(variable = "REDIS_HOST", in_url = "the host", host, visible, example = "cache.example.com")]
    pub host: String,
    /// Port; 6379 where none is stored.
    #[field(variable = "REDIS_PORT", in_url = "the port", range(1, 65_535), default = 6379, visible)]
    pub port: u16,
    /// The user of Redis's access control lists, where one is used.
    #[field(in_url = "the user", example = "permisos_app")]
    pub username: Option<String>,
    /// The password, where one is used.
    #[field(variable = "REDIS_PASSWORD", in_url = "the password", password, renewed, example = "<password>")]
    pub password: Option<SecretString>,
    /// The number of the logical database.
    // Redis numbers its databases with an `int`.
    #[field(variable = "REDIS_DB", in_url = "the database's number", range(0, i32::MAX as i64), visible)]
    pub db: Option<u32>,
    /// TLS, where it is asked for.
    #[field(variable = "REDIS_TLS")]
    pub tls: Option<RedisTls>,
    /// `redis://user:password@host:port/db`, `rediss://` under TLS; user and password percent-encoded.
    #[field(derived)]
    pub url: SecretUrl,
    /// Fields that the schema does not name.
    pub extra: Extra,
}

/// TLS towards Redis.
#[derive(Group)]
pub struct RedisTls {
    /// The name that the server's certificate must hold; the host unless stored otherwise.
    #[field(default_with(host, "the host"), visible, example = "cache.example.com")]
    pub servername: String,
    /// Whether the server's certificate is verified; true unless switched off.
    #[field(default = true, visible)]
    pub reject_unauthorized: bool,
    /// Certificate authorities to trust, as PEM text.
    #[field(certificates)]
    pub ca: Option<String>,
}

#[expect(clippy::unnecessary_wraps, reason = "as every default is made")]
fn host(_context: &Context<'_>, around: &Values) -> Option<String> {
    // Where the host is missing, that is said of the host.
    Some(around.text("host").unwrap_or_default().to_owned())
}

#[derive(Debug)]
struct Redis;

impl Special for Redis {
    fn finish(&self, values: &mut Values, _fields: &mut Fields<'_, '_>, _context: &Context<'_>) {
        let (Some(host), Some(port)) = (values.text("host"), values.integer("port")) else { return };
        let scheme = if values.get("tls").is_some() { "rediss" } else { "redis" };
        let user = url_user(values.text("username"), values.text("password"));
        let at = if user.is_empty() { "" } else { "@" };
        let path = values.integer("db").map(|db| format!("/{db}")).unwrap_or_default();
        let url = [scheme, "://", &user, at, &format!("{}:{port}{path}", url_host(host))].concat();
        values.put_text("url", url);
    }

    fn assemble(&self, assembly: &mut Assembly<'_>) {
        let mut tls = None;
        if let Some(url) = assembly.connection_url("REDIS_URL", ["redis", "rediss"]) {
            tls = Some(url.scheme() == "rediss");
            for (name, value) in url.query_pairs() {
                assembly.put(&name, value.clone().into_owned());
            }
            let db = url.path().trim_start_matches('/');
            if !db.is_empty() {
                assembly.put_decoded("REDIS_URL", "db", db);
            }
        }
        if assembly.flag("REDIS_TLS", "/tls").or(tls) == Some(true) {
            assembly.payload.insert("tls".into(), json!({}));
        }
    }
}
