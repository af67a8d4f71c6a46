//! Redis.

use permisos_secrets_derive::{Group, Secret};
use secrecy::SecretString;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::error::{Rule, Violation};
use crate::reader::{Fields, is_address};
use crate::schema::assembly::{Assembly, Place, Tls};
use crate::schema::context::Context;
use crate::schema::definition::Special;
use crate::schema::secret_url::SecretUrl;
use crate::schema::url::{given_option, is_of_aws, options, url_host, url_user, with_options};
use crate::schema::values::{Extra, Values};
use crate::variables::REDIS_CA_FILE;

/// How to connect to Redis.
#[derive(Secret)]
#[secret(id = "redis/credentials", service = "redis", url = "REDIS_URL", special = Redis)]
pub struct RedisConfig {
    /// Host name or address.
    #[field(
        variable = "REDIS_HOST",
        in_url = "the host",
        option = "redis.host",
        host,
        visible,
        example = "cache.example.com"
    )]
    pub host: String,
    /// Port; 6379 where none is stored.
    #[field(variable = "REDIS_PORT", in_url = "the port", range(1, 65_535), default = 6379, visible)]
    pub port: u16,
    /// The user of Redis's access control lists, where one is used.
    #[field(variable = "REDIS_USERNAME", in_url = "the user", example = "permisos_app")]
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
    /// `redis://user:password@host:port/db`, `rediss://` under TLS; user and password percent-encoded, with the options that the
    /// given URL has.
    #[field(derived)]
    pub url: SecretUrl,
    /// Fields that the schema does not name.
    pub extra: Extra,
}

/// TLS towards Redis.
#[derive(Group)]
pub struct RedisTls {
    /// The name that the server's certificate must hold; the host unless stored otherwise. An address is no name.
    #[field(variable = "REDIS_TLS_SERVERNAME", default_with(host_name, "the host"), server_name, visible)]
    #[field(example = "cache.example.com")]
    pub servername: Option<String>,
    /// Whether the server's certificate is verified; true unless switched off.
    #[field(default = true, visible)]
    pub reject_unauthorized: bool,
    /// Certificate authorities to trust, as PEM text.
    #[field(variable = "REDIS_TLS_CA", file = "REDIS_TLS_CA_PATH", certificates)]
    pub ca: Option<String>,
}

fn host_name(_context: &Context<'_>, around: &Values) -> Option<String> {
    around.text("host").filter(|host| !is_address(host)).map(str::to_owned)
}

/// The options of a connection that clients read in a URL.
const OPTIONS: [&str; 7] = [
    "client_name",
    "connect_timeout",
    "connectionName",
    "family",
    "health_check_interval",
    "protocol",
    "socket_timeout",
];

#[derive(Debug)]
struct Redis;

impl Special for Redis {
    /// Completes a secret that AWS rotates for `ElastiCache`: it holds `username`, `password` and `user_arn` alone. What is stored is
    /// left alone.
    fn complete(
        &self,
        payload: &mut Map<String, Value>,
        context: &Context<'_>,
        assembly: &mut Assembly<'_>,
    ) -> Vec<Violation> {
        // Without a password it is no secret of ElastiCache's, and the environment does not cover up what is broken.
        let lacks_host = Assembly::is_absent(payload.get("host")) && !Assembly::is_absent(payload.get("password"));
        if lacks_host {
            let defaults = context.redis;
            let options = [
                ("host", defaults.host.as_deref().map(Value::from)),
                ("port", defaults.port.map(Value::from)),
                ("username", None),
                ("db", None),
            ];
            for (name, option) in options {
                let value = option.or_else(|| assembly.payload.get_mut(name).map(Value::take));
                if let Some(value) = value.filter(|_| Assembly::is_absent(payload.get(name))) {
                    payload.insert(name.to_owned(), value);
                }
            }
        }
        let asks = ["REDIS_TLS", "REDIS_TLS_CA", "REDIS_TLS_CA_PATH", REDIS_CA_FILE];
        let is_asked = lacks_host || asks.iter().any(|name| assembly.variables.get(name).is_some());
        let violations = assembly.complete_tls("tls", payload, is_asked);
        // ElastiCache has users under TLS alone.
        if payload.contains_key("user_arn") && Assembly::is_absent(payload.get("tls")) {
            payload.insert("tls".into(), true.into());
        }
        violations
    }

    fn finish(&self, values: &mut Values, fields: &mut Fields<'_, '_>, context: &Context<'_>) {
        let (Some(host), Some(port)) = (values.text("host"), values.integer("port")) else { return };
        if values.get("tls").is_none() && is_of_aws(host, &["cache", "memorydb", "clustercfg"]) {
            let phrase = "is not asked for, and the host is ElastiCache's: store `tls`, or set REDIS_TLS=true, where the \
                          cluster encrypts in transit";
            fields.warn("tls", Rule::Tls, phrase);
        }
        let scheme = if values.get("tls").is_some() { "rediss" } else { "redis" };
        let user = url_user(values.text("username"), values.text("password"));
        let at = if user.is_empty() { "" } else { "@" };
        let path = values.integer("db").map(|db| format!("/{db}")).unwrap_or_default();
        let url = Zeroizing::new([scheme, "://", &user, at, &format!("{}:{port}{path}", url_host(host))].concat());
        values.put_text(
            "url",
            with_options(&url, options(&values.extra, context.url_options, |name| OPTIONS.contains(&name))),
        );
    }

    fn file_in_url(&self, url: &str) -> Option<String> {
        given_option(url, "ssl_ca_certs")
    }

    fn assemble(&self, assembly: &mut Assembly<'_>) {
        let (mut tls, mut is_unverified, mut names_ca) = (None, false, false);
        if let Some(url) = assembly.connection_url("REDIS_URL", ["redis", "rediss"]) {
            // `redis://` is silent: another variable may ask for TLS.
            tls = (url.scheme() == "rediss").then_some(Tls::Verified);
            for (name, value) in assembly.options("REDIS_URL", &url) {
                match (name.as_str(), value.as_str()) {
                    // redis-py's, Celery's and go-redis's words.
                    ("ssl_cert_reqs", "none" | "CERT_NONE") | ("skip_verify", "true") => is_unverified = true,
                    ("ssl_cert_reqs", "required" | "CERT_REQUIRED") | ("skip_verify", "false") => {}
                    ("ssl_cert_reqs" | "skip_verify", _) => {
                        let message = "ssl_cert_reqs in REDIS_URL must be required or none, skip_verify true or false";
                        assembly.violate("/tls", Rule::Type, message);
                    }
                    ("ssl_ca_certs", _) => names_ca = true,
                    ("db" | "password" | "username", _) => assembly.put(&name, value),
                    _ => assembly.put_option(name, value),
                }
            }
            let db = url.path().trim_start_matches('/');
            if !db.is_empty() {
                assembly.put_decoded("REDIS_URL", "db", db);
            }
        }
        if is_unverified {
            tls = tls.map(|_| Tls::Unverified);
        }
        match assembly.tls("REDIS_TLS", "/tls") {
            Some(Tls::Verified) if tls.is_some() => {}
            Some(stated) => tls = Some(stated),
            None => {}
        }
        let url_file = if names_ca { Place::File("REDIS_URL") } else { Place::Text("REDIS_TLS_CA") };
        let places =
            [Place::File(REDIS_CA_FILE), Place::Text("REDIS_TLS_CA"), url_file, Place::File("REDIS_TLS_CA_PATH")];
        let ca = assembly.ca(tls, &places, "/tls/ca");
        assembly.put_tls("tls", tls, ca);
        let host = assembly.payload.get("host").and_then(Value::as_str);
        let name = assembly.variables.get("REDIS_TLS_SERVERNAME").filter(|name| Some(*name) != host).map(Value::from);
        if let (Some(name), Some(tls @ Value::Object(_))) = (name, assembly.payload.get_mut("tls")) {
            tls["servername"] = name;
        }
    }
}
