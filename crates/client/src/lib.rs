#![doc = include_str!("../README.md")]

mod driver;
mod engine;
mod file;
#[cfg(feature = "metrics")]
mod metrics;
mod published;
mod retry;
#[cfg(feature = "snapshot")]
mod sealed;
mod secrets;
mod setters;
mod sync;

pub use permisos_secrets_core::{
    Call, Config, Connection, DatabaseDefaults, Environment, Error, ErrorKind, Event, EventKind, Failure, Fetch,
    FetchId, Fetched, Freshness, Health, Operation, Origin, Outcome, Payload, Read, RedisDefaults, Request, Rule,
    SecretId, Service, ServiceHealth, ServiceId, Source, SourceKind, Stage, Status, UnixTime, Violation, schema,
};
/// How a value is read: `password.expose_secret()`, and what makes a struct a secret of the application's own.
pub use permisos_secrets_core::{ExposeSecret, Secret, SecretString};

pub use driver::{Notice, Subscription};
#[cfg(feature = "engine")]
pub use engine::DrivenEngine;
pub use file::{MergedOptions, OptionsFile};
pub use retry::{DatabaseError, LoginRetries, SqlState};
/// For fuzzing alone.
#[cfg(feature = "snapshot")]
#[doc(hidden)]
pub use sealed::Vault;
pub use secrets::{Secrets, SecretsBuilder};
