#![doc = include_str!("../README.md")]

// The derive names its crate as an application does.
extern crate self as permisos_secrets;

mod assignments;
mod connection;
mod documents;
#[cfg(any(feature = "redis", feature = "sqlx", feature = "tokio-postgres"))]
mod drivers;
mod engine;
mod error;
mod name;
mod operator;
mod option_table;
mod options;
mod policy;
mod reader;
pub mod schema;
mod service;
mod source;
mod text;
mod time;
mod variables;

pub use connection::Connection;
pub use documents::{Setup, document};
pub use engine::event::{Event, EventKind};
pub use engine::health::{FetchCount, Health, ServiceHealth, Status};
pub use engine::metric::{Metric, Sample};
pub use engine::retry::{LoginRetry, RetryStep};
pub use engine::state::{Held, Origin, Read, ReadCounts, ServiceState};
pub use engine::{Engine, Refresh};
pub use error::{Error, ErrorKind, Rule, Violation};
pub use name::{Arn, Environment, Partition, SecretId, SecretName};
pub use operator::draft::{Change, Draft, FieldChange};
pub use operator::permissions;
pub use operator::replacement::{Replacement, Sought};
pub use operator::template::{dotenv_template, template};
pub use operator::uncovered::{Near, Uncovered, Unheard, looks_secret};
pub use option_table::{DRIVER_OPTIONS, OPTIONS, OptionRow, options_schema};
pub use options::{Options, SnapshotFile, SourceKind};
pub use policy::{Backoff, CachePolicy, Freshness};
pub use schema::{Config, DatabaseDefaults, RedisDefaults, Secret};
/// Text that is zeroed when it is dropped, and redacted.
pub use secrecy::{ExposeSecret, SecretString};
pub use service::{Service, ServiceId};
pub use source::{Call, Failure, Fetch, FetchId, Fetched, Operation, Outcome, Payload, Request, Source, Stage};
pub use time::{Timestamp, UnixTime};
pub use variables::{Assignment, Variables};
