//! The native driver for JavaScript.

use std::collections::HashMap;
use std::future::Future;
use std::sync::LazyLock;

use napi::bindgen_prelude::{FnArgs, Function, Object};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, JsString, Status};
use napi_derive::napi;
use permisos_secrets::{Error, Notice, Read, Secrets};
use permisos_secrets_core::Options;
use tokio::runtime::{Builder, Runtime};

use crate::json;

/// One runtime for all instances of the process, of one thread: it waits for the network and little else. Its thread is
/// a daemon: Node ends without waiting for it.
static RUNTIME: LazyLock<std::io::Result<Runtime>> = LazyLock::new(|| {
    Builder::new_multi_thread().worker_threads(1).thread_name("permisos-secrets").enable_all().build()
});

/// Kind and content of a notice. Weak: a notice does not keep Node alive.
type Notify = ThreadsafeFunction<(String, String), (), FnArgs<(String, String)>, Status, false, true>;

/// Typed secrets, driven natively.
#[napi]
pub struct NativeSecrets(Secrets);

/// Either secrets or why there are none.
#[napi(object, object_from_js = false)]
pub struct Opened {
    /// The secrets, not loaded yet.
    pub secrets: Option<NativeSecrets>,
    /// The error as JSON.
    pub error: Option<String>,
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
        Err(error) => return Ok(Opened { secrets: None, error: Some(json::text(&error)) }),
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
                Notice::Event(event) => ("event".to_owned(), json::text(&event)),
                Notice::Lagged => ("lagged".to_owned(), String::new()),
            };
            // Fails only where the JavaScript thread has ended: there is no one left to notify.
            if notify.call(notice, ThreadsafeFunctionCallMode::NonBlocking) != Status::Ok {
                break;
            }
        }
    });
    Ok(Opened { secrets: Some(NativeSecrets(secrets)), error: None })
}

#[napi]
impl NativeSecrets {
    /// Loads everything. Resolves to null, or to the error as JSON.
    ///
    /// # Errors
    ///
    /// If Node cannot make a promise.
    #[napi(ts_return_type = "Promise<string | null>")]
    pub fn load<'e>(&self, env: &'e Env) -> napi::Result<Object<'e>> {
        let secrets = self.0.clone();
        promise(env, async move { secrets.ready().await })
    }

    /// Fetches one secret now. Resolves to null, or to the error as JSON.
    ///
    /// # Errors
    ///
    /// If Node cannot make a promise.
    #[napi(ts_return_type = "Promise<string | null>")]
    pub fn refresh<'e>(&self, env: &'e Env, service: String) -> napi::Result<Object<'e>> {
        let secrets = self.0.clone();
        promise(env, async move { secrets.refresh(service.as_str()).await })
    }

    /// Answers a read as JSON.
    ///
    /// # Errors
    ///
    /// If Node cannot make a string.
    #[napi]
    pub fn read<'e>(&self, env: &'e Env, service: String) -> napi::Result<JsString<'e>> {
        env.create_string(&**Read::expose_json(&self.0.read(service.as_str())))
    }

    /// The state of everything as JSON, without values.
    #[napi]
    pub fn health(&self) -> String {
        json::text(&self.0.health())
    }

    /// Forgets every value and ends the background work.
    #[napi]
    pub fn close(&self) {
        self.0.close();
    }
}

/// A promise that keeps Node alive until it settles, and no longer.
fn promise(env: &Env, work: impl Future<Output = Result<(), Error>> + Send + 'static) -> napi::Result<Object<'_>> {
    let (deferred, promise) = env.create_deferred()?;
    runtime()?.spawn(async move {
        let error = work.await.err().map(|error| json::text(&error));
        deferred.resolve(move |_| Ok(error));
    });
    Ok(promise)
}

fn runtime() -> napi::Result<&'static Runtime> {
    RUNTIME.as_ref().map_err(|error| napi::Error::new(Status::GenericFailure, format!("no threads: {}", error.kind())))
}
