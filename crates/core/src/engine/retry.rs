//! What to do after a login failed: the password may just have been rotated.

use std::time::Duration;

use fastrand::Rng;

use crate::policy::Backoff;
use crate::time::Timestamp;

/// PostgreSQL's `invalid_password` and `invalid_authorization_specification`
/// ([error codes](https://www.postgresql.org/docs/current/errcodes-appendix.html)).
const LOGIN_FAILURES: [&str; 2] = ["28P01", "28000"];
/// AWS changes the database first, about a minute before it moves AWSCURRENT: looking every few seconds is enough.
const LONGEST_WAIT: Duration = Duration::from_secs(8);

/// Decides how to go on after failed logins, within a budget of time.
///
/// Call [`after_failure`](Self::after_failure) and do what it says, until it says [`RetryStep::Retry`] (log in again
/// with the config that is current now) or [`RetryStep::GiveUp`] (let the error through).
#[derive(Debug)]
pub struct LoginRetry {
    deadline: Timestamp,
    waits: u32,
    has_refreshed: bool,
    rng: Rng,
}

/// What to do next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RetryStep {
    /// The budget is spent, or nothing can change: let the error through.
    GiveUp,
    /// Refresh the secret, then ask again.
    Refresh,
    /// Another version is held than the one that failed: log in with it.
    Retry,
    /// Wait, then ask again.
    Wait(Duration),
}

impl LoginRetry {
    /// Starts the budget. The seed spreads the waits of a fleet.
    pub fn new(now: Timestamp, budget: Duration, seed: u64) -> Self {
        Self { deadline: now + budget, waits: 0, has_refreshed: false, rng: Rng::with_seed(seed) }
    }

    /// Whether an error's SQLSTATE says that the login failed. Matched by code, never by message.
    pub fn is_login_failure(sqlstate: &str) -> bool {
        LOGIN_FAILURES.contains(&sqlstate)
    }

    /// Decides, given the version that the login failed with and the one held now (none: from the environment).
    pub fn after_failure(&mut self, now: Timestamp, tried: Option<&str>, held: Option<&str>) -> RetryStep {
        if now >= self.deadline {
            return RetryStep::GiveUp;
        }
        if held != tried {
            return RetryStep::Retry;
        }
        if tried.is_none() {
            return RetryStep::GiveUp;
        }
        if !std::mem::replace(&mut self.has_refreshed, true) {
            return RetryStep::Refresh;
        }
        self.has_refreshed = false;
        let backoff = Backoff { initial: Duration::from_secs(1), limit: LONGEST_WAIT };
        let wait = backoff.delay(self.waits, None, &mut self.rng);
        self.waits = self.waits.saturating_add(1);
        RetryStep::Wait(wait.min(self.deadline.since(now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn login_failures_are_told_by_code() {
        assert!(LoginRetry::is_login_failure("28P01") && LoginRetry::is_login_failure("28000"));
        assert!(!LoginRetry::is_login_failure("42P01") && !LoginRetry::is_login_failure("password"));
    }

    #[test]
    fn refreshes_then_waits_then_refreshes_until_the_version_changes() {
        let mut retry = LoginRetry::new(Timestamp(0), Duration::from_mins(1), 7);
        assert_eq!(retry.after_failure(Timestamp(0), Some("v1"), Some("v1")), RetryStep::Refresh);
        let wait = retry.after_failure(Timestamp(0), Some("v1"), Some("v1"));
        let RetryStep::Wait(wait) = wait else { panic!("{wait:?}") };
        assert!((500..=1000).contains(&wait.as_millis()), "{wait:?}");
        assert_eq!(retry.after_failure(Timestamp(900), Some("v1"), Some("v1")), RetryStep::Refresh);
        assert_eq!(retry.after_failure(Timestamp(950), Some("v1"), Some("v2")), RetryStep::Retry);
    }

    #[test]
    fn gives_up_when_the_budget_is_spent() {
        let mut retry = LoginRetry::new(Timestamp(0), Duration::from_secs(1), 7);
        assert_eq!(retry.after_failure(Timestamp(1000), Some("v1"), Some("v1")), RetryStep::GiveUp);
    }

    #[test]
    fn a_password_from_the_environment_cannot_rotate() {
        let mut retry = LoginRetry::new(Timestamp(0), Duration::from_mins(1), 7);
        assert_eq!(retry.after_failure(Timestamp(0), None, None), RetryStep::GiveUp);
    }
}
