//! The state machine that decides everything and touches nothing.

pub(crate) mod event;
mod fetching;
pub(crate) mod health;
pub(crate) mod metric;
pub(crate) mod retry;
mod sealed;
mod secret;
pub(crate) mod state;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::time::Duration;

use fastrand::Rng;
use zeroize::Zeroizing;

use crate::engine::event::{Event, EventKind};
use crate::engine::health::{FetchCounts, Health};
use crate::engine::sealed::Document;
use crate::engine::secret::{EngineContext, TrackedSecret};
use crate::engine::state::{Read, ServiceState};
use crate::error::{Error, ErrorKind};
use crate::options::{Options, SourceKind};
use crate::service::ServiceId;
use crate::source::{Failure, Fetch, FetchId, Fetched, Request, Stage};
use crate::time::{CLOCK_INTERVAL, Clocks, Timestamp, UnixTime};
use crate::variables::Variables;

/// Events kept for a driver that does not drain them; the oldest go first.
const EVENT_LIMIT: usize = 1024;

/// A value that was only confirmed is sealed again after this time: its life grows, and the disk is left in peace.
const SEAL_INTERVAL: Duration = Duration::from_mins(1);

/// The engine: single owner, no callbacks, no clock. The crate's documentation shows the loop that drives it.
pub struct Engine {
    options: Options,
    variables: Variables,
    secrets: BTreeMap<ServiceId, TrackedSecret>,
    rng: Rng,
    next_fetch: u64,
    events: VecDeque<Event>,
    changed: BTreeSet<ServiceId>,
    fetches: FetchCounts,
    /// What the clocks showed last.
    clocks: Clocks,
    sealed_at: Option<Timestamp>,
    /// What was sealed last could not be written: it is sealed again then.
    seal_again: Option<Timestamp>,
    /// The snapshot on disk is another environment's: it is left alone.
    is_foreign: bool,
    is_closed: bool,
}

/// What became of a request to refresh.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refresh {
    /// Nothing is fetched: it was a moment ago, the source is the environment, or the engine is closed. What is held
    /// answers.
    Current,
    /// A fetch under way is shared.
    Joined,
    /// The secret is due now.
    Started,
}

impl Refresh {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Current, Self::Joined, Self::Started];

    /// `current`, `joined` or `started`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Joined => "joined",
            Self::Started => "started",
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("environment", &self.options.environment).finish_non_exhaustive()
    }
}

impl Engine {
    /// How often a driver has to look at the clocks while a fetch is under way.
    pub const CLOCK_INTERVAL: Duration = CLOCK_INTERVAL;

    /// An engine that holds nothing yet; everything is due at once. With the environment as the source it is complete.
    pub fn new(options: Options, variables: Variables) -> Self {
        let secrets = options.secret_ids.iter().filter_map(|(service, secret_id)| {
            let definition = options.definition(service)?.clone();
            Some((service.clone(), TrackedSecret::new(service.clone(), secret_id.clone(), definition)))
        });
        let mut engine = Self {
            secrets: secrets.filter(|(service, _)| options.service_ids().any(|asked| asked == *service)).collect(),
            rng: Rng::with_seed(options.seed),
            clocks: Clocks { now: Timestamp(0), wall: options.started_at },
            options,
            variables,
            next_fetch: 0,
            events: VecDeque::new(),
            changed: BTreeSet::new(),
            fetches: FetchCounts::default(),
            sealed_at: None,
            seal_again: None,
            is_foreign: false,
            is_closed: false,
        };
        let services: Vec<ServiceId> = engine.options.service_ids().collect();
        let is_environment = engine.options.source == SourceKind::Environment;
        for service in &services {
            engine.with(service, Timestamp(0), |secret, context| {
                if is_environment {
                    secret.assemble(context);
                } else {
                    secret.current_fetch.due = Some(Timestamp(0));
                }
                true
            });
        }
        engine
    }

    /// What it was made with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Takes in what both clocks show, so that the engine notices when the process or the machine stood still. Call it
    /// before [`poll_fetch`](Self::poll_fetch) and [`handle_fetched`](Self::handle_fetched), at least every
    /// [`CLOCK_INTERVAL`](Self::CLOCK_INTERVAL) while a fetch is under way, and about every minute otherwise: a sleeping
    /// machine's monotonic clock stands still, and so does the wait for [`poll_timeout`](Self::poll_timeout).
    ///
    /// Where the wall clock went ahead of the monotonic one by more than a lifetime, everything is due once, and what is
    /// held is that much older. A wall clock that was set back by as much only corrects dates. Less than that changes
    /// nothing until the sum is more. A fetch that was under way while the process stood still for longer than a call may
    /// last does not count as failed, and a value whose end came meanwhile is served until one fetch has ended.
    pub fn handle_clock(&mut self, now: Timestamp, wall: UnixTime) {
        let clocks = Clocks { now, wall };
        let pause = clocks.since(std::mem::replace(&mut self.clocks, clocks));
        let is_interrupted = pause > self.options.connection.timeout.saturating_add(Self::CLOCK_INTERVAL);
        let mut slept = Duration::ZERO;
        let (started_at, supposed) = (clocks.started_at(), self.options.started_at);
        if started_at.since(supposed).max(supposed.since(started_at)) > self.options.cache.ttl {
            slept = started_at.since(supposed);
            self.options.started_at = started_at;
        }
        if is_interrupted || !slept.is_zero() {
            let services: Vec<ServiceId> = self.secrets.keys().cloned().collect();
            for service in services {
                self.with(&service, now, |secret, context| secret.resume(slept, is_interrupted, context));
            }
        }
        self.advance(now);
    }

    /// What to fetch now: everything due, in one batch. Other fetches may be under way meanwhile, never of the same
    /// version of the same secret.
    pub fn poll_fetch(&mut self, now: Timestamp) -> Option<Fetch> {
        self.advance(now);
        let id = FetchId(self.next_fetch);
        let mut requests = vec![];
        // In the order of the catalogue, not of the alphabet: logs read better.
        for service in self.options.service_ids() {
            let Some(secret) = self.secrets.get_mut(&service) else { continue };
            for (fetching, stage) in
                [(&mut secret.current_fetch, Stage::Current), (&mut secret.previous_fetch, Stage::Previous)]
            {
                if fetching.is_due(now) {
                    fetching.start(id);
                    let (service, secret_id) = (service.clone(), secret.secret_id.clone());
                    requests.push(Request { service, secret_id, stage, forced: fetching.wants_newest });
                }
            }
        }
        if requests.is_empty() {
            return None;
        }
        self.next_fetch += 1;
        Some(Fetch { id, requests })
    }

    /// Takes in what was fetched. An outcome without a waiting request is ignored; one that is missing counts as
    /// unavailable.
    pub fn handle_fetched(&mut self, now: Timestamp, fetched: Fetched) {
        self.advance(now);
        self.fetches.add(&fetched.calls);
        for outcome in fetched.outcomes {
            let is_current = outcome.stage == Stage::Current;
            self.with(&outcome.service, now, |secret, context| {
                if is_current {
                    let is_awaited = secret.current_fetch.finish(fetched.id);
                    if is_awaited {
                        secret.take_current(outcome.result, context);
                    }
                    is_awaited
                } else {
                    secret.previous_fetch.finish(fetched.id) && secret.take_previous(outcome.result, context)
                }
            });
        }
        let services: Vec<ServiceId> = self.secrets.keys().cloned().collect();
        for service in services {
            self.with(&service, now, |secret, context| {
                let missing = || {
                    let message = "the source brought no outcome".to_owned();
                    Err(Failure { kind: ErrorKind::Unavailable, message, retry_after: None })
                };
                let mut is_changed = secret.current_fetch.finish(fetched.id);
                if is_changed {
                    secret.take_current(missing(), context);
                }
                if secret.previous_fetch.finish(fetched.id) {
                    is_changed |= secret.take_previous(missing(), context);
                }
                is_changed
            });
        }
    }

    /// When to call [`poll_fetch`](Self::poll_fetch) again, if nothing happens before.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.secrets.values().filter_map(TrackedSecret::timeout).chain(self.seal_again).min()
    }

    /// The next event, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The next service whose [`state`](Self::state) a driver has to publish again.
    pub fn poll_changed(&mut self) -> Option<ServiceId> {
        self.changed.pop_first()
    }

    /// The state of one service, for readers without the engine.
    pub fn state(&self, service: &ServiceId) -> Option<ServiceState> {
        self.secrets.get(service).map(TrackedSecret::state)
    }

    /// Takes in the sealed snapshot, as a driver decrypted it, before the first poll. Its values stand in where nothing
    /// can be fetched, for as long as they might have been served without the restart.
    pub fn restore(&mut self, now: Timestamp, text: &str) {
        if !self.options.seals() {
            return;
        }
        let Some(document) = Document::parse(text) else {
            return self.refuse_snapshot(now, "is not of the shape that this version writes: it is not used");
        };
        if document.environment != self.options.environment.as_str() {
            self.is_foreign = true;
            let message = "is of another environment: it is neither used nor overwritten; give each environment a \
                           `snapshot.path` of its own";
            return self.refuse_snapshot(now, message);
        }
        for item in document.secrets {
            let service = item.service.clone();
            self.with(&service, now, |secret, context| {
                secret.keep(item, context);
                false
            });
        }
    }

    /// Reports for every service that the driver could not open or write the sealed snapshot, and why. The message goes on
    /// from "the sealed snapshot".
    pub fn refuse_snapshot(&mut self, now: Timestamp, message: &str) {
        self.seal_again = self.sealed_at.map(|_| now + SEAL_INTERVAL);
        let services: Vec<ServiceId> = self.options.service_ids().collect();
        for service in services {
            self.with(&service, now, |_, context| {
                TrackedSecret::refuse_snapshot(message, context);
                false
            });
        }
    }

    /// What to encrypt and write as the sealed snapshot now, if there is something new: a version that it lacks, or, at
    /// most once a minute, a confirmation that makes a value last longer, or what could not be written. **Holds every
    /// secret value.**
    pub fn poll_seal(&mut self, now: Timestamp) -> Option<Zeroizing<String>> {
        if !self.options.seals() || self.is_foreign {
            return None;
        }
        let rests = self.sealed_at.is_some_and(|at| now < at + SEAL_INTERVAL);
        let is_new =
            |secret: &TrackedSecret| secret.is_unsealed || (!rests && secret.is_confirmed_after(self.sealed_at));
        let is_again = self.seal_again.is_some_and(|at| at <= now);
        if !is_again && !self.secrets.values().any(is_new) {
            return None;
        }
        self.seal_again = None;
        self.sealed_at = Some(now);
        self.secrets.values_mut().for_each(|secret| secret.is_unsealed = false);
        let today = self.options.today(now);
        let secrets = self.secrets.values().filter_map(|secret| secret.item(today, now)).collect();
        Some(Document::new(self.options.environment.as_str(), secrets).into_text())
    }

    /// Answers a read from what is held. Never waits.
    pub fn read(&self, service: &ServiceId, now: Timestamp) -> Result<Read, Error> {
        self.state(service).ok_or_else(|| Error::not_configured(service))?.read(now)
    }

    /// How the first load ended: `None` while it is under way, else every required service that cannot be read.
    pub fn loaded(&self, now: Timestamp) -> Option<Result<(), Error>> {
        if !self.secrets.values().all(TrackedSecret::is_settled) {
            return None;
        }
        let required = self.options.service_ids().filter(|service| !self.options.is_optional(service));
        let errors = required.filter_map(|service| self.state_error(&service, now)).collect();
        Some(Error::several(errors).map_or(Ok(()), Err))
    }

    /// Forces a fetch now, or joins the one under way. At most one forced fetch per secret per second; a wait after
    /// failures is cut short.
    pub fn refresh(&mut self, service: &ServiceId, now: Timestamp) -> Result<Refresh, Error> {
        let secret = self.secrets.get_mut(service).ok_or_else(|| Error::not_configured(service))?;
        Ok(if self.is_closed || self.options.source == SourceKind::Environment {
            Refresh::Current
        } else if secret.current_fetch.under_way.is_some() || secret.is_forced {
            secret.is_forced = true;
            Refresh::Joined
        } else if secret.force(now) {
            Refresh::Started
        } else {
            Refresh::Current
        })
    }

    /// How a forced fetch ended: `None` while it is under way, else the error of the last fetch, if it failed.
    pub fn refreshed(&self, service: &ServiceId) -> Option<Result<(), Error>> {
        match self.secrets.get(service) {
            Some(secret) if secret.is_forced => None,
            Some(secret) => Some(secret.failure.clone().map_or(Ok(()), Err)),
            None => Some(Err(Error::not_configured(service))),
        }
    }

    /// The state of everything, without values.
    pub fn health(&self, now: Timestamp) -> Health {
        let secrets = self.options.service_ids().filter_map(|service| self.secrets.get(&service));
        Health::of(&self.options, secrets, &self.fetches, now)
    }

    /// Forgets every value and asks for nothing more: reads answer `NotReady`. An outcome still to come is ignored.
    pub fn close(&mut self) {
        self.is_closed = true;
        self.seal_again = None;
        self.variables = Variables::default();
        for (service, secret) in &mut self.secrets {
            secret.close();
            self.changed.insert(service.clone());
        }
    }

    fn state_error(&self, service: &ServiceId, now: Timestamp) -> Option<Error> {
        self.secrets.get(service)?.state().answer(now).err()
    }

    fn advance(&mut self, now: Timestamp) {
        let over = self.secrets.iter().filter(|(_, secret)| secret.timeout().is_some_and(|timeout| timeout <= now));
        let services: Vec<ServiceId> = over.map(|(service, _)| service.clone()).collect();
        for service in services {
            self.with(&service, now, TrackedSecret::advance);
        }
    }

    /// Works on one secret, then reports its events and, if it changed, publishes its state.
    fn with(
        &mut self,
        service: &ServiceId,
        now: Timestamp,
        work: impl FnOnce(&mut TrackedSecret, &mut EngineContext<'_>) -> bool,
    ) {
        let Self { options, variables, secrets, rng, events, changed, .. } = self;
        let Some(secret) = secrets.get_mut(service) else { return };
        let mut emitted: Vec<EventKind> = vec![];
        if work(secret, &mut EngineContext { now, options, variables, rng, events: &mut emitted }) {
            changed.insert(service.clone());
        }
        events.extend(emitted.into_iter().map(|kind| Event { at: now, service: service.clone(), kind }));
        while events.len() > EVENT_LIMIT {
            events.pop_front();
        }
    }
}
