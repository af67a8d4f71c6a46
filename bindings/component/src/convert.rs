//! Between core's types and those of `wit/`. No `..` and no default arm: what is new in either does not compile before
//! it crosses.

#![deny(clippy::wildcard_enum_match_arm, reason = "it would hide a new variant")]

use std::time::Duration;

use permisos_secrets_core as core;
use permisos_secrets_core::schema;
use secrecy::{ExposeSecret, SecretString};

use crate::bindings::exports::permisos::secrets::engine as wit;
use crate::bindings::exports::permisos::secrets::types as wit_types;

/// From core's type to the one that crosses.
pub(crate) trait IntoWit {
    type Wit;

    fn into_wit(self) -> Self::Wit;
}

/// The same name on both sides.
macro_rules! enums {
    ($($core:ty => $wit:ty { $($variant:ident)* })*) => {
        $(impl IntoWit for $core {
            type Wit = $wit;

            fn into_wit(self) -> $wit {
                match self {
                    $(Self::$variant => <$wit>::$variant,)*
                }
            }
        }

        impl From<$wit> for $core {
            fn from(it: $wit) -> Self {
                match it {
                    $(<$wit>::$variant => Self::$variant,)*
                }
            }
        })*
    };
}

enums! {
    core::ErrorKind => wit::ErrorKind {
        AccessDenied ConfigInvalid DecryptionFailed Invalid NotFound NotReady Throttled Timeout Unauthenticated
        Unavailable
    }
    core::Freshness => wit_types::Freshness { Fresh Stale }
    core::Operation => wit::Operation { BatchGetSecretValue GetSecretValue }
    core::Origin => wit::OriginKind { Environment SecretsManager Snapshot }
    core::Refresh => wit::Refreshed { Current Joined Started }
    core::Rule => wit_types::Rule {
        CertificateExpired EmailAddress FileReadable Host HttpsUrl Json MaxSize MinLength Mode Name NameSuffix
        PemCertificate Placeholder Prefix Range Required SameMode Snapshot Text Type Unique UnknownOption Url
    }
    core::Service => wit_types::Service { Database Redis Security Stripe Email GovernmentPortal Monitoring }
    core::SourceKind => wit::SourceKind { Agent Aws Environment }
    core::Stage => wit::Stage { Current Previous }
    core::Status => wit_types::Status { Healthy Degraded Unavailable }
}

fn texts(secrets: &[SecretString]) -> Vec<String> {
    secrets.iter().map(text).collect()
}

fn text(secret: &SecretString) -> String {
    secret.expose_secret().to_owned()
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn list<T: IntoWit>(items: Vec<T>) -> Vec<T::Wit> {
    items.into_iter().map(IntoWit::into_wit).collect()
}

impl IntoWit for core::ServiceId {
    type Wit = wit::ServiceId;

    fn into_wit(self) -> wit::ServiceId {
        match self {
            Self::BuiltIn(service) => wit::ServiceId::BuiltIn(service.into_wit()),
            Self::Custom(id) => wit::ServiceId::Custom(id.as_ref().to_owned()),
        }
    }
}

impl From<wit::ServiceId> for core::ServiceId {
    fn from(it: wit::ServiceId) -> Self {
        match it {
            wit::ServiceId::BuiltIn(service) => Self::BuiltIn(service.into()),
            wit::ServiceId::Custom(id) => Self::Custom(id.into()),
        }
    }
}

impl IntoWit for &schema::DatabaseConfig {
    type Wit = wit::DatabaseConfig;

    fn into_wit(self) -> Self::Wit {
        let schema::DatabaseConfig { host, port, database, username, password, ssl, url, extra } = self;
        wit::DatabaseConfig {
            host: host.clone(),
            port: *port,
            database: database.clone(),
            username: username.clone(),
            password: text(password),
            ssl: ssl.as_ref().map(|schema::DatabaseSsl { reject_unauthorized, ca }| wit_types::DatabaseSsl {
                reject_unauthorized: *reject_unauthorized,
                ca: ca.clone(),
            }),
            url: url.as_str().to_owned(),
            extra: extra.expose_json().as_str().to_owned(),
        }
    }
}

impl IntoWit for &schema::RedisConfig {
    type Wit = wit::RedisConfig;

    fn into_wit(self) -> Self::Wit {
        let schema::RedisConfig { host, port, username, password, db, tls, url, extra } = self;
        wit::RedisConfig {
            host: host.clone(),
            port: *port,
            username: username.clone(),
            password: password.as_ref().map(text),
            db: *db,
            tls: tls.as_ref().map(|schema::RedisTls { servername, reject_unauthorized, ca }| wit_types::RedisTls {
                servername: servername.clone(),
                reject_unauthorized: *reject_unauthorized,
                ca: ca.clone(),
            }),
            url: url.as_str().to_owned(),
            extra: extra.expose_json().as_str().to_owned(),
        }
    }
}

impl IntoWit for &schema::SecurityConfig {
    type Wit = wit::SecurityConfig;

    fn into_wit(self) -> Self::Wit {
        let schema::SecurityConfig {
            session_secret,
            jwt_secret,
            internal_api_key,
            session_secrets,
            jwt_secrets,
            extra,
        } = self;
        wit::SecurityConfig {
            session_secret: text(session_secret),
            jwt_secret: text(jwt_secret),
            internal_api_key: text(internal_api_key),
            session_secrets: texts(session_secrets),
            jwt_secrets: texts(jwt_secrets),
            extra: extra.expose_json().as_str().to_owned(),
        }
    }
}

impl IntoWit for &schema::StripeConfig {
    type Wit = wit::StripeConfig;

    fn into_wit(self) -> Self::Wit {
        let schema::StripeConfig { public_key, private_key, webhook_secret, extra } = self;
        wit::StripeConfig {
            public_key: public_key.clone(),
            private_key: text(private_key),
            webhook_secret: text(webhook_secret),
            extra: extra.expose_json().as_str().to_owned(),
        }
    }
}

impl IntoWit for &schema::EmailConfig {
    type Wit = wit::EmailConfig;

    fn into_wit(self) -> Self::Wit {
        let schema::EmailConfig { smtp_user, smtp_password, from_address, host, port, configuration_set, extra } = self;
        wit::EmailConfig {
            smtp_user: smtp_user.clone(),
            smtp_password: text(smtp_password),
            from_address: from_address.clone(),
            host: host.clone(),
            port: *port,
            configuration_set: configuration_set.clone(),
            extra: extra.expose_json().as_str().to_owned(),
        }
    }
}

impl IntoWit for &schema::GovernmentPortalConfig {
    type Wit = wit::GovernmentPortalConfig;

    fn into_wit(self) -> Self::Wit {
        let schema::GovernmentPortalConfig { username, password, login_url, extra } = self;
        wit::GovernmentPortalConfig {
            username: username.clone(),
            password: text(password),
            login_url: login_url.clone(),
            extra: extra.expose_json().as_str().to_owned(),
        }
    }
}

impl IntoWit for &schema::MonitoringConfig {
    type Wit = wit::MonitoringConfig;

    fn into_wit(self) -> Self::Wit {
        let schema::MonitoringConfig { keys } = self;
        wit::MonitoringConfig { keys: keys.iter().map(|(name, key)| (name.clone(), text(key))).collect() }
    }
}

impl IntoWit for &schema::CustomConfig {
    type Wit = wit::CustomConfig;

    fn into_wit(self) -> Self::Wit {
        let schema::CustomConfig { fields, extra } = self;
        let value = |value: &schema::CustomValue| match value {
            schema::CustomValue::Boolean(flag) => wit_types::CustomValue::Boolean(*flag),
            schema::CustomValue::Integer(number) => wit_types::CustomValue::Integer(*number),
            schema::CustomValue::Text(secret) => wit_types::CustomValue::Text(text(secret)),
        };
        wit::CustomConfig {
            fields: fields.iter().map(|(name, field)| (name.clone(), value(field))).collect(),
            extra: extra.expose_json().as_str().to_owned(),
        }
    }
}

impl IntoWit for core::Config {
    type Wit = wit::Config;

    fn into_wit(self) -> wit::Config {
        match self {
            Self::Custom(config) => wit::Config::Custom((&*config).into_wit()),
            Self::Database(config) => wit::Config::Database((&*config).into_wit()),
            Self::Email(config) => wit::Config::Email((&*config).into_wit()),
            Self::GovernmentPortal(config) => wit::Config::GovernmentPortal((&*config).into_wit()),
            Self::Monitoring(config) => wit::Config::Monitoring((&*config).into_wit()),
            Self::Redis(config) => wit::Config::Redis((&*config).into_wit()),
            Self::Security(config) => wit::Config::Security((&*config).into_wit()),
            Self::Stripe(config) => wit::Config::Stripe((&*config).into_wit()),
        }
    }
}

impl IntoWit for core::Read {
    type Wit = wit::Read;

    fn into_wit(self) -> wit::Read {
        let Self { config, origin, freshness, version_id, previous } = self;
        let provenance = || wit_types::Provenance {
            version_id: version_id.as_deref().unwrap_or_default().to_owned(),
            freshness: freshness.into_wit(),
        };
        wit::Read {
            config: config.into_wit(),
            origin: match origin {
                core::Origin::Environment => wit_types::Origin::Environment,
                core::Origin::SecretsManager => wit_types::Origin::SecretsManager(provenance()),
                core::Origin::Snapshot => wit_types::Origin::Snapshot(provenance()),
            },
            previous: previous.map(IntoWit::into_wit),
        }
    }
}

impl IntoWit for core::Snapshot {
    type Wit = wit::Snapshot;

    fn into_wit(self) -> wit::Snapshot {
        let held = |core::Held { config, previous, version_id, origin, fresh_until, usable_until }| wit::Held {
            config: config.into_wit(),
            previous: previous.map(IntoWit::into_wit),
            version_id: version_id.as_ref().to_owned(),
            origin: origin.into_wit(),
            fresh_until: fresh_until.0,
            usable_until: usable_until.0,
        };
        let (state, fallback, failure) = self.into_state();
        wit::Snapshot {
            held: state.map(held),
            fallback: fallback.map(IntoWit::into_wit),
            failure: failure.map(Into::into),
        }
    }
}

impl IntoWit for core::Violation {
    type Wit = wit_types::Violation;

    fn into_wit(self) -> Self::Wit {
        let Self { path, rule, message } = self;
        wit_types::Violation { path, rule: rule.into_wit(), message }
    }
}

impl From<core::Error> for wit::Error {
    fn from(it: core::Error) -> Self {
        let single = |error: &core::Error| {
            // The errors of several services sum up no others.
            let (kind, service, message, violations, _) = error.as_parts();
            wit_types::ServiceError {
                kind: kind.into_wit(),
                service: service.cloned().map(IntoWit::into_wit),
                message: message.to_owned(),
                violations: list(violations.to_vec()),
            }
        };
        let (kind, service, message, violations, errors) = it.as_parts();
        Self {
            kind: kind.into_wit(),
            service: service.cloned().map(IntoWit::into_wit),
            message: message.to_owned(),
            violations: list(violations.to_vec()),
            errors: errors.iter().map(single).collect(),
        }
    }
}

impl IntoWit for core::Connection {
    type Wit = wit::Connection;

    fn into_wit(self) -> Self::Wit {
        let Self { regions, endpoint_url, profile, role_arn, timeout } = self;
        wit::Connection { regions, endpoint_url, profile, role_arn, timeout_ms: milliseconds(timeout) }
    }
}

impl IntoWit for core::SnapshotFile {
    type Wit = wit::SnapshotFile;

    fn into_wit(self) -> Self::Wit {
        let Self { path, identity_file } = self;
        wit::SnapshotFile { path, identity_file }
    }
}

impl IntoWit for core::Fetch {
    type Wit = wit::Fetch;

    fn into_wit(self) -> wit::Fetch {
        let Self { id, requests } = self;
        let request = |core::Request { service, secret_id, stage, forced }| wit::Request {
            service: core::ServiceId::into_wit(service),
            secret_id: secret_id.to_string(),
            stage: core::Stage::into_wit(stage),
            forced,
        };
        wit::Fetch { id: id.0, requests: requests.into_iter().map(request).collect() }
    }
}

impl From<wit::Fetched> for core::Fetched {
    fn from(it: wit::Fetched) -> Self {
        let wit::Fetched { id, outcomes, calls } = it;
        let outcome = |wit::Outcome { service, stage, result }| core::Outcome {
            service: wit::ServiceId::into(service),
            stage: wit::Stage::into(stage),
            result: match result {
                Ok(wit::Payload { text, version_id, created_at, region }) => Ok(core::Payload {
                    text: text.map(Into::into),
                    version_id,
                    created_at: created_at.map(core::UnixTime),
                    region,
                }),
                Err(wit::Failure { kind, message, retry_after_ms }) => Err(core::Failure {
                    kind: kind.into(),
                    message,
                    retry_after: retry_after_ms.map(Duration::from_millis),
                }),
            },
        };
        let call = |wit::Call { operation, error, duration_ms }| core::Call {
            operation: wit::Operation::into(operation),
            error: error.map(wit::ErrorKind::into),
            duration: duration_ms.map(Duration::from_millis),
        };
        Self {
            id: core::FetchId(id),
            outcomes: outcomes.into_iter().map(outcome).collect(),
            calls: calls.into_iter().map(call).collect(),
        }
    }
}

impl IntoWit for core::Event {
    type Wit = wit::Event;

    fn into_wit(self) -> wit::Event {
        let Self { at, service, kind } = self;
        wit::Event { at: at.0, service: service.into_wit(), kind: kind.into_wit() }
    }
}

impl IntoWit for core::EventKind {
    type Wit = wit_types::EventKind;

    fn into_wit(self) -> Self::Wit {
        match self {
            Self::Failed { error, message, consecutive_failures, retry_in } => {
                let retry_in_ms = milliseconds(retry_in);
                let error = error.into_wit();
                wit_types::EventKind::Failed(wit_types::Failed { error, message, consecutive_failures, retry_in_ms })
            }
            Self::Fallback { error, origin, warnings } => wit_types::EventKind::Fallback(wit_types::Fallback {
                error: error.into_wit(),
                origin: origin.into_wit(),
                warnings: list(warnings),
            }),
            Self::Invalid { version_id, violations } => {
                wit_types::EventKind::Invalid(wit_types::Invalid { version_id, violations: list(violations) })
            }
            Self::Loaded { origin, version_id, warnings } => wit_types::EventKind::Loaded(wit_types::Loaded {
                origin: origin.into_wit(),
                version_id,
                warnings: list(warnings),
            }),
            Self::Recovered { failures, from_fallback } => {
                wit_types::EventKind::Recovered(wit_types::Recovered { failures, from_fallback })
            }
            Self::Refreshed { version_id, warnings } => {
                wit_types::EventKind::Refreshed(wit_types::Refreshed { version_id, warnings: list(warnings) })
            }
            Self::Rotated { from, to, warnings } => {
                wit_types::EventKind::Rotated(wit_types::Rotated { from, to, warnings: list(warnings) })
            }
            Self::Stale { age, expires_in } => {
                let (age_ms, expires_in_ms) = (milliseconds(age), milliseconds(expires_in));
                wit_types::EventKind::Stale(wit_types::Stale { age_ms, expires_in_ms })
            }
        }
    }
}

impl IntoWit for core::Health {
    type Wit = wit::Health;

    fn into_wit(self) -> wit::Health {
        let Self { status, environment, source, services, fetches } = self;
        let fetch = |core::FetchCount { operation, error, count, duration }| wit_types::FetchCount {
            operation: core::Operation::into_wit(operation),
            error: error.map(core::ErrorKind::into_wit),
            count,
            duration_ms: milliseconds(duration),
        };
        wit::Health {
            status: status.into_wit(),
            environment: environment.as_str().to_owned(),
            source: source.into_wit(),
            services: list(services),
            fetches: fetches.into_iter().map(fetch).collect(),
        }
    }
}

impl IntoWit for core::ServiceHealth {
    type Wit = wit_types::ServiceHealth;

    fn into_wit(self) -> Self::Wit {
        let Self {
            service,
            secret_id,
            required,
            status,
            origin,
            freshness,
            age,
            version_id,
            version_age,
            region,
            next_refresh,
            consecutive_failures,
            last_error,
            last_error_message,
            warnings,
            reads: core::ReadCounts { environment, failed, fresh, stale },
        } = self;
        wit_types::ServiceHealth {
            service: service.into_wit(),
            secret_id: secret_id.to_string(),
            required,
            status: status.into_wit(),
            origin: origin.map(IntoWit::into_wit),
            freshness: freshness.map(IntoWit::into_wit),
            age_ms: age.map(milliseconds),
            version_id,
            version_age_ms: version_age.map(milliseconds),
            region,
            next_refresh_ms: next_refresh.map(milliseconds),
            consecutive_failures,
            last_error: last_error.map(IntoWit::into_wit),
            last_error_message,
            warnings: list(warnings),
            reads: wit_types::ReadCounts { environment, failed, fresh, stale },
        }
    }
}
