//! Configs as the drivers of databases take them: what the secret means, TLS too.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;

use permisos_secrets::schema::{DatabaseConfig, RedisConfig};
use permisos_secrets::{ExposeSecret, Secrets, Service};
use redis::{ConnectionAddr, IntoConnectionInfo};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio_postgres::config::{Host, SslMode};

const VECTORS: &str = include_str!("../../../tests/vectors/payloads/database.json");

fn secrets(service: Service, variables: &[(&str, &str)]) -> Secrets {
    let builder = Secrets::builder().environment("test").services([service]);
    builder.variables(variables.iter().copied()).build().unwrap()
}

fn database(more: &[(&str, &str)]) -> Arc<DatabaseConfig> {
    let mut variables = vec![("DATABASE_URL", "postgresql://us%20er:p%40ss@db.example.com:6543/the%2Fapp")];
    variables.extend(more);
    secrets(Service::Database, &variables).database().unwrap()
}

fn redis(variables: &[(&str, &str)]) -> Arc<RedisConfig> {
    secrets(Service::Redis, variables).redis().unwrap()
}

#[test]
fn tokio_postgres_takes_the_config_and_requires_tls_where_the_secret_does() {
    let config = tokio_postgres::Config::from(&*database(&[]));
    assert_eq!(config.get_hosts(), [Host::Tcp("db.example.com".into())]);
    assert_eq!((config.get_ports(), config.get_dbname()), (&[6543][..], Some("the/app")));
    assert_eq!((config.get_user(), config.get_password()), (Some("us er"), Some(&b"p@ss"[..])));
    assert_eq!(config.get_ssl_mode(), SslMode::Prefer, "the driver's own default");
    let config = tokio_postgres::Config::from(&*database(&[("DB_SSL", "true")]));
    assert_eq!(config.get_ssl_mode(), SslMode::Require);
}

#[test]
fn sqlx_takes_the_config_and_verifies_where_the_secret_does() {
    let options = PgConnectOptions::from(&*database(&[("DB_SSL", "true")]));
    assert_eq!((options.get_host(), options.get_port()), ("db.example.com", 6543));
    assert_eq!((options.get_username(), options.get_database()), ("us er", Some("the/app")));
    assert!(matches!(options.get_ssl_mode(), PgSslMode::VerifyFull));
    assert!(matches!(PgConnectOptions::from(&*database(&[])).get_ssl_mode(), PgSslMode::Prefer));
    let vectors: serde_json::Value = serde_json::from_str(VECTORS).unwrap();
    let pem = vectors.to_string().split("-----BEGIN CERTIFICATE-----").nth(1).map(str::to_owned).unwrap();
    let pem = pem.split("-----END CERTIFICATE-----").next().unwrap().replace("\\n", "\n");
    let pem = format!("-----BEGIN CERTIFICATE-----{pem}-----END CERTIFICATE-----\n");
    let config = database(&[("DB_SSL", "true"), ("DB_SSL_CA", &pem)]);
    let options = format!("{:?}", PgConnectOptions::from(&*config));
    assert!(options.contains("ssl_root_cert: Some("), "the secret's certificates are the ones that count");
    let mut config = Arc::into_inner(config).unwrap();
    config.ssl.as_mut().unwrap().reject_unauthorized = false;
    let options = PgConnectOptions::from(&config);
    assert!(matches!(options.get_ssl_mode(), PgSslMode::Require));
    assert!(config.url_with_tls().as_str().ends_with("?sslmode=require"));
}

#[test]
fn a_url_with_tls_means_what_the_secret_means() {
    let config = database(&[("DB_SSL", "true")]);
    assert_eq!(config.url_with_tls().as_str(), format!("{}?sslmode=verify-full", config.url.as_str()));
    let options: PgConnectOptions = config.url_with_tls().parse().unwrap();
    assert!(matches!(options.get_ssl_mode(), PgSslMode::VerifyFull));
    let config = database(&[]);
    assert_eq!(config.url_with_tls().as_str(), config.url.as_str());
    // As a program that knows nothing of conversions writes it.
    let parsed: tokio_postgres::Config = config.url.parse().unwrap();
    assert_eq!((parsed.get_user(), parsed.get_dbname()), (Some("us er"), Some("the/app")));
    assert_eq!(parsed.get_password(), Some(config.password.expose_secret().as_bytes()));
}

#[test]
fn redis_takes_the_config_and_its_url_alike() {
    let cache = redis(&[("REDIS_URL", "redis://us%20er:p%40ss@cache:6380/2")]);
    let info = cache.into_connection_info().unwrap();
    assert_eq!(*info.addr(), ConnectionAddr::Tcp("cache".into(), 6380));
    let settings = info.redis_settings();
    assert_eq!((settings.username(), settings.password(), settings.db()), (Some("us er"), Some("p@ss"), 2));
    let by_url = cache.url.as_str().into_connection_info().unwrap();
    assert_eq!(*by_url.addr(), *info.addr());
    assert_eq!(by_url.redis_settings().password(), settings.password());
    let cache = redis(&[("REDIS_URL", "rediss://cache")]);
    let info = cache.into_connection_info().unwrap();
    let ConnectionAddr::TcpTls { host, port: 6379, insecure: false, .. } = info.addr() else {
        panic!("not over TLS, or not verified")
    };
    assert_eq!((host.as_str(), info.redis_settings().password()), ("cache", None));
    assert!(redis::Client::open(redis(&[("REDIS_URL", "redis://cache")]).as_ref()).is_ok());
}
