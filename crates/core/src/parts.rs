//! Taking apart and putting together again, for an engine in a sandbox alone: its errors and states cross a boundary as
//! their parts. The feature of this module's name is for the component and its host; no application sees it.

use crate::engine::state::{Held, ServiceState};
use crate::error::{Details, Error, ErrorKind, Violation};
use crate::schema::Config;
use crate::service::ServiceId;

impl Error {
    /// An error put together again from its parts, where it came out of a sandbox.
    pub fn from_parts(
        kind: ErrorKind,
        service: Option<ServiceId>,
        message: String,
        violations: Vec<Violation>,
        errors: Vec<Self>,
    ) -> Self {
        Self(Details { kind, service, message, violations, errors }.into())
    }

    /// Everything that it holds, for where it goes into a sandbox or out of it: the arguments of
    /// [`from_parts`](Self::from_parts).
    pub fn as_parts(&self) -> (ErrorKind, Option<&ServiceId>, &str, &[Violation], &[Self]) {
        let Details { kind, service, message, violations, errors } = &*self.0;
        (*kind, service.as_ref(), message, violations, errors)
    }
}

impl ServiceState {
    /// The next state of the same service, put together where it came out of a sandbox. Its reads are counted on.
    #[must_use]
    pub fn succeeded_by(&self, held: Option<Held>, fallback: Option<Config>, failure: Option<Error>) -> Self {
        Self { service: self.service.clone(), held, fallback, failure, counts: self.counts.clone() }
    }

    /// The state alone, for where it goes out of a sandbox: the arguments of [`succeeded_by`](Self::succeeded_by). Reads
    /// are counted where they happen.
    pub fn into_state(self) -> (Option<Held>, Option<Config>, Option<Error>) {
        let Self { service: _, held, fallback, failure, counts: _ } = self;
        (held, fallback, failure)
    }
}
