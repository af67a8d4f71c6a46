//! The fetches of one version of one secret: when the next is due, which one is under way.

use std::time::Duration;

use fastrand::Rng;

use crate::error::ErrorKind;
use crate::policy::Backoff;
use crate::source::{Failure, FetchId};
use crate::time::Timestamp;

/// Fetches of one version of one secret: at most one is under way.
#[derive(Default)]
pub(crate) struct Fetching {
    pub(crate) due: Option<Timestamp>,
    pub(crate) under_way: Option<FetchId>,
    pub(crate) failures: u32,
    /// No forced fetch was answered yet: the one under way is forced, else the next.
    pub(crate) wants_newest: bool,
    /// The process stood still while it was under way, for longer than a call may last.
    pub(crate) is_interrupted: bool,
    /// The one before was lost to a standstill.
    is_repeated: bool,
}

impl Fetching {
    /// Whether to fetch now.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        self.timeout().is_some_and(|due| due <= now)
    }

    /// When to fetch: not while one is under way.
    pub(crate) fn timeout(&self) -> Option<Timestamp> {
        self.due.filter(|_| self.under_way.is_none())
    }

    /// Forgets failures; one under way stays under way, so that there is never a second.
    pub(crate) fn schedule(&mut self, due: Option<Timestamp>) {
        self.due = due;
        self.failures = 0;
    }

    pub(crate) fn start(&mut self, id: FetchId) {
        self.under_way = Some(id);
        self.due = None;
        self.is_interrupted = false;
    }

    /// Whether that fetch was this one's; it is over then.
    pub(crate) fn finish(&mut self, id: FetchId) -> bool {
        let is_this = self.under_way == Some(id);
        if is_this {
            self.under_way = None;
        }
        is_this
    }

    /// Whether it was lost to a standstill, so that it says nothing about the server: it is made again at once. Not twice
    /// in a row: a process that is always late would never report that AWS cannot be reached.
    pub(crate) fn is_lost<T>(&mut self, result: &Result<T, Failure>, now: Timestamp) -> bool {
        let is_lost = |failure: &Failure| matches!(failure.kind, ErrorKind::Timeout | ErrorKind::Unavailable);
        self.is_repeated = self.is_interrupted && !self.is_repeated && result.as_ref().is_err_and(is_lost);
        if self.is_repeated {
            self.due = Some(now);
        }
        self.is_repeated
    }

    pub(crate) fn fail(&mut self, now: Timestamp, retry_after: Option<Duration>, rng: &mut Rng) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let delay = Backoff::default().delay(self.failures, retry_after, rng);
        self.due = Some(now + delay);
        delay
    }
}
