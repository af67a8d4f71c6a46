//! The native driver for JavaScript.

use std::collections::HashMap;
use std::future::Future;
use std::sync::LazyLock;
use std::time::Duration;

use napi::bindgen_prelude::{FnArgs, Function, Object};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, JsString, Status};
use napi_derive::napi;
use permisos_secrets::{Error, Freshness, Notice, Origin, Secrets};
use permisos_secrets_core::Options;
use serde::Serialize;
use tokio::runtime::{Builder, Runtime};

use crate::answer::{answer, expose_read};
use crate::retry::NativeLoginRetries;

/// One runtime for all instances of the process, of one thread: it waits for the network and little else. Its thread is
/// a daemon: Node ends without waiting for it.
static RUNTIME: LazyLock<std::io::Result<Runtime>> = LazyLock::new(|| {
    Builder::new_multi_thread().worker_threads(1).thread_name("permisos-secrets").enable_all().build()
});

/// Kind and content of a notice. Weak: a subscription does not keep Node alive.
type Notify = ThreadsafeFunction<(String, String), (), FnArgs<(String, String)>, Status, false, true>;

/// Typed secrets, driven natively.
#[napi]
pub struct NativeSecrets(Secrets);

/// The envelope of an answer that is no JSON.
#[napi(object, object_from_js = false)]
pub struct Opened {
    /// The secrets, not loaded yet.
    pub ok: Option<NativeSecrets>,
    /// Why there are none.
    pub error: Option<serde_json::Value>,
}

/// Checks the options, and calls `notify(kind, content)` from then on: `changed` and the service, `event` and the event
/// as JSON, or `lagged` if notices were missed.
///
/// # Errors
///
/// If Node cannot make the threadsafe function.
#[napi]
pub fn open_secrets(
    options: String,
    variables: HashMap<String, String>,
    notify: Function<'_, FnArgs<(String, String)>, ()>,
) -> napi::Result<Opened> {
    let opened = Options::document(&options)
        .and_then(|options| Secrets::builder().options(options).variables(variables).build());
    let secrets = match opened {
        Ok(secrets) => secrets,
        Err(error) => return Ok(Opened { ok: None, error: serde_json::to_value(&error).ok() }),
    };
    let notify: Notify = notify
        .build_threadsafe_function::<(String, String)>()
        .weak::<true>()
        .build_callback(|context| Ok(FnArgs::from(context.value)))?;
    let mut subscription = secrets.subscribe();
    runtime()?.spawn(async move {
        while let Some(notice) = subscription.next().await {
            let notice = match notice {
                Notice::Changed(service) => ("changed".to_owned(), service.to_string()),
                Notice::Event(event) => ("event".to_owned(), serde_json::to_string(&event).unwrap_or_default()),
                Notice::Lagged => ("lagged".to_owned(), String::new()),
            };
            // Fails only where the JavaScript thread has ended.
            if notify.call(notice, ThreadsafeFunctionCallMode::NonBlocking) != Status::Ok {
                break;
            }
        }
    });
    Ok(Opened { ok: Some(NativeSecrets(secrets)), error: None })
}

#[napi]
impl NativeSecrets {
    /// Loads everything.
    ///
    /// # Errors
    ///
    /// If Node cannot make a promise.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn load<'e>(&self, env: &'e Env) -> napi::Result<Object<'e>> {
        let secrets = self.0.clone();
        promise(env, async move { secrets.ready().await })
    }

    /// Fetches one secret now.
    ///
    /// # Errors
    ///
    /// If Node cannot make a promise.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn refresh<'e>(&self, env: &'e Env, service: String) -> napi::Result<Object<'e>> {
        let secrets = self.0.clone();
        promise(env, async move { secrets.refresh(service.as_str()).await })
    }

    /// Answers a read.
    ///
    /// # Errors
    ///
    /// If Node cannot make a string.
    #[napi]
    pub fn read<'e>(&self, env: &'e Env, service: String) -> napi::Result<JsString<'e>> {
        env.create_string(&**expose_read(self.0.read(service.as_str())))
    }

    /// Counts reads that JavaScript answered by itself, from an answer of this origin and freshness.
    #[napi]
    pub fn count_reads(&self, service: String, origin: String, freshness: String, times: u32) {
        let word = |word: String| serde_json::Value::String(word);
        let origin: Result<Origin, _> = serde_json::from_value(word(origin));
        let freshness: Result<Freshness, _> = serde_json::from_value(word(freshness));
        if let (Ok(origin), Ok(freshness)) = (origin, freshness) {
            self.0.count_reads(service.as_str(), origin, freshness, times.into());
        }
    }

    /// The state of everything, without values.
    #[napi]
    #[must_use]
    pub fn health(&self) -> String {
        answer(Ok(self.0.health()))
    }

    /// The metrics' numbers now.
    #[napi]
    #[must_use]
    pub fn metrics(&self) -> String {
        answer(Ok(self.0.health().samples()))
    }

    /// Starts to count the budget of a login that may fail while the password rotates.
    #[napi]
    #[must_use]
    pub fn retry_logins(&self, budget_ms: u32) -> NativeLoginRetries {
        NativeLoginRetries::new(self.0.retry_logins(Duration::from_millis(budget_ms.into())))
    }

    /// Forgets every value and ends the background work.
    #[napi]
    pub fn close(&self) {
        self.0.close();
    }
}

/// A promise of an envelope. It keeps Node alive until it settles, and no longer.
pub(crate) fn promise<T: Serialize>(
    env: &Env,
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> napi::Result<Object<'_>> {
    let (deferred, promise) = env.create_deferred()?;
    runtime()?.spawn(async move {
        let answer = answer(work.await);
        deferred.resolve(move |_| Ok(answer));
    });
    Ok(promise)
}

fn runtime() -> napi::Result<&'static Runtime> {
    RUNTIME.as_ref().map_err(|error| napi::Error::new(Status::GenericFailure, format!("no threads: {}", error.kind())))
}
