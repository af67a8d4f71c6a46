//! The component and the guests, where `cargo xtask test` built them; a source.

#![allow(dead_code, reason = "each test uses a part")]

use std::future::Future;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Mutex, OnceLock};

use permisos_secrets::{Error, ErrorKind, Source};
use permisos_secrets_core::{Failure, Fetch, Fetched, Outcome, Payload, Stage};
use permisos_secrets_wasmtime::wasmtime::component::Component;
use permisos_secrets_wasmtime::wasmtime::{Engine, OptLevel};
use permisos_secrets_wasmtime::{Limits, Sandbox};
use serde_json::Value;

/// The component's bytes.
pub(crate) fn component() -> Vec<u8> {
    read(&folder("PERMISOS_COMPONENT"))
}

/// A guest's bytes.
pub(crate) fn guest(name: &str) -> Vec<u8> {
    read(&folder("PERMISOS_GUESTS").join(format!("{name}.wasm")))
}

/// A guest with an interpreter, compiled once for all runs into the cache: the compiler takes many seconds for it.
#[expect(unsafe_code, reason = "the file is one that this very program made, or it is made again")]
pub(crate) fn compiled_guest(name: &str) -> (Engine, Component) {
    let foreign = folder("PERMISOS_FOREIGN_GUESTS");
    let mut config = Limits::guest().config();
    config.cranelift_opt_level(OptLevel::None);
    let engine = Engine::new(&config).expect("the bounds of guests are possible");
    let (wasm, file) = (foreign.join(format!("{name}.wasm")), foreign.join(format!("{name}.cwasm")));
    if !wasm.exists() {
        // One in Rust, which takes milliseconds.
        let component = Component::new(&engine, guest(name)).expect("the guest compiles");
        return (engine, component);
    }
    let loaded = file.exists().then(|| unsafe { Component::deserialize_file(&engine, &file) });
    if let Some(Ok(component)) = loaded {
        return (engine, component);
    }
    let compiled = engine.precompile_component(&read(&wasm)).expect("the guest compiles");
    std::fs::write(&file, compiled).expect("the folder of the guests is writable");
    let component = unsafe { Component::deserialize_file(&engine, &file) };
    (engine, component.expect("it was just made"))
}

/// The component, compiled once for all tests of a file.
pub(crate) fn compiled() -> &'static [u8] {
    static COMPILED: OnceLock<Vec<u8>> = OnceLock::new();
    COMPILED.get_or_init(|| Sandbox::precompile(&component()).expect("the component compiles"))
}

/// Loads what was precompiled, or what is none.
#[expect(unsafe_code, reason = "the bytes are those that were just made, or less of them")]
pub(crate) fn load(compiled: &[u8]) -> Result<Sandbox, Error> {
    let mut file = tempfile::NamedTempFile::new().expect("the temporary folder is writable");
    file.write_all(compiled).expect("the temporary folder is writable");
    // Removed afterwards: what is mapped stays.
    unsafe { Sandbox::from_precompiled(file.path()) }
}

pub(crate) fn sandbox() -> &'static Sandbox {
    static SANDBOX: OnceLock<Sandbox> = OnceLock::new();
    SANDBOX.get_or_init(|| load(compiled()).expect("it is that of this version"))
}

/// Payloads by service, or by `{service}@AWSPREVIOUS`, and the version of the current ones. `"outage"` in the place of one:
/// AWS cannot be reached.
pub(crate) struct Stored(Mutex<(Value, &'static str)>);

impl Stored {
    pub(crate) fn new(payloads: Value) -> Self {
        Self(Mutex::new((payloads, "v1")))
    }

    pub(crate) fn rotate(&self, payloads: Value) {
        *self.0.lock().expect("no test panics while it holds this") = (payloads, "v2");
    }
}

impl Source for Stored {
    fn fetch<'a>(&'a self, fetch: &'a Fetch) -> Pin<Box<dyn Future<Output = Fetched> + Send + 'a>> {
        let stored = self.0.lock().expect("no test panics while it holds this");
        let (payloads, version) = &*stored;
        let outcomes = fetch.requests.iter().map(|request| {
            let (key, version) = match request.stage {
                Stage::Current => (request.service.to_string(), *version),
                Stage::Previous => (format!("{}@AWSPREVIOUS", request.service), "v0"),
            };
            let stored = payloads.get(key);
            let payload = stored.filter(|payload| *payload != "outage").map(|payload| Payload {
                text: Some(payload.to_string().into()),
                version_id: version.to_owned(),
                created_at: None,
                region: None,
            });
            let kind = if stored.is_some() { ErrorKind::Unavailable } else { ErrorKind::NotFound };
            let missing = || Failure { kind, message: "not there".to_owned(), retry_after: None };
            Outcome { service: request.service.clone(), stage: request.stage, result: payload.ok_or_else(missing) }
        });
        let fetched = Fetched { id: fetch.id, outcomes: outcomes.collect(), calls: vec![] };
        Box::pin(std::future::ready(fetched))
    }
}

fn folder(variable: &str) -> PathBuf {
    let hint = "run `cargo xtask component` and set the variables that it prints, or run `cargo xtask test`";
    std::env::var_os(variable).unwrap_or_else(|| panic!("{variable} is not set: {hint}")).into()
}

fn read(file: &Path) -> Vec<u8> {
    std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
