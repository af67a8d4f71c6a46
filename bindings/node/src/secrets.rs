//! The native driver for JavaScript.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use napi::bindgen_prelude::{FnArgs, Function, Object};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, JsString, Status};
use napi_derive::napi;
use permisos_secrets::{Error, Freshness, Notice, Origin, Secrets};
use permisos_secrets_core::{ExposeSecret, Options, Variables};
use serde::Serialize;
use tokio::runtime::{Builder, Runtime};
use zeroize::Zeroizing;

use crate::answer::{answer, expose_read};
use crate::merged;
use crate::retry::NativeLoginRetries;

/// One runtime for all instances of the process, of one thread: it waits for the network and little else. Its thread is
/// a daemon: Node ends without waiting for it.
static RUNTIME: LazyLock<std::io::Result<Runtime>> = LazyLock::new(|| {
    Builder::new_multi_thread().worker_threads(1).thread_name("permisos-secrets").enable_all().build()
});

/// Kind and content of a notice. Weak: a subscription does not keep Node alive.
type Notify = ThreadsafeFunction<(String, String), (), FnArgs<(String, String)>, Status, false, true>;

/// What `register` loaded: one for all threads of the process, and for all copies of the package in it.
static SHARED: Mutex<Option<Shared>> = Mutex::new(None);

#[derive(Clone)]
struct Shared {
    secrets: Secrets,
    options: Arc<Options>,
    /// The variables before `register` wrote any.
    original: Variables,
}

/// Typed secrets, driven natively.
#[napi]
pub struct NativeSecrets {
    secrets: Secrets,
    /// For those that `register` loaded.
    shared: Option<Shared>,
    /// Others close them: here they are only left.
    is_borrowed: bool,
    is_left: AtomicBool,
}

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
    let opened = merged(&options).and_then(|merged| {
        let builder = Secrets::builder().without_file().options(merged.options.clone());
        builder.variables(variables).build().map_err(|error| merged.explain(&error))
    });
    match opened {
        Ok(secrets) => {
            watch(&secrets, notify)?;
            Ok(Opened::ok(NativeSecrets { secrets, shared: None, is_borrowed: false, is_left: AtomicBool::new(false) }))
        }
        Err(error) => Ok(Opened::error(&error)),
    }
}

/// Loads the secrets of the process with the options of `permisos.json`, and blocks until they are there; answers those
/// that are loaded already. A thread that asks meanwhile waits for the same load.
///
/// # Errors
///
/// If Node cannot make the threadsafe function.
#[napi]
pub fn share_secrets(
    variables: HashMap<String, String>,
    notify: Function<'_, FnArgs<(String, String)>, ()>,
) -> napi::Result<Opened> {
    let mut shared_by_all = shared_by_all();
    if let Some(shared) = shared_by_all.clone() {
        return borrow(shared, notify);
    }
    let opened = merged("{}").and_then(|merged| {
        let (options, original) =
            Options::parse(&merged.options, &variables).map_err(|error| merged.explain(&error))?;
        let original = original.with_files(|path| std::fs::read_to_string(path).ok());
        let builder = Secrets::builder().without_file().options(merged.options.clone());
        let secrets = builder.variables(variables).build().map_err(|error| merged.explain(&error))?;
        Ok(Shared { secrets, options: Arc::new(options), original })
    });
    let shared = match opened {
        Ok(shared) => shared,
        Err(error) => return Ok(Opened::error(&error)),
    };
    watch(&shared.secrets, notify)?;
    if let Err(error) = runtime()?.block_on(shared.secrets.ready()) {
        shared.secrets.close();
        return Ok(Opened::error(&error));
    }
    *shared_by_all = Some(shared.clone());
    let secrets = shared.secrets.clone();
    Ok(Opened::ok(NativeSecrets { secrets, shared: Some(shared), is_borrowed: false, is_left: AtomicBool::new(false) }))
}

/// What `register` loaded, in this thread or in another; neither `ok` nor `error` where it did not.
///
/// # Errors
///
/// If Node cannot make the threadsafe function.
#[napi]
pub fn shared_secrets(notify: Function<'_, FnArgs<(String, String)>, ()>) -> napi::Result<Opened> {
    let shared = shared_by_all().clone();
    shared.map_or(Ok(Opened { ok: None, error: None }), |shared| borrow(shared, notify))
}

fn shared_by_all() -> MutexGuard<'static, Option<Shared>> {
    SHARED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn borrow(shared: Shared, notify: Function<'_, FnArgs<(String, String)>, ()>) -> napi::Result<Opened> {
    watch(&shared.secrets, notify)?;
    let secrets = shared.secrets.clone();
    Ok(Opened::ok(NativeSecrets { secrets, shared: Some(shared), is_borrowed: true, is_left: AtomicBool::new(false) }))
}

impl Opened {
    fn ok(secrets: NativeSecrets) -> Self {
        Self { ok: Some(secrets), error: None }
    }

    fn error(error: &Error) -> Self {
        Self { ok: None, error: serde_json::to_value(error).ok() }
    }
}

/// Passes on what happens from now on.
fn watch(secrets: &Secrets, notify: Function<'_, FnArgs<(String, String)>, ()>) -> napi::Result<()> {
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
    Ok(())
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
        let secrets = self.secrets.clone();
        promise(env, async move { secrets.ready().await })
    }

    /// Fetches one secret now.
    ///
    /// # Errors
    ///
    /// If Node cannot make a promise.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn refresh<'e>(&self, env: &'e Env, service: String) -> napi::Result<Object<'e>> {
        let secrets = self.secrets.clone();
        promise(env, async move { secrets.refresh(service.as_str()).await })
    }

    /// Answers a read.
    ///
    /// # Errors
    ///
    /// If Node cannot make a string.
    #[napi]
    pub fn read<'e>(&self, env: &'e Env, service: String) -> napi::Result<JsString<'e>> {
        let is_left = self.is_left.load(Ordering::Relaxed);
        let read =
            if is_left { Err(Error::closed(&service.as_str().into())) } else { self.secrets.read(service.as_str()) };
        env.create_string(&**expose_read(read))
    }

    /// For `process.env`, **with its secret values**: each variable of the secrets with its value, or `null` where it is to
    /// be unset. Nothing where `register` did not load them, or is not to write them.
    ///
    /// # Errors
    ///
    /// If Node cannot make a string.
    #[napi]
    pub fn process_variables<'e>(&self, env: &'e Env) -> napi::Result<JsString<'e>> {
        let written = self.shared.as_ref().filter(|shared| shared.options.process_env);
        let variables = written.map(|shared| {
            shared.options.process_variables(&shared.original, |service| self.secrets.read(service.clone()))
        });
        let exposed: HashMap<&String, Option<&str>> = variables
            .iter()
            .flatten()
            .map(|(name, value)| (name, value.as_ref().map(ExposeSecret::expose_secret)))
            .collect();
        let text = Zeroizing::new(answer(Ok(exposed)));
        env.create_string(text.as_str())
    }

    /// Counts reads that JavaScript answered by itself, from an answer of this origin and freshness.
    #[napi]
    pub fn count_reads(&self, service: String, origin: String, freshness: String, times: u32) {
        let word = |word: String| serde_json::Value::String(word);
        let origin: Result<Origin, _> = serde_json::from_value(word(origin));
        let freshness: Result<Freshness, _> = serde_json::from_value(word(freshness));
        if let (Ok(origin), Ok(freshness)) = (origin, freshness) {
            self.secrets.count_reads(service.as_str(), origin, freshness, times.into());
        }
    }

    /// The state of everything, without values.
    #[napi]
    #[must_use]
    pub fn health(&self) -> String {
        answer(Ok(self.secrets.health()))
    }

    /// The metrics' numbers now.
    #[napi]
    #[must_use]
    pub fn metrics(&self) -> String {
        answer(Ok(self.secrets.health().samples()))
    }

    /// Starts to count the budget of a login that may fail while the password rotates.
    #[napi]
    #[must_use]
    pub fn retry_logins(&self, budget_ms: u32) -> NativeLoginRetries {
        NativeLoginRetries::new(self.secrets.retry_logins(Duration::from_millis(budget_ms.into())))
    }

    /// Forgets every value and ends the background work. Of what another thread loaded, it only ends the reads here.
    #[napi]
    pub fn close(&self) {
        self.is_left.store(true, Ordering::Relaxed);
        if self.is_borrowed {
            return;
        }
        if self.shared.is_some() {
            *shared_by_all() = None;
        }
        self.secrets.close();
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
