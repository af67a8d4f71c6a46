//! Between core's types and those of `wit/`. No `..` and no default arm: what is new in either does not compile before
//! it crosses. The component's own conversions are the reverse.

#![deny(clippy::wildcard_enum_match_arm, reason = "it would hide a new variant")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use permisos_secrets_core::{self as core, schema};
use permisos_secrets_core::{Error, ErrorKind};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::bindings::exports::permisos::secrets::engine as wit;
use crate::bindings::permisos::secrets::types as wit_types;

/// From core's type to the one that crosses.
pub(crate) trait IntoWit {
    type Wit;

    fn into_wit(self) -> Self::Wit;
}

/// From the type that crosses to core's.
pub(crate) trait FromWit<Wit> {
    fn from_wit(it: Wit) -> Self;
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

        impl FromWit<$wit> for $core {
            fn from_wit(it: $wit) -> Self {
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

fn list<T: FromWit<W>, W>(items: Vec<W>) -> Vec<T> {
    items.into_iter().map(T::from_wit).collect()
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

impl FromWit<wit::ServiceId> for core::ServiceId {
    fn from_wit(it: wit::ServiceId) -> Self {
        match it {
            wit::ServiceId::BuiltIn(service) => Self::BuiltIn(core::Service::from_wit(service)),
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

/// A field of a config, back from the type that crosses.
trait OfWit: ToWit {
    fn of_wit(it: Self::Wit) -> Self;
}

macro_rules! same_back {
    ($($same:ty)*) => {
        $(impl OfWit for $same {
            fn of_wit(it: Self) -> Self {
                it
            }
        })*
    };
}

same_back! { bool u16 u32 String }

impl OfWit for SecretString {
    fn of_wit(it: String) -> Self {
        it.into()
    }
}

impl OfWit for schema::SecretUrl {
    fn of_wit(it: String) -> Self {
        it.into()
    }
}

impl OfWit for schema::Extra {
    fn of_wit(it: String) -> Self {
        Self::from_json(&Zeroizing::new(it))
    }
}

impl OfWit for BTreeMap<String, SecretString> {
    fn of_wit(it: Self::Wit) -> Self {
        it.into_iter().map(|(name, key)| (name, key.into())).collect()
    }
}

impl<T: OfWit> OfWit for Option<T> {
    fn of_wit(it: Self::Wit) -> Self {
        it.map(T::of_wit)
    }
}

impl<T: OfWit> OfWit for Vec<T> {
    fn of_wit(it: Self::Wit) -> Self {
        it.into_iter().map(T::of_wit).collect()
    }
}

macro_rules! records {
    ($($record:ident { $($field:ident)* })*) => {
        $(impl ToWit for schema::$record {
            type Wit = wit_types::$record;

            fn to_wit(&self) -> Self::Wit {
                let Self { $($field),* } = self;
                wit_types::$record { $($field: $field.to_wit()),* }
            }
        }

        impl OfWit for schema::$record {
            fn of_wit(it: Self::Wit) -> Self {
                let wit_types::$record { $($field),* } = it;
                Self { $($field: OfWit::of_wit($field)),* }
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

impl OfWit for schema::CustomConfig {
    fn of_wit(it: wit::CustomConfig) -> Self {
        let wit::CustomConfig { fields, extra } = it;
        let value = |value| match value {
            wit_types::CustomValue::Boolean(flag) => schema::CustomValue::Boolean(flag),
            wit_types::CustomValue::Integer(number) => schema::CustomValue::Integer(number),
            wit_types::CustomValue::Text(text) => schema::CustomValue::Text(text.into()),
        };
        Self::new(fields.into_iter().map(|(name, field)| (name, value(field))).collect(), OfWit::of_wit(extra))
    }
}

macro_rules! services {
    ($($service:ident $config:ident $getter:ident $get:ident $title:literal;)*) => {
        enums! { core::Service => wit_types::Service { $($service)* } }

        impl FromWit<wit::Config> for core::Config {
            fn from_wit(it: wit::Config) -> Self {
                match it {
                    wit::Config::Custom(config) => Self::Custom(Arc::new(OfWit::of_wit(config))),
                    $(wit::Config::$service(config) => Self::$service(Arc::new(OfWit::of_wit(config))),)*
                }
            }
        }
    };
}

core::for_each_service!(services);

/// Fails on the config of another service: readers rely on the pair.
fn config_of(service: &core::ServiceId, it: wit::Config) -> Result<core::Config, Error> {
    let config = core::Config::from_wit(it);
    let built_in = match service {
        core::ServiceId::BuiltIn(service) => Some(*service),
        core::ServiceId::Custom(_) => None,
    };
    if config.service() == built_in { Ok(config) } else { Err(unusable("a config of another service")) }
}

pub(crate) fn read(service: &core::ServiceId, it: wit::Read) -> Result<core::Read, Error> {
    let wit::Read { config, origin, previous } = it;
    let provenance = |wit_types::Provenance { version_id, freshness }| {
        (core::Freshness::from_wit(freshness), Some(version_id.into()))
    };
    let (origin, (freshness, version_id)) = match origin {
        wit_types::Origin::Environment => (core::Origin::Environment, (core::Freshness::Fresh, None)),
        wit_types::Origin::SecretsManager(from) => (core::Origin::SecretsManager, provenance(from)),
        wit_types::Origin::Snapshot(from) => (core::Origin::Snapshot, provenance(from)),
    };
    Ok(core::Read {
        config: config_of(service, config)?,
        origin,
        freshness,
        version_id,
        previous: previous.map(|it| config_of(service, it)).transpose()?,
    })
}

/// The next state after the last one.
pub(crate) fn snapshot(it: wit::Snapshot, last: &core::ServiceState) -> Result<core::ServiceState, Error> {
    let wit::Snapshot { held: good, fallback, failure } = it;
    let config = |it| config_of(&last.service, it);
    let held = |wit::Held { config: it, previous, version_id, origin, fresh_until, usable_until }| {
        Ok(core::Held {
            config: config(it)?,
            previous: previous.map(config).transpose()?,
            version_id: version_id.into(),
            origin: core::Origin::from_wit(origin),
            fresh_until: core::Timestamp(fresh_until),
            usable_until: core::Timestamp(usable_until),
        })
    };
    let held = good.map(held).transpose()?;
    Ok(last.succeeded_by(held, fallback.map(config).transpose()?, failure.map(Error::from_wit)))
}

impl FromWit<wit_types::Violation> for core::Violation {
    fn from_wit(it: wit_types::Violation) -> Self {
        let wit_types::Violation { path, rule, message } = it;
        Self { path, rule: core::Rule::from_wit(rule), message }
    }
}

impl FromWit<wit_types::ServiceError> for Error {
    fn from_wit(it: wit_types::ServiceError) -> Self {
        let wit_types::ServiceError { kind, service, message, violations } = it;
        let service = service.map(core::ServiceId::from_wit);
        Self::from_parts(ErrorKind::from_wit(kind), service, message, list(violations), vec![])
    }
}

impl FromWit<wit::Error> for Error {
    fn from_wit(it: wit::Error) -> Self {
        let wit::Error { kind, service, message, violations, errors } = it;
        let service = service.map(core::ServiceId::from_wit);
        Self::from_parts(ErrorKind::from_wit(kind), service, message, list(violations), list(errors))
    }
}

impl IntoWit for core::Violation {
    type Wit = wit_types::Violation;

    fn into_wit(self) -> Self::Wit {
        let Self { path, rule, message } = self;
        wit_types::Violation { path, rule: rule.into_wit(), message }
    }
}

impl IntoWit for Error {
    type Wit = wit::Error;

    fn into_wit(self) -> wit::Error {
        let violations = |violations: &[core::Violation]| violations.iter().cloned().map(IntoWit::into_wit).collect();
        let single = |error: &Self| {
            // The errors of several services sum up no others.
            let (kind, service, message, broken, _) = error.as_parts();
            wit_types::ServiceError {
                kind: kind.into_wit(),
                service: service.cloned().map(IntoWit::into_wit),
                message: message.to_owned(),
                violations: violations(broken),
            }
        };
        let (kind, service, message, broken, errors) = self.as_parts();
        wit::Error {
            kind: kind.into_wit(),
            service: service.cloned().map(IntoWit::into_wit),
            message: message.to_owned(),
            violations: violations(broken),
            errors: errors.iter().map(single).collect(),
        }
    }
}

impl FromWit<wit::Connection> for core::Connection {
    fn from_wit(it: wit::Connection) -> Self {
        let wit::Connection { regions, endpoint_url, profile, role_arn, timeout_ms } = it;
        Self { regions, endpoint_url, profile, role_arn, timeout: Duration::from_millis(timeout_ms) }
    }
}

impl FromWit<wit::SnapshotFile> for core::SnapshotFile {
    fn from_wit(it: wit::SnapshotFile) -> Self {
        let wit::SnapshotFile { path, identity_file } = it;
        Self { path, identity_file }
    }
}

/// Fails on names that no engine of ours answers: the component is not to be trusted with its own.
pub(crate) fn fetch(it: wit::Fetch) -> Result<core::Fetch, Error> {
    let wit::Fetch { id, requests } = it;
    let request = |wit::Request { service, secret_id: id, stage, forced }| {
        Ok(core::Request {
            service: core::ServiceId::from_wit(service),
            secret_id: secret_id(&id)?,
            stage: core::Stage::from_wit(stage),
            forced,
        })
    };
    Ok(core::Fetch { id: core::FetchId(id), requests: requests.into_iter().map(request).collect::<Result<_, _>>()? })
}

fn secret_id(text: &str) -> Result<core::SecretId, Error> {
    core::SecretId::parse(text).map_err(|what| unusable(&format!("a secret's id {what}")))
}

/// The component is ended for it.
pub(crate) fn unusable(what: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("the component that holds the engine answers nonsense: {what}"))
}

impl IntoWit for core::Fetched {
    type Wit = wit::Fetched;

    fn into_wit(self) -> wit::Fetched {
        let Self { id, outcomes, calls } = self;
        let outcome = |core::Outcome { service, stage, result }| wit::Outcome {
            service: core::ServiceId::into_wit(service),
            stage: core::Stage::into_wit(stage),
            result: match result {
                Ok(core::Payload { text: payload, version_id, created_at, region }) => Ok(wit::Payload {
                    text: payload.as_ref().map(text),
                    version_id,
                    created_at: created_at.map(|core::UnixTime(at)| at),
                    region,
                }),
                Err(core::Failure { kind, message, retry_after }) => {
                    Err(wit::Failure { kind: kind.into_wit(), message, retry_after_ms: retry_after.map(milliseconds) })
                }
            },
        };
        let call = |core::Call { operation, error, duration }| wit::Call {
            operation: core::Operation::into_wit(operation),
            error: error.map(ErrorKind::into_wit),
            duration_ms: duration.map(milliseconds),
        };
        wit::Fetched {
            id: id.0,
            outcomes: outcomes.into_iter().map(outcome).collect(),
            calls: calls.into_iter().map(call).collect(),
        }
    }
}

impl FromWit<wit::Event> for core::Event {
    fn from_wit(it: wit::Event) -> Self {
        let wit::Event { at, service, kind } = it;
        Self {
            at: core::Timestamp(at),
            service: core::ServiceId::from_wit(service),
            kind: core::EventKind::from_wit(kind),
        }
    }
}

impl FromWit<wit_types::EventKind> for core::EventKind {
    fn from_wit(it: wit_types::EventKind) -> Self {
        match it {
            wit_types::EventKind::Failed(failed) => {
                let wit_types::Failed { error, message, consecutive_failures, retry_in_ms } = failed;
                let retry_in = Duration::from_millis(retry_in_ms);
                Self::Failed { error: ErrorKind::from_wit(error), message, consecutive_failures, retry_in }
            }
            wit_types::EventKind::Fallback(wit_types::Fallback { error, origin, warnings }) => Self::Fallback {
                error: ErrorKind::from_wit(error),
                origin: core::Origin::from_wit(origin),
                warnings: list(warnings),
            },
            wit_types::EventKind::Invalid(wit_types::Invalid { version_id, violations }) => {
                Self::Invalid { version_id, violations: list(violations) }
            }
            wit_types::EventKind::Loaded(wit_types::Loaded { origin, version_id, warnings }) => {
                Self::Loaded { origin: core::Origin::from_wit(origin), version_id, warnings: list(warnings) }
            }
            wit_types::EventKind::Recovered(wit_types::Recovered { failures, from_fallback }) => {
                Self::Recovered { failures, from_fallback }
            }
            wit_types::EventKind::Refreshed(wit_types::Refreshed { version_id, warnings }) => {
                Self::Refreshed { version_id, warnings: list(warnings) }
            }
            wit_types::EventKind::Rotated(wit_types::Rotated { from, to, warnings }) => {
                Self::Rotated { from, to, warnings: list(warnings) }
            }
            wit_types::EventKind::Stale(wit_types::Stale { age_ms, expires_in_ms }) => {
                let (age, expires_in) = (Duration::from_millis(age_ms), Duration::from_millis(expires_in_ms));
                Self::Stale { age, expires_in }
            }
        }
    }
}

pub(crate) fn health(it: wit::Health) -> Result<core::Health, Error> {
    let wit::Health { status, environment, source, services, fetches } = it;
    let environment = core::Environment::parse(&environment);
    let fetch = |wit_types::FetchCount { operation, error, count, duration_ms }| core::FetchCount {
        operation: core::Operation::from_wit(operation),
        error: error.map(ErrorKind::from_wit),
        count,
        duration: Duration::from_millis(duration_ms),
    };
    Ok(core::Health {
        status: core::Status::from_wit(status),
        environment: environment.map_err(|what| unusable(&format!("the environment {what}")))?,
        source: core::SourceKind::from_wit(source),
        services: services.into_iter().map(service_health).collect::<Result<_, _>>()?,
        fetches: fetches.into_iter().map(fetch).collect(),
    })
}

fn service_health(it: wit_types::ServiceHealth) -> Result<core::ServiceHealth, Error> {
    let wit_types::ServiceHealth {
        service,
        secret_id: id,
        required,
        status,
        origin,
        freshness,
        age_ms,
        version_id,
        version_age_ms,
        region,
        next_refresh_ms,
        consecutive_failures,
        last_error,
        last_error_message,
        warnings,
        reads: wit_types::ReadCounts { environment, failed, fresh, stale },
    } = it;
    Ok(core::ServiceHealth {
        service: core::ServiceId::from_wit(service),
        secret_id: secret_id(&id)?,
        required,
        status: core::Status::from_wit(status),
        origin: origin.map(core::Origin::from_wit),
        freshness: freshness.map(core::Freshness::from_wit),
        age: age_ms.map(Duration::from_millis),
        version_id,
        version_age: version_age_ms.map(Duration::from_millis),
        region,
        next_refresh: next_refresh_ms.map(Duration::from_millis),
        consecutive_failures,
        last_error: last_error.map(ErrorKind::from_wit),
        last_error_message,
        warnings: list(warnings),
        reads: core::ReadCounts { environment, failed, fresh, stale },
    })
}
