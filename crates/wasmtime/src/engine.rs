//! The engine in its sandbox, driven by the client like core's own.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fs;

use permisos_secrets::{DrivenEngine, Error, ErrorKind};
use permisos_secrets_core::{
    Connection, Event, Fetch, FetchId, Fetched, Health, Options, Read, Refresh, Request, ServiceId, ServiceState,
    SnapshotFile, SourceKind, Stage, Status, Timestamp, UnixTime, Variables,
};
use serde_json::{Map, Value};
use wasmtime::component::ResourceAny;
use wasmtime::{Store, Trap};
use zeroize::{Zeroize, Zeroizing};

use crate::bindings::exports::permisos::secrets::engine::{self as wit, GuestEngine};
use crate::bindings::{Hosted, HostedPre};
use crate::convert::{self, FromWit, IntoWit};
use crate::limits::{self, Bounds, Limits};

/// An engine in a sandbox. If the component traps or passes a bound, the host ends it and releases its memory: readers keep
/// what it published last, and every other call returns `Unavailable` with the reason.
pub struct SandboxedEngine {
    sandbox: Result<Running, Error>,
    source: SourceKind,
    connection: Connection,
    snapshot_file: Option<SnapshotFile>,
    services: Vec<ServiceId>,
    /// The latest of each service: their reads are counted here, where they happen.
    snapshots: HashMap<ServiceId, ServiceState>,
    /// The fetches under way.
    flights: HashMap<FetchId, Vec<(ServiceId, Stage)>>,
    /// The last health that the component reported, for when it is gone.
    last_health: Health,
    /// Once closed: the changes and events that are still to be delivered.
    closed: Option<Closed>,
}

/// What remains of an engine that was closed, whose component is gone.
struct Closed {
    changed: BTreeSet<ServiceId>,
    events: VecDeque<Event>,
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
        let text = Zeroizing::new(serde_json::to_string(options).unwrap_or_default());
        let mut store = Store::new(component.engine(), limits.memory_limits());
        store.limiter(|bounds| bounds);
        store.set_hostcall_fuel(limits.memory);
        limits.refuel(&mut store).map_err(|error| failed(&error))?;
        let component = component.instantiate(&mut store).map_err(|error| failed(&error))?;
        let exports = component.permisos_secrets_engine();
        let names = exports.call_variable_names(&mut store, &text).map_err(|error| failed(&error))?;
        let mut found = look_up(names, options, variables);
        let opened = exports.engine().call_open(&mut store, &text, &found);
        wipe(&mut found);
        let engine = opened.map_err(|error| failed(&error))?.map_err(Error::from_wit)?;
        let mut running = Running { store, component, engine, limits };
        let source = running.call(|engine, store, this| engine.call_source(store, this))?;
        let connection = running.call(|engine, store, this| engine.call_connection(store, this))?;
        let snapshot_file = running.call(|engine, store, this| engine.call_snapshot_file(store, this))?;
        let services = running.call(|engine, store, this| engine.call_services(store, this))?;
        let health = running.call(|engine, store, this| engine.call_health(store, this, 0))?;
        let services: Vec<_> = services.into_iter().map(ServiceId::from_wit).collect();
        let empty = |service: &ServiceId| (service.clone(), ServiceState::empty(service.clone()));
        Ok(Self {
            source: SourceKind::from_wit(source),
            connection: Connection::from_wit(connection),
            snapshot_file: snapshot_file.map(SnapshotFile::from_wit),
            snapshots: services.iter().map(empty).collect(),
            services,
            flights: HashMap::new(),
            last_health: convert::health(health)?,
            closed: None,
            sandbox: Ok(running),
        })
    }

    /// Answers a read inside the sandbox. [`Secrets`](permisos_secrets::Secrets) answer from the last snapshot, without a
    /// call.
    pub fn read(&mut self, service: &ServiceId, now: Timestamp) -> Result<Read, Error> {
        if self.closed.is_some() {
            return self.snapshots.get(service).ok_or_else(|| Error::not_configured(service))?.read(now);
        }
        let id = service.clone().into_wit();
        let read = self.call(|engine, store, this| engine.call_read(store, this, &id, now.0))?;
        let read = convert::read(service, read.map_err(Error::from_wit)?);
        self.or_end(read)
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
        if let (Err(error), Ok(_)) = (&answer, &self.sandbox) {
            tracing::error!("{error}");
            self.sandbox = Err(error.clone());
        }
        answer
    }

    /// Notes what is fetched from now on. The engine never asks for the same version twice at once: a component that did
    /// could have its host fetch without bound.
    fn depart(&mut self, fetch: Fetch) -> Result<Fetch, Error> {
        let asked: Vec<_> = fetch.requests.iter().map(|Request { service, stage, .. }| (service, *stage)).collect();
        let is_under_way = |(service, stage): &(&ServiceId, Stage)| {
            self.flights.values().flatten().any(|(other, at)| (&other, at) == (service, stage))
        };
        let what = if asked.is_empty() {
            "a fetch of nothing"
        } else if asked.iter().any(|(service, _)| !self.snapshots.contains_key(service)) {
            "a fetch for a service that is not among its own"
        } else if self.flights.contains_key(&fetch.id)
            || asked.iter().any(is_under_way)
            || asked.iter().enumerate().any(|(index, request)| asked[..index].contains(request))
        {
            "a fetch of what is being fetched"
        } else {
            let asked = asked.into_iter().map(|(service, stage)| (service.clone(), stage)).collect();
            self.flights.insert(fetch.id, asked);
            return Ok(fetch);
        };
        Err(convert::unusable(what))
    }

    /// The state of every service once closed.
    fn closed(&self, service: &ServiceId) -> Error {
        let is_known = self.snapshots.contains_key(service);
        if is_known { Error::closed(service) } else { Error::not_configured(service) }
    }
}

impl Running {
    fn call<T>(
        &mut self,
        function: impl FnOnce(&GuestEngine<'_>, &mut Store<Bounds>, ResourceAny) -> wasmtime::Result<T>,
    ) -> Result<T, Error> {
        self.limits.refuel(&mut self.store).map_err(|error| failed(&error))?;
        self.store.set_hostcall_fuel(self.limits.memory);
        self.ask(function)
    }

    fn follow<T>(
        &mut self,
        function: impl FnOnce(&GuestEngine<'_>, &mut Store<Bounds>, ResourceAny) -> wasmtime::Result<T>,
    ) -> Result<T, Error> {
        limits::charge(&mut self.store, limits::CALL).map_err(|error| failed(&error))?;
        self.store.set_hostcall_fuel(limits::ANSWER.min(self.limits.memory));
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
        self.services.clone()
    }

    fn handle_clock(&mut self, now: Timestamp, wall: UnixTime) {
        let _ = self.call(|engine, store, this| engine.call_handle_clock(store, this, now.0, wall.0));
    }

    fn poll_fetch(&mut self, now: Timestamp) -> Option<Fetch> {
        let fetch = self.call(|engine, store, this| engine.call_poll_fetch(store, this, now.0)).ok()??;
        let fetch = convert::fetch(fetch).and_then(|fetch| self.depart(fetch));
        self.or_end(fetch).ok()
    }

    fn handle_fetched(&mut self, now: Timestamp, fetched: Fetched) {
        self.flights.remove(&fetched.id);
        let mut fetched = fetched.into_wit();
        // A component that fails is ended; the next call returns the reason.
        let _ = self.call(|engine, store, this| engine.call_handle_fetched(store, this, now.0, &fetched));
        for payload in fetched.outcomes.iter_mut().filter_map(|outcome| outcome.result.as_mut().ok()) {
            payload.text.zeroize();
        }
    }

    fn poll_timeout(&mut self) -> Option<Timestamp> {
        self.call(|engine, store, this| engine.call_poll_timeout(store, this)).ok()?.map(Timestamp)
    }

    fn poll_event(&mut self) -> Option<Event> {
        if let Some(closed) = &mut self.closed {
            return closed.events.pop_front();
        }
        self.follow(|engine, store, this| engine.call_poll_event(store, this)).ok()?.map(Event::from_wit)
    }

    fn poll_changed(&mut self) -> Option<ServiceId> {
        if let Some(closed) = &mut self.closed {
            return closed.changed.pop_first();
        }
        self.follow(|engine, store, this| engine.call_poll_changed(store, this)).ok()?.map(ServiceId::from_wit)
    }

    fn state(&mut self, service: &ServiceId) -> Option<ServiceState> {
        let last = self.snapshots.get(service)?.clone();
        let id = service.clone().into_wit();
        let answer = self.follow(|engine, store, this| engine.call_snapshot(store, this, &id));
        let snapshot = answer.and_then(|snapshot| snapshot.map(|it| convert::snapshot(it, &last)).transpose());
        match self.or_end(snapshot) {
            Ok(snapshot) => {
                let snapshot = snapshot?;
                self.snapshots.insert(service.clone(), snapshot.clone());
                Some(snapshot)
            }
            Err(_) => Some(last),
        }
    }

    fn loaded(&mut self, now: Timestamp) -> Option<Result<(), Error>> {
        if self.closed.is_some() {
            let required = self.services.iter();
            return Some(Error::several(required.map(Error::closed).collect()).map_or(Ok(()), Err));
        }
        let loaded = self.call(|engine, store, this| engine.call_loaded(store, this, now.0));
        settled(loaded)
    }

    fn refresh(&mut self, service: &ServiceId, now: Timestamp) -> Result<Refresh, Error> {
        if self.closed.is_some() {
            let is_known = self.snapshots.contains_key(service);
            return if is_known { Ok(Refresh::Current) } else { Err(Error::not_configured(service)) };
        }
        let id = service.clone().into_wit();
        let refresh = self.call(|engine, store, this| engine.call_refresh(store, this, &id, now.0))?;
        refresh.map(Refresh::from_wit).map_err(Error::from_wit)
    }

    fn refreshed(&mut self, service: &ServiceId) -> Option<Result<(), Error>> {
        if self.closed.is_some() {
            return Some(Err(self.closed(service)));
        }
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
            Err(_) if self.closed.is_some() => {}
            Err(error) => {
                self.last_health.status = Status::Unavailable;
                for service in &mut self.last_health.services {
                    service.status = Status::Unavailable;
                    service.last_error = Some(error.kind());
                    service.last_error_message = Some(error.to_string());
                    service.next_refresh = None;
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

    /// Forgets every value and releases the component's memory at once, whatever the component answers.
    fn close(&mut self) {
        let changed = self.services.iter().cloned().collect();
        if let Some(closed) = &mut self.closed {
            closed.changed = changed;
            return;
        }
        let _ = self.call(|engine, store, this| engine.call_close(store, this));
        let events = std::iter::from_fn(|| self.poll_event()).collect();
        // Without a value there is no age: the time does not matter.
        self.health(Timestamp(0));
        for service in &mut self.last_health.services {
            service.origin = None;
            service.freshness = None;
            service.age = None;
            service.version_id = None;
            service.version_age = None;
            service.region = None;
            service.next_refresh = None;
            service.last_error = Some(ErrorKind::NotReady);
            service.last_error_message = Some(Error::closed(&service.service).to_string());
        }
        for (service, snapshot) in &mut self.snapshots {
            *snapshot = snapshot.succeeded_by(None, None, Some(Error::closed(service)));
        }
        self.sandbox = Err(Error::new(ErrorKind::NotReady, "the secrets are closed; load them again"));
        self.closed = Some(Closed { changed, events });
    }
}

/// What the component asks for and the environment has, of what core's engine would ask for: it chooses neither another
/// variable nor which of them are read as files.
fn look_up(
    asked: Vec<wit::VariableName>,
    options: &Map<String, Value>,
    variables: &HashMap<String, String>,
) -> Vec<wit::Variable> {
    let asked: BTreeSet<String> = asked.into_iter().map(|wit::VariableName { name, names_file: _ }| name).collect();
    let known: BTreeSet<String> = Options::variable_names(options).into_iter().collect();
    let variable = |name: &String| {
        let value = variables.get(name)?.clone();
        let file = Variables::names_file(name).then(|| fs::read_to_string(&value).ok()).flatten();
        Some(wit::Variable { name: name.clone(), value, file })
    };
    // Of those that a missing variable may be called instead it gets the names alone.
    let set = variables.iter().filter(|(_, value)| !value.is_empty()).map(|(name, _)| name.as_str());
    let named = |name: &str| wit::Variable { name: name.to_owned(), value: String::new(), file: None };
    let near = Options::near_names(options, set).into_iter().map(named);
    known.intersection(&asked).filter_map(variable).chain(near).collect()
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

/// The trap without the rest of wasmtime's error, which holds addresses and names of functions.
fn failed(error: &wasmtime::Error) -> Error {
    let why = match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => "it did not end within its limit of work".to_owned(),
        Some(trap) => trap.to_string(),
        None => error.root_cause().to_string(),
    };
    let message = format!(
        "the component that holds the engine failed and was ended: {why}; configs already read stay readable, restart \
         to load them again"
    );
    Error::new(ErrorKind::Unavailable, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_gets_the_variables_of_the_engine_and_no_other() {
        let file = tempfile::NamedTempFile::new().expect("the temporary folder is writable");
        fs::write(&file, "text").expect("the temporary folder is writable");
        let path = file.path().display().to_string();
        let set = [("AWS_SECRET_ACCESS_KEY", "key"), ("DB_HOST", &path), ("RDS_CA_CERT_PATH", &path), ("TOKEN", "t")];
        let variables = set.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let ask = |options: Value, names: &[(&str, bool)]| {
            let name = |&(name, names_file): &(&str, bool)| wit::VariableName { name: name.to_owned(), names_file };
            let options = options.as_object().cloned().unwrap_or_default();
            let found = look_up(names.iter().map(name).collect(), &options, &variables);
            found.into_iter().map(|wit::Variable { name, file, .. }| (name, file)).collect::<Vec<_>>()
        };
        let greedy = [
            ("AWS_SECRET_ACCESS_KEY", false),
            ("AWS_SECRET_ACCESS_KEY", true),
            ("DB_HOST", true),
            ("DB_HOST", true),
            ("RDS_CA_CERT_PATH", false),
            ("TOKEN", true),
        ];
        let (host, ca) = (("DB_HOST".to_owned(), None), ("RDS_CA_CERT_PATH".to_owned(), Some("text".to_owned())));
        let none = serde_json::json!({});
        assert_eq!(ask(none.clone(), &greedy), [host.clone(), ca.clone()]);
        assert_eq!(ask(none, &[]), []);
        let custom =
            serde_json::json!({ "secrets": [{ "id": "a/b", "fields": { "token": { "variable": "TOKEN" } } }] });
        assert_eq!(ask(custom, &greedy), [host, ca, ("TOKEN".to_owned(), None)]);
    }
}
