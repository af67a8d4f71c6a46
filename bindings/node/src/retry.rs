//! What to do after a database login failed.

use std::time::{Duration, Instant};

use napi_derive::napi;
use permisos_secrets_core::{LoginRetry, RetryStep, Timestamp};

/// The engine's `LoginRetry` on this process's clock.
#[napi]
pub struct NativeLoginRetry {
    retry: LoginRetry,
    started: Instant,
}

/// What to do next.
#[napi(object)]
pub struct NativeRetryStep {
    /// `retry`, `refresh`, `wait` or `give-up`.
    pub step: String,
    /// How long to wait, in milliseconds.
    pub wait_ms: Option<u32>,
}

#[napi]
impl NativeLoginRetry {
    /// Starts the budget, in milliseconds.
    #[napi(constructor)]
    #[must_use]
    pub fn new(budget_ms: u32, seed: u32) -> Self {
        let budget = Duration::from_millis(budget_ms.into());
        Self { retry: LoginRetry::new(Timestamp(0), budget, seed.into()), started: Instant::now() }
    }

    /// Decides, given the version that the login failed with and the one held now.
    #[napi]
    pub fn next(&mut self, tried: Option<String>, held: Option<String>) -> NativeRetryStep {
        let now = Timestamp(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX));
        let (step, wait) = match self.retry.after_failure(now, tried.as_deref(), held.as_deref()) {
            RetryStep::GiveUp => ("give-up", None),
            RetryStep::Refresh => ("refresh", None),
            RetryStep::Retry => ("retry", None),
            RetryStep::Wait(wait) => ("wait", Some(wait)),
        };
        let wait_ms = wait.map(|wait| u32::try_from(wait.as_millis()).unwrap_or(u32::MAX));
        NativeRetryStep { step: step.to_owned(), wait_ms }
    }
}
