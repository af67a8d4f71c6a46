//! The engine in its sandbox, driven by the client like core's own.

use std::collections::HashMap;
use std::fs;

use permisos_secrets::{DrivenEngine, Error, ErrorKind};
use permisos_secrets_core::{
    Connection, Event, Fetch, Fetched, Health, Read, Refresh, ServiceId, Snapshot, SnapshotFile, SourceKind, Status,
    Timestamp,
};
use serde_json::{Map, Value};
use wasmtime::component::ResourceAny;
use wasmtime::{Store, Trap};
use zeroize::{Zeroize, Zeroizing};

use crate::bindings::exports::permisos::secrets::engine::{self as wit, GuestEngine};
use crate::bindings::{Hosted, HostedPre};
use crate::convert::{self, FromWit, IntoWit};
use crate::limits::{self, Bounds, Limits};

/// An engine in a sandbox. If the component fails, by a trap or by passing a bound, it is ended and its memory given
/// back: what was published last is still read, and everything else answers `Unavailable` and says why.
pub struct SandboxedEngine {
    sandbox: Result<Running, Error>,
    source: SourceKind,
    connection: Connection,
    snapshot_file: Option<SnapshotFile>,
    /// The latest of each service: their reads are counted here, where they happen.
    snapshots: HashMap<ServiceId, Snapshot>,
    /// Once the component has failed: services that were closed since.
    closed: Vec<ServiceId>,
    /// Once the component has failed: what it told last.
    last_health: Health,
}

/// A component that has not failed.
struct Running {
    store: Store<Bounds>,
    component: Hosted,
    engine: ResourceAny,
    limits: Limits,
}

impl SandboxedEngine {
    pub(crate) fn open(
        component: &HostedPre<Bounds>,
        limits: Limits,
        options: &Map<String, Value>,
        variables: &HashMap<String, String>,
    ) -> Result<Self, Error> {
        let options = Zeroizing::new(serde_json::to_string(options).unwrap_or_default());
        let mut store = Store::new(component.engine(), limits.memory_limits());
        store.limiter(|bounds| bounds);
        limits.refuel(&mut store).map_err(|error| failed(&error))?;
        let component = component.instantiate(&mut store).map_err(|error| failed(&error))?;
        let exports = component.permisos_secrets_engine();
        let names = exports.call_variable_names(&mut store, &options).map_err(|error| failed(&error))?;
        let mut found = look_up(names, variables);
        let opened = exports.engine().call_open(&mut store, &options, &found);
        wipe(&mut found);
        let engine = opened.map_err(|error| failed(&error))?.map_err(Error::from_wit)?;
        let mut running = Running { store, component, engine, limits };
        let source = running.call(|engine, store, this| engine.call_source(store, this))?;
        let connection = running.call(|engine, store, this| engine.call_connection(store, this))?;
        let snapshot_file = running.call(|engine, store, this| engine.call_snapshot_file(store, this))?;
        let services = running.call(|engine, store, this| engine.call_services(store, this))?;
        let health = running.call(|engine, store, this| engine.call_health(store, this, 0))?;
        let empty = |service: wit::ServiceId| {
            let service = ServiceId::from_wit(service);
            (service.clone(), Snapshot::empty(service))
        };
        Ok(Self {
            source: SourceKind::from_wit(source),
            connection: Connection::from_wit(connection),
            snapshot_file: snapshot_file.map(SnapshotFile::from_wit),
            snapshots: services.into_iter().map(empty).collect(),
            closed: vec![],
            last_health: convert::health(health)?,
            sandbox: Ok(running),
        })
    }

    /// Answers a read inside the sandbox. [`Secrets`](permisos_secrets::Secrets) answer from the last snapshot, without a
    /// call.
    pub fn read(&mut self, service: &ServiceId, now: Timestamp) -> Result<Read, Error> {
        let id = service.clone().into_wit();
        self.call(|engine, store, this| engine.call_read(store, this, &id, now.0))?
            .map(convert::read)
            .map_err(Error::from_wit)
    }

    fn call<T>(
        &mut self,
        function: impl FnOnce(&GuestEngine<'_>, &mut Store<Bounds>, ResourceAny) -> wasmtime::Result<T>,
    ) -> Result<T, Error> {
        let answer = self.sandbox.as_mut().map_err(|error| error.clone())?.call(function);
        self.or_end(answer)
    }

    /// Asks for one of many answers: they share the fuel of the call before, so that those without end are ended.
    fn follow<T>(
        &mut self,
        function: impl FnOnce(&GuestEngine<'_>, &mut Store<Bounds>, ResourceAny) -> wasmtime::Result<T>,
    ) -> Result<T, Error> {
        let answer = self.sandbox.as_mut().map_err(|error| error.clone())?.follow(function);
        self.or_end(answer)
    }

    /// A component that failed is ended: it cannot be entered again, and holds every secret.
    fn or_end<T>(&mut self, answer: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &answer {
            tracing::error!("{error}");
            self.sandbox = Err(error.clone());
        }
        answer
    }
}

impl Running {
    fn call<T>(
        &mut self,
        function: impl FnOnce(&GuestEngine<'_>, &mut Store<Bounds>, ResourceAny) -> wasmtime::Result<T>,
    ) -> Result<T, Error> {
        self.limits.refuel(&mut self.store).map_err(|error| failed(&error))?;
        self.ask(function)
    }

    fn follow<T>(
        &mut self,
        function: impl FnOnce(&GuestEngine<'_>, &mut Store<Bounds>, ResourceAny) -> wasmtime::Result<T>,
    ) -> Result<T, Error> {
        limits::charge(&mut self.store, limits::CALL).map_err(|error| failed(&error))?;
        self.ask(function)
    }

    fn ask<T>(
        &mut self,
        function: impl FnOnce(&GuestEngine<'_>, &mut Store<Bounds>, ResourceAny) -> wasmtime::Result<T>,
    ) -> Result<T, Error> {
        let Self { store, component, engine, limits: _ } = self;
        function(&component.permisos_secrets_engine().engine(), store, *engine).map_err(|error| failed(&error))
    }
}

impl DrivenEngine for SandboxedEngine {
    fn source(&self) -> SourceKind {
        self.source
    }

    fn connection(&self) -> &Connection {
        &self.connection
    }

    fn snapshot_file(&self) -> Option<&SnapshotFile> {
        self.snapshot_file.as_ref()
    }

    fn services(&self) -> Vec<ServiceId> {
        self.last_health.services.iter().map(|health| health.service.clone()).collect()
    }

    fn poll_fetch(&mut self, now: Timestamp) -> Option<Fetch> {
        let fetch = self.call(|engine, store, this| engine.call_poll_fetch(store, this, now.0)).ok()??;
        let fetch = convert::fetch(fetch);
        self.or_end(fetch).ok()
    }

    fn handle_fetched(&mut self, now: Timestamp, fetched: Fetched) {
        let mut fetched = fetched.into_wit();
        // If it fails it is ended, and whoever waits learns why from the next question.
        let _ = self.call(|engine, store, this| engine.call_handle_fetched(store, this, now.0, &fetched));
        for payload in fetched.outcomes.iter_mut().filter_map(|outcome| outcome.result.as_mut().ok()) {
            payload.text.zeroize();
        }
    }

    fn poll_timeout(&mut self) -> Option<Timestamp> {
        self.call(|engine, store, this| engine.call_poll_timeout(store, this)).ok()?.map(Timestamp)
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.follow(|engine, store, this| engine.call_poll_event(store, this)).ok()?.map(Event::from_wit)
    }

    fn poll_changed(&mut self) -> Option<ServiceId> {
        let changed = self.follow(|engine, store, this| engine.call_poll_changed(store, this));
        changed.map_or_else(|_| self.closed.pop(), |changed| changed.map(ServiceId::from_wit))
    }

    fn snapshot(&mut self, service: &ServiceId) -> Option<Snapshot> {
        let id = service.clone().into_wit();
        let answer = self.follow(|engine, store, this| engine.call_snapshot(store, this, &id));
        let last = self.snapshots.get_mut(service)?;
        if let Ok(snapshot) = answer {
            *last = convert::snapshot(snapshot?, last);
        }
        Some(last.clone())
    }

    fn loaded(&mut self, now: Timestamp) -> Option<Result<(), Error>> {
        let loaded = self.call(|engine, store, this| engine.call_loaded(store, this, now.0));
        settled(loaded)
    }

    fn refresh(&mut self, service: &ServiceId, now: Timestamp) -> Result<Refresh, Error> {
        let id = service.clone().into_wit();
        let refresh = self.call(|engine, store, this| engine.call_refresh(store, this, &id, now.0))?;
        refresh.map(Refresh::from_wit).map_err(Error::from_wit)
    }

    fn refreshed(&mut self, service: &ServiceId) -> Option<Result<(), Error>> {
        let id = service.clone().into_wit();
        settled(self.call(|engine, store, this| engine.call_refreshed(store, this, &id)))
    }

    fn restore(&mut self, now: Timestamp, text: &str) {
        let _ = self.call(|engine, store, this| engine.call_restore(store, this, now.0, text));
    }

    fn refuse_snapshot(&mut self, now: Timestamp, message: &str) {
        let _ = self.call(|engine, store, this| engine.call_refuse_snapshot(store, this, now.0, message));
    }

    fn poll_seal(&mut self, now: Timestamp) -> Option<Zeroizing<String>> {
        self.call(|engine, store, this| engine.call_poll_seal(store, this, now.0)).ok()?.map(Zeroizing::new)
    }

    fn health(&mut self, now: Timestamp) -> Health {
        let health = self.call(|engine, store, this| engine.call_health(store, this, now.0));
        let health = health.and_then(convert::health);
        match self.or_end(health) {
            Ok(health) => self.last_health = health,
            Err(error) => {
                self.last_health.status = Status::Unavailable;
                for service in &mut self.last_health.services {
                    service.status = Status::Unavailable;
                    service.last_error = Some(error.kind());
                    service.next_refresh_ms = None;
                }
            }
        }
        for service in &mut self.last_health.services {
            if let Some(snapshot) = self.snapshots.get(&service.service) {
                service.reads = snapshot.reads();
            }
        }
        self.last_health.clone()
    }

    fn close(&mut self) {
        if self.call(|engine, store, this| engine.call_close(store, this)).is_err() {
            for snapshot in self.snapshots.values_mut() {
                *snapshot = snapshot.succeeded_by(None, None, None);
            }
            self.closed = self.snapshots.keys().cloned().collect();
        }
    }
}

/// What the component asks for and the environment has.
fn look_up(names: Vec<wit::VariableName>, variables: &HashMap<String, String>) -> Vec<wit::Variable> {
    let variable = |wit::VariableName { name, names_file }| {
        let value = variables.get(&name)?.clone();
        let file = names_file.then(|| fs::read_to_string(&value).ok()).flatten();
        Some(wit::Variable { name, value, file })
    };
    names.into_iter().filter_map(variable).collect()
}

fn wipe(variables: &mut [wit::Variable]) {
    for wit::Variable { name: _, value, file } in variables {
        value.zeroize();
        file.zeroize();
    }
}

fn settled(answer: Result<Option<Result<(), wit::Error>>, Error>) -> Option<Result<(), Error>> {
    match answer {
        Ok(answer) => answer.map(|result| result.map_err(Error::from_wit)),
        Err(error) => Some(Err(error)),
    }
}

/// The trap alone: what surrounds it in wasmtime's error are addresses and names of functions.
fn failed(error: &wasmtime::Error) -> Error {
    let why = match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => "it did not end within its limit of work".to_owned(),
        Some(trap) => trap.to_string(),
        None => error.root_cause().to_string(),
    };
    let message = format!(
        "the component that holds the engine failed and was ended: {why}; what was read before is still read, restart \
         to load anew"
    );
    Error::new(ErrorKind::Unavailable, message)
}
