//! Configs as the drivers of databases take them: conversions alone, each behind the feature of its driver's name. They
//! stand here and not beside the I/O because Rust lets only the crate of a type convert it to a foreign one.

#[cfg(feature = "redis")]
mod redis {
    use ::redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo, RedisResult};
    use secrecy::ExposeSecret;

    use crate::schema::RedisConfig;

    impl IntoConnectionInfo for &RedisConfig {
        /// Where TLS is asked for, the server's certificate is verified for `host`, by the authorities that redis trusts;
        /// `tls.ca` and a client's certificate are given by `redis::Client::build_with_tls`.
        fn into_connection_info(self) -> RedisResult<ConnectionInfo> {
            let (host, port) = (self.host.clone(), self.port);
            let addr = match &self.tls {
                Some(tls) => {
                    ConnectionAddr::TcpTls { host, port, insecure: !tls.reject_unauthorized, tls_params: None }
                }
                None => ConnectionAddr::Tcp(host, port),
            };
            let mut settings = RedisConnectionInfo::default().set_db(self.db.unwrap_or_default().into());
            if let Some(username) = &self.username {
                settings = settings.set_username(username);
            }
            if let Some(password) = &self.password {
                settings = settings.set_password(password.expose_secret());
            }
            Ok(addr.into_connection_info()?.set_redis_settings(settings))
        }
    }
}

#[cfg(feature = "sqlx")]
mod sqlx {
    use ::sqlx::postgres::{PgConnectOptions, PgSslMode};
    use secrecy::ExposeSecret;

    use crate::schema::DatabaseConfig;

    impl From<&DatabaseConfig> for PgConnectOptions {
        /// With TLS as the secret asks for it: verified by the secret's certificates, else by those that sqlx trusts. A
        /// secret that names no TLS leaves sqlx's own default: the variable `PGSSLMODE`, else TLS where the server offers
        /// it.
        fn from(config: &DatabaseConfig) -> Self {
            let options = Self::new_without_pgpass()
                .host(&config.host)
                .port(config.port)
                .database(&config.database)
                .username(&config.username)
                .password(config.password.expose_secret());
            let Some(ssl) = &config.ssl else { return options };
            let options = match &ssl.ca {
                Some(ca) if ssl.reject_unauthorized => options.ssl_root_cert_from_pem(ca.clone().into_bytes()),
                _ => options,
            };
            options.ssl_mode(if ssl.reject_unauthorized { PgSslMode::VerifyFull } else { PgSslMode::Require })
        }
    }
}

#[cfg(feature = "tokio-postgres")]
mod tokio_postgres {
    use ::tokio_postgres::Config;
    use ::tokio_postgres::config::SslMode;
    use secrecy::ExposeSecret;

    use crate::schema::DatabaseConfig;

    impl From<&DatabaseConfig> for Config {
        /// TLS is required where the secret asks for it; how the certificate is verified is the connector's part. A
        /// secret that names no TLS leaves tokio-postgres's own default, which is TLS where server and connector have it.
        fn from(config: &DatabaseConfig) -> Self {
            let mut converted = Self::new();
            converted.host(&config.host).port(config.port).dbname(&config.database).user(&config.username);
            converted.password(config.password.expose_secret());
            if config.ssl.is_some() {
                converted.ssl_mode(SslMode::Require);
            }
            converted
        }
    }
}
