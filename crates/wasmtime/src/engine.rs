//! The engine in its sandbox, driven by the client like core's own.

use std::collections::{HashMap, VecDeque};
use std::{fmt, fs};

use permisos_secrets::{DrivenEngine, Error, ErrorKind};
use permisos_secrets_core::{
    Connection, Engine, Event, Fetch, FetchId, Fetched, Health, Options, Read, Refresh, Request, ServiceId,
    ServiceState, SnapshotFile, SourceKind, Stage, Status, Timestamp, UnixTime, Variables,
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use wasmtime::component::ResourceAny;
use wasmtime::{PoolConcurrencyLimitError, Store, Trap};
use zeroize::Zeroizing;

use crate::bindings::exports::permisos::secrets::engine::GuestEngine;
use crate::bindings::{Hosted, HostedPre};
use crate::limits::{self, Bounds, Limits};

/// An engine in a sandbox. If the component traps or passes a bound, the host ends it and releases its memory: readers keep
/// what it published last, and every other call returns `Unavailable` with the reason.
///
/// What the host does for it follows from the options, which the host reads itself: where to connect, which secrets to
/// fetch, which variables it hands in. A component of other code gains nothing there.
pub struct SandboxedEngine {
    sandbox: Result<Running, Error>,
    options: Options,
    /// The latest of each service: their reads are counted here, where they happen.
    states: HashMap<ServiceId, ServiceState>,
    /// The fetches under way.
    flights: HashMap<FetchId, Vec<(ServiceId, Stage)>>,
    /// The last health that the component reported, for when it is gone.
    last_health: Health,
    closed: Option<Closed>,
}

/// Answers once the component is gone: core's own engine, closed, after the events that are still to be delivered.
struct Closed {
    engine: Engine,
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
        let (parsed, variables) = look_up(options, variables)?;
        let mut document = options.clone();
        document.remove("startedAt");
        document.remove("seed");
        let document = Zeroizing::new(serde_json::to_string(&document).unwrap_or_default());
        let (variables, files) = (variables.expose_json(), variables.files_json());
        for (what, text) in [("options", &document), ("variables", &variables), ("files of certificates", &files)] {
            limits.admit(what, text.len())?;
        }
        let mut store = Store::new(component.engine(), limits.memory_limits());
        store.limiter(|bounds| bounds);
        store.set_hostcall_fuel(limits.memory);
        limits.refuel(&mut store).map_err(|error| failed(&error))?;
        let component = component.instantiate(&mut store).map_err(|error| failed(&error))?;
        #[expect(clippy::cast_precision_loss, reason = "the component refuses what is not exact")]
        let (started_at, seed) = (parsed.started_at.0 as f64, parsed.seed as f64);
        let engine = component.permisos_secrets_engine().engine();
        let engine = engine.call_open(&mut store, &document, &variables, &files, started_at, seed);
        let engine = engine.map_err(|error| failed(&error))?.map_err(refused)?;
        let mut running = Running { store, component, engine, limits };
        let health = running.call(|engine, store, this| engine.call_health(store, this, 0.0))?;
        let empty = |service: ServiceId| (service.clone(), ServiceState::empty(service));
        Ok(Self {
            states: parsed.service_ids().map(empty).collect(),
            options: parsed,
            flights: HashMap::new(),
            last_health: read_document("its health", &health)?,
            closed: None,
            sandbox: Ok(running),
        })
    }

    /// Answers a read inside the sandbox, as the document `read` **with its secret values**.
    /// [`Secrets`](permisos_secrets::Secrets) answer from the last state, without a call.
    pub fn read(&mut self, service: &ServiceId, now: Timestamp) -> Result<Zeroizing<String>, Error> {
        if let Some(Closed { engine, .. }) = &self.closed {
            return engine.read(service, now).map(|read| Read::expose_json(&Ok(read)));
        }
        let read = self.call(|engine, store, this| engine.call_read(store, this, service.as_str(), number(now)))?;
        read.map(Zeroizing::new).map_err(refused)
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

    /// Notes what is fetched from now on. The engine asks for the secrets of its options, and never for the same version
    /// twice at once: a component that did could have its host fetch any secret, or without bound.
    fn depart(&mut self, fetch: Fetch) -> Result<Fetch, Error> {
        let asked: Vec<_> = fetch.requests.iter().map(|Request { service, stage, .. }| (service, *stage)).collect();
        let is_under_way = |(service, stage): &(&ServiceId, Stage)| {
            self.flights.values().flatten().any(|(other, at)| (&other, at) == (service, stage))
        };
        let is_another = |request: &Request| self.options.secret_ids.get(&request.service) != Some(&request.secret_id);
        let what = if asked.is_empty() {
            "a fetch of nothing"
        } else if asked.iter().any(|(service, _)| !self.states.contains_key(service)) {
            "a fetch for a service that is not among its own"
        } else if fetch.requests.iter().any(is_another) {
            "a fetch of another secret than that of its service"
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
        Err(unusable(what))
    }

    /// Asks the component how it is; once it is gone, everything is unavailable.
    fn update_health(&mut self, now: Timestamp) {
        let health = self.call(|engine, store, this| engine.call_health(store, this, number(now)));
        let health = health.and_then(|health| read_document("its health", &health));
        match self.or_end(health) {
            Ok(health) => self.last_health = health,
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
    }

    /// The next state of a service. Fails on the config of another one: readers rely on the pair.
    fn adopt(&mut self, service: &ServiceId, state: Option<&str>) -> Result<Option<ServiceState>, Error> {
        let (Some(last), Some(state)) = (self.states.get(service), state) else { return Ok(None) };
        let definition = self.options.definition(service);
        let next = definition.and_then(|definition| last.succeeded_by(definition, state));
        let next = next.ok_or_else(|| unusable("a state that is none of its service"))?;
        self.states.insert(service.clone(), next.clone());
        Ok(Some(next))
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
        self.options.source
    }

    fn connection(&self) -> &Connection {
        &self.options.connection
    }

    fn snapshot_file(&self) -> Option<&SnapshotFile> {
        self.options.snapshot.as_ref()
    }

    fn services(&self) -> Vec<ServiceId> {
        self.options.service_ids().collect()
    }

    fn handle_clock(&mut self, now: Timestamp, UnixTime(wall): UnixTime) {
        let wall = number(Timestamp(wall));
        let _ = self.call(|engine, store, this| engine.call_handle_clock(store, this, number(now), wall));
    }

    fn poll_fetch(&mut self, now: Timestamp) -> Option<Fetch> {
        let fetch = self.call(|engine, store, this| engine.call_poll_fetch(store, this, number(now))).ok()??;
        let fetch = read_document("a fetch", &fetch).and_then(|fetch| self.depart(fetch));
        self.or_end(fetch).ok()
    }

    fn handle_fetched(&mut self, now: Timestamp, fetched: Fetched) {
        self.flights.remove(&fetched.id);
        let fetched = fetched.expose_json();
        // A component that fails is ended; the next call returns the reason.
        let taken = self.call(|engine, store, this| engine.call_handle_fetched(store, this, number(now), &fetched));
        let _ = self.or_end(taken.and_then(|taken| taken.map_err(refused)));
    }

    fn poll_timeout(&mut self) -> Option<Timestamp> {
        self.call(|engine, store, this| engine.call_poll_timeout(store, this)).ok()?.map(Timestamp::from)
    }

    fn poll_event(&mut self) -> Option<Event> {
        if let Some(Closed { engine, events }) = &mut self.closed {
            return events.pop_front().or_else(|| engine.poll_event());
        }
        let event = self.follow(|engine, store, this| engine.call_poll_event(store, this)).ok()??;
        let event = read_document("an event", &event);
        self.or_end(event).ok()
    }

    fn poll_changed(&mut self) -> Option<ServiceId> {
        if let Some(Closed { engine, .. }) = &mut self.closed {
            return engine.poll_changed();
        }
        self.follow(|engine, store, this| engine.call_poll_changed(store, this)).ok()?.map(ServiceId::from)
    }

    fn state(&mut self, service: &ServiceId) -> Option<ServiceState> {
        if self.closed.is_some() {
            return self.states.get(service).cloned();
        }
        let state = self.follow(|engine, store, this| engine.call_state(store, this, service.as_str()));
        let state =
            state.and_then(|state| self.adopt(service, state.map(Zeroizing::new).as_ref().map(|it| it.as_str())));
        self.or_end(state).unwrap_or_else(|_| self.states.get(service).cloned())
    }

    fn loaded(&mut self, now: Timestamp) -> Option<Result<(), Error>> {
        if let Some(Closed { engine, .. }) = &self.closed {
            return engine.loaded(now);
        }
        ended(self.call(|engine, store, this| engine.call_loaded(store, this, number(now))))
    }

    fn refresh(&mut self, service: &ServiceId, now: Timestamp) -> Result<Refresh, Error> {
        if let Some(Closed { engine, .. }) = &mut self.closed {
            return engine.refresh(service, now);
        }
        let refresh =
            self.call(|engine, store, this| engine.call_refresh(store, this, service.as_str(), number(now)))?;
        let named = |text: &str| Refresh::ALL.into_iter().find(|refresh| refresh.as_str() == text);
        let refresh = refresh.map_err(refused)?;
        self.or_end(named(&refresh).ok_or_else(|| unusable("an outcome of a refresh that is none")))
    }

    fn refreshed(&mut self, service: &ServiceId) -> Option<Result<(), Error>> {
        if let Some(Closed { engine, .. }) = &self.closed {
            return engine.refreshed(service);
        }
        ended(self.call(|engine, store, this| engine.call_refreshed(store, this, service.as_str())))
    }

    fn restore(&mut self, now: Timestamp, text: &str) {
        let _ = self.call(|engine, store, this| engine.call_restore(store, this, number(now), text));
    }

    fn refuse_snapshot(&mut self, now: Timestamp, message: &str) {
        let _ = self.call(|engine, store, this| engine.call_refuse_snapshot(store, this, number(now), message));
    }

    fn poll_seal(&mut self, now: Timestamp) -> Option<Zeroizing<String>> {
        self.call(|engine, store, this| engine.call_poll_seal(store, this, number(now))).ok()?.map(Zeroizing::new)
    }

    fn health(&mut self, now: Timestamp) -> Health {
        let mut health = if let Some(Closed { engine, .. }) = &self.closed {
            Health { fetches: self.last_health.fetches.clone(), ..engine.health(now) }
        } else {
            self.update_health(now);
            self.last_health.clone()
        };
        for service in &mut health.services {
            if let Some(state) = self.states.get(&service.service) {
                service.reads = state.reads();
            }
        }
        health
    }

    /// Forgets every value and releases the component's memory at once, whatever the component answers.
    fn close(&mut self) {
        if let Some(Closed { engine, .. }) = &mut self.closed {
            return engine.close();
        }
        let _ = self.call(|engine, store, this| engine.call_close(store, this));
        let events = std::iter::from_fn(|| self.poll_event()).collect();
        // For the calls made so far: the time does not matter.
        self.update_health(Timestamp(0));
        let mut engine = Engine::new(self.options.clone(), Variables::default());
        engine.close();
        // Those of its start, which was long ago.
        while engine.poll_event().is_some() {}
        for service in self.services() {
            let state = engine.state(&service).map(|state| state.expose_json());
            let _ = self.adopt(&service, state.as_ref().map(|it| it.as_str()));
        }
        self.sandbox = Err(Error::new(ErrorKind::NotReady, "the secrets are closed; load them again"));
        self.closed = Some(Closed { engine, events });
    }
}

impl fmt::Debug for SandboxedEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.closed.is_some() {
            "closed"
        } else if self.sandbox.is_ok() {
            "running"
        } else {
            "ended"
        };
        f.debug_struct("SandboxedEngine").field("state", &state).finish_non_exhaustive()
    }
}

/// The options as this very program reads them, and those of the variables that their services and secrets name, with the
/// texts of files.
fn look_up(options: &Map<String, Value>, variables: &HashMap<String, String>) -> Result<(Options, Variables), Error> {
    let asked = Options::variable_names(options);
    let set = asked.iter().filter_map(|name| Some((name.as_str(), variables.get(name)?.as_str())));
    // Of those that a missing variable may be called instead the component gets the names alone.
    let given = variables.iter().filter(|(_, value)| !value.is_empty()).map(|(name, _)| name.as_str());
    let near = Options::near_names(options, given).into_iter().map(|name| (name, ""));
    let (options, found) = Options::parse(options, set.chain(near))?;
    Ok((options, found.with_files(|path| fs::read_to_string(path).ok())))
}

#[expect(clippy::cast_precision_loss, reason = "2^53 milliseconds are 285,000 years")]
fn number(Timestamp(at): Timestamp) -> f64 {
    at as f64
}

fn read_document<T: DeserializeOwned>(what: &str, document: &str) -> Result<T, Error> {
    serde_json::from_str(document).map_err(|_| unusable(&format!("{what} that is none")))
}

/// The component's own error.
#[expect(clippy::needless_pass_by_value, reason = "what `map_err` passes")]
fn refused(document: String) -> Error {
    read_document("an error", &document).unwrap_or_else(|error| error)
}

fn ended(answer: Result<Result<bool, String>, Error>) -> Option<Result<(), Error>> {
    match answer {
        Ok(Ok(false)) => None,
        Ok(Ok(true)) => Some(Ok(())),
        Ok(Err(error)) => Some(Err(refused(error))),
        Err(error) => Some(Err(error)),
    }
}

/// The component is ended for it.
fn unusable(what: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("the component that holds the engine answers nonsense: {what}"))
}

/// The trap without the rest of wasmtime's error, which holds addresses and names of functions.
fn failed(error: &wasmtime::Error) -> Error {
    if error.is::<PoolConcurrencyLimitError>() {
        let message = format!(
            "this sandbox runs as many engines as it can, {}: close one, or compile another Sandbox",
            limits::INSTANCES
        );
        return Error::new(ErrorKind::Unavailable, message);
    }
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

    /// Those of the services asked for, whatever the component would like.
    #[test]
    fn a_component_gets_the_variables_that_the_options_ask_for_and_no_other() {
        let file = tempfile::NamedTempFile::new().expect("the temporary folder is writable");
        fs::write(&file, "text").expect("the temporary folder is writable");
        let path = file.path().display().to_string();
        let set = [
            ("AWS_SECRET_ACCESS_KEY", "key"),
            ("DB_HOST", "db"),
            ("RDS_CA_CERT_PATH", &path),
            ("REDIS_URL", "redis://cache"),
            ("TOKEN", "t"),
        ];
        let variables = set.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let handed_in = |options: Value| {
            let options = options.as_object().cloned().unwrap_or_default();
            let (_, found) = look_up(&options, &variables).expect("the options are valid");
            found.expose_json().to_string()
        };
        let database = format!(r#""DB_HOST":"db","RDS_CA_CERT_PATH":"{path}""#);
        let options = serde_json::json!({ "services": ["database"] });
        assert_eq!(handed_in(options), format!("{{{database}}}"));
        assert_eq!(handed_in(serde_json::json!({})), format!(r#"{{{database},"REDIS_URL":"redis://cache"}}"#));
        let fields = serde_json::json!({ "token": { "variable": "TOKEN" } });
        let custom = serde_json::json!({ "services": [], "secrets": [{ "id": "a/b", "fields": fields }] });
        assert_eq!(handed_in(custom), r#"{"TOKEN":"t"}"#);
    }

    #[test]
    fn a_component_gets_the_files_that_variables_urls_and_options_name() {
        let file = tempfile::NamedTempFile::new().expect("the temporary folder is writable");
        fs::write(&file, "text").expect("the temporary folder is writable");
        let path = file.path().display().to_string();
        let handed_in = |variables: &[(&str, &str)], options: Value| {
            let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let options = options.as_object().cloned().unwrap_or_default();
            let (_, found) = look_up(&options, &variables).expect("the options are valid");
            found.files_json().to_string()
        };
        let read = format!(r#"{{"{path}":"text"}}"#);
        let none = Value::Null;
        assert_eq!(handed_in(&[("RDS_CA_CERT_PATH", &path)], none.clone()), read);
        let url = format!("postgresql://app:secret@db/permisos?sslrootcert={path}");
        assert_eq!(handed_in(&[("DATABASE_URL", &url)], none.clone()), read);
        let url = format!("rediss://cache?ssl_ca_certs={path}");
        assert_eq!(handed_in(&[("REDIS_URL", &url)], none.clone()), read);
        for service in ["database", "redis"] {
            assert_eq!(handed_in(&[], serde_json::json!({ service: { "caFile": path } })), read);
        }
        let moved = format!("{path}.moved");
        assert_eq!(handed_in(&[("RDS_CA_CERT_PATH", &moved)], none), format!(r#"{{"{moved}":null}}"#));
    }
}
