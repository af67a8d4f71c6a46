//! The table of the conformance vectors: every vector must hold in every runtime.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context, ensure};
use serde::Deserialize;

use crate::cache::Workspace;

/// What runs the vectors: the engine alone, the real driver on paused time, the component under that driver and in hosts in
/// Python and JavaScript, and the npm package as it is installed.
const RUNTIMES: [&str; 6] = ["core", "driver", "component", "wasm-python", "wasm-js", "npm"];
/// These files hold nothing that needs another time, so every runtime plays all of them.
const TIMELESS: [&str; 2] = ["environment.json", "names.json"];

/// How a vector ended in a runtime.
#[derive(Deserialize)]
#[serde(untagged)]
enum Outcome {
    Held(bool),
    /// It was not played, for a reason that belongs to the runtime.
    Unplayed(String),
}

/// An empty folder for the outcomes, and its name for the tests that follow.
pub(crate) fn prepare(workspace: &Workspace) -> anyhow::Result<()> {
    let folder = folder(workspace);
    workspace.shell.remove_path(&folder)?;
    workspace.shell.create_dir(&folder)?;
    workspace.shell.set_var("PERMISOS_RESULTS", folder);
    Ok(())
}

/// Prints the table. Fails if any vector failed, or was not run where it can be.
pub(crate) fn table(workspace: &Workspace) -> anyhow::Result<()> {
    let mut results: Vec<BTreeMap<String, Outcome>> = vec![];
    for runtime in RUNTIMES {
        let file = outcomes(workspace, runtime);
        let text = workspace.shell.read_file(&file).with_context(|| format!("the vectors did not run in {runtime}"))?;
        results.push(serde_json::from_str(&text)?);
    }
    let vectors: BTreeSet<&String> = results.iter().flat_map(BTreeMap::keys).collect();
    let files: BTreeSet<&str> = vectors.iter().filter_map(|vector| Some(vector.split_once(": ")?.0)).collect();
    println!("{:<28}{}", "vectors that hold", RUNTIMES.map(|runtime| format!("{runtime:>15}")).concat());
    for file in files {
        let of_file = |vector: &str| vector.split_once(": ").is_some_and(|(it, _)| it == file);
        let count = vectors.iter().filter(|vector| of_file(vector)).count();
        let cells = results.iter().map(|results| {
            let of_this = || results.iter().filter(|(vector, _)| of_file(vector)).map(|(_, outcome)| outcome);
            let holding = of_this().filter(|outcome| matches!(outcome, Outcome::Held(true))).count();
            let unplayed = match of_this().filter(|outcome| matches!(outcome, Outcome::Unplayed(_))).count() {
                0 => String::new(),
                count => format!(" -{count}"),
            };
            format!("{:>15}", format!("{holding}/{count}{unplayed}"))
        });
        println!("{file:<28}{}", cells.collect::<String>());
    }
    let (mut bad, mut reasons) = (vec![], BTreeMap::<(&str, &str), usize>::new());
    for vector in &vectors {
        for (runtime, results) in RUNTIMES.iter().zip(&results) {
            match results.get(*vector) {
                Some(Outcome::Held(true)) => {}
                Some(Outcome::Held(false)) => bad.push(format!("{vector}: fails in {runtime}")),
                Some(Outcome::Unplayed(reason)) => {
                    *reasons.entry((runtime, reason)).or_default() += 1;
                    if TIMELESS.iter().any(|file| vector.starts_with(file)) {
                        bad.push(format!("{vector}: was not played in {runtime}"));
                    }
                }
                None => bad.push(format!("{vector}: was not run in {runtime}")),
            }
        }
    }
    for ((runtime, reason), count) in reasons {
        println!("-  {count} vectors are not played in {runtime}: what they say {reason}");
    }
    ensure!(bad.is_empty(), "{} cells differ:\n{}", bad.len(), bad.join("\n"));
    println!("{} vectors in {} runtimes: all that are played hold", vectors.len(), RUNTIMES.len());
    Ok(())
}

/// Where a runtime's runner writes the outcome of each vector.
pub(crate) fn outcomes(workspace: &Workspace, runtime: &str) -> PathBuf {
    folder(workspace).join(format!("{runtime}.json"))
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target().join("conformance")
}
