//! Fleets of processes on virtual time: the real engine in each, one Secrets Manager with AWS's quotas for all.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::sync::LazyLock;

use permisos_secrets_core::{
    Engine, ErrorKind, Failure, Fetch, Fetched, Options, Outcome, Payload, Service, ServiceId, Timestamp, UnixTime,
};
use serde_json::{Value, json};

/// Calls per second that Secrets Manager grants an account and region
/// ([quotas](https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html)).
pub const BATCH_QUOTA: u32 = 100;
/// The same of `GetSecretValue`.
pub const GET_QUOTA: u32 = 10_000;
/// The AWS SDK tries a failed call once more.
const ATTEMPTS: u32 = 2;
const SECOND: u64 = 1000;
/// Long after the versions were created: no engine asks for AWSPREVIOUS.
const STARTED_AT: u64 = 1_790_000_000_000;

/// What happens, in seconds of virtual time.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Processes; all start within the first second.
    pub processes: u32,
    /// When Secrets Manager cannot be reached.
    pub outage: Range<u64>,
    /// The end.
    pub end: u64,
}

/// One second of the whole fleet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Second {
    /// Calls of `BatchGetSecretValue`.
    pub batch: u32,
    /// Calls of `GetSecretValue`.
    pub get: u32,
    /// Calls above a quota, of either.
    pub throttled: u32,
}

impl Second {
    /// Calls of both operations.
    pub fn calls(&self) -> u32 {
        self.batch + self.get
    }
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Report {
    /// Each second, from the start.
    pub seconds: Vec<Second>,
    /// When the last process had loaded.
    pub loaded_at: Option<u64>,
    /// When, after the outage, the last secret was confirmed.
    pub recovered_at: Option<u64>,
    /// How often a process that had loaded could not read a secret.
    pub lost_reads: u64,
}

struct Server {
    outage: Range<u64>,
    seconds: Vec<Second>,
}

impl Server {
    /// Whether a call is answered now; a failed one is tried again.
    fn call(&mut self, now: u64, is_batch: bool) -> Result<(), ErrorKind> {
        let mut result = Ok(());
        for _ in 0..ATTEMPTS {
            let index = usize::try_from(now / SECOND).unwrap_or(usize::MAX).min(self.seconds.len() - 1);
            let second = &mut self.seconds[index];
            let (count, quota) = if is_batch { (&mut second.batch, BATCH_QUOTA) } else { (&mut second.get, GET_QUOTA) };
            *count += 1;
            result = if self.outage.contains(&(now / SECOND)) {
                Err(ErrorKind::Unavailable)
            } else if *count > quota {
                second.throttled += 1;
                Err(ErrorKind::Throttled)
            } else {
                Ok(())
            };
            if result.is_ok() {
                break;
            }
        }
        result
    }

    /// As `permisos-secrets-aws` asks: two and more in a batch, one by itself.
    fn fetch(&mut self, now: u64, fetch: &Fetch) -> Fetched {
        let result = self.call(now, fetch.requests.len() > 1);
        let outcomes = fetch.requests.iter().map(|request| Outcome {
            service: request.service.clone(),
            stage: request.stage,
            result: match result {
                Ok(()) => Ok(payload(&request.service)),
                Err(kind) => Err(Failure { kind, message: String::new(), retry_after: None }),
            },
        });
        Fetched { id: fetch.id, outcomes: outcomes.collect(), calls: vec![] }
    }
}

impl Scenario {
    /// Plays it.
    ///
    /// # Panics
    ///
    /// If the engine refuses its options.
    pub fn play(&self) -> Report {
        let length = usize::try_from(self.end).unwrap_or(usize::MAX);
        let mut server = Server { outage: self.outage.clone(), seconds: vec![Second::default(); length + 1] };
        let mut engines: Vec<Engine> = (0..self.processes).map(engine).collect();
        let mut queue: BinaryHeap<Reverse<(u64, u32)>> = BinaryHeap::new();
        queue.extend((0..self.processes).map(|process| {
            let at = u64::from(process) * SECOND / u64::from(self.processes);
            Reverse((at, process))
        }));
        let mut report = Report { seconds: vec![], loaded_at: None, recovered_at: None, lost_reads: 0 };
        let mut is_loaded = vec![false; engines.len()];
        while let Some(Reverse((now, process))) = queue.pop() {
            if now >= self.end * SECOND {
                break;
            }
            let index = process as usize;
            let engine = &mut engines[index];
            while let Some(fetch) = engine.poll_fetch(Timestamp(now)) {
                let fetched = server.fetch(now, &fetch);
                let is_answered = fetched.outcomes.iter().all(|outcome| outcome.result.is_ok());
                engine.handle_fetched(Timestamp(now), fetched);
                if is_answered && !is_loaded[index] && engine.loaded(Timestamp(now)) == Some(Ok(())) {
                    is_loaded[index] = true;
                    report.loaded_at = Some(now / SECOND);
                } else if is_answered && now / SECOND >= self.outage.end && has_failed(engine, now) {
                    report.recovered_at = Some(now / SECOND);
                }
            }
            while engine.poll_event().is_some() {}
            while engine.poll_changed().is_some() {}
            if is_loaded[index] && engine.read(&Service::Database.into(), Timestamp(now)).is_err() {
                report.lost_reads += 1;
            }
            if let Some(at) = engine.poll_timeout() {
                queue.push(Reverse((at.0.max(now + 1), process)));
            }
        }
        report.seconds = server.seconds;
        report
    }
}

impl Report {
    /// The busiest second of a span.
    pub fn peak(&self, span: Range<u64>) -> Second {
        let end = usize::try_from(span.end).unwrap_or(usize::MAX).min(self.seconds.len());
        let start = usize::try_from(span.start).unwrap_or(usize::MAX).min(end);
        self.seconds[start..end].iter().copied().max_by_key(Second::calls).unwrap_or_default()
    }

    /// All calls of a span.
    pub fn calls(&self, span: Range<u64>) -> u64 {
        let end = usize::try_from(span.end).unwrap_or(usize::MAX).min(self.seconds.len());
        let start = usize::try_from(span.start).unwrap_or(usize::MAX).min(end);
        self.seconds[start..end].iter().map(|second| u64::from(second.calls())).sum()
    }

    /// Calls above a quota, of the whole.
    pub fn throttled(&self) -> u64 {
        self.seconds.iter().map(|second| u64::from(second.throttled)).sum()
    }
}

/// Whether this process was still degraded a moment ago: the answer just taken in ended it.
fn has_failed(engine: &mut Engine, now: u64) -> bool {
    let mut recovered = false;
    while let Some(event) = engine.poll_event() {
        recovered |= event.at.0 == now && event.kind.name() == "recovered";
    }
    recovered
}

fn engine(process: u32) -> Engine {
    let options = json!({ "environment": "test", "source": "aws", "seed": process, "startedAt": STARTED_AT });
    let (options, variables) =
        Options::parse(options.as_object().expect("an object"), [] as [(&str, &str); 0]).expect("valid options");
    Engine::new(options, variables)
}

/// The payloads of the vectors' scripts.
static STANDARD: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../tests/vectors/standard.json")).expect("a vector file is JSON")
});

fn payload(service: &ServiceId) -> Payload {
    let fields = STANDARD[service.as_str()].to_string();
    Payload { text: Some(fields.into()), version_id: "v1".into(), created_at: Some(UnixTime(0)), region: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(processes: u32) -> Report {
        Scenario { processes, outage: 6600..7500, end: 9000 }.play()
    }

    #[test]
    fn one_process_starts_with_one_call_and_an_outage_costs_a_few() {
        let report = report(1);
        assert_eq!((report.calls(0..10), report.seconds[0].batch), (1, 1));
        assert_eq!(report.calls(3000..3700), 7, "each secret once an hour");
        assert_eq!(report.lost_reads, 0);
        assert_eq!(report.throttled(), 0);
    }

    #[test]
    fn a_fleet_started_at_once_loads_within_the_quotas_of_the_account_and_does_not_refresh_in_step() {
        let report = report(400);
        assert!(report.throttled() > 0, "400 batches in a second are more than the account has");
        assert!(report.loaded_at.is_some_and(|at| at < 60), "{:?}", report.loaded_at);
        let peak = report.peak(3000..3700).calls();
        assert!(peak < 400 * 7 / 50, "{peak} calls in one second: the fleet refreshes together");
        assert!(report.recovered_at.is_some_and(|at| at < 7500 + 301), "{:?}", report.recovered_at);
        assert_eq!(report.lost_reads, 0);
    }
}
