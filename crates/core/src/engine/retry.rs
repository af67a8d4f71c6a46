//! What to do after a login failed: the password may just have been rotated.

use std::time::Duration;

use fastrand::Rng;

use crate::policy::Backoff;
use crate::time::Timestamp;

/// What says by its code that a password was refused: PostgreSQL's `invalid_password`
/// ([error codes](https://www.postgresql.org/docs/current/errcodes-appendix.html)), as a part of what PostgreSQL's drivers
/// and those who wrap them report; Prisma's
/// [P1000](https://www.prisma.io/docs/orm/reference/error-reference#p1000), and `AuthenticationFailed` of its driver adapters.
const REFUSED_PASSWORD: [&str; 3] = ["28P01", "AuthenticationFailed", "P1000"];
/// `invalid_authorization_specification`: a role that does not exist, that may not log in, or whose password PAM or LDAP
/// refused. It is also what the server says where it never looks at a password.
const REFUSED_LOGIN: &str = "28000";
/// With which poolers report any failure, that of a login too: `PgBouncer` a `protocol_violation`, others a system or an
/// internal error.
const POOLERS: [&str; 3] = ["08P01", "58000", "XX000"];
/// What the message of a pooler says in that case.
const POOLER_REFUSALS: [&str; 5] =
    ["auth failed", "authentication failed", "incorrect password", "invalid password", "no such user"];
/// What another password does not change: which hosts, users and databases `pg_hba.conf` lets in, with or without TLS (its
/// name is the same in every language of the server), and logins that ask for no password.
const BEYOND_PASSWORDS: [&str; 7] = [
    "certificate authentication failed",
    "client certificate",
    "gssapi authentication failed",
    "host rejected",
    "ident authentication failed",
    "peer authentication failed",
    "pg_hba.conf",
];
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

    /// Whether a login failed in a way that another password may heal. The codes decide; a message only where a code
    /// stands for more than that.
    ///
    /// `reported` are code and message of the error that the work ended with and of all that it wraps, in any order: what
    /// says only that something below failed has another code or none. Either may be empty.
    pub fn is_login_failure<'e>(reported: impl IntoIterator<Item = (&'e str, &'e str)>) -> bool {
        let reported: Vec<(&str, String)> =
            reported.into_iter().map(|(code, message)| (code, message.to_ascii_lowercase())).collect();
        let says = |message: &str, phrases: &[&str]| phrases.iter().any(|phrase| message.contains(phrase));
        let is_beyond = || reported.iter().any(|(_, message)| says(message, &BEYOND_PASSWORDS));
        reported.iter().any(|(code, message)| match *code {
            REFUSED_LOGIN => !is_beyond(),
            code if POOLERS.contains(&code) => says(message, &POOLER_REFUSALS) && !is_beyond(),
            code => REFUSED_PASSWORD.contains(&code),
        })
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
