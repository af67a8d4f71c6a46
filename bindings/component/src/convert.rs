//! Between core's types and those of `wit/`. No `..` and no default arm: what is new in either does not compile before
//! it crosses.

#![deny(clippy::wildcard_enum_match_arm, reason = "it would hide a new variant")]

use std::collections::BTreeMap;
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
        CertificateExpired EmailAddress Engine FileReadable Host HttpsUrl Json MaxLength MaxSize MinLength Mode Name NameSuffix OneOf Pattern
        PemCertificate Placeholder Prefix Range Required SameMode Snapshot Text Tls Type Unique UnknownOption Url
    }
    core::SourceKind => wit::SourceKind { Agent Aws Environment }
    core::Stage => wit::Stage { Current Previous }
    core::Status => wit_types::Status { Healthy Degraded Unavailable }
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

/// A field of a config, from core's type to the one that crosses.
pub(crate) trait ToWit {
    type Wit;

    fn to_wit(&self) -> Self::Wit;
}

macro_rules! same {
    ($($same:ty)*) => {
        $(impl ToWit for $same {
            type Wit = Self;

            fn to_wit(&self) -> Self {
                self.clone()
            }
        })*
    };
}

same! { bool u16 u32 String }

impl ToWit for SecretString {
    type Wit = String;

    fn to_wit(&self) -> String {
        text(self)
    }
}

impl ToWit for schema::SecretUrl {
    type Wit = String;

    fn to_wit(&self) -> String {
        self.as_str().to_owned()
    }
}

impl ToWit for schema::Extra {
    type Wit = String;

    fn to_wit(&self) -> String {
        self.expose_json().as_str().to_owned()
    }
}

impl ToWit for BTreeMap<String, SecretString> {
    type Wit = Vec<(String, String)>;

    fn to_wit(&self) -> Self::Wit {
        self.iter().map(|(name, key)| (name.clone(), text(key))).collect()
    }
}

impl<T: ToWit> ToWit for Option<T> {
    type Wit = Option<T::Wit>;

    fn to_wit(&self) -> Self::Wit {
        self.as_ref().map(ToWit::to_wit)
    }
}

impl<T: ToWit> ToWit for Vec<T> {
    type Wit = Vec<T::Wit>;

    fn to_wit(&self) -> Self::Wit {
        self.iter().map(ToWit::to_wit).collect()
    }
}

macro_rules! records {
    ($($record:ident { $($field:ident)* })*) => {
        $(impl ToWit for schema::$record {
            type Wit = wit_types::$record;

            // Once, not in each function that answers a config.
            #[inline(never)]
            fn to_wit(&self) -> Self::Wit {
                let Self { $($field),* } = self;
                wit_types::$record { $($field: $field.to_wit()),* }
            }
        })*
    };
}

core::for_each_record!(records);

impl ToWit for schema::CustomConfig {
    type Wit = wit::CustomConfig;

    fn to_wit(&self) -> Self::Wit {
        let value = |value: &schema::CustomValue| match value {
            schema::CustomValue::Boolean(flag) => wit_types::CustomValue::Boolean(*flag),
            schema::CustomValue::Integer(number) => wit_types::CustomValue::Integer(*number),
            schema::CustomValue::Text(secret) => wit_types::CustomValue::Text(text(secret)),
        };
        wit::CustomConfig {
            fields: self.fields.iter().map(|(name, field)| (name.clone(), value(field))).collect(),
            extra: self.extra.to_wit(),
        }
    }
}

macro_rules! services {
    ($($service:ident $config:ident $getter:ident $get:ident $title:literal;)*) => {
        enums! { core::Service => wit_types::Service { $($service)* } }

        impl IntoWit for core::Config {
            type Wit = wit::Config;

            #[inline(never)]
            fn into_wit(self) -> wit::Config {
                match self {
                    Self::Custom(config) => wit::Config::Custom(config.to_wit()),
                    $(Self::$service(config) => wit::Config::$service(config.to_wit()),)*
                }
            }
        }
    };
}

core::for_each_service!(services);

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

impl IntoWit for core::ServiceState {
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
