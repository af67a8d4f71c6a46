#![doc = include_str!("../README.md")]

mod driver;
mod engine;
#[cfg(feature = "metrics")]
mod metrics;
mod published;
#[cfg(feature = "snapshot")]
mod sealed;
mod secrets;
mod source;
mod sync;

pub use permisos_secrets_core as core;
pub use permisos_secrets_core::{
    Config, Connection, Error, ErrorKind, Event, EventKind, Freshness, Health, Origin, Read, Service, ServiceHealth,
    ServiceId, SourceKind, Status, Violation, schema,
};
/// Makes a struct a secret of the application's own.
pub use permisos_secrets_core::{ExposeSecret, Secret, SecretString};

pub use driver::{Notice, Subscription};
pub use engine::DrivenEngine;
#[cfg(feature = "snapshot")]
pub use sealed::Vault;
pub use secrets::{Secrets, SecretsBuilder};
pub use source::Source;
