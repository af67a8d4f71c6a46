//! What the driver drives.

use std::collections::HashMap;

use permisos_secrets_core::{
    Connection, Engine, Error, Event, Fetch, Fetched, Health, Options, Refresh, ServiceId, ServiceState, SnapshotFile,
    SourceKind, Timestamp, UnixTime,
};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// An engine that the driver drives: core's own, or the same one in a sandbox. Each method is that of [`Engine`], which
/// documents it.
#[cfg_attr(feature = "engine", expect(missing_docs, reason = "they are documented at Engine"))]
#[cfg_attr(not(feature = "engine"), allow(dead_code, unreachable_pub, reason = "public by that feature alone"))]
pub trait DrivenEngine: Send {
    /// Where values come from.
    fn source(&self) -> SourceKind;
    /// How to reach Secrets Manager.
    fn connection(&self) -> &Connection;
    /// The sealed snapshot, where the options ask for one.
    fn snapshot_file(&self) -> Option<&SnapshotFile>;
    /// Every service asked for.
    fn services(&self) -> Vec<ServiceId>;

    fn handle_clock(&mut self, now: Timestamp, wall: UnixTime);
    fn poll_fetch(&mut self, now: Timestamp) -> Option<Fetch>;
    fn handle_fetched(&mut self, now: Timestamp, fetched: Fetched);
    fn poll_timeout(&mut self) -> Option<Timestamp>;
    fn poll_event(&mut self) -> Option<Event>;
    fn poll_changed(&mut self) -> Option<ServiceId>;
    fn state(&mut self, service: &ServiceId) -> Option<ServiceState>;
    fn loaded(&mut self, now: Timestamp) -> Option<Result<(), Error>>;
    fn refresh(&mut self, service: &ServiceId, now: Timestamp) -> Result<Refresh, Error>;
    fn refreshed(&mut self, service: &ServiceId) -> Option<Result<(), Error>>;
    fn restore(&mut self, now: Timestamp, text: &str);
    fn refuse_snapshot(&mut self, now: Timestamp, message: &str);
    fn poll_seal(&mut self, now: Timestamp) -> Option<Zeroizing<String>>;
    fn health(&mut self, now: Timestamp) -> Health;
    fn close(&mut self);
}

impl DrivenEngine for Engine {
    fn source(&self) -> SourceKind {
        self.options().source
    }

    fn connection(&self) -> &Connection {
        &self.options().connection
    }

    fn snapshot_file(&self) -> Option<&SnapshotFile> {
        self.options().snapshot.as_ref()
    }

    fn services(&self) -> Vec<ServiceId> {
        self.options().service_ids().collect()
    }

    fn handle_clock(&mut self, now: Timestamp, wall: UnixTime) {
        Self::handle_clock(self, now, wall);
    }

    fn poll_fetch(&mut self, now: Timestamp) -> Option<Fetch> {
        Self::poll_fetch(self, now)
    }

    fn handle_fetched(&mut self, now: Timestamp, fetched: Fetched) {
        Self::handle_fetched(self, now, fetched);
    }

    fn poll_timeout(&mut self) -> Option<Timestamp> {
        Self::poll_timeout(self)
    }

    fn poll_event(&mut self) -> Option<Event> {
        Self::poll_event(self)
    }

    fn poll_changed(&mut self) -> Option<ServiceId> {
        Self::poll_changed(self)
    }

    fn state(&mut self, service: &ServiceId) -> Option<ServiceState> {
        Self::state(self, service)
    }

    fn loaded(&mut self, now: Timestamp) -> Option<Result<(), Error>> {
        Self::loaded(self, now)
    }

    fn refresh(&mut self, service: &ServiceId, now: Timestamp) -> Result<Refresh, Error> {
        Self::refresh(self, service, now)
    }

    fn refreshed(&mut self, service: &ServiceId) -> Option<Result<(), Error>> {
        Self::refreshed(self, service)
    }

    fn restore(&mut self, now: Timestamp, text: &str) {
        Self::restore(self, now, text);
    }

    fn refuse_snapshot(&mut self, now: Timestamp, message: &str) {
        Self::refuse_snapshot(self, now, message);
    }

    fn poll_seal(&mut self, now: Timestamp) -> Option<Zeroizing<String>> {
        Self::poll_seal(self, now)
    }

    fn health(&mut self, now: Timestamp) -> Health {
        Self::health(self, now)
    }

    fn close(&mut self) {
        Self::close(self);
    }
}

/// Makes an engine from options (with `startedAt` and `seed`) and the environment variables.
pub(crate) type Open =
    Box<dyn FnOnce(&Map<String, Value>, HashMap<String, String>) -> Result<Box<dyn DrivenEngine>, Error> + Send>;

/// The engine of this very program.
pub(crate) fn native(
    options: &Map<String, Value>,
    variables: HashMap<String, String>,
) -> Result<Box<dyn DrivenEngine>, Error> {
    let (options, variables) = Options::parse(options, variables)?;
    let variables = variables.with_files(|path| std::fs::read_to_string(path).ok());
    Ok(Box::new(Engine::new(options, variables)))
}
