//! PostgreSQL.

use permisos_secrets_derive::{Group, Secret};
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use crate::error::Rule;
use crate::reader::Fields;
use crate::schema::assembly::Assembly;
use crate::schema::context::Context;
use crate::schema::definition::Special;
use crate::schema::secret_url::SecretUrl;
use crate::schema::url::{percent_encode, url_host, url_user};
use crate::schema::values::{Extra, Values};

/// How to connect to PostgreSQL. User name and password are always of one version.
#[derive(Secret)]
#[secret(id = "database/credentials", service = "database", url = "DATABASE_URL", stored(engine = "postgres"))]
#[secret(special = Database)]
pub struct DatabaseConfig {
    /// Host name or address.
    #[field(variable = "DB_HOST", in_url = "the host", host, visible, example = "database.example.com")]
    pub host: String,
    /// Port; 5432 where none is stored.
    #[field(variable = "DB_PORT", in_url = "the port", range(1, 65_535), default = 5432, visible)]
    pub port: u16,
    /// The database's name (`dbname` in AWS's own secrets).
    #[field(variable = "DB_NAME", in_url = "the database", alias = "dbname", visible, example = "permisos")]
    pub database: String,
    /// The user.
    #[field(variable = "DB_USER", in_url = "the user", example = "permisos_app")]
    pub username: String,
    /// The user's password.
    #[field(variable = "DB_PASSWORD", in_url = "the password", password, renewed, example = "<password>")]
    pub password: SecretString,
    /// TLS, where it is asked for.
    #[field(variable = "DB_SSL", in_url = "sslmode")]
    pub ssl: Option<DatabaseSsl>,
    /// `postgresql://user:password@host:port/database`, user and password percent-encoded; TLS is in `ssl`, since every driver
    /// spells it otherwise.
    #[field(derived)]
    pub url: SecretUrl,
    /// Fields that the schema does not name, such as AWS's `engine`.
    pub extra: Extra,
}

/// TLS towards the database.
#[derive(Group)]
pub struct DatabaseSsl {
    /// Whether the server's certificate is verified; true unless switched off.
    #[field(in_url = "sslmode", default = true, visible)]
    pub reject_unauthorized: bool,
    /// Certificate authorities to trust, as PEM text.
    #[field(variable = "DB_SSL_CA", file = "RDS_CA_CERT_PATH", certificates)]
    pub ca: Option<String>,
}

/// Fields of AWS's own that say nothing to a client.
const NOT_IN_URL: [&str; 5] = ["dbClusterIdentifier", "dbInstanceIdentifier", "dbname", "engine", "masterarn"];

impl DatabaseConfig {
    /// The URL with the TLS that the secret asks for, as libpq and sqlx read it: `sslmode=verify-full`, or `require` where
    /// the certificate is not verified. The certificates of `ssl.ca` go beside it, in a file for libpq. A secret that
    /// names no TLS returns the URL as it is.
    pub fn url_with_tls(&self) -> SecretUrl {
        let Some(ssl) = &self.ssl else { return self.url.clone() };
        let mode = if ssl.reject_unauthorized { "verify-full" } else { "require" };
        [self.url.as_str(), "?sslmode=", mode].concat().into()
    }

    /// The URL with TLS and the options of the given one, as `DATABASE_URL` holds them.
    pub(crate) fn full_url(&self) -> Option<String> {
        let mut url = url::Url::parse(self.url.as_str()).ok()?;
        let mode = self.ssl.as_ref().map(|ssl| if ssl.reject_unauthorized { "require" } else { "no-verify" });
        let rest = self.extra.names().filter(|name| !NOT_IN_URL.contains(name));
        let rest = rest.filter_map(|name| Some((name, self.extra.expose(name)?.as_str()?)));
        let query: Vec<_> = mode.map(|mode| ("sslmode", mode)).into_iter().chain(rest).collect();
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Some(url.into())
    }
}

#[derive(Debug)]
struct Database;

impl Special for Database {
    /// Completes a secret that RDS manages: it holds only `username` and `password`. Where to connect comes from the
    /// options, else from the environment. A secret that names its host is left alone, and so is each field that is stored.
    fn complete(&self, payload: &mut Map<String, Value>, context: &Context<'_>, assembled: &mut Map<String, Value>) {
        if payload.contains_key("host") {
            return;
        }
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
        for name in ["host", "port", "database", "ssl"] {
            put(name, assembled.get_mut(name).map(Value::take));
        }
    }

    fn finish(&self, values: &mut Values, _fields: &mut Fields<'_, '_>, _context: &Context<'_>) {
        let (Some(host), Some(port), Some(database)) =
            (values.text("host"), values.integer("port"), values.text("database"))
        else {
            return;
        };
        let user = url_user(values.text("username"), values.text("password"));
        let (at, path) = (format!("@{}:{port}/", url_host(host)), percent_encode(database));
        values.put_text("url", ["postgresql://", &user, &at, &path].concat());
    }

    fn assemble(&self, assembly: &mut Assembly<'_>) {
        let mut ssl = None;
        if let Some(url) = assembly.connection_url("DATABASE_URL", ["postgres", "postgresql"]) {
            assembly.put_decoded("DATABASE_URL", "database", url.path().trim_start_matches('/'));
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
                        assembly.violate("/ssl", Rule::Type, message);
                    }
                    _ => assembly.put(&name, value.clone().into_owned()),
                }
            }
        }
        match assembly.flag("DB_SSL", "/ssl") {
            Some(true) if !ssl.as_ref().is_some_and(Value::is_object) => ssl = Some(json!({})),
            Some(false) => ssl = Some(Value::Bool(false)),
            _ => {}
        }
        let ca = assembly.variables.get("DB_SSL_CA").map(str::to_owned);
        let ca = ca.or_else(|| assembly.file("RDS_CA_CERT_PATH", "/ssl/ca"));
        if let (Some(ca), true) = (ca, ssl != Some(Value::Bool(false))) {
            ssl.get_or_insert_with(|| json!({}))["ca"] = ca.into();
        }
        if let Some(ssl @ Value::Object(_)) = ssl {
            assembly.payload.insert("ssl".into(), ssl);
        }
    }
}
