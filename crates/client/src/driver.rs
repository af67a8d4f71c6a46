//! The one loop between engine and source: `poll_fetch`, fetch, `handle_fetched`, publish, sleep until `poll_timeout`.

use std::collections::HashMap;
use std::fmt;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use permisos_secrets_core::{
    Engine, Error, ErrorKind, Event, EventKind, Failure, Fetch, FetchId, Fetched, Outcome, Refresh, ServiceId, Source,
    Timestamp,
};
use tokio::runtime::Handle;
use tokio::task::{self, JoinError, JoinSet};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::engine::DrivenEngine;
use crate::published::Published;
use crate::sync::broadcast::error::{RecvError, TryRecvError};
use crate::sync::{Mutex, MutexGuard, Notify, broadcast, wall_clock, watch};

/// The longest sleep: a machine that slept shows it only to who looks at the clocks, for the monotonic one, by which the
/// loop sleeps, stood still meanwhile.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);
/// Notices kept for a subscriber that is slow; it learns if it missed some.
const NOTICE_LIMIT: usize = 1024;

/// What a subscriber receives.
#[derive(Clone, Debug)]
pub enum Notice {
    /// Reads of the service answer something else from now on.
    Changed(ServiceId),
    /// Something happened.
    Event(Event),
    /// The subscriber was too slow and missed notices: everything may have changed.
    Lagged,
}

/// The engine and all who wait for it.
pub(crate) struct Driver {
    engine: Mutex<Box<dyn DrivenEngine>>,
    fetch_limit: Duration,
    pub(crate) published: Published,
    started: Instant,
    is_running: AtomicBool,
    pub(crate) is_closed: watch::Sender<bool>,
    pub(crate) wake: Notify,
    progress: watch::Sender<()>,
    notices: broadcast::Sender<Notice>,
    seal: Option<Seal>,
}

/// Encrypts the text and writes it as the sealed snapshot, or says why it could not.
pub(crate) type Seal = Arc<dyn Fn(&str) -> Result<(), String> + Send + Sync>;

impl Driver {
    pub(crate) fn new(engine: Box<dyn DrivenEngine>, seal: Option<Seal>) -> Self {
        let driver = Self {
            fetch_limit: engine.connection().fetch_limit(),
            published: Published::new(&engine.services()),
            engine: Mutex::new(engine),
            started: Instant::now(),
            is_running: AtomicBool::new(false),
            is_closed: watch::Sender::new(false),
            wake: Notify::new(),
            progress: watch::Sender::new(()),
            notices: broadcast::Sender::new(NOTICE_LIMIT),
            seal,
        };
        driver.publish_changed(&mut **driver.engine());
        driver
    }

    /// The one clock of this driver.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// Lets the engine see both clocks.
    fn look(&self, engine: &mut dyn DrivenEngine) -> Timestamp {
        let now = self.now();
        engine.handle_clock(now, wall_clock());
        now
    }

    /// Lets the engine decide what the loop had no turn for yet, as after the process stood still. Where no loop runs
    /// nothing will be fetched: nothing outlives its end then.
    pub(crate) fn catch_up(&self) {
        if self.is_running.load(Ordering::Acquire) {
            let mut engine = self.engine();
            let now = self.look(&mut **engine);
            self.publish(&mut **engine);
            if engine.poll_timeout().is_some_and(|at| at <= now) {
                self.wake.notify_one();
            }
        }
    }

    /// Never held across an await.
    pub(crate) fn engine(&self) -> MutexGuard<'_, Box<dyn DrivenEngine>> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn subscribe(&self) -> Subscription {
        Subscription { notices: self.notices.subscribe(), closing: self.is_closed.subscribe() }
    }

    /// Starts the loop where it does not run: at first, and where the runtime that it ran in has ended. Without a source
    /// there is none: all has happened already and only has to be reported.
    pub(crate) fn start(self: &Arc<Self>, source: Option<&Arc<dyn Source>>) -> Result<(), Error> {
        let Some(source) = source else {
            self.publish(&mut **self.engine());
            return Ok(());
        };
        if *self.is_closed.borrow() {
            return Ok(());
        }
        let Ok(runtime) = Handle::try_current() else {
            let message = "secrets are fetched inside a tokio runtime: load and refresh them in one";
            return Err(Error::new(ErrorKind::ConfigInvalid, message));
        };
        // tokio says it only by a panic.
        if catch_unwind(|| drop(sleep(Duration::ZERO))).is_err() {
            let message = "the tokio runtime has no timers: build it with `enable_time` or `enable_all`";
            return Err(Error::new(ErrorKind::ConfigInvalid, message));
        }
        if !self.is_running.swap(true, Ordering::AcqRel) {
            // Made here, not in the loop: the runtime may end before it polls the loop for the first time.
            let flights = Flights { driver: self.clone(), tasks: JoinSet::new(), ids: HashMap::new() };
            let running = runtime.spawn(self.clone().run(flights, source.clone()));
            // A runtime that is ending drops what is spawned in it: who waits would start the loop again and again.
            if running.is_finished() && !*self.is_closed.borrow() {
                let message = "the tokio runtime is shutting down: load and refresh the secrets in another one";
                return Err(Error::new(ErrorKind::Unavailable, message));
            }
        }
        Ok(())
    }

    /// Makes the secret due, or joins the fetch under way, and waits for it.
    pub(crate) async fn refresh(
        &self,
        service: &ServiceId,
        start: impl Fn() -> Result<(), Error>,
    ) -> Result<(), Error> {
        start()?;
        let refresh = self.engine().refresh(service, self.now())?;
        match refresh {
            Refresh::Current => return Ok(()),
            Refresh::Joined => {}
            Refresh::Started => self.wake.notify_one(),
        }
        self.until(start, |engine, _| engine.refreshed(service)).await
    }

    pub(crate) fn close(&self) {
        let mut engine = self.engine();
        engine.close();
        self.publish(&mut **engine);
        self.is_closed.send_replace(true);
        self.progress.send_replace(());
    }

    /// Waits until the engine has an answer. The loop is started again where the runtime that it ran in ends meanwhile.
    pub(crate) async fn until(
        &self,
        start: impl Fn() -> Result<(), Error>,
        answer: impl Fn(&mut dyn DrivenEngine, Timestamp) -> Option<Result<(), Error>>,
    ) -> Result<(), Error> {
        let mut progress = self.progress.subscribe();
        loop {
            progress.mark_unchanged();
            start()?;
            if let Some(answer) = answer(&mut **self.engine(), self.now()) {
                return answer;
            }
            // The sender lives as long as `self`.
            let _ = progress.changed().await;
        }
    }

    async fn run(self: Arc<Self>, mut flights: Flights, source: Arc<dyn Source>) {
        let mut sealing = JoinSet::new();
        let mut closing = self.is_closed.subscribe();
        loop {
            let (fetch, wake_at) = self.poll();
            if let Some(fetch) = fetch {
                let id = fetch.id;
                let source = source.clone();
                let limit = self.fetch_limit;
                let flight = flights.tasks.spawn(async move { fetch_within(limit, &*source, &fetch).await });
                flights.ids.insert(flight.id(), id);
            }
            if sealing.is_empty() {
                self.seal(&mut sealing);
            }
            let sleep = if flights.ids.is_empty() { LONGEST_SLEEP } else { Engine::CLOCK_INTERVAL };
            let latest = Instant::now() + sleep;
            tokio::select! {
                Some(sealed) = sealing.join_next() => self.sealed(sealed),
                Some(joined) = flights.tasks.join_next_with_id() => {
                    if let Some(fetched) = flights.landed(joined) {
                        self.handle(fetched);
                    }
                }
                () = sleep_until(wake_at.map_or(latest, |at| at.min(latest))) => {}
                () = self.wake.notified() => {}
                _ = closing.wait_for(|is_closed| *is_closed) => return,
            }
        }
    }

    pub(crate) fn poll(&self) -> (Option<Fetch>, Option<Instant>) {
        let mut engine = self.engine();
        let now = self.look(&mut **engine);
        let fetch = engine.poll_fetch(now);
        self.publish(&mut **engine);
        let wake_at = engine.poll_timeout().map(|at| self.started + Duration::from_millis(at.0));
        drop(engine);
        // An engine in a sandbox may fail in any call: who waits learns of it.
        self.progress.send_replace(());
        (fetch, wake_at)
    }

    pub(crate) fn handle(&self, fetched: Fetched) {
        let mut engine = self.engine();
        let now = self.look(&mut **engine);
        engine.handle_fetched(now, fetched);
        self.publish(&mut **engine);
        drop(engine);
        self.progress.send_replace(());
    }

    /// Starts to write the sealed snapshot, if there is something new. One at a time, off the loop.
    fn seal(&self, sealing: &mut JoinSet<Result<(), String>>) {
        let Some(seal) = &self.seal else { return };
        if let Some(text) = self.engine().poll_seal(self.now()) {
            let seal = seal.clone();
            sealing.spawn_blocking(move || seal(&text));
        }
    }

    fn sealed(&self, sealed: Result<Result<(), String>, JoinError>) {
        let message = match sealed {
            Ok(sealed) => sealed.err(),
            // With its runtime.
            Err(error) if error.is_cancelled() => None,
            Err(_) => Some("could not be written: its writer panicked".to_owned()),
        };
        if let Some(message) = message {
            let mut engine = self.engine();
            engine.refuse_snapshot(self.now(), &message);
            self.publish(&mut **engine);
        }
    }

    /// Readers first, then subscribers: a reported rotation is already read.
    fn publish(&self, engine: &mut dyn DrivenEngine) {
        for service in self.publish_changed(engine) {
            let _ = self.notices.send(Notice::Changed(service));
        }
        while let Some(event) = engine.poll_event() {
            log(&event);
            let _ = self.notices.send(Notice::Event(event));
        }
    }

    fn publish_changed(&self, engine: &mut dyn DrivenEngine) -> Vec<ServiceId> {
        let mut changed = vec![];
        while let Some(service) = engine.poll_changed() {
            if let Some(snapshot) = engine.state(&service) {
                self.published.put(snapshot);
                changed.push(service);
            }
        }
        changed
    }
}

/// What happens, in order. Ends when the secrets are closed.
pub struct Subscription {
    notices: broadcast::Receiver<Notice>,
    closing: watch::Receiver<bool>,
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}

impl Subscription {
    /// The next notice; `None` once the secrets are closed and all was reported.
    pub async fn next(&mut self) -> Option<Notice> {
        let received = tokio::select! {
            biased;
            received = self.notices.recv() => received,
            // What `close` reported may have come after the look above.
            _ = self.closing.wait_for(|is_closed| *is_closed) => match self.notices.try_recv() {
                Ok(notice) => Ok(notice),
                Err(TryRecvError::Lagged(missed)) => Err(RecvError::Lagged(missed)),
                Err(TryRecvError::Closed | TryRecvError::Empty) => Err(RecvError::Closed),
            },
        };
        match received {
            Ok(notice) => Some(notice),
            Err(RecvError::Lagged(_)) => Some(Notice::Lagged),
            Err(RecvError::Closed) => None,
        }
    }

    /// The next event; `None` once the secrets are closed and all was reported.
    pub async fn next_event(&mut self) -> Option<Event> {
        loop {
            if let Notice::Event(event) = self.next().await? {
                return Some(event);
            }
        }
    }
}

async fn fetch_within(limit: Duration, source: &dyn Source, fetch: &Fetch) -> Fetched {
    timeout(limit, source.fetch(fetch)).await.unwrap_or_else(|_| {
        let message = format!("the source did not answer within {} s", limit.as_secs());
        let failure = Failure { kind: ErrorKind::Timeout, message, retry_after: None };
        let outcomes = fetch.requests.iter().map(|request| Outcome {
            service: request.service.clone(),
            stage: request.stage,
            result: Err(failure.clone()),
        });
        Fetched { id: fetch.id, outcomes: outcomes.collect(), calls: vec![] }
    })
}

/// The fetches under way. They end with the loop, and that with its runtime.
struct Flights {
    driver: Arc<Driver>,
    tasks: JoinSet<Fetched>,
    ids: HashMap<task::Id, FetchId>,
}

impl Flights {
    /// What a flight brought; from one that panicked, nothing.
    fn landed(&mut self, joined: Result<(task::Id, Fetched), JoinError>) -> Option<Fetched> {
        match joined {
            Ok((task, fetched)) => self.ids.remove(&task).map(|_| fetched),
            Err(error) => self.ids.remove(&error.id()).map(nothing),
        }
    }
}

impl Drop for Flights {
    fn drop(&mut self) {
        for (_, id) in self.ids.drain() {
            self.driver.handle(nothing(id));
        }
        self.driver.is_running.store(false, Ordering::Release);
        // Who waits starts the loop again.
        self.driver.progress.send_replace(());
    }
}

/// No outcome at all, which counts as unavailable.
fn nothing(id: FetchId) -> Fetched {
    Fetched { id, outcomes: vec![], calls: vec![] }
}

fn log(event: &Event) {
    let Event { service, kind, .. } = event;
    let name = kind.name();
    match kind {
        EventKind::Failed { message, .. } => tracing::warn!(%service, "{name}: {message}"),
        EventKind::Fallback { error, origin, .. } => tracing::warn!(%service, ?origin, "{name}: {error}"),
        EventKind::Invalid { version_id, violations } => {
            tracing::error!(%service, version_id, ?violations, "{name}");
        }
        EventKind::Loaded { version_id, .. } => tracing::info!(%service, version_id, "{name}"),
        EventKind::Recovered { failures, .. } => tracing::info!(%service, failures, "{name}"),
        EventKind::Refreshed { version_id, .. } => tracing::debug!(%service, version_id, "{name}"),
        EventKind::Rotated { from, to, .. } => tracing::info!(%service, from, to, "{name}"),
        EventKind::Stale { expires_in, .. } => tracing::warn!(%service, ?expires_in, "{name}"),
    }
    for warning in kind.warnings() {
        tracing::warn!(%service, version_id = kind.version_id(), "warning: {warning}");
    }
}
