//! Timed scripts against the engine: whatever a server and a clock do, the rules hold.

use std::collections::BTreeMap;

use arbitrary::{Arbitrary, Unstructured};
use permisos_secrets_core::{
    Call, Engine, ErrorKind, Failure, Fetch, Fetched, Operation, Options, Origin, Outcome, Payload, Service, ServiceId,
    Stage, Timestamp, UnixTime,
};
use serde_json::json;

use crate::inputs::STARTED_AT;

const SERVICES: [Service; 3] = [Service::Database, Service::Redis, Service::Security];
const TTL: u64 = 600_000;
const STALE_IF_ERROR: u64 = 3_600_000;

#[derive(Arbitrary, Debug)]
enum Step {
    /// The oldest fetch under way ends; each request's outcome by the next of these.
    Answer([Answer; 4]),
    /// The newest one ends, with a part of its outcomes or others' too.
    Confuse(u8),
    Events,
    Refresh(u8),
    Seal,
    /// The process ends and another starts, with what was sealed last.
    Restart,
    Wait(u32),
    WaitForTimeout,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Answer {
    Bad(u8),
    Failed(u8, Option<u16>),
    Good(u8),
    None,
}

struct World {
    engine: Engine,
    /// The wall clock of the engine's zero.
    started_at: u64,
    now: u64,
    under_way: Vec<Fetch>,
    sealed: Option<String>,
    /// The last good version of this process, and when.
    good: BTreeMap<ServiceId, (String, u64)>,
}

pub(crate) fn run(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let Ok(seed) = u32::arbitrary(&mut input) else { return };
    let mut world = World::new(seed, STARTED_AT);
    for _ in 0..400 {
        let Ok(step) = Step::arbitrary(&mut input) else { return };
        world.play(&step);
        if input.is_empty() {
            return;
        }
    }
}

impl World {
    fn new(seed: u32, started_at: u64) -> Self {
        let options = json!({ "environment": "test", "source": "aws", "seed": seed, "startedAt": started_at,
            "services": SERVICES.map(Service::as_str), "ttl": TTL / 1000, "staleIfError": STALE_IF_ERROR / 1000,
            "previousFor": 1800, "snapshot": { "path": "p", "identityFile": "i" } });
        let variables = [("REDIS_HOST", "fallback")];
        let (options, variables) = Options::parse(options.as_object().unwrap(), variables).unwrap();
        let engine = Engine::new(options, variables);
        Self { engine, started_at, now: 0, under_way: vec![], sealed: None, good: BTreeMap::new() }
    }

    fn play(&mut self, step: &Step) {
        match step {
            Step::Answer(answers) => self.answer(answers),
            Step::Confuse(number) => self.confuse(*number),
            Step::Events => self.events(),
            Step::Refresh(service) => {
                let service = SERVICES[usize::from(*service) % 3].into();
                self.engine.refresh(&service, Timestamp(self.now)).unwrap();
            }
            Step::Restart => self.restart(),
            Step::Seal => {
                if let Some(text) = self.engine.poll_seal(Timestamp(self.now)) {
                    self.sealed = Some(text.to_string());
                }
            }
            Step::Wait(milliseconds) => self.now += u64::from(*milliseconds % 7_200_000),
            Step::WaitForTimeout => {
                if let Some(at) = self.engine.poll_timeout() {
                    // A retry-after of a year is believed; this world is shorter.
                    self.now = self.now.max(at.0.min(self.now + 7_200_000));
                }
            }
        }
        self.poll();
        self.check();
    }

    fn poll(&mut self) {
        if let Some(fetch) = self.engine.poll_fetch(Timestamp(self.now)) {
            for request in &fetch.requests {
                let mut flights = self.under_way.iter().flat_map(|fetch| &fetch.requests);
                let is_second = flights.any(|it| it.service == request.service && it.stage == request.stage);
                assert!(!is_second, "at most one flight per secret");
            }
            self.under_way.push(fetch);
        }
        assert!(self.engine.poll_fetch(Timestamp(self.now)).is_none(), "one batch for all that is due");
        assert!(
            self.engine.poll_timeout().is_none_or(|at| at.0 > self.now),
            "a timeout in the past makes a driver spin"
        );
        assert!(self.under_way.len() <= 6, "flights are bounded");
    }

    fn answer(&mut self, answers: &[Answer; 4]) {
        if self.under_way.is_empty() {
            return;
        }
        let fetch = self.under_way.remove(0);
        let mut outcomes = vec![];
        for (request, answer) in fetch.requests.iter().zip(answers.iter().cycle()) {
            let result = match *answer {
                Answer::None => continue,
                Answer::Bad(version) => Ok(payload(&request.service, &format!("bad{version}"), false)),
                Answer::Good(version) => Ok(payload(&request.service, &format!("v{version}"), true)),
                Answer::Failed(kind, seconds) => Err(Failure {
                    kind: ErrorKind::ALL[usize::from(kind) % ErrorKind::ALL.len()],
                    message: "scripted".into(),
                    retry_after: seconds.map(|it| std::time::Duration::from_secs(it.into())),
                }),
            };
            if let (Ok(payload), Answer::Good(_), Stage::Current) = (&result, answer, request.stage) {
                self.good.insert(request.service.clone(), (payload.version_id.clone(), self.now));
            }
            outcomes.push(Outcome { service: request.service.clone(), stage: request.stage, result });
        }
        let calls = vec![Call { operation: Operation::BatchGetSecretValue, error: None, duration: None }];
        self.engine.handle_fetched(Timestamp(self.now), Fetched { id: fetch.id, outcomes, calls });
    }

    /// An answer to a fetch that was never made, or was answered before, changes nothing.
    fn confuse(&mut self, number: u8) {
        let id = permisos_secrets_core::FetchId(1_000_000 + u64::from(number));
        let service = ServiceId::from(SERVICES[usize::from(number) % 3]);
        let result = Ok(payload(&service, "confused", true));
        let outcomes = vec![Outcome { service, stage: Stage::Current, result }];
        self.engine.handle_fetched(Timestamp(self.now), Fetched { id, outcomes, calls: vec![] });
    }

    fn events(&mut self) {
        let count = std::iter::from_fn(|| self.engine.poll_event()).count();
        assert!(count <= 1024, "events are bounded");
    }

    fn restart(&mut self) {
        let mut next = Self::new(7, self.started_at + self.now);
        if let Some(text) = &self.sealed {
            next.engine.restore(Timestamp(0), text);
        }
        next.sealed = self.sealed.take();
        *self = next;
    }

    fn check(&self) {
        let now = Timestamp(self.now);
        for service in SERVICES.map(ServiceId::from) {
            let read = self.engine.read(&service, now);
            let good = self.good.get(&service);
            match &read {
                Ok(read) if read.origin == Origin::SecretsManager => {
                    let (version, at) = good.unwrap();
                    assert_eq!(read.version_id.as_deref(), Some(version.as_str()), "the last good version is read");
                    assert!(self.now - at < TTL + STALE_IF_ERROR, "no longer than stale-if-error");
                }
                Ok(read) if read.origin == Origin::Snapshot => assert!(good.is_none(), "a fetched value goes first"),
                Ok(_) => assert!(service == Service::Redis, "only Redis has variables"),
                Err(_) => {}
            }
            if let Some((_, at)) = good
                && self.now - at < TTL * 9 / 10 + STALE_IF_ERROR
            {
                assert_eq!(read.unwrap().origin, Origin::SecretsManager, "a good value is never lost");
            }
        }
        let health = self.engine.health(now);
        for service in health.services.iter().filter(|service| service.origin == Some(Origin::Snapshot)) {
            assert!(
                service.age.unwrap().as_millis() < (TTL + STALE_IF_ERROR).into(),
                "a restart makes no value younger"
            );
        }
    }
}

fn payload(service: &ServiceId, version: &str, is_good: bool) -> Payload {
    let secret = format!("{version:0>40}");
    let text = match service {
        _ if !is_good => json!({ "host": "not a host" }),
        ServiceId::BuiltIn(Service::Database) => {
            json!({ "host": "db", "database": "d", "username": "u", "password": secret })
        }
        ServiceId::BuiltIn(Service::Security) => {
            json!({ "sessionSecret": secret, "jwtSecret": secret, "internalApiKey": "k" })
        }
        _ => json!({ "host": "cache", "password": secret }),
    };
    let created_at = Some(UnixTime(STARTED_AT - 600_000));
    Payload { text: Some(text.to_string().into()), version_id: version.to_owned(), created_at, region: None }
}
