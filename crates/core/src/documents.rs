//! The engine's documents that hold secret values, as they cross into a sandbox and out of it: JSON, written and read
//! here alone. Those without values are types that serde writes and reads. `npm/secrets/schemas/engine` describes them.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::connection::Connection;
use crate::engine::Engine;
use crate::engine::state::{Held, Origin, ServiceState};
use crate::error::{Error, ErrorKind, Rule, Violation};
use crate::options::{Options, SnapshotFile, SourceKind};
use crate::schema::{Config, Definition, ZeroizingJson, exact_json};
use crate::service::ServiceId;
use crate::source::{Call, Failure, FetchId, Fetched, Operation, Outcome, Payload, Stage};
use crate::time::{Timestamp, UnixTime};
use crate::variables::Variables;

/// Wall clocks in milliseconds show this from 2001 on, and clocks in seconds in 30,000 years.
const EARLIEST: f64 = 1e12;
/// The year 5138: what is later is microseconds.
const LATEST: f64 = 1e14;
/// Every whole number below it is exact in a double.
const SEEDS: f64 = 9_007_199_254_740_992.0;

impl Engine {
    /// An engine from documents: the options, the variables (`{ NAME: value }`), the files that
    /// [`paths`](Variables::paths) names (`{ path: text }`), the wall clock at `Timestamp(0)` in milliseconds since 1970, and
    /// a random whole number.
    pub fn open(options: &str, variables: &str, files: &str, started_at: f64, seed: f64) -> Result<Self, Error> {
        let mut options = Options::document(options)?;
        let mut violations = vec![];
        let mut violate = |path: &str, rule, message: &str| {
            violations.push(Violation { path: path.to_owned(), rule, message: message.to_owned() });
        };
        for name in ["startedAt", "seed"] {
            if options.contains_key(name) {
                let message = "is not an option here, but a parameter of its own: leave it out";
                violate(&format!("/{name}"), Rule::UnknownOption, message);
            }
        }
        if !(EARLIEST..LATEST).contains(&started_at) {
            let message = "must be the wall clock in milliseconds since 1970, not in seconds or microseconds: certificates \
                           expire by it";
            violate("/startedAt", Rule::Range, message);
        }
        if !(0.0..SEEDS).contains(&seed) || seed.fract() != 0.0 {
            let message = "must be a whole number from 0 to 2^53 - 1, a random one in each process: else a fleet \
                           refreshes in step";
            violate("/seed", Rule::Range, message);
        }
        if !violations.is_empty() {
            return Err(Error::violating(ErrorKind::ConfigInvalid, None, "the options are not valid", violations));
        }
        options.insert("startedAt".to_owned(), whole(started_at).into());
        options.insert("seed".to_owned(), whole(seed).into());
        let (options, variables) = parse(&options, variables)?;
        let files = read_texts("files", files)?;
        let read = |path: &str| files.get(path).map(|text| text.expose_secret().to_owned());
        Ok(Self::new(options, variables.with_files(read)))
    }
}

/// A document as text. Written once for every kind of document, and zeroed when dropped, since some hold secret values.
pub fn document(value: &impl Serialize) -> Zeroizing<String> {
    exact_json(value)
}

/// A number of milliseconds as hosts in other languages have it; what is negative or no number is zero.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, as it should")]
fn whole(number: f64) -> u64 {
    number as u64
}

impl From<f64> for Timestamp {
    fn from(milliseconds: f64) -> Self {
        Self(whole(milliseconds))
    }
}

impl From<f64> for UnixTime {
    fn from(milliseconds: f64) -> Self {
        Self(whole(milliseconds))
    }
}

/// Options and the document `variables`.
fn parse(options: &Map<String, Value>, variables: &str) -> Result<(Options, Variables), Error> {
    let variables = read_texts("variables", variables)?;
    Options::parse(options, variables.iter().map(|(name, value)| (name, value.expose_secret())))
}

/// A document of texts by name; null counts as absent.
fn read_texts(what: &str, text: &str) -> Result<BTreeMap<String, SecretString>, Error> {
    let mut document = serde_json::from_str(text)
        .map(ZeroizingJson)
        .map_err(|error| malformed(&format!("the {what}"), what, &error))?;
    let mut texts = BTreeMap::new();
    for (name, given) in document.0.as_object_mut().into_iter().flatten() {
        match given {
            Value::String(text) => drop(texts.insert(name.clone(), std::mem::take(text).into())),
            Value::Null => {}
            _ => return Err(Error::new(ErrorKind::ConfigInvalid, format!("{name} of the {what} must be a text"))),
        }
    }
    Ok(texts)
}

/// serde's own message may quote the document: only the place is reported.
fn malformed(what: &str, shape: &str, error: &serde_json::Error) -> Error {
    let (line, column) = (error.line(), error.column());
    let message = format!("{what} must be a JSON document {shape} (it differs at line {line}, column {column})");
    Error::new(ErrorKind::ConfigInvalid, message)
}

impl Variables {
    /// The document `variables`, **with its values**. Zeroed when dropped.
    pub fn expose_json(&self) -> Zeroizing<String> {
        let names = self.names().chain(self.others());
        exact_json(&names.map(|name| (name, self.get(name).unwrap_or_default())).collect::<BTreeMap<_, _>>())
    }

    /// The document `files`: what [`with_files`](Self::with_files) read. Zeroed when dropped.
    pub fn files_json(&self) -> Zeroizing<String> {
        exact_json(&self.texts().collect::<BTreeMap<_, _>>())
    }

    /// The document `file-paths` as a list: the files that these options and variables name, to be read and handed in.
    pub fn paths(options: &str, variables: &str) -> Result<Vec<String>, Error> {
        let (_, variables) = parse(&Options::document(options)?, variables)?;
        Ok(variables.files().into_iter().map(|file| file.path).collect())
    }
}

/// The document `setup`: what the options ask of a host.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Setup {
    /// Where values come from. `environment`: there is nothing to fetch.
    pub source: SourceKind,
    /// Every service asked for, the built-in ones first.
    pub services: Vec<ServiceId>,
    /// How to reach Secrets Manager.
    pub connection: Connection,
    /// The sealed snapshot, where the options ask for one.
    pub snapshot: Option<SnapshotFile>,
}

impl From<&Options> for Setup {
    fn from(options: &Options) -> Self {
        Self {
            source: options.source,
            services: options.service_ids().collect(),
            connection: options.connection.clone(),
            snapshot: options.snapshot.clone(),
        }
    }
}

impl Fetched {
    /// Reads the document `fetched`. The error does not quote it.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let document =
            serde_json::from_str::<Value>(text).map_err(|error| malformed("what was fetched", "fetched", &error))?;
        Self::try_from(document).map_err(|what| {
            let message = format!("what was fetched must be a JSON document fetched: {what}");
            Error::new(ErrorKind::ConfigInvalid, message)
        })
    }

    /// The document `fetched`, **with its secret values**. Zeroed when dropped.
    pub fn expose_json(&self) -> Zeroizing<String> {
        #[derive(Serialize)]
        struct ExposedFetched<'a> {
            id: FetchId,
            outcomes: Vec<ExposedOutcome<'a>>,
            calls: &'a [Call],
        }
        #[derive(Serialize)]
        struct ExposedOutcome<'a> {
            service: &'a ServiceId,
            stage: Stage,
            #[serde(skip_serializing_if = "Option::is_none")]
            payload: Option<ExposedPayload<'a>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            failure: Option<&'a Failure>,
        }
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct ExposedPayload<'a> {
            text: Option<&'a str>,
            version_id: &'a str,
            created_at: Option<UnixTime>,
            region: Option<&'a str>,
        }
        let outcomes = self.outcomes.iter().map(|outcome| ExposedOutcome {
            service: &outcome.service,
            stage: outcome.stage,
            payload: outcome.result.as_ref().ok().map(|payload| ExposedPayload {
                text: payload.text.as_ref().map(ExposeSecret::expose_secret),
                version_id: &payload.version_id,
                created_at: payload.created_at,
                region: payload.region.as_deref(),
            }),
            failure: outcome.result.as_ref().err(),
        });
        exact_json(&ExposedFetched { id: self.id, outcomes: outcomes.collect(), calls: &self.calls })
    }
}

/// Read by hand: what serde derives for it would be a twentieth of the component.
impl TryFrom<Value> for Fetched {
    type Error = &'static str;

    fn try_from(document: Value) -> Result<Self, &'static str> {
        let mut document = Members(ZeroizingJson(document));
        Ok(Self {
            id: document.number("id")?.map(FetchId).ok_or("`id` must be that of the fetch")?,
            outcomes: document.all("outcomes", Members::outcome)?,
            calls: document.all("calls", Members::call)?,
        })
    }
}

/// An object of the document `fetched`; null counts as absent.
struct Members(ZeroizingJson);

impl Members {
    fn outcome(&mut self) -> Result<Outcome, &'static str> {
        let stage = match self.text("stage")?.as_deref() {
            None => Stage::Current,
            Some(stage) => [Stage::Current, Stage::Previous]
                .into_iter()
                .find(|it| it.as_str() == stage)
                .ok_or("`stage` must be AWSCURRENT or AWSPREVIOUS")?,
        };
        let service = self.text("service")?.ok_or("an outcome must have a `service`")?.into();
        let result = match (self.below("payload"), self.below("failure")) {
            (Some(mut payload), None) => Ok(Payload {
                text: payload.text("text")?.map(Into::into),
                version_id: payload.text("versionId")?.ok_or("a payload must have a `versionId`")?,
                created_at: payload.number("createdAt")?.map(UnixTime),
                region: payload.text("region")?,
            }),
            (None, Some(mut failure)) => Err(Failure {
                kind: failure.code("code")?.ok_or("a failure must have a `code`")?,
                message: failure.text("message")?.unwrap_or_default(),
                retry_after: failure.number("retryAfterMs")?.map(Duration::from_millis),
            }),
            _ => return Err("an outcome must have either a `payload` or a `failure`"),
        };
        Ok(Outcome { service, stage, result })
    }

    fn call(&mut self) -> Result<Call, &'static str> {
        let operation = self.text("operation")?.unwrap_or_default();
        let known = [Operation::BatchGetSecretValue, Operation::GetSecretValue];
        let operation = known.into_iter().find(|it| it.as_str() == operation);
        Ok(Call {
            operation: operation.ok_or("`operation` must be BatchGetSecretValue or GetSecretValue")?,
            error: self.code("error")?,
            duration: self.number("durationMs")?.map(Duration::from_millis),
        })
    }

    fn code(&mut self, name: &str) -> Result<Option<ErrorKind>, &'static str> {
        let Some(code) = self.text(name)? else { return Ok(None) };
        ErrorKind::of(&code).map(Some).ok_or("the code of an error must be one such as SECRETS_NOT_FOUND")
    }

    fn all<T>(&mut self, name: &str, read: fn(&mut Self) -> Result<T, &'static str>) -> Result<Vec<T>, &'static str> {
        match self.0.0.get_mut(name).map(Value::take) {
            None | Some(Value::Null) => Ok(vec![]),
            Some(Value::Array(items)) => items.into_iter().map(|item| read(&mut Self(ZeroizingJson(item)))).collect(),
            Some(_) => Err("`outcomes` and `calls` must be arrays"),
        }
    }

    fn below(&mut self, name: &str) -> Option<Self> {
        let below = self.0.0.get_mut(name)?.take();
        below.is_object().then(|| Self(ZeroizingJson(below)))
    }

    fn text(&mut self, name: &str) -> Result<Option<String>, &'static str> {
        match self.0.0.get_mut(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(std::mem::take(text))),
            Some(_) => {
                Err("`code`, `message`, `operation`, `region`, `service`, `stage`, `text`, `versionId` must be texts")
            }
        }
    }

    fn number(&mut self, name: &str) -> Result<Option<u64>, &'static str> {
        match self.0.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            // Python has milliseconds with a fraction.
            Some(Value::Number(number)) => Ok(number.as_u64().or_else(|| number.as_f64().map(whole))),
            Some(_) => Err("`createdAt`, `durationMs`, `id` and `retryAfterMs` must be numbers"),
        }
    }
}

/// A state as JSON: `C` is its configs.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[serde(bound(deserialize = "C: Deserialize<'de>"))]
struct State<C> {
    held: Option<HeldState<C>>,
    fallback: Option<C>,
    failure: Option<Error>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[serde(bound(deserialize = "C: Deserialize<'de>"))]
struct HeldState<C> {
    config: C,
    previous: Option<C>,
    version_id: String,
    origin: Origin,
    fresh_until: Timestamp,
    usable_until: Timestamp,
}

/// A config with its values.
struct Exposed<'a>(&'a Config);

impl Serialize for Exposed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.expose(serializer)
    }
}

impl ServiceState {
    /// The document `state`, **with its secret values**. Zeroed when dropped. Reads are counted where they happen.
    pub fn expose_json(&self) -> Zeroizing<String> {
        exact_json(&State {
            held: self.held.as_ref().map(|held| HeldState {
                config: Exposed(&held.config),
                previous: held.previous.as_ref().map(Exposed),
                version_id: held.version_id.as_ref().to_owned(),
                origin: held.origin,
                fresh_until: held.fresh_until,
                usable_until: held.usable_until,
            }),
            fallback: self.fallback.as_ref().map(Exposed),
            failure: self.failure.clone(),
        })
    }

    /// The next state of the same service from the document `state`; none if it is not of the definition. Its reads are
    /// counted on.
    #[must_use]
    pub fn succeeded_by(&self, definition: &Definition, state: &str) -> Option<Self> {
        let State::<&RawValue> { held, fallback, failure } = serde_json::from_str(state).ok()?;
        let config = |json: &RawValue| Config::from_json(definition, json.get());
        let all = |json: Option<&RawValue>| json.map_or(Some(None), |json| config(json).map(Some));
        let held = match held {
            None => None,
            Some(held) => Some(Held {
                config: config(held.config)?,
                previous: all(held.previous)?,
                version_id: held.version_id.into(),
                origin: held.origin,
                fresh_until: held.fresh_until,
                usable_until: held.usable_until,
            }),
        };
        let (service, counts) = (self.service.clone(), self.counts.clone());
        Some(Self { service, held, fallback: all(fallback)?, failure, counts })
    }
}
