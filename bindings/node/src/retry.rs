//! Logging in to the database while its password rotates.

use std::sync::Arc;

use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use permisos_secrets::LoginRetries;
use tokio::sync::Mutex;

use crate::secrets::promise;

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
    /// After work failed with an error of these SQLSTATEs: refreshes and waits, then resolves to whether the work is to
    /// run again.
    ///
    /// # Errors
    ///
    /// If Node cannot make a promise.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn after_failure<'e>(
        &self,
        env: &'e Env,
        tried: Option<String>,
        sqlstates: Vec<String>,
    ) -> napi::Result<Object<'e>> {
        let retries = self.0.clone();
        promise(env, async move {
            let mut retries = retries.lock().await;
            retries.after_failure(tried.as_deref(), sqlstates.iter().map(String::as_str)).await
        })
    }
}
