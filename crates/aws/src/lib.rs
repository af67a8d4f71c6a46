#![doc = include_str!("../README.md")]

mod admin;
mod agent;
mod credentials;
mod flights;
mod network;
mod process;
mod profile;
mod reach;
mod signed;
mod source;
mod table;

use std::sync::Arc;

use permisos_secrets::Source;
use permisos_secrets_core::{Connection, SourceKind};

pub use admin::{Admin, Decision, Description, Identity, Making, Rotation, Stored, TrailEvent, Version};
pub use agent::AgentSource;
pub use source::AwsSource;

/// The source that the options ask for, for `SecretsBuilder::connect`. Nothing is contacted before the first fetch.
pub fn connect(kind: SourceKind, connection: &Connection) -> Arc<dyn Source> {
    match kind {
        SourceKind::Agent => Arc::new(AgentSource::new(connection)),
        SourceKind::Aws | SourceKind::Environment => Arc::new(AwsSource::new(connection)),
    }
}
