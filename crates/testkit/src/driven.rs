//! Runs the vectors on whatever the client drives, and reads what it publishes.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::marker::PhantomData;

use permisos_secrets::{DrivenEngine, Error, ServiceId};
use permisos_secrets_core::{Read, ServiceState, Timestamp, UnixTime};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::vectors::Subject;

/// How an engine to drive is made.
pub trait Open {
    /// The engine's name in the table of results.
    const RUNTIME: &str;

    /// Opens an engine.
    fn open(options: &Map<String, Value>, variables: HashMap<String, String>) -> Result<Box<dyn DrivenEngine>, Error>;
}

/// An engine driven as the client's driver does it: it publishes changes first, then events; reads return what is
/// published, without the engine.
pub struct Driven<O>(RefCell<State>, PhantomData<O>);

struct State {
    engine: Box<dyn DrivenEngine>,
    published: HashMap<ServiceId, ServiceState>,
    events: VecDeque<Value>,
}

impl<O> fmt::Debug for Driven<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driven").finish_non_exhaustive()
    }
}

impl State {
    fn publish(&mut self) {
        while let Some(service) = self.engine.poll_changed() {
            if let Some(snapshot) = self.engine.state(&service) {
                self.published.insert(service, snapshot);
            }
        }
        self.events.extend(std::iter::from_fn(|| self.engine.poll_event()).map(|event| document(&event)));
    }
}

fn document(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("the engine's documents are JSON")
}

impl<O: Open> Subject for Driven<O> {
    const RUNTIME: &str = O::RUNTIME;

    fn open(options: &Value, variables: &Map<String, Value>) -> Result<Self, Value> {
        let variables =
            variables.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()));
        let options = options.as_object().expect("a vector's options are an object");
        let engine = O::open(options, variables.collect()).map_err(|error| document(&error))?;
        // What a driver asks for once.
        let _ = (engine.source(), engine.connection(), engine.snapshot_file(), engine.services());
        let mut state = State { engine, published: HashMap::new(), events: VecDeque::new() };
        state.publish();
        Ok(Self(RefCell::new(state), PhantomData))
    }

    fn handle_clock(&mut self, now: u64, wall: u64) {
        let state = self.0.get_mut();
        state.engine.handle_clock(Timestamp(now), UnixTime(wall));
        state.publish();
    }

    fn poll_fetch(&mut self, now: u64) -> Option<Value> {
        let state = self.0.get_mut();
        let fetch = state.engine.poll_fetch(Timestamp(now));
        state.publish();
        let _ = state.engine.poll_seal(Timestamp(now));
        fetch.map(|fetch| document(&fetch))
    }

    fn handle_fetched(&mut self, now: u64, fetched: &Value) {
        let state = self.0.get_mut();
        let fetched = serde_json::from_value(fetched.clone()).expect("a vector's answer");
        state.engine.handle_fetched(Timestamp(now), fetched);
        state.publish();
    }

    fn poll_timeout(&self) -> Option<u64> {
        self.0.borrow_mut().engine.poll_timeout().map(|at| at.0)
    }

    fn poll_event(&mut self) -> Option<Value> {
        self.0.get_mut().events.pop_front()
    }

    fn read(&self, service: &str, now: u64) -> Result<Value, Value> {
        let service = ServiceId::from(service);
        let state = self.0.borrow();
        let snapshot = state.published.get(&service).ok_or_else(|| document(&Error::not_configured(&service)))?;
        let read = snapshot.read(Timestamp(now)).map_err(|error| document(&error))?;
        Ok(serde_json::from_str(&Read::expose_json(&Ok(read))).expect("a read is JSON"))
    }

    fn refresh(&mut self, service: &str, now: u64) -> Result<String, Value> {
        let refresh = self.0.get_mut().engine.refresh(&service.into(), Timestamp(now));
        refresh.map_err(|error| document(&error)).map(|refresh| refresh.as_str().to_owned())
    }

    fn loaded(&self, now: u64) -> Option<Result<(), Value>> {
        let loaded = self.0.borrow_mut().engine.loaded(Timestamp(now));
        loaded.map(|loaded| loaded.map_err(|error| document(&error)))
    }

    fn health(&self, now: u64) -> Value {
        document(&self.0.borrow_mut().engine.health(Timestamp(now)))
    }
}
