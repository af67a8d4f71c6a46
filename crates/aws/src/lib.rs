#![doc = include_str!("../README.md")]

#[cfg(feature = "admin")]
mod admin;
mod agent;
mod credentials;
mod fault;
mod flights;
mod network;
mod process;
mod profile;
mod setup;
#[cfg(feature = "admin")]
mod signed;
mod source;
mod table;

use std::sync::Arc;

use permisos_secrets_core::{Connection, Source, SourceKind};

#[cfg(feature = "admin")]
pub use admin::{Admin, Description, Identity, Rotation, SecretAttributes, Stored, TrailEvent, Version};
pub use agent::AgentSource;
#[cfg(feature = "admin")]
pub use signed::Decision;
pub use source::AwsSource;

/// The source that the options ask for. `permisos-secrets` connects by it unless it is given another one. Nothing is contacted before the first fetch.
pub fn connect(kind: SourceKind, connection: &Connection) -> Arc<dyn Source> {
    match kind {
        SourceKind::Agent => Arc::new(AgentSource::new(connection)),
        SourceKind::Aws | SourceKind::Environment => Arc::new(AwsSource::new(connection)),
    }
}
