//! Logging in to the database while its password rotates.

use std::sync::Arc;

use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use permisos_secrets::LoginRetries;
use tokio::sync::Mutex;

use crate::secrets::promise;

/// What an error, or one that it wraps, says of itself.
#[napi(object)]
pub struct NativeReported {
    /// Its code, of whatever kind; empty where it has none.
    pub code: String,
    /// Its message.
    pub message: String,
}

/// The driver's `LoginRetries`.
#[napi]
pub struct NativeLoginRetries(Arc<Mutex<LoginRetries>>);

impl NativeLoginRetries {
    pub(crate) fn new(retries: LoginRetries) -> Self {
        Self(Arc::new(Mutex::new(retries)))
    }
}

#[napi]
impl NativeLoginRetries {
    /// After work failed with an error that says this, it and what it wraps: where another password may heal that,
    /// refreshes and waits; resolves to whether the work is to run again.
    ///
    /// # Errors
    ///
    /// If Node cannot make a promise.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn after_failure<'e>(
        &self,
        env: &'e Env,
        tried: Option<String>,
        reported: Vec<NativeReported>,
    ) -> napi::Result<Object<'e>> {
        let retries = self.0.clone();
        promise(env, async move {
            let mut retries = retries.lock().await;
            let reported = reported.iter().map(|it| (it.code.as_str(), it.message.as_str()));
            retries.after_failure(tried.as_deref(), reported).await
        })
    }
}
