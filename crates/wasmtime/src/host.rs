//! Secrets for guests: what applications compiled to components import.

use std::collections::{BTreeMap, BTreeSet};
use std::{fmt, mem};

use permisos_secrets::{Config, Error, ErrorKind, Secrets, Service, ServiceId};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use wasmtime::component::{HasSelf, Linker, Resource, ResourceTable};
use wasmtime::{CallHook, Engine, Store};

use crate::bindings::permisos::secrets::config;
use crate::bindings::wasi::config::store as wasi_config;
use crate::bindings::wasmcloud::secrets::{reveal, store as wasmcloud_store};
use crate::convert::ToWit;
use crate::handle::{Handle, Key};
use crate::limits::{Bounds, CALL, Limits, charge};

/// What one guest may read: the host's secrets, and which of them are granted. It belongs into the store's state.
pub struct SecretsCtx {
    secrets: Secrets,
    granted: BTreeSet<ServiceId>,
    handles: ResourceTable,
    /// The guest's bounds; [`Limits::hold`](crate::Limits::hold) sets them.
    pub(crate) bounds: Option<Bounds>,
    /// The host's work for the guest, in units of fuel, until the guest has paid for it.
    pub(crate) work: u64,
    /// How deep the host is in calls: of the guest, and of the guest's memory to grow meanwhile.
    pub(crate) depth: u32,
}

impl SecretsCtx {
    /// Grants these services and custom secrets to the guest, and no other. Fails for one that the secrets do not have.
    pub fn new(secrets: Secrets, granted: impl IntoIterator<Item = impl Into<ServiceId>>) -> Result<Self, Error> {
        let granted: BTreeSet<ServiceId> = granted.into_iter().map(Into::into).collect();
        let known = secrets.services();
        if let Some(unknown) = granted.iter().find(|service| !known.contains(service)) {
            return Err(Error::not_among(unknown, known.iter().map(ServiceId::as_str)));
        }
        Ok(Self { secrets, granted, handles: ResourceTable::new(), bounds: None, work: 0, depth: 0 })
    }

    fn config(&mut self, service: &ServiceId) -> Result<Config, Error> {
        self.work = self.work.saturating_add(CALL);
        if self.bounds.is_none() {
            return Err(Error::new(ErrorKind::ConfigInvalid, UNHELD));
        }
        if !self.granted.contains(service) {
            let message = format!("{service} is not granted to this guest: its host grants it in SecretsCtx::new");
            return Err(Error::of(service.clone(), ErrorKind::AccessDenied, message));
        }
        Ok(self.secrets.read(service)?.config)
    }

    /// Counts the work for a key: a guest chooses its length.
    fn count(&mut self, text: &str) {
        self.work = self.work.saturating_add(text.len() as u64);
    }

    /// One field as text, **exposed**; none if the config does not have it.
    fn expose(&mut self, Key { service, field }: &Key) -> Result<Option<String>, Error> {
        let json = self.config(service)?.expose_json();
        let fields: BTreeMap<String, &RawValue> = serde_json::from_str(&json).unwrap_or_default();
        let value = fields.get(field).map(|value| value.get()).filter(|value| *value != "null");
        Ok(value.map(|value| serde_json::from_str(value).unwrap_or_else(|_| value.to_owned())))
    }
}

/// What its host forgot.
const UNHELD: &str = "the guest's store is not held to any limits: its host makes it by Limits::store, or calls \
                      Limits::hold before it instantiates the guest";

impl fmt::Debug for SecretsCtx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretsCtx").field("granted", &self.granted).finish_non_exhaustive()
    }
}

/// A guest without fuel ends before it calls the host, which could say why.
impl Drop for SecretsCtx {
    fn drop(&mut self) {
        if self.bounds.is_none() {
            tracing::error!("{UNHELD}; without it a guest has no fuel");
        }
    }
}

/// Lets guests import `permisos:secrets/config`, and the same secrets by the key `{service}/{field}` as
/// `wasi:config/store` and `wasmcloud:secrets`.
pub fn add_to_linker<T: 'static>(linker: &mut Linker<T>, ctx: fn(&mut T) -> &mut SecretsCtx) -> wasmtime::Result<()> {
    config::add_to_linker::<T, HasSelf<SecretsCtx>>(linker, ctx)?;
    wasi_config::add_to_linker::<T, HasSelf<SecretsCtx>>(linker, ctx)?;
    wasmcloud_store::add_to_linker::<T, HasSelf<SecretsCtx>>(linker, ctx)?;
    reveal::add_to_linker::<T, HasSelf<SecretsCtx>>(linker, ctx)
}

/// Getters of one type each.
macro_rules! getters {
    ($($service:ident $config:ident $getter:ident $get:ident $title:literal;)*) => {
        $(fn $get(&mut self) -> Result<config::$config, config::Error> {
            match self.config(&Service::$service.into()).map_err(|error| error.to_wit())? {
                Config::$service(config) => Ok(config.to_wit()),
                other => unreachable!("the engine pairs services and configs, but answered {other:?}"),
            }
        })*
    };
}

impl config::Host for SecretsCtx {
    permisos_secrets_core::for_each_service!(getters);

    fn get_secret(&mut self, id: String) -> Result<String, config::Error> {
        self.count(&id);
        let service = ServiceId::from(id.as_str());
        // Before the read, whose error would be about another secret than the one that is meant.
        if matches!(service, ServiceId::BuiltIn(_)) {
            return Err(Error::not_custom(&service).to_wit());
        }
        let config = self.config(&service).map_err(|error| error.to_wit())?;
        Ok(config.expose_json().as_str().to_owned())
    }
}

impl wasi_config::Host for SecretsCtx {
    fn get(&mut self, key: String) -> Result<Option<String>, wasi_config::Error> {
        self.count(&key);
        let Some(key) = Key::parse(&key) else { return Ok(None) };
        self.expose(&key).map_err(|error| wasi_config::Error::Upstream(error.to_string()))
    }

    /// Names with empty values: a guest that prints all of its configuration prints no secret.
    fn get_all(&mut self) -> Result<Vec<(String, String)>, wasi_config::Error> {
        let mut all = vec![];
        for service in &self.granted.clone() {
            let config = self.config(service).map_err(|error| wasi_config::Error::Upstream(error.to_string()))?;
            let names: Map<String, Value> = serde_json::from_str(&config.redacted_json()).unwrap_or_default();
            all.extend(names.into_iter().map(|(field, _)| (format!("{service}/{field}"), String::new())));
        }
        Ok(all)
    }
}

impl wasmcloud_store::Host for SecretsCtx {
    fn get(&mut self, key: String) -> Result<Resource<Handle>, wasmcloud_store::SecretsError> {
        self.count(&key);
        let key = Key::parse(&key).ok_or(wasmcloud_store::SecretsError::NotFound)?;
        let upstream = |error: Error| wasmcloud_store::SecretsError::Upstream(error.to_string());
        self.expose(&key).map_err(upstream)?.ok_or(wasmcloud_store::SecretsError::NotFound)?;
        let handle = self.handles.push(Handle(key));
        handle.map_err(|error| wasmcloud_store::SecretsError::Io(error.to_string()))
    }
}

impl wasmcloud_store::HostSecret for SecretsCtx {
    fn drop(&mut self, handle: Resource<Handle>) -> wasmtime::Result<()> {
        self.handles.delete(handle)?;
        Ok(())
    }
}

impl reveal::Host for SecretsCtx {
    /// Returns the value that is current now, not the one at the time the handle was made.
    fn reveal(&mut self, handle: Resource<Handle>) -> wasmtime::Result<wasmcloud_store::SecretValue> {
        let Handle(key) = self.handles.get(&handle)?.clone();
        let value = self.expose(&key)?;
        let value = value.ok_or_else(|| wasmtime::Error::msg("the secret does not have this field any more"))?;
        Ok(wasmcloud_store::SecretValue::String(value))
    }
}

impl Limits {
    /// A store for one guest, held to the bounds, with the fuel of its first call. Fails where the engine is not of
    /// [`config`](Self::config).
    pub fn store<T: 'static>(
        self,
        engine: &Engine,
        state: T,
        ctx: fn(&mut T) -> &mut SecretsCtx,
    ) -> wasmtime::Result<Store<T>> {
        let mut store = Store::new(engine, state);
        self.hold(&mut store, ctx)?;
        Ok(store)
    }

    /// Holds a guest's store to the bounds, and gives it the fuel of one call: what [`store`](Self::store) does, for a
    /// store that was made elsewhere. Without it a guest has no fuel and no secrets.
    pub fn hold<T: 'static>(self, store: &mut Store<T>, ctx: fn(&mut T) -> &mut SecretsCtx) -> wasmtime::Result<()> {
        ctx(store.data_mut()).bounds = Some(self.memory_limits());
        store.limiter(move |state| ctx(state).bounds.get_or_insert_with(|| self.memory_limits()));
        store.call_hook(move |mut store, hook| {
            let ctx = ctx(store.data_mut());
            match hook {
                CallHook::CallingHost => ctx.depth += 1,
                CallHook::ReturningFromHost => ctx.depth = ctx.depth.saturating_sub(1),
                CallHook::CallingWasm | CallHook::ReturningFromWasm => {}
            }
            // Not on the way back from the runtime inside the host's call, as to grow the memory that takes the answer: the
            // code there has its fuel in a register, and would overwrite what is charged.
            if ctx.depth > 0 || ctx.work == 0 {
                return Ok(());
            }
            let work = mem::take(&mut ctx.work);
            charge(store, work)
        });
        store.set_hostcall_fuel(self.memory);
        self.refuel(store)
    }
}
