//! Runs `tests/vectors` on any engine that speaks JSON: the core's, the addon's, the component's. The format is
//! described in `tests/vectors/README.md`.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

/// An engine under test. Times are milliseconds, documents are JSON of the shapes in core's documentation.
pub trait Subject: Sized {
    /// The engine's name in the table of results.
    const RUNTIME: &str;

    /// Opens an engine, or says why not.
    fn open(options: &Value, variables: &Map<String, Value>) -> Result<Self, Value>;
    /// What both clocks show.
    fn handle_clock(&mut self, now: u64, wall: u64);
    /// What to fetch.
    fn poll_fetch(&mut self, now: u64) -> Option<Value>;
    /// What was fetched.
    fn handle_fetched(&mut self, now: u64, fetched: &Value);
    /// When to poll again.
    fn poll_timeout(&self) -> Option<u64>;
    /// The next event.
    fn poll_event(&mut self) -> Option<Value>;
    /// `{ config, redacted, origin, freshness, versionId, previous }` or an error.
    fn read(&self, service: &str, now: u64) -> Result<Value, Value>;
    /// `started`, `joined` or `current`, or an error.
    fn refresh(&mut self, service: &str, now: u64) -> Result<String, Value>;
    /// How the load ended: nothing yet, or an error if it failed.
    fn loaded(&self, now: u64) -> Option<Result<(), Value>>;
    /// Health.
    fn health(&self, now: u64) -> Value;
}

/// Runs every vector in the repository; returns how many. With `PERMISOS_RESULTS` naming a folder, the outcome of each
/// is written there for the table of `cargo xtask test`: vectors by runtimes.
///
/// # Panics
///
/// If any fails, with the rule, the file and what differs. With `BLESS=1` it updates the expectations of the payload vectors
/// instead.
pub fn run_all<S: Subject>() -> usize {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors");
    let standard = load(&root.join("standard.json"));
    let bless = std::env::var_os("BLESS").is_some();
    let (mut results, mut failures) = (Map::new(), vec![]);
    for file in files(&root.join("payloads")) {
        let mut vectors = load(&file);
        for vector in vectors.as_array_mut().into_iter().flatten() {
            let answer = payload::<S>(vector);
            let title = title(&file, vector);
            let holds = bless || vector["expect"] == answer;
            if bless {
                vector["expect"] = answer;
            } else if !holds {
                failures.push(format!("{title}\n  got {answer}"));
            }
            record(&mut results, &title, holds);
        }
        if bless {
            let text = serde_json::to_string_pretty(&vectors).expect("JSON");
            std::fs::write(&file, text + "\n").expect("the vectors are writable");
        }
    }
    for file in files(&root.join("scripts")) {
        for vector in load(&file).as_array().into_iter().flatten() {
            let played = script::<S>(vector, &standard);
            let title = title(&file, vector);
            record(&mut results, &title, played.is_ok());
            if let Err(failure) = played {
                failures.push(format!("{title}\n  {failure}"));
            }
        }
    }
    let count = results.len();
    if let Some(folder) = std::env::var_os("PERMISOS_RESULTS") {
        let file = Path::new(&folder).join(format!("{}.json", S::RUNTIME));
        std::fs::write(file, Value::Object(results).to_string()).expect("the folder of the results is writable");
    }
    assert!(failures.is_empty(), "{} of {count} vectors fail:\n{}", failures.len(), failures.join("\n"));
    count
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("the vectors are there").filter_map(|it| Some(it.ok()?.path())).collect();
    files.sort();
    files
}

fn load(file: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(file).expect("readable")).expect("a vector file is JSON")
}

/// Names a vector in every runtime alike.
fn title(file: &Path, vector: &Value) -> String {
    let file = file.file_name().unwrap_or_default().to_string_lossy();
    format!("{file}: {}", vector["rule"].as_str().unwrap_or_default())
}

/// One cell of the table. Two vectors of one title would be one cell, and the first one's failure not seen.
fn record(results: &mut Map<String, Value>, title: &str, holds: bool) {
    assert!(results.insert(title.to_owned(), holds.into()).is_none(), "two vectors are called {title}");
}

/// What one payload, or one environment, becomes.
fn payload<S: Subject>(vector: &Value) -> Value {
    let service = vector["service"].as_str().unwrap_or("redis");
    let text = match &vector["payload"] {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        value => Some(value.to_string()),
    };
    let mut options = json!({ "environment": "development", "startedAt": 1_790_000_000_000_u64 });
    let is_built_in = !service.contains('/');
    options["services"] = if is_built_in { json!([service]) } else { json!([]) };
    options["source"] = if text.is_some() { "aws".into() } else { "environment".into() };
    for (name, value) in vector["options"].as_object().into_iter().flatten() {
        options[name] = value.clone();
    }
    let variables = vector["variables"].as_object().cloned().unwrap_or_default();
    let mut engine = match S::open(&options, &variables) {
        Ok(engine) => engine,
        Err(error) => return outcome(&error),
    };
    if let (Some(text), Some(fetch)) = (text, engine.poll_fetch(0)) {
        let created = json!({ "text": text, "versionId": "v1", "createdAt": 0 });
        let outcomes = json!([{ "service": service, "payload": created }]);
        engine.handle_fetched(0, &json!({ "id": fetch["id"], "outcomes": outcomes }));
    }
    match engine.read(service, 0) {
        Err(error) => outcome(&error),
        Ok(read) => {
            let mut answer = json!({ "config": read["config"], "redacted": read["redacted"] });
            let health = engine.health(0);
            let warnings = problems(&health["services"][0]["warnings"]);
            if warnings.as_array().is_some_and(|it| !it.is_empty()) {
                answer["warnings"] = warnings;
            }
            answer
        }
    }
}

fn outcome(error: &Value) -> Value {
    json!({ "code": error["code"], "violations": problems(&error["violations"]) })
}

fn problems(violations: &Value) -> Value {
    let short = |it: &Value| json!([it["path"], it["rule"]]);
    violations.as_array().into_iter().flatten().map(short).collect()
}

/// Plays one timed script.
fn script<S: Subject>(vector: &Value, standard: &Value) -> Result<(), String> {
    let mut options = json!({ "environment": "test", "source": "aws", "startedAt": 1_790_000_000_000_u64, "seed": 7 });
    for (name, value) in vector["options"].as_object().into_iter().flatten() {
        options[name] = value.clone();
    }
    let variables = vector["variables"].as_object().cloned().unwrap_or_default();
    let mut engine = S::open(&options, &variables).map_err(|error| format!("does not open: {error}"))?;
    let mut under_way = VecDeque::new();
    for (index, step) in vector["steps"].as_array().into_iter().flatten().enumerate() {
        let now = step["at"].as_u64().unwrap_or_default();
        if let Some(ahead) = step["clock"].as_i64() {
            let started_at = options["startedAt"].as_u64().unwrap_or_default();
            engine.handle_clock(now, (started_at + now).saturating_add_signed(ahead));
        }
        play(&mut engine, step, now, &mut under_way, standard)
            .map_err(|what| format!("step {index} at {now}: {what}"))?;
    }
    Ok(())
}

fn play<S: Subject>(
    engine: &mut S,
    step: &Value,
    now: u64,
    under_way: &mut VecDeque<Value>,
    standard: &Value,
) -> Result<(), String> {
    if let Some(service) = step["refresh"].as_str() {
        let answer = engine.refresh(service, now).unwrap_or_else(|error| error["code"].to_string());
        same("refresh", &step["outcome"], &answer.into())?;
    }
    if let Some(expected) = step.get("fetch") {
        let fetch = engine.poll_fetch(now);
        let asked: Value = fetch.iter().filter_map(|fetch| fetch["requests"].as_array()).flatten().map(key).collect();
        same("fetch", expected, &asked)?;
        if let Some(expected) = step.get("forced") {
            let requests = fetch.iter().filter_map(|fetch| fetch["requests"].as_array()).flatten();
            let forced: Value = requests.filter(|request| request["forced"] == true).map(key).collect();
            same("forced", expected, &forced)?;
        }
        under_way.extend(fetch);
    }
    if let Some(answers) = step.get("answer") {
        let fetch = under_way.pop_front().ok_or("nothing is under way")?;
        let outcomes: Vec<Value> = answers
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, answer)| {
                let (service, stage) = key.split_once('@').unwrap_or((key, "AWSCURRENT"));
                let result = match answer {
                    Value::String(version) => json!({ "payload": {
                        "text": standard[service].to_string(), "versionId": version, "createdAt": 0
                    } }),
                    Value::Object(it) if it.contains_key("code") => json!({ "failure": answer }),
                    _ => {
                        let mut payload = answer.clone();
                        if !payload["text"].is_string() && !payload["text"].is_null() {
                            payload["text"] = payload["text"].to_string().into();
                        }
                        json!({ "payload": payload })
                    }
                };
                let mut outcome = json!({ "service": service, "stage": stage });
                outcome
                    .as_object_mut()
                    .into_iter()
                    .for_each(|it| it.extend(result.as_object().cloned().unwrap_or_default()));
                outcome
            })
            .collect();
        let calls = step.get("calls").cloned().unwrap_or_else(|| json!([]));
        engine.handle_fetched(now, &json!({ "id": fetch["id"], "outcomes": outcomes, "calls": calls }));
    }
    if let Some(bounds) = step.get("timeout") {
        let timeout = engine.poll_timeout();
        let fits = match (bounds.as_array(), timeout) {
            (Some(bounds), Some(timeout)) => bounds[0].as_u64() <= Some(timeout) && Some(timeout) <= bounds[1].as_u64(),
            (None, None) => true,
            _ => false,
        };
        if !fits {
            return Err(format!("timeout: expected {bounds}, got {timeout:?}"));
        }
    }
    for (service, expected) in step["read"].as_object().into_iter().flatten() {
        let answer = engine.read(service, now).unwrap_or_else(|error| error);
        subset(&format!("read {service}"), expected, &answer)?;
    }
    if let Some(expected) = step.get("events") {
        let events = std::iter::from_fn(|| engine.poll_event()).enumerate();
        let events: Value = events.map(|(index, event)| shortened(&expected[index], event)).collect();
        subset("events", expected, &events)?;
    }
    if let Some(expected) = step.get("loaded") {
        let loaded = match engine.loaded(now) {
            None => Value::Null,
            Some(Ok(())) => true.into(),
            Some(Err(error)) => error["code"].clone(),
        };
        same("loaded", expected, &loaded)?;
    }
    if let Some(expected) = step.get("health") {
        subset("health", expected, &engine.health(now))?;
    }
    Ok(())
}

/// An event in the form that the vector expects: whole if that is an object, else its type and service.
fn shortened(expected: &Value, event: Value) -> Value {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if expected.is_object() { event } else { format!("{} {}", text(&event["type"]), text(&event["service"])).into() }
}

fn key(request: &Value) -> Value {
    let service = request["service"].as_str().unwrap_or_default();
    match request["stage"].as_str() {
        Some("AWSCURRENT") | None => service.into(),
        Some(stage) => format!("{service}@{stage}").into(),
    }
}

fn same(what: &str, expected: &Value, got: &Value) -> Result<(), String> {
    if expected == got { Ok(()) } else { Err(format!("{what}: expected {expected}, got {got}")) }
}

/// Whether everything expected is there; more may be.
fn subset(what: &str, expected: &Value, got: &Value) -> Result<(), String> {
    match (expected, got) {
        (Value::Object(expected), Value::Object(got)) => expected.iter().try_for_each(|(name, expected)| {
            subset(&format!("{what}/{name}"), expected, got.get(name).unwrap_or(&Value::Null))
        }),
        (Value::Array(expected), Value::Array(got)) if expected.len() == got.len() => {
            expected.iter().zip(got).try_for_each(|(expected, got)| subset(what, expected, got))
        }
        _ => same(what, expected, got),
    }
}
