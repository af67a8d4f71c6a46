//! What a payload is read against.

use crate::name::Environment;
use crate::time::UnixTime;
use crate::variables::Variables;

/// What a payload is read against.
pub struct Context<'a> {
    pub(crate) environment: &'a Environment,
    pub(crate) region: Option<&'a str>,
    pub(crate) today: UnixTime,
    pub(crate) variables: &'a Variables,
    pub(crate) database: &'a DatabaseDefaults,
}

/// Where the database is, for a secret that holds only user name and password.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DatabaseDefaults {
    /// Host name or address.
    pub host: Option<String>,
    /// Port.
    pub port: Option<u16>,
    /// The database's name.
    pub database: Option<String>,
}
