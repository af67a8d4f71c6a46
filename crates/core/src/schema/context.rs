//! What a payload is read against.

use crate::name::Environment;
use crate::time::UnixTime;
use crate::variables::Variables;

/// What a payload is read against.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub(crate) environment: &'a Environment,
    pub(crate) region: Option<&'a str>,
    pub(crate) today: UnixTime,
    pub(crate) variables: &'a Variables,
    pub(crate) database: &'a DatabaseDefaults,
    pub(crate) redis: &'a RedisDefaults,
    /// Whether the environment is the source, and of a developer: then a database may trust without a password.
    pub(crate) is_local: bool,
    /// The names of the options that a connection URL of the variables holds.
    pub(crate) url_options: &'a [String],
}

/// Where the database is, for a secret that does not say it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DatabaseDefaults {
    /// Host name or address.
    pub host: Option<String>,
    /// Port.
    pub port: Option<u16>,
    /// The database's name.
    pub database: Option<String>,
    /// A file with the certificate authorities to trust.
    pub ca_file: Option<String>,
}

/// Where Redis is, for a secret that does not say it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RedisDefaults {
    /// Host name or address.
    pub host: Option<String>,
    /// Port.
    pub port: Option<u16>,
    /// A file with the certificate authorities to trust.
    pub ca_file: Option<String>,
}
