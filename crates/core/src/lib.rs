#![doc = include_str!("../README.md")]

// The derive names its crate as an application does.
extern crate self as permisos_secrets;

mod documents;
mod draft;
#[cfg(any(feature = "redis", feature = "sqlx", feature = "tokio-postgres"))]
mod drivers;
mod engine;
mod error;
mod event;
mod fetch;
mod health;
mod metric;
mod name;
mod option_table;
mod options;
pub mod permissions;
mod policy;
mod retry;
pub mod schema;
mod sealed;
mod service;
mod slot;
mod snapshot;
mod source;
mod variables;

pub use documents::{Setup, VariableName, document};
pub use draft::{Change, Draft, FieldChange};
pub use engine::{Engine, Refresh};
pub use error::{Error, ErrorKind, Rule, Violation};
pub use event::{Event, EventKind};
pub use fetch::{Call, Failure, Fetch, FetchId, Fetched, Operation, Outcome, Payload, Request, Stage};
pub use health::{FetchCount, Health, ServiceHealth, Status};
pub use metric::{Metric, Sample};
pub use name::{Arn, Environment, Partition, SecretId, SecretName};
pub use option_table::{OPTIONS, OptionRow, options_schema};
pub use options::{Connection, Options, SnapshotFile, SourceKind};
pub use policy::{Backoff, CachePolicy, Freshness, Timestamp, UnixTime};
pub use retry::{LoginRetry, RetryStep};
pub use schema::{Config, DatabaseDefaults, Secret};
/// Text that is zeroed when it is dropped, and redacted.
pub use secrecy::{ExposeSecret, SecretString};
pub use service::{Service, ServiceId};
pub use snapshot::{Held, Origin, Read, ReadCounts, Snapshot};
pub use source::Source;
pub use variables::{Assignment, Variables};
