//! One secret: what is held, what is under way, what comes next.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use secrecy::ExposeSecret;

use crate::engine::event::EventKind;
use crate::engine::fetching::Fetching;
use crate::engine::sealed::{Item, Sealed};
use crate::engine::state::{Held, Origin, ReadCounter, ServiceState};
use crate::error::{Error, ErrorKind, Rule, Violation};
use crate::name::SecretId;
use crate::options::{Options, SourceKind};
use crate::schema::{self, Config, Context, Definition, Parsed};
use crate::service::{Service, ServiceId};
use crate::source::{Failure, Payload};
use crate::time::{CLOCK_INTERVAL, Timestamp, UnixTime, milliseconds};
use crate::variables::Variables;

/// At most one forced fetch per secret in this time.
const FORCED_INTERVAL: Duration = Duration::from_secs(1);

/// A driver that comes so late after a value's end was stopped meanwhile: one that runs comes on time.
const LATE: Duration = CLOCK_INTERVAL;

/// What the engine knows of one secret.
pub(crate) struct TrackedSecret {
    pub(crate) service: ServiceId,
    pub(crate) secret_id: SecretId,
    pub(crate) entry: Option<Entry>,
    /// The sealed snapshot's value, until Secrets Manager answers or it has to stand in.
    sealed: Option<Sealed>,
    /// Whether the sealed snapshot lacks the version held.
    pub(crate) is_unsealed: bool,
    pub(crate) fallback: Option<Parsed>,
    pub(crate) failure: Option<Error>,
    /// Why the current version is not valid, if it is not: nothing stands in for it.
    rejection: Option<Error>,
    /// Fetches of the current version.
    pub(crate) current_fetch: Fetching,
    /// Fetches of the version before, for security.
    pub(crate) previous_fetch: Fetching,
    previous: Option<Previous>,
    /// What readers read: the current version with the keys of the one before.
    combined: Option<Config>,
    forced_at: Option<Timestamp>,
    pub(crate) is_forced: bool,
    has_reported_stale: bool,
    definition: Definition,
    counts: Arc<ReadCounter>,
}

/// A good value.
pub(crate) struct Entry {
    parsed: Parsed,
    /// What it was parsed from; its text is kept only where it is to be sealed.
    pub(crate) payload: Payload,
    pub(crate) version_id: Arc<str>,
    pub(crate) origin: Origin,
    pub(crate) taken_at: Timestamp,
    /// How old it was then.
    head_start: Duration,
    fresh_until: Timestamp,
    pub(crate) usable_until: Timestamp,
    /// Whether readers know that its lifetime is over.
    is_marked_stale: bool,
    /// Its end came while the process stood still: it is served until the next fetch has ended.
    is_overdue: bool,
}

impl Entry {
    /// How long ago Secrets Manager answered it.
    pub(crate) fn age(&self, now: Timestamp) -> Duration {
        now.since(self.taken_at).saturating_add(self.head_start)
    }
}

/// The value before a rotation.
struct Previous {
    /// None until it is fetched; then there may be none at all.
    config: Option<Config>,
    until: Timestamp,
}

/// What every secret needs of the engine.
pub(crate) struct EngineContext<'a> {
    pub(crate) now: Timestamp,
    pub(crate) options: &'a Options,
    pub(crate) variables: &'a Variables,
    pub(crate) rng: &'a mut Rng,
    pub(crate) events: &'a mut Vec<EventKind>,
}

impl EngineContext<'_> {
    fn schema_context<'c>(&'c self, region: Option<&'c str>) -> Context<'c> {
        let options = self.options;
        Context {
            environment: &options.environment,
            region: region.or_else(|| options.connection.regions.first().map(String::as_str)),
            today: self.today(),
            variables: self.variables,
            database: &options.database,
            redis: &options.redis,
            is_local: options.source == SourceKind::Environment && !options.environment.defaults_to_aws(),
            url_options: &[],
        }
    }

    fn today(&self) -> UnixTime {
        self.options.today(self.now)
    }

    /// A payload as it is kept: the text only where it is to be sealed.
    fn kept(&self, payload: Payload) -> Payload {
        if self.options.seals() { payload } else { Payload { text: None, ..payload } }
    }
}

impl TrackedSecret {
    pub(crate) fn new(service: ServiceId, secret_id: SecretId, definition: Definition) -> Self {
        Self {
            service,
            secret_id,
            entry: None,
            sealed: None,
            is_unsealed: false,
            fallback: None,
            failure: None,
            rejection: None,
            current_fetch: Fetching::default(),
            previous_fetch: Fetching::default(),
            previous: None,
            combined: None,
            forced_at: None,
            is_forced: false,
            has_reported_stale: false,
            definition,
            counts: Arc::default(),
        }
    }

    /// The whole source is the environment.
    pub(crate) fn assemble(&mut self, context: &mut EngineContext<'_>) {
        match schema::parse_environment(&self.definition, &context.schema_context(None)) {
            Ok(parsed) => {
                let (origin, warnings) = (Origin::Environment, parsed.warnings.clone());
                context.events.push(EventKind::Loaded { origin, version_id: None, warnings });
                self.fallback = Some(parsed);
            }
            Err(error) => {
                if error.kind() != ErrorKind::NotFound {
                    let violations = error.violations().to_vec();
                    context.events.push(EventKind::Invalid { version_id: None, violations });
                }
                self.failure = Some(error.explained(context.options.why_not_aws()));
            }
        }
    }

    /// What readers read.
    pub(crate) fn state(&self) -> ServiceState {
        let previous = self.previous.as_ref().and_then(|previous| previous.config.as_ref());
        let held = self.entry.as_ref().map(|entry| Held {
            // The same as long as the version and the one before it are.
            config: self.combined.as_ref().unwrap_or(&entry.parsed.config).clone(),
            previous: previous.cloned(),
            version_id: entry.version_id.clone(),
            origin: entry.origin,
            fresh_until: entry.fresh_until,
            usable_until: entry.usable_until,
        });
        ServiceState {
            service: self.service.clone(),
            held,
            fallback: self.fallback.as_ref().map(|parsed| parsed.config.clone()),
            failure: self.failure.clone(),
            counts: self.counts.clone(),
        }
    }

    /// What is worth a warning in what readers read.
    pub(crate) fn warnings(&self) -> &[Violation] {
        let parsed = self.entry.as_ref().map(|entry| &entry.parsed).or(self.fallback.as_ref());
        parsed.map(|parsed| parsed.warnings.as_slice()).unwrap_or_default()
    }

    /// Whether the first fetch is over, AWSPREVIOUS included where it is wanted.
    pub(crate) fn is_settled(&self) -> bool {
        let is_known = self.entry.is_some() || self.fallback.is_some() || self.failure.is_some();
        let awaits_previous =
            self.previous.as_ref().is_some_and(|it| it.config.is_none()) && self.previous_fetch.failures == 0;
        is_known && !(awaits_previous && (self.previous_fetch.due.is_some() || self.previous_fetch.under_way.is_some()))
    }

    /// Whether an application runs well without it.
    pub(crate) fn is_optional(&self) -> bool {
        self.definition.optional
    }

    /// Whether the secret is simply not there, which is normal for an optional one.
    pub(crate) fn is_absent(&self) -> bool {
        self.is_optional()
            && self.entry.is_none()
            && self.failure.as_ref().is_some_and(|failure| failure.kind() == ErrorKind::NotFound)
    }

    /// Makes the secret due, unless it was forced a moment ago.
    pub(crate) fn force(&mut self, now: Timestamp) -> bool {
        if self.forced_at.is_some_and(|at| now < at + FORCED_INTERVAL) {
            return false;
        }
        self.forced_at = Some(now);
        self.is_forced = true;
        self.current_fetch.wants_newest = true;
        self.current_fetch.due = Some(now);
        true
    }

    /// Keeps a value of the sealed snapshot, in case that nothing can be fetched.
    pub(crate) fn keep(&mut self, item: Item<'_>, context: &mut EngineContext<'_>) {
        if item.secret_id != self.secret_id {
            let message = format!("holds another secret ({}): it is not used", item.secret_id);
            return Self::refuse_snapshot(&message, context);
        }
        let sealed = item.into_sealed();
        match sealed.age(context.today()) {
            None => Self::refuse_snapshot("is dated in the future: check the machine's clock", context),
            Some(age) if age >= context.options.cache.longest() => {
                let (age, most) = (age.as_secs(), context.options.cache.longest().as_secs());
                let message = format!("is {age} s old: at most `ttl` and `staleIfError`, {most} s, are served");
                Self::refuse_snapshot(&message, context);
            }
            Some(_) => self.sealed = Some(sealed),
        }
    }

    /// Reports that the sealed snapshot cannot be used, and why.
    pub(crate) fn refuse_snapshot(message: &str, context: &mut EngineContext<'_>) {
        let message = format!("the sealed snapshot {message}");
        let violations = vec![Violation { path: "/snapshot".to_owned(), rule: Rule::Snapshot, message }];
        context.events.push(EventKind::Invalid { version_id: None, violations });
    }

    /// Whether Secrets Manager answered the value held after that.
    pub(crate) fn is_confirmed_after(&self, at: Option<Timestamp>) -> bool {
        let is_own = |entry: &&Entry| entry.origin == Origin::SecretsManager;
        self.entry.as_ref().filter(is_own).is_some_and(|entry| Some(entry.taken_at) > at)
    }

    /// What to seal of this secret: the value held, else what an earlier process sealed.
    pub(crate) fn item(&self, today: UnixTime, now: Timestamp) -> Option<Item<'_>> {
        let (payload, fetched_at) = match (&self.entry, &self.sealed) {
            (Some(entry), _) => (&entry.payload, UnixTime(today.0.saturating_sub(milliseconds(entry.age(now))))),
            (None, Some(sealed)) => (&sealed.payload, sealed.fetched_at),
            (None, None) => return None,
        };
        Item::new(&self.service, &self.secret_id, payload, fetched_at)
    }

    /// Forgets everything but how reads were answered.
    pub(crate) fn close(&mut self) {
        let failure = Some(Error::closed(&self.service));
        let counts = self.counts.clone();
        *self = Self {
            failure,
            counts,
            ..Self::new(self.service.clone(), self.secret_id.clone(), self.definition.clone())
        };
    }

    /// The process stood still, and the machine slept for so long, which the monotonic clock does not show. True if
    /// readers have to know.
    pub(crate) fn resume(&mut self, slept: Duration, is_interrupted: bool, context: &mut EngineContext<'_>) -> bool {
        let now = context.now;
        let mut is_due = !slept.is_zero();
        if let Some(entry) = &mut self.entry {
            if is_due {
                entry.head_start = entry.head_start.saturating_add(slept);
                entry.fresh_until = entry.fresh_until.min(now);
            }
            if is_interrupted && !entry.is_overdue && entry.usable_until + LATE <= now {
                entry.is_overdue = true;
                entry.usable_until = now + context.options.connection.fetch_limit();
                is_due = true;
            }
        }
        for fetching in [&mut self.current_fetch, &mut self.previous_fetch] {
            fetching.is_interrupted |= is_interrupted;
            fetching.due = fetching.due.map(|due| if is_due { due.min(now) } else { due });
        }
        is_due && self.entry.is_some()
    }

    /// Ends what is over; true if readers have to know.
    pub(crate) fn advance(&mut self, context: &mut EngineContext<'_>) -> bool {
        let now = context.now;
        let mut is_changed = false;
        if self.entry.as_ref().is_some_and(|entry| entry.usable_until <= now) {
            self.entry = None;
            let service = &self.service;
            self.failure.get_or_insert_with(|| {
                let message = format!(
                    "{service} cannot be read: its value is past `ttl` and `staleIfError`, and the next is being \
                     fetched; a longer `staleIfError` bridges that"
                );
                Error::of(service.clone(), ErrorKind::NotReady, message)
            });
            self.stand_in(context);
            is_changed = true;
        }
        if let Some(entry) = &mut self.entry
            && entry.fresh_until <= now
            && !entry.is_marked_stale
        {
            entry.is_marked_stale = true;
            is_changed = true;
        }
        if self.previous.as_ref().is_some_and(|previous| previous.until <= now) {
            is_changed |= self.previous.take().is_some_and(|previous| previous.config.is_some());
            self.combined = None;
            self.previous_fetch.due = None;
        }
        is_changed
    }

    /// When to look at this secret again.
    pub(crate) fn timeout(&self) -> Option<Timestamp> {
        let entry = self.entry.as_ref();
        [
            self.current_fetch.timeout(),
            self.previous_fetch.timeout(),
            entry.filter(|entry| !entry.is_marked_stale).map(|entry| entry.fresh_until),
            entry.map(|entry| entry.usable_until),
            self.previous.as_ref().map(|previous| previous.until),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Takes in the current version.
    pub(crate) fn take_current(&mut self, result: Result<Payload, Failure>, context: &mut EngineContext<'_>) {
        if self.current_fetch.is_lost(&result, context.now) {
            return;
        }
        // A refresh that joined a planned fetch of the agent was answered from its cache.
        let is_cached =
            context.options.source == SourceKind::Agent && !self.current_fetch.wants_newest && result.is_ok();
        let is_forced_again = std::mem::take(&mut self.is_forced) && is_cached;
        self.current_fetch.wants_newest &= result.is_err();
        match result {
            Ok(payload) if self.is_lagging(&payload, context) => {
                let region = payload.region.unwrap_or_default();
                let message = format!("the replica in {region} still has an older version than the one held");
                self.fail(&Failure { kind: ErrorKind::Unavailable, message, retry_after: None }, context);
            }
            Ok(payload) => match self.parse(&payload, context) {
                Ok(parsed) => {
                    self.accept(parsed, payload, context);
                    if self.current_fetch.is_interrupted {
                        // It may have been answered before the standstill.
                        self.current_fetch.due = Some(context.now);
                    }
                }
                Err(violations) => self.reject(&payload, violations, context),
            },
            Err(failure) => self.fail(&failure, context),
        }
        if is_forced_again {
            self.force(context.now);
        }
    }

    /// Whether a replica is behind the region that the value held came from: what is newer is not given back for it.
    /// An older version in the primary, or in the same region as before, is a rollback, and is meant.
    fn is_lagging(&self, payload: &Payload, context: &EngineContext<'_>) -> bool {
        let primary = context.options.connection.regions.first();
        let is_replica = primary.is_some() && payload.region.as_ref() != primary;
        self.entry.as_ref().is_some_and(|held| {
            let is_older =
                payload.created_at.zip(held.payload.created_at).is_some_and(|(created, held)| created < held);
            let is_same = *payload.version_id == *held.version_id;
            is_replica && payload.region != held.payload.region && !is_same && is_older
        })
    }

    /// Takes in the version before the current one.
    pub(crate) fn take_previous(&mut self, result: Result<Payload, Failure>, context: &mut EngineContext<'_>) -> bool {
        let now = context.now;
        if self.previous_fetch.is_lost(&result, now) {
            return false;
        }
        match result.map(|payload| self.parse(&payload, context)) {
            Ok(Ok(parsed)) => {
                self.previous_fetch.schedule(None);
                let awaits = |previous: &&mut Previous| now < previous.until && previous.config.is_none();
                let is_taken = self
                    .previous
                    .as_mut()
                    .filter(awaits)
                    .map(|previous| previous.config = Some(parsed.config))
                    .is_some();
                if is_taken {
                    self.combine();
                }
                is_taken
            }
            // A malformed one honours nothing, and one that is not there never existed: neither is asked for again.
            Ok(Err(_)) | Err(Failure { kind: ErrorKind::NotFound, .. }) => {
                self.previous_fetch.schedule(None);
                self.previous.take_if(|previous| previous.config.is_none());
                false
            }
            Err(failure) => {
                if self.previous.as_ref().is_some_and(|previous| previous.config.is_none()) {
                    self.previous_fetch.fail(now, failure.retry_after, context.rng);
                }
                false
            }
        }
    }

    fn parse(&self, payload: &Payload, context: &EngineContext<'_>) -> Result<Parsed, Vec<Violation>> {
        let Some(text) = &payload.text else {
            let message = "is binary: store the fields as JSON text".to_owned();
            return Err(vec![Violation { path: String::new(), rule: Rule::Text, message }]);
        };
        let context = context.schema_context(payload.region.as_deref());
        let mut parsed = schema::parse_payload(&self.definition, text.expose_secret(), &context)?;
        parsed.warnings.extend(self.secret_id.warning());
        Ok(parsed)
    }

    fn accept(&mut self, parsed: Parsed, payload: Payload, context: &mut EngineContext<'_>) {
        let now = context.now;
        self.sealed = None;
        let failures = std::mem::take(&mut self.current_fetch.failures);
        let was_snapshot = self.entry.as_ref().is_some_and(|entry| entry.origin == Origin::Snapshot);
        let was_fallback = self.fallback.take().is_some() || was_snapshot;
        self.failure = None;
        self.rejection = None;
        self.has_reported_stale = false;
        let created_at = payload.created_at;
        let to = payload.version_id.clone();
        let payload = context.kept(payload);
        if failures > 0 {
            context.events.push(EventKind::Recovered { failures, from_fallback: was_fallback });
        }
        let fresh_until = now + context.options.cache.lifetime(context.rng);
        let mut entry = Entry {
            parsed,
            version_id: to.as_str().into(),
            payload,
            origin: Origin::SecretsManager,
            taken_at: now,
            head_start: Duration::ZERO,
            fresh_until,
            usable_until: fresh_until + context.options.cache.stale_if_error,
            is_marked_stale: false,
            is_overdue: false,
        };
        let warnings = entry.parsed.warnings.clone();
        let mut is_new = true;
        context.events.push(match self.entry.take() {
            // A version never changes: readers keep the very same config. What is worth a warning changes with the day.
            Some(old) if *old.version_id == *to => {
                if was_snapshot {
                    self.look_back(created_at, context);
                }
                is_new = false;
                let is_other = |warning: &Violation| !old.parsed.warnings.contains(warning);
                let warnings = warnings.into_iter().filter(is_other).collect();
                entry.parsed.config = old.parsed.config;
                entry.payload.created_at = old.payload.created_at.or(entry.payload.created_at);
                EventKind::Refreshed { version_id: to, warnings }
            }
            Some(old) => {
                self.is_unsealed = true;
                let until = now + context.options.cache.previous_for;
                self.previous = (now < until).then_some(Previous { config: Some(old.parsed.config), until });
                self.previous_fetch.schedule(None);
                EventKind::Rotated { from: old.version_id.to_string(), to, warnings }
            }
            None => {
                self.is_unsealed = true;
                self.look_back(created_at, context);
                EventKind::Loaded { origin: Origin::SecretsManager, version_id: Some(to), warnings }
            }
        });
        self.current_fetch.due = Some(fresh_until);
        self.entry = Some(entry);
        if is_new {
            self.combine();
        }
    }

    /// Makes what readers read of the current version and the one before it.
    fn combine(&mut self) {
        let previous = self.previous.as_ref().and_then(|previous| previous.config.as_ref());
        let current = self.entry.as_ref().map(|entry| &entry.parsed.config);
        self.combined = current.zip(previous).map(|(current, previous)| current.with_previous(previous));
    }

    /// A process that starts soon after a rotation must still honour the previous keys.
    fn look_back(&mut self, created_at: Option<UnixTime>, context: &EngineContext<'_>) {
        let honoured = milliseconds(context.options.cache.previous_for);
        let age = created_at.map_or(0, |at| context.today().0.saturating_sub(at.0));
        if self.service == Service::Security && age < honoured {
            let until = context.now + Duration::from_millis(honoured - age);
            self.previous = Some(Previous { config: None, until });
            self.combined = None;
            self.previous_fetch.schedule(Some(context.now));
        }
    }

    fn reject(&mut self, payload: &Payload, violations: Vec<Violation>, context: &mut EngineContext<'_>) {
        self.entry.take_if(|entry| entry.is_overdue);
        let Payload { version_id, .. } = payload;
        let summary = format!("version {version_id} of {} ({}) is not valid", self.secret_id, self.service);
        let service = Some(self.service.clone());
        self.rejection = Some(Error::violating(ErrorKind::Invalid, service, summary, violations.clone()));
        self.failure.clone_from(&self.rejection);
        context.events.push(EventKind::Invalid { version_id: Some(version_id.clone()), violations });
        self.current_fetch.fail(context.now, None, context.rng);
        self.fallback = None;
        self.report_stale(context);
    }

    fn fail(&mut self, failure: &Failure, context: &mut EngineContext<'_>) {
        self.entry.take_if(|entry| entry.is_overdue);
        // Where nothing is held, a value of the source's cache is better than none.
        self.current_fetch.wants_newest &= self.entry.is_some();
        self.failure = Some(self.explain(failure, context.options));
        if failure.kind == ErrorKind::NotFound {
            // Whatever was wrong with it went with it.
            self.rejection = None;
        }
        if self.is_absent() {
            let due = context.now + context.options.cache.lifetime(context.rng);
            self.current_fetch.schedule(Some(due));
        } else {
            let delay = self.current_fetch.fail(context.now, failure.retry_after, context.rng);
            context.events.push(EventKind::Failed {
                error: failure.kind,
                message: self.failure.as_ref().map(ToString::to_string).unwrap_or_default(),
                consecutive_failures: self.current_fetch.failures,
                retry_in: delay,
            });
        }
        self.stand_in(context);
        self.report_stale(context);
    }

    fn report_stale(&mut self, context: &mut EngineContext<'_>) {
        let Some(entry) = self.entry.as_ref().filter(|entry| entry.fresh_until <= context.now) else { return };
        if !std::mem::replace(&mut self.has_reported_stale, true) {
            context.events.push(EventKind::Stale {
                age: entry.age(context.now),
                expires_in: entry.usable_until.since(context.now),
            });
        }
    }

    /// Lets the sealed snapshot, else the environment, stand in where nothing is held, retrieval failed and the options
    /// allow it. The snapshot goes first: it holds what Secrets Manager answered last. Neither stands in for a version
    /// that is not valid, however often it could not be fetched again.
    fn stand_in(&mut self, context: &mut EngineContext<'_>) {
        let permits = |failure: &Error| failure.kind().permits_fallback();
        let Some(failure) = self.failure.clone().filter(permits) else { return };
        if self.entry.is_some() || self.fallback.is_some() {
            return;
        }
        if let Some(rejection) = &self.rejection {
            let message = format!("{failure}\nNothing stands in: {rejection}");
            self.failure = Some(failure.with(message, rejection.violations().to_vec()));
            return;
        }
        self.restore(failure.kind(), context);
        if self.entry.is_some() || !context.options.environment_fallback {
            return;
        }
        match schema::parse_environment(&self.definition, &context.schema_context(None)) {
            Ok(parsed) => {
                if !self.is_absent() {
                    let (error, warnings) = (failure.kind(), parsed.warnings.clone());
                    context.events.push(EventKind::Fallback { error, origin: Origin::Environment, warnings });
                }
                self.fallback = Some(parsed);
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                let summary = format!("{failure}\nThe environment cannot stand in:");
                let violations = error.violations().to_vec();
                self.failure = Some(Error::violating(failure.kind(), Some(self.service.clone()), summary, violations));
            }
        }
    }

    /// Holds the sealed snapshot's value, stale, for what is left of its time.
    fn restore(&mut self, failure: ErrorKind, context: &mut EngineContext<'_>) {
        if self.is_absent() {
            return;
        }
        let Some(Sealed { payload, fetched_at }) = self.sealed.take() else { return };
        let age = Duration::from_millis(context.today().0.saturating_sub(fetched_at.0));
        let left = context.options.cache.longest().saturating_sub(age);
        if left.is_zero() {
            return;
        }
        match self.parse(&payload, context) {
            Ok(parsed) => {
                let warnings = parsed.warnings.clone();
                context.events.push(EventKind::Fallback { error: failure, origin: Origin::Snapshot, warnings });
                self.entry = Some(Entry {
                    parsed,
                    version_id: payload.version_id.as_str().into(),
                    payload,
                    origin: Origin::Snapshot,
                    taken_at: context.now,
                    head_start: age,
                    fresh_until: context.now,
                    usable_until: context.now + left,
                    is_marked_stale: true,
                    is_overdue: false,
                });
                self.combine();
            }
            Err(violations) => {
                context.events.push(EventKind::Invalid { version_id: Some(payload.version_id), violations });
            }
        }
    }

    /// The source says what happened. What to do about it is decided here: behind the agent it is the agent that has a
    /// role.
    fn explain(&self, failure: &Failure, options: &Options) -> Error {
        let Self { service, secret_id, .. } = self;
        let is_agent = options.source == SourceKind::Agent;
        let resource = || secret_id.resource(options.connection.regions.first().map_or("", String::as_str));
        let advice = match failure.kind {
            ErrorKind::AccessDenied if is_agent => format!(
                "grant the agent's role secretsmanager:DescribeSecret and secretsmanager:GetSecretValue on {}, and \
                 kms:Decrypt where its key is your own",
                resource()
            ),
            ErrorKind::AccessDenied => format!(
                "grant the role secretsmanager:GetSecretValue on {}, and kms:Decrypt where its key is your own",
                resource()
            ),
            ErrorKind::DecryptionFailed => {
                "check that the secret's KMS key is enabled and that its policy lets the role decrypt".to_owned()
            }
            ErrorKind::NotFound => format!(
                "create it in that region (aws secretsmanager create-secret --name {} --secret-string \
                 file://secret.json), restore it if it is scheduled for deletion, put a value into it if it has none, or \
                 give its name in `secretIds`",
                secret_id.name()
            ),
            ErrorKind::Throttled | ErrorKind::Timeout | ErrorKind::Unavailable => "it is retried by itself".to_owned(),
            ErrorKind::Unauthenticated if is_agent => {
                "give this process the token that the agent was started with, and the agent valid credentials"
                    .to_owned()
            }
            ErrorKind::Unauthenticated => {
                "give the process valid credentials; the next fetch takes them without a restart".to_owned()
            }
            ErrorKind::ConfigInvalid | ErrorKind::Invalid | ErrorKind::NotReady => "fix what is named".to_owned(),
        };
        let happened = if failure.message.is_empty() { "the fetch failed" } else { &failure.message };
        let message = format!("{service} ({secret_id}): {happened}; {advice}");
        Error::of(service.clone(), failure.kind, message)
    }
}
