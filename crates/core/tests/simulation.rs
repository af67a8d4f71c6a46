//! The engine against a scripted server, on fake time: thousands of steps of outages, rotations and bad versions, drawn
//! from a seed. What must always hold is checked after every step; the same seed gives the same history.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;

use permisos_secrets_core::{
    Engine, ErrorKind, Failure, Fetch, Fetched, Freshness, Options, Origin, Outcome, Payload, Service, ServiceId,
    Stage, Timestamp, UnixTime,
};
use proptest::prelude::*;
use serde_json::json;

const HOUR: u64 = 3_600_000;
const STARTED_AT: u64 = 1_790_000_000_000;
const SERVICES: [Service; 3] = [Service::Database, Service::Redis, Service::Security];

/// The server's side of one secret.
#[derive(Clone)]
struct Secret {
    version: u64,
    is_good: bool,
    outage: Option<ErrorKind>,
}

struct Simulation {
    engine: Engine,
    now: u64,
    /// How far the wall clock is ahead.
    slept: u64,
    secrets: BTreeMap<ServiceId, Secret>,
    under_way: Vec<Fetch>,
    /// Per service: the last good version that was answered, and when, on both clocks.
    last_good: BTreeMap<ServiceId, (String, u64, u64)>,
    history: Vec<String>,
}

#[derive(Clone, Debug)]
enum Step {
    Answer,
    Break(usize, usize),
    Heal(usize),
    Refresh(usize),
    Rotate(usize, bool),
    /// The machine sleeps: the wall clock alone goes on.
    Sleep(u64),
    Wait(u64),
    WaitForTimeout,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Answer),
        1 => (0..3_usize, 0..ErrorKind::ALL.len()).prop_map(|(service, kind)| Step::Break(service, kind)),
        1 => (0..3_usize).prop_map(Step::Heal),
        1 => (0..3_usize).prop_map(Step::Refresh),
        1 => (0..3_usize, prop::bool::weighted(0.7)).prop_map(|(service, good)| Step::Rotate(service, good)),
        1 => (0..72 * HOUR).prop_map(Step::Sleep),
        2 => (0..2 * HOUR).prop_map(Step::Wait),
        4 => Just(Step::WaitForTimeout),
    ]
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let options = json!({ "environment": "test", "source": "aws", "seed": seed, "startedAt": STARTED_AT,
            "services": SERVICES.map(Service::as_str) });
        let variables = [("REDIS_HOST", "fallback")];
        let (options, variables) = Options::parse(options.as_object().unwrap(), variables).unwrap();
        let secret = Secret { version: 1, is_good: true, outage: None };
        Self {
            engine: Engine::new(options, variables),
            now: 0,
            slept: 0,
            secrets: SERVICES.into_iter().map(|service| (service.into(), secret.clone())).collect(),
            under_way: vec![],
            last_good: BTreeMap::new(),
            history: vec![],
        }
    }

    fn play(&mut self, step: &Step) {
        let secret = |index: usize| ServiceId::from(SERVICES[index]);
        match step {
            Step::Answer => self.answer(),
            Step::Break(index, kind) => {
                self.secrets.get_mut(&secret(*index)).unwrap().outage = Some(ErrorKind::ALL[*kind]);
            }
            Step::Heal(index) => {
                let secret = self.secrets.get_mut(&secret(*index)).unwrap();
                (secret.outage, secret.is_good) = (None, true);
                secret.version += 1;
            }
            Step::Refresh(index) => {
                self.engine.refresh(&secret(*index), Timestamp(self.now)).unwrap();
            }
            Step::Rotate(index, good) => {
                let secret = self.secrets.get_mut(&secret(*index)).unwrap();
                secret.version += 1;
                secret.is_good = *good;
            }
            Step::Sleep(time) => {
                self.slept += time;
                self.engine.handle_clock(Timestamp(self.now), UnixTime(STARTED_AT + self.now + self.slept));
            }
            Step::Wait(time) => self.now += time,
            Step::WaitForTimeout => {
                if let Some(at) = self.engine.poll_timeout() {
                    self.now = self.now.max(at.0);
                }
            }
        }
        self.poll();
        self.check();
    }

    fn poll(&mut self) {
        if let Some(fetch) = self.engine.poll_fetch(Timestamp(self.now)) {
            for request in &fetch.requests {
                let flights = self.under_way.iter().flat_map(|fetch| &fetch.requests);
                let same =
                    |it: &&permisos_secrets_core::Request| it.service == request.service && it.stage == request.stage;
                assert_eq!(flights.filter(same).count(), 0, "at most one flight per secret");
            }
            self.under_way.push(fetch);
        }
        assert!(self.engine.poll_fetch(Timestamp(self.now)).is_none(), "one batch for all that is due");
        let timeout = self.engine.poll_timeout();
        assert!(timeout.is_none_or(|at| at.0 > self.now), "a timeout in the past would make a driver spin");
    }

    fn answer(&mut self) {
        if self.under_way.is_empty() {
            return;
        }
        let fetch = self.under_way.remove(0);
        let mut outcomes = vec![];
        for request in &fetch.requests {
            let Secret { version, is_good, outage } = self.secrets[&request.service].clone();
            let result = match (outage, request.stage) {
                (Some(kind), _) => Err(Failure { kind, message: "scripted".into(), retry_after: None }),
                (None, Stage::Previous) => {
                    Err(Failure { kind: ErrorKind::NotFound, message: "scripted".into(), retry_after: None })
                }
                (None, Stage::Current) => Ok(payload(&request.service, version, is_good)),
            };
            if let (Ok(payload), true) = (&result, is_good) {
                self.last_good.insert(request.service.clone(), (payload.version_id.clone(), self.now, self.slept));
            }
            outcomes.push(Outcome { service: request.service.clone(), stage: request.stage, result });
        }
        self.engine.handle_fetched(Timestamp(self.now), Fetched { id: fetch.id, outcomes, calls: vec![] });
    }

    fn check(&mut self) {
        while let Some(event) = self.engine.poll_event() {
            self.history.push(format!("{} {} {}", event.at.0, event.service, event.kind.name()));
        }
        for service in SERVICES.map(ServiceId::from) {
            let read = self.engine.read(&service, Timestamp(self.now));
            let last_good = self.last_good.get(&service);
            match read {
                Ok(read) if read.origin == Origin::SecretsManager => {
                    let (version, at, slept) = last_good.unwrap();
                    assert_eq!(read.version_id.as_deref(), Some(version.as_str()), "the last good version is read");
                    let age = self.now - at;
                    assert!(age < 25 * HOUR, "stale only within stale-if-error");
                    if age < HOUR * 9 / 10 && *slept == self.slept {
                        assert_eq!(read.freshness, Freshness::Fresh);
                    }
                    if age >= HOUR {
                        assert_eq!(read.freshness, Freshness::Stale);
                    }
                }
                Ok(_) => assert!(service == Service::Redis, "only Redis has variables"),
                Err(_) => {}
            }
            // A good value is never lost to a failure or a bad version while it may be served.
            if let Some((_, at, _)) = last_good
                && self.now - at < HOUR * 9 / 10 + 24 * HOUR
            {
                let read = self.engine.read(&service, Timestamp(self.now)).unwrap();
                assert_eq!(read.origin, Origin::SecretsManager, "the environment never replaces a good value");
            }
        }
    }
}

fn payload(service: &ServiceId, version: u64, is_good: bool) -> Payload {
    let text = match service {
        _ if !is_good => json!({ "host": "not a host" }),
        ServiceId::BuiltIn(Service::Database) => {
            json!({ "host": "db", "database": "d", "username": "u", "password": format!("p{version}") })
        }
        ServiceId::BuiltIn(Service::Security) => {
            let secret = format!("{version:0>40}");
            json!({ "sessionSecret": secret, "jwtSecret": secret, "internalApiKey": "k" })
        }
        _ => json!({ "host": "cache", "password": format!("p{version}") }),
    };
    let version_id = format!("v{version}{}", if is_good { "" } else { "-bad" });
    Payload { text: Some(text.to_string().into()), version_id, created_at: None, region: None }
}

fn play(seed: u64, steps: &[Step]) -> Vec<String> {
    let mut simulation = Simulation::new(seed);
    for step in steps {
        simulation.play(step);
    }
    simulation.history
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn a_read_never_loses_a_good_value_and_one_flight_is_under_way(
        seed in 0..u64::MAX / 2,
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let history = play(seed, &steps);
        prop_assert_eq!(history, play(seed, &steps), "the same seed gives the same history");
    }
}
