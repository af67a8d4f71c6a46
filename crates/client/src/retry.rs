//! Logging in to the database while its password rotates.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use permisos_secrets_core::schema::DatabaseConfig;
use permisos_secrets_core::{Config, Error, LoginRetry, RetryStep, Service, Timestamp};
use tokio::time::{Instant, sleep};

use crate::secrets::Secrets;

/// How long a login is tried again: AWS changes the database about a minute before the secret.
const BUDGET: Duration = Duration::from_secs(90);

/// An error of a PostgreSQL driver that may hold the server's SQLSTATE. With the features `tokio-postgres` and `sqlx`
/// their errors are such, and a `Box<dyn Error + Send + Sync>` around them.
pub trait SqlState {
    /// The code in PostgreSQL's [table](https://www.postgresql.org/docs/current/errcodes-appendix.html), e.g. `28P01`.
    fn sqlstate(&self) -> Option<String>;
}

/// Why work with the database failed.
#[derive(Debug)]
pub enum DatabaseError<E> {
    /// The secret cannot be read.
    Secrets(Error),
    /// The work itself failed: its own error, untouched.
    Work(E),
}

impl<E: fmt::Display> fmt::Display for DatabaseError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secrets(error) => error.fmt(f),
            Self::Work(error) => error.fmt(f),
        }
    }
}

impl<E: StdError + 'static> StdError for DatabaseError<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Secrets(error) => Some(error),
            Self::Work(error) => Some(error),
        }
    }
}

impl Secrets {
    /// Runs work that logs in to the database. Where the login fails because the password was just rotated (SQLSTATE
    /// `28P01` or `28000`), refreshes the secret and runs the work again with what is current then, for 90 seconds at
    /// most. Any other error passes untouched.
    pub async fn with_database_retry<T, E: SqlState, W: Future<Output = Result<T, E>>>(
        &self,
        work: impl FnMut(Arc<DatabaseConfig>) -> W,
    ) -> Result<T, DatabaseError<E>> {
        let is_refused = |error: &E| error.sqlstate().is_some_and(|state| LoginRetry::is_login_failure(&state));
        self.with_database_retry_if(work, is_refused).await
    }

    /// As [`with_database_retry`](Self::with_database_retry), for a driver of another kind: `is_refused` says which of its
    /// errors are logins that the server refused.
    pub async fn with_database_retry_if<T, E, W: Future<Output = Result<T, E>>>(
        &self,
        mut work: impl FnMut(Arc<DatabaseConfig>) -> W,
        is_refused: impl Fn(&E) -> bool,
    ) -> Result<T, DatabaseError<E>> {
        let mut retries = self.retry_logins(BUDGET);
        loop {
            let read = self.read(Service::Database).map_err(DatabaseError::Secrets)?;
            let (config, tried) = match read.config {
                Config::Database(config) => (config, read.version_id),
                other => unreachable!("the engine pairs services and configs, but answered {other:?}"),
            };
            let error = match work(config).await {
                Err(error) if is_refused(&error) => error,
                done => return done.map_err(DatabaseError::Work),
            };
            if !retries.after_refusal(tried.as_deref()).await.map_err(DatabaseError::Secrets)? {
                return Err(DatabaseError::Work(error));
            }
        }
    }

    /// Starts to count a budget of time for logins that fail while the password rotates: for code that cannot hand over
    /// its work as [`with_database_retry`](Self::with_database_retry) takes it, such as a pool.
    pub fn retry_logins(&self, budget: Duration) -> LoginRetries {
        let retry = LoginRetry::new(Timestamp(0), budget, RandomState::new().hash_one(()));
        LoginRetries { secrets: self.clone(), started: Instant::now(), retry }
    }
}

/// What to do after each failed login, within a budget of time.
#[derive(Debug)]
pub struct LoginRetries {
    secrets: Secrets,
    started: Instant,
    retry: LoginRetry,
}

impl LoginRetries {
    /// After an error of these SQLSTATEs, and of the version that the work logged in with: where one says that the login
    /// was refused, as [`after_refusal`](Self::after_refusal); else false at once.
    pub async fn after_failure<'s>(
        &mut self,
        tried: Option<&str>,
        mut sqlstates: impl Iterator<Item = &'s str>,
    ) -> Result<bool, Error> {
        if sqlstates.any(LoginRetry::is_login_failure) { self.after_refusal(tried).await } else { Ok(false) }
    }

    /// Refreshes the secret and waits, until another version than the one tried is held: true, log in with it. False once
    /// the budget is spent, or nothing can change.
    pub async fn after_refusal(&mut self, tried: Option<&str>) -> Result<bool, Error> {
        loop {
            let now = Timestamp(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX));
            let held = self.secrets.read(Service::Database)?.version_id;
            match self.retry.after_failure(now, tried, held.as_deref()) {
                RetryStep::GiveUp => return Ok(false),
                // A refresh that fails is an event; the budget decides when to give up.
                RetryStep::Refresh => drop(self.secrets.refresh(Service::Database).await),
                RetryStep::Retry => return Ok(true),
                RetryStep::Wait(wait) => sleep(wait).await,
            }
        }
    }
}

#[cfg(feature = "tokio-postgres")]
impl SqlState for tokio_postgres::Error {
    fn sqlstate(&self) -> Option<String> {
        Some(self.code()?.code().to_owned())
    }
}

#[cfg(feature = "sqlx")]
impl SqlState for sqlx::Error {
    fn sqlstate(&self) -> Option<String> {
        Some(self.as_database_error()?.code()?.into_owned())
    }
}

/// The SQLSTATE of the first cause that has one.
impl SqlState for Box<dyn StdError + Send + Sync> {
    fn sqlstate(&self) -> Option<String> {
        std::iter::successors(Some(&**self as &(dyn StdError + 'static)), |&error| error.source()).find_map(known)
    }
}

fn known(error: &(dyn StdError + 'static)) -> Option<String> {
    #[cfg(feature = "tokio-postgres")]
    if let Some(error) = error.downcast_ref::<tokio_postgres::Error>() {
        return error.sqlstate();
    }
    #[cfg(feature = "sqlx")]
    if let Some(error) = error.downcast_ref::<sqlx::Error>() {
        return error.sqlstate();
    }
    let _ = error;
    None
}
