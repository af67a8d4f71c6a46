#![doc = include_str!("../README.md")]

mod draft;
#[cfg(any(feature = "redis", feature = "sqlx", feature = "tokio-postgres"))]
mod drivers;
mod engine;
mod environment;
mod error;
mod event;
mod fetch;
mod health;
mod metric;
mod name;
mod options;
#[cfg(feature = "parts")]
mod parts;
pub mod permissions;
mod policy;
mod retry;
pub mod schema;
mod sealed;
mod service;
mod slot;
mod snapshot;
mod source;

pub use draft::{Change, Draft, FieldChange};
pub use engine::{Engine, Refresh};
pub use environment::{Assignment, Variables};
pub use error::{Error, ErrorKind, Rule, Violation};
pub use event::{Event, EventKind};
pub use fetch::{Call, Failure, Fetch, FetchId, Fetched, Operation, Outcome, Payload, Request, Stage};
pub use health::{FetchCount, Health, ServiceHealth, Status};
pub use metric::{Metric, Sample};
pub use name::{Arn, Environment, Partition, SecretId, SecretName};
pub use options::{Connection, CustomSecret, DatabaseDefaults, Field, FieldType, Options, SnapshotFile, SourceKind};
pub use policy::{Backoff, CachePolicy, Freshness, Timestamp, UnixTime};
pub use retry::{LoginRetry, RetryStep};
pub use schema::Config;
pub use service::{Service, ServiceId};
pub use snapshot::{Held, Origin, Read, ReadCounts, Snapshot};
pub use source::Source;
