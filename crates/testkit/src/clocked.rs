//! An engine whose driver sees the wall clock that a test says, on tokio's paused time.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use permisos_secrets::{DrivenEngine, Error};
use permisos_secrets_core::{
    Connection, Event, Fetch, Fetched, Health, Refresh, ServiceId, ServiceState, SnapshotFile, SourceKind, Timestamp,
    UnixTime,
};
use zeroize::Zeroizing;

const SECOND: Duration = Duration::from_secs(1);

/// What the test and the engine's driver share.
#[derive(Debug, Default)]
pub struct Clock {
    /// The wall clock when the engine starts, in milliseconds.
    pub started_at: AtomicU64,
    /// By how much the wall clock is ahead of it and the time that passed, in milliseconds.
    pub ahead: AtomicI64,
    /// Whether the process stood still between two looks. Otherwise the engine sees each second of the time between them.
    pub stands_still: AtomicBool,
    /// When the driver is to poll again, as the engine answered it last.
    pub timeout: RwLock<Option<Timestamp>>,
}

/// An engine on that clock.
pub struct Clocked {
    engine: Box<dyn DrivenEngine>,
    clock: Arc<Clock>,
    connection: Connection,
    looked_at: Timestamp,
}

impl Clocked {
    /// An engine that stands still whenever its driver does.
    pub fn new(engine: Box<dyn DrivenEngine>, clock: Arc<Clock>) -> Self {
        clock.stands_still.store(true, Ordering::SeqCst);
        let connection = engine.connection().clone();
        Self { engine, clock, connection, looked_at: Timestamp(0) }
    }

    /// An engine whose driver waits for an answer as long as the test takes.
    pub fn patient(engine: Box<dyn DrivenEngine>, clock: Arc<Clock>) -> Self {
        let mut clocked = Self::new(engine, clock);
        clocked.connection.timeout = Duration::from_hours(1000);
        clocked
    }

    fn look(&mut self, now: Timestamp) {
        let shown = self.clock.started_at.load(Ordering::SeqCst).saturating_add(now.0);
        let wall = shown.saturating_add_signed(self.clock.ahead.load(Ordering::SeqCst));
        self.engine.handle_clock(now, UnixTime(wall));
        self.looked_at = now;
    }
}

impl std::fmt::Debug for Clocked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clocked").field("clock", &self.clock).finish_non_exhaustive()
    }
}

macro_rules! forward {
    ($($name:ident($($argument:ident: $ty:ty),*) $(-> $answer:ty)?;)*) => {
        $(fn $name(&mut self, $($argument: $ty),*) $(-> $answer)? {
            self.engine.$name($($argument),*)
        })*
    };
}

impl DrivenEngine for Clocked {
    fn source(&self) -> SourceKind {
        self.engine.source()
    }

    fn connection(&self) -> &Connection {
        &self.connection
    }

    fn snapshot_file(&self) -> Option<&SnapshotFile> {
        self.engine.snapshot_file()
    }

    fn services(&self) -> Vec<ServiceId> {
        self.engine.services()
    }

    fn handle_clock(&mut self, now: Timestamp, _: UnixTime) {
        while !self.clock.stands_still.load(Ordering::SeqCst) && now.since(self.looked_at) > SECOND {
            self.look(self.looked_at + SECOND);
        }
        self.look(now);
    }

    fn poll_timeout(&mut self) -> Option<Timestamp> {
        let timeout = self.engine.poll_timeout();
        *self.clock.timeout.write().unwrap_or_else(PoisonError::into_inner) = timeout;
        timeout
    }

    forward! {
        poll_fetch(now: Timestamp) -> Option<Fetch>;
        handle_fetched(now: Timestamp, fetched: Fetched);
        poll_event() -> Option<Event>;
        poll_changed() -> Option<ServiceId>;
        state(service: &ServiceId) -> Option<ServiceState>;
        loaded(now: Timestamp) -> Option<Result<(), Error>>;
        refresh(service: &ServiceId, now: Timestamp) -> Result<Refresh, Error>;
        refreshed(service: &ServiceId) -> Option<Result<(), Error>>;
        restore(now: Timestamp, text: &str);
        refuse_snapshot(now: Timestamp, message: &str);
        poll_seal(now: Timestamp) -> Option<Zeroizing<String>>;
        health(now: Timestamp) -> Health;
        close();
    }
}
