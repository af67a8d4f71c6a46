//! The component, compiled once, and the bounds of its sandbox.

use std::collections::HashMap;
use std::path::Path;
use std::{fmt, io};

use permisos_secrets::{DrivenEngine, Error, ErrorKind};
use serde_json::{Map, Value};
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Precompiled, Store};

use crate::bindings::HostedPre;
use crate::engine::SandboxedEngine;
use crate::limits::{Bounds, Limits};

/// The interface that a component has to export, in the version of this crate.
const INTERFACE: &str = "permisos:secrets/engine@0.1.0";

/// The component that holds the engine, compiled, linked to nothing, and ready to run. Cloning shares it.
#[derive(Clone)]
pub struct Sandbox {
    component: HostedPre<Bounds>,
    limits: Limits,
}

impl Sandbox {
    /// Compiles the component `permisos-secrets.component.wasm`, which takes 0.7 seconds, or 7 where dependencies are not
    /// optimised: see [`precompile`](Self::precompile).
    pub fn new(wasm: &[u8]) -> Result<Self, Error> {
        check_kind(wasm)?;
        let engine = Limits::default().engine()?;
        let component = Component::new(&engine, wasm).map_err(|error| uncompilable(&error))?;
        Self::link(&component)
    }

    /// Compiles the component into what [`from_precompiled`](Self::from_precompiled) loads in less than a millisecond from
    /// a file, on this kind of machine and with this version of wasmtime.
    pub fn precompile(wasm: &[u8]) -> Result<Vec<u8>, Error> {
        check_kind(wasm)?;
        Limits::default().engine()?.precompile_component(wasm).map_err(|error| uncompilable(&error))
    }

    /// Loads a file of what [`precompile`](Self::precompile) made, by mapping it into memory. One that is cut short, of
    /// another version of wasmtime, for another machine, or something else altogether is refused.
    ///
    /// # Safety
    ///
    /// The file is machine code and runs as such: it must be, unchanged, what `precompile` answered. What was changed with
    /// intent is not found out, so keep it where only those can write who may replace the program itself. It must stay as
    /// it is while a sandbox of it lives: to replace it, rename another file to its name.
    #[expect(unsafe_code, reason = "machine code cannot be checked")]
    pub unsafe fn from_precompiled(file: impl AsRef<Path>) -> Result<Self, Error> {
        let file = file.as_ref();
        match Engine::detect_precompiled_file(file) {
            Ok(Some(Precompiled::Component)) => {}
            Ok(Some(Precompiled::Module)) => return Err(refused("is a precompiled module: precompile the component")),
            Err(error) if error.is::<io::Error>() => {
                return Err(refused(&format!("cannot be read from {}: {}", file.display(), error.root_cause())));
            }
            Ok(None) | Err(_) => {
                return Err(refused("is not precompiled, or cut short: precompile it again with Sandbox::precompile"));
            }
        }
        let engine = Limits::default().engine()?;
        // SAFETY: the caller's promise.
        let component = unsafe { Component::deserialize_file(&engine, file) }.map_err(|error| {
            refused(&format!("cannot be loaded: precompile it again with Sandbox::precompile ({})", error.root_cause()))
        })?;
        Self::link(&component)
    }

    /// Sets other bounds of memory and work than the default ones; no more memory than those have.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Opens engines for [`SecretsBuilder::engine`](permisos_secrets::SecretsBuilder::engine): the builder's result is
    /// the same as ever, but what decides runs in this sandbox.
    #[expect(clippy::type_complexity, reason = "what the builder takes")]
    pub fn engine(
        &self,
    ) -> impl FnOnce(&Map<String, Value>, HashMap<String, String>) -> Result<Box<dyn DrivenEngine>, Error> + use<> {
        let sandbox = self.clone();
        move |options, variables| Ok(Box::new(sandbox.open(options, &variables)?))
    }

    /// Opens an engine from options (with `startedAt` and `seed`) and environment variables, of which the component
    /// gets those that it asks for and no other.
    pub fn open(
        &self,
        options: &Map<String, Value>,
        variables: &HashMap<String, String>,
    ) -> Result<SandboxedEngine, Error> {
        SandboxedEngine::open(&self.component, self.limits, options, variables)
    }

    /// Makes an instance and ends it: what each [`open`](Self::open) pays before any work.
    #[doc(hidden)]
    pub fn instantiate(&self) -> wasmtime::Result<()> {
        let mut store = Store::new(self.component.engine(), self.limits.memory_limits());
        store.limiter(|bounds| bounds);
        self.limits.refuel(&mut store)?;
        self.component.instantiate(&mut store).map(drop)
    }

    /// Nothing is linked: a component that imports a function is refused. So is one whose functions have other types,
    /// which are compared in an instance.
    fn link(component: &Component) -> Result<Self, Error> {
        let linker = Linker::new(component.engine());
        let prepared = linker.instantiate_pre(component).and_then(HostedPre::new);
        let sandbox = prepared.map(|component| Self { component, limits: Limits::default() });
        sandbox
            .and_then(|sandbox| sandbox.instantiate().map(|()| sandbox))
            .map_err(|error| refused(&format!("is not the engine of this version: {}", mismatch(component, &error))))
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// Before the compiler reads it, which describes text or a module in ten lines of its bytes.
fn check_kind(wasm: &[u8]) -> Result<(), Error> {
    match wasm {
        [b'\0', b'a', b's', b'm', _, _, 1, 0, ..] => Ok(()),
        [b'\0', b'a', b's', b'm', _, _, 0, 0, ..] => Err(refused("is a core module of WebAssembly, not a component")),
        [b'\0', b'a', b's', b'm', ..] => Err(refused("is WebAssembly of an unknown kind, or cut short")),
        _ => Err(refused("is not WebAssembly")),
    }
}

fn uncompilable(error: &wasmtime::Error) -> Error {
    let cause = error.root_cause().to_string();
    refused(&format!("cannot be compiled ({})", cause.lines().next().unwrap_or_default()))
}

fn refused(what: &str) -> Error {
    Error::new(
        ErrorKind::ConfigInvalid,
        format!("the component {what}; take permisos-secrets.component.wasm of version {}", env!("CARGO_PKG_VERSION")),
    )
}

/// Why it does not fit, as precisely as its imports and exports show.
fn mismatch(component: &Component, error: &wasmtime::Error) -> String {
    let engine = component.engine();
    let ty = component.component_type();
    let function = ty.imports(engine).find_map(|(name, item)| match item.ty {
        ComponentItem::ComponentFunc(_) => Some(name.to_owned()),
        ComponentItem::ComponentInstance(instance) => {
            let mut exports = instance.exports(engine);
            let function = exports.find(|(_, item)| matches!(item.ty, ComponentItem::ComponentFunc(_)));
            function.map(|(function, _)| format!("{name}#{function}"))
        }
        _ => None,
    });
    if let Some(function) = function {
        return format!("it imports {function}, and the engine imports nothing");
    }
    let exports: Vec<&str> = ty.exports(engine).map(|(name, _)| name).collect();
    if exports.contains(&INTERFACE) {
        return format!("its interface {INTERFACE} does not fit ({})", error.root_cause());
    }
    let name = |interface: &str| interface.split('@').next().map(str::to_owned);
    if let Some(other) = exports.iter().find(|export| name(export) == name(INTERFACE)) {
        return format!("its interface is {other}, and this host's is {INTERFACE}");
    }
    format!(
        "it exports {}, and not {INTERFACE}",
        if exports.is_empty() { "nothing".into() } else { exports.join(", ") }
    )
}
