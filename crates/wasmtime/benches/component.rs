//! What the sandbox costs, beside the native read, in one run: `cargo xtask bench`.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement")]
#![expect(unsafe_code, reason = "the file is the one that was just made")]

use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use permisos_secrets::{DrivenEngine, Secrets, Service, ServiceId};
use permisos_secrets_core::{ServiceState, Timestamp};
use permisos_secrets_wasmtime::{Sandbox, SandboxedEngine};
use serde_json::{Map, Value};

/// The median of a hundred batches, for one of each batch.
fn median(batch: u32, mut work: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..100)
        .map(|_| {
            let started = Instant::now();
            for _ in 0..batch {
                work();
            }
            started.elapsed() / batch
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2]
}

fn main() {
    let component = std::env::var("PERMISOS_COMPONENT").expect("run `cargo xtask bench`: it builds the component");
    let compiled = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&compiled, Sandbox::precompile(&std::fs::read(component).unwrap()).unwrap()).unwrap();
    let load = || unsafe { Sandbox::from_precompiled(&compiled) }.unwrap();
    let sandbox = load();
    let (database, now) = (ServiceId::from(Service::Database), Timestamp(0));
    let variables = HashMap::from([("DATABASE_URL".to_owned(), "postgresql://app:secret@db/permisos".to_owned())]);
    let options = |source: &str| -> Map<String, Value> {
        let options = [
            ("environment", "development".into()),
            ("source", source.into()),
            ("startedAt", 1_790_000_000_000_u64.into()),
        ];
        let services = [("seed", 7.into()), ("services", vec!["database"].into())];
        options.into_iter().chain(services).map(|(name, value): (&str, Value)| (name.to_owned(), value)).collect()
    };

    let native = Secrets::builder().options(options("environment")).variables(variables.clone()).build().unwrap();
    let sandboxed = Secrets::builder().options(options("environment")).variables(variables.clone());
    let sandboxed = sandboxed.engine(sandbox.engine()).build().unwrap();
    let mut engine: SandboxedEngine = sandbox.open(&options("environment"), &variables).unwrap();
    let snapshot: ServiceState = engine.state(&database).unwrap();

    let figures = [
        ("a read, native", median(10_000, || drop(black_box(native.database().unwrap())))),
        ("a read, published by the component", median(10_000, || drop(black_box(sandboxed.database().unwrap())))),
        ("the same, as a snapshot", median(10_000, || drop(black_box(snapshot.config(now).unwrap())))),
        (
            "a read through the component, as JSON",
            median(1_000, || drop(black_box(engine.read(&database, now).unwrap()))),
        ),
        ("an instance from the pool", median(100, || sandbox.instantiate().unwrap())),
        (
            "an engine opened in the sandbox",
            median(10, || drop(sandbox.open(&options("environment"), &variables).unwrap())),
        ),
        ("load what was precompiled", median(10, || drop(black_box(load())))),
    ];
    let native = figures[0].1.as_secs_f64();
    for (what, time) in figures {
        let time = time.as_secs_f64();
        println!("{what:<40}{:>12.3} µs{:>12.1} times a native read", time * 1e6, time / native);
    }
}
