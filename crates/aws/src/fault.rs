//! What went wrong, in our own words.

use std::error::Error as StdError;
use std::fmt;

use permisos_secrets_core::{ErrorKind, Failure};

use crate::network::causes;

/// Why there are no credentials, in our own words: a server's or a program's may quote anything.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) kind: ErrorKind,
    pub(crate) message: String,
}

impl Fault {
    pub(crate) fn new(kind: ErrorKind, message: &str) -> Self {
        Self { kind, message: message.to_owned() }
    }

    pub(crate) fn unauthenticated(message: &str) -> Self {
        Self::new(ErrorKind::Unauthenticated, message)
    }

    /// Why, if that is why an SDK's call failed.
    pub(crate) fn in_causes_of<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e Self> {
        causes(error).find_map(|cause| cause.downcast_ref())
    }

    /// The failure of what was to be done with them.
    pub(crate) fn failure(&self, place: &str) -> Failure {
        failure(self.kind, &format!("{place} was not sent: {}", self.message))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Fault {}

/// A failure of a source.
pub(crate) fn failure(kind: ErrorKind, message: &str) -> Failure {
    // Names of profiles and files are whatever the variables hold.
    Failure { kind, message: message.replace(char::is_control, ""), retry_after: None }
}
