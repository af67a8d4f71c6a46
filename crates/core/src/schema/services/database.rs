//! PostgreSQL.

use permisos_secrets_derive::{Group, Secret};
use secrecy::SecretString;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::error::{Rule, Violation};
use crate::reader::{Fields, boolean_word};
use crate::schema::assembly::{Assembly, Place, Tls};
use crate::schema::context::Context;
use crate::schema::definition::Special;
use crate::schema::secret_url::SecretUrl;
use crate::schema::url::{encode_path, given_option, is_of_aws, options, url_host, url_user, with_options};
use crate::schema::values::{Extra, Values};
use crate::variables::DATABASE_CA_FILE;

/// How to connect to PostgreSQL. User name and password are always of one version.
#[derive(Secret)]
#[secret(id = "database/credentials", service = "database", url = "DATABASE_URL", stored(engine = "postgres"))]
#[secret(special = Database)]
pub struct DatabaseConfig {
    /// Host name or address.
    #[field(
        variable = "DB_HOST",
        in_url = "the host",
        option = "database.host",
        host,
        visible,
        example = "database.example.com"
    )]
    pub host: String,
    /// Port; 5432 where none is stored.
    #[field(variable = "DB_PORT", in_url = "the port", range(1, 65_535), default = 5432, visible)]
    pub port: u16,
    /// The database's name (`dbname` in AWS's own secrets).
    #[field(
        variable = "DB_NAME",
        in_url = "the database",
        option = "database.database",
        alias = "dbname",
        visible,
        example = "permisos"
    )]
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
    /// `postgresql://user:password@host:port/database`, user and password percent-encoded, with the options that the given URL
    /// has. TLS is in `ssl`, since every driver spells it otherwise.
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
    #[field(variable = "DB_SSL_CA", file = "RDS_CA_CERT_PATH", in_url = "sslrootcert", certificates)]
    pub ca: Option<String>,
}

/// The options of a connection that are of TLS: `ssl` says what they say.
const TLS_OPTIONS: [&str; 6] = ["ssl", "sslcert", "sslkey", "sslmode", "sslrootcert", "uselibpqcompat"];

/// The options of a connection that libpq also reads in a variable.
pub(crate) const LIBPQ_OPTIONS: [(&str, &str); 23] = [
    ("application_name", "PGAPPNAME"),
    ("channel_binding", "PGCHANNELBINDING"),
    ("client_encoding", "PGCLIENTENCODING"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("gssencmode", "PGGSSENCMODE"),
    ("gsslib", "PGGSSLIB"),
    ("hostaddr", "PGHOSTADDR"),
    ("krbsrvname", "PGKRBSRVNAME"),
    ("load_balance_hosts", "PGLOADBALANCEHOSTS"),
    ("options", "PGOPTIONS"),
    ("passfile", "PGPASSFILE"),
    ("require_auth", "PGREQUIREAUTH"),
    ("requirepeer", "PGREQUIREPEER"),
    ("service", "PGSERVICE"),
    ("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION"),
    ("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION"),
    ("sslcertmode", "PGSSLCERTMODE"),
    ("sslcompression", "PGSSLCOMPRESSION"),
    ("sslcrl", "PGSSLCRL"),
    ("sslcrldir", "PGSSLCRLDIR"),
    ("sslnegotiation", "PGSSLNEGOTIATION"),
    ("sslsni", "PGSSLSNI"),
    ("target_session_attrs", "PGTARGETSESSIONATTRS"),
];

/// The other options of a connection that drivers read in a URL. A stored field of another name is none of them: libpq refuses
/// what it does not know.
const OPTIONS: [&str; 29] = [
    // libpq's.
    "fallback_application_name",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "replication",
    "sslpassword",
    "tcp_user_timeout",
    // Prisma's.
    "connection_limit",
    "pgbouncer",
    "pool_timeout",
    "schema",
    "socket_timeout",
    "sslaccept",
    "sslidentity",
    "statement_cache_size",
    // pg's, postgres.js's, pgx's and sqlx's.
    "binary",
    "idle_in_transaction_session_timeout",
    "idle_timeout",
    "lock_timeout",
    "max_lifetime",
    "pool_max_conns",
    "pool_min_conns",
    "query_timeout",
    "search_path",
    "statement-cache-capacity",
    "statement_cache_capacity",
    "statement_timeout",
    "statement_cache_mode",
];

impl DatabaseConfig {
    /// The URL with the TLS that the secret asks for, as libpq and sqlx read it: `sslmode=verify-full`, or `require` where
    /// the certificate is not verified. The certificates of `ssl.ca` go beside it, in a file for libpq. A secret that
    /// names no TLS returns the URL as it is.
    pub fn url_with_tls(&self) -> SecretUrl {
        let mode = ssl_mode(self.tls(), None).map(|mode| ("sslmode", mode.into()));
        with_options(self.url.as_str(), mode).into()
    }

    /// Whether the certificate is verified, and by authorities of the secret's own; none without TLS.
    fn tls(&self) -> Option<(bool, bool)> {
        self.ssl.as_ref().map(|ssl| (ssl.reject_unauthorized, ssl.ca.is_some()))
    }

    /// What libpq calls the TLS that the secret asks for. Where a URL or the secret says it in libpq's word, it stays that
    /// word, unless it asks for less than `ssl` does.
    pub(crate) fn ssl_mode(&self) -> Option<&str> {
        let given = self.extra.expose("sslmode").and_then(Value::as_str);
        ssl_mode(self.tls(), given)
    }

    /// The URL with the TLS that the secret asks for, and with a file of the certificates to trust.
    pub(crate) fn full_url(&self, ca_file: Option<&str>) -> String {
        let mode = self.ssl_mode().map(|mode| ("sslmode", mode.into()));
        let ca_file = ca_file.or_else(|| self.extra.expose("sslrootcert").and_then(Value::as_str));
        let ca_file = ca_file.filter(|_| mode.is_some() && self.verifies()).map(|path| ("sslrootcert", path.into()));
        with_options(self.url.as_str(), mode.into_iter().chain(ca_file))
    }

    /// Whether the server's certificate is verified.
    pub(crate) fn verifies(&self) -> bool {
        self.ssl.as_ref().is_some_and(|ssl| ssl.reject_unauthorized)
            && !matches!(self.ssl_mode(), Some("allow" | "prefer" | "require"))
    }
}

/// What libpq calls TLS: whether it verifies and with authorities of its own, and the word that was given.
fn ssl_mode(ssl: Option<(bool, bool)>, given: Option<&str>) -> Option<&str> {
    match (ssl, given) {
        (None, Some("disable"))
        | (Some((true, _)), Some("verify-ca"))
        | (Some((_, false)), Some("allow" | "prefer" | "require")) => given,
        (None, _) => None,
        (Some((true, _)), _) => Some("verify-full"),
        (Some((false, _)), _) => Some("require"),
    }
}

#[derive(Debug)]
struct Database;

impl Special for Database {
    /// Completes a secret of AWS: one that RDS manages holds `username` and `password` alone, its console leaves out
    /// `dbname`, and neither says anything of TLS. What is stored is left alone.
    fn complete(
        &self,
        payload: &mut Map<String, Value>,
        context: &Context<'_>,
        assembly: &mut Assembly<'_>,
    ) -> Vec<Violation> {
        let defaults = context.database;
        let names_host = !Assembly::is_absent(payload.get("host"));
        let names_database =
            !Assembly::is_absent(payload.get("database")) || !Assembly::is_absent(payload.get("dbname"));
        let mut put = |name: &str, option: Option<Value>| {
            let value = option.or_else(|| assembly.payload.get_mut(name).map(Value::take));
            if let Some(value) = value.filter(|_| Assembly::is_absent(payload.get(name))) {
                payload.insert(name.to_owned(), value);
            }
        };
        if !names_host {
            put("host", defaults.host.as_deref().map(Value::from));
            put("port", defaults.port.map(Value::from));
        }
        if !names_database {
            put("database", defaults.database.as_deref().map(Value::from));
        }
        // The secret's own word for TLS, in libpq's.
        if Assembly::is_absent(payload.get("ssl"))
            && let Some(tls) = payload.get("sslmode").and_then(Value::as_str).and_then(Tls::word)
        {
            payload.insert("ssl".into(), tls.value());
        }
        let is_asked = !names_host
            || ["DB_SSL", "DB_SSL_CA", "RDS_CA_CERT_PATH", DATABASE_CA_FILE]
                .iter()
                .any(|name| assembly.variables.get(name).is_some());
        assembly.complete_tls("ssl", payload, is_asked)
    }

    fn finish(&self, values: &mut Values, fields: &mut Fields<'_, '_>, context: &Context<'_>) {
        let engine = values.extra.expose("engine").and_then(Value::as_str).unwrap_or("postgres").to_ascii_lowercase();
        if !["aurora-postgres", "postgres", "redshift"].iter().any(|known| engine.starts_with(known)) {
            let phrase =
                "is not PostgreSQL's: this service is PostgreSQL, define another database as a secret of your own";
            fields.violate("engine", Rule::Engine, phrase);
        }
        let (Some(host), Some(port), Some(database)) =
            (values.text("host"), values.integer("port"), values.text("database"))
        else {
            return;
        };
        if values.get("ssl").is_none() && is_of_aws(host, &["rds"]) {
            let phrase =
                "is not asked for, and the host is RDS's: store `ssl`, or set DB_SSL=true and RDS_CA_CERT_PATH";
            fields.warn("ssl", Rule::Tls, phrase);
        }
        let user = url_user(values.text("username"), values.text("password").filter(|it| !it.is_empty()));
        let (at, path) = (format!("@{}:{port}/", url_host(host)), encode_path(database));
        let url = Zeroizing::new(["postgresql://", &user, &at, &path].concat());
        let is_known = |name: &str| OPTIONS.contains(&name) || LIBPQ_OPTIONS.iter().any(|(it, _)| *it == name);
        let options = options(&values.extra, context.url_options, is_known);
        let url = with_options(&url, options.filter(|(name, _)| !TLS_OPTIONS.contains(name)));
        values.put_text("url", url);
    }

    fn file_in_url(&self, url: &str) -> Option<String> {
        // libpq's word for the authorities of the system.
        given_option(url, "sslrootcert").filter(|path| path != "system")
    }

    fn assemble(&self, assembly: &mut Assembly<'_>) {
        let (mut tls, mut mode, mut is_compatible, mut names_ca) = (None, None, false, false);
        if let Some(url) = assembly.connection_url("DATABASE_URL", ["postgres", "postgresql"]) {
            assembly.put_decoded("DATABASE_URL", "database", url.path().trim_start_matches('/'));
            for (name, value) in assembly.options("DATABASE_URL", &url) {
                match (name.as_str(), value.as_str()) {
                    ("sslmode" | "ssl", word) => {
                        tls = if word == "allow" { Some(Tls::Verified) } else { Tls::word(word) };
                        mode = match tls {
                            Some(Tls::Off) => Some("disable".to_owned()),
                            Some(Tls::Verified) if boolean_word(word).is_some() => Some("require".to_owned()),
                            Some(Tls::Verified) => Some(value),
                            Some(Tls::Unverified) => None,
                            None => {
                                let message = "sslmode in DATABASE_URL must be disable, allow, prefer, require, verify-ca, \
                                               verify-full or no-verify";
                                assembly.violate("/ssl", Rule::Type, message);
                                None
                            }
                        };
                    }
                    ("sslrootcert", "system") => assembly.put("sslrootcert", value),
                    ("sslrootcert", _) => names_ca = true,
                    ("sslcert" | "sslkey", _) => {
                        let message = format!(
                            "{name} in DATABASE_URL is not supported: client certificates are not handed out; log in with \
                             a password"
                        );
                        assembly.violate("/ssl", Rule::UnknownOption, &message);
                    }
                    ("uselibpqcompat", word) => is_compatible = boolean_word(word) == Some(true),
                    ("user", _) => assembly.put("username", value),
                    ("dbname", _) => assembly.put("database", value),
                    ("host" | "password" | "port", _) => assembly.put(&name, value),
                    _ => assembly.put_option(name, value),
                }
            }
        }
        // Without a root certificate, libpq verifies nothing but under these two.
        if is_compatible
            && !names_ca
            && tls == Some(Tls::Verified)
            && !matches!(mode.as_deref(), Some("verify-ca" | "verify-full"))
        {
            tls = Some(Tls::Unverified);
        }
        match assembly.tls("DB_SSL", "/ssl") {
            Some(Tls::Verified) if matches!(tls, Some(Tls::Unverified | Tls::Verified)) => {}
            Some(stated) => {
                if (stated == Tls::Off) != (tls == Some(Tls::Off)) {
                    mode = None;
                }
                tls = Some(stated);
            }
            None => {}
        }
        let url_file = if names_ca { Place::File("DATABASE_URL") } else { Place::Text("DB_SSL_CA") };
        let places =
            [Place::File(DATABASE_CA_FILE), Place::Text("DB_SSL_CA"), url_file, Place::File("RDS_CA_CERT_PATH")];
        let ca = assembly.ca(tls, &places, "/ssl/ca");
        // What `ssl` implies is not said twice.
        let verifies = tls.or_else(|| ca.as_ref().map(|_| Tls::Verified)).filter(|tls| *tls != Tls::Off);
        let implied = verifies.map(|tls| (tls == Tls::Verified, ca.is_some()));
        if let Some(mode) = mode.filter(|mode| ssl_mode(implied, Some(mode)) != ssl_mode(implied, None)) {
            assembly.put("sslmode", mode);
        }
        assembly.put_tls("ssl", tls, ca);
    }
}
