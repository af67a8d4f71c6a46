//! The table of the conformance vectors: every vector must hold in every runtime.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context, ensure};

use crate::cache::Workspace;

/// The runtimes that run the vectors, each with the runner of its language.
const RUNTIMES: [&str; 6] = ["core", "client", "component", "wasm-python", "wasm-js", "node"];

/// An empty folder for the outcomes, and its name for the tests that follow.
pub(crate) fn prepare(workspace: &Workspace) -> anyhow::Result<()> {
    let folder = folder(workspace);
    workspace.shell.remove_path(&folder)?;
    workspace.shell.create_dir(&folder)?;
    workspace.shell.set_var("PERMISOS_RESULTS", folder);
    Ok(())
}

/// Prints the table. Fails if any vector failed or was not run anywhere.
pub(crate) fn table(workspace: &Workspace) -> anyhow::Result<()> {
    let mut outcomes: Vec<BTreeMap<String, bool>> = vec![];
    for runtime in RUNTIMES {
        let file = results(workspace, runtime);
        let text = workspace.shell.read_file(&file).with_context(|| format!("the vectors did not run in {runtime}"))?;
        outcomes.push(serde_json::from_str(&text)?);
    }
    let vectors: BTreeSet<&String> = outcomes.iter().flat_map(BTreeMap::keys).collect();
    let files: BTreeSet<&str> = vectors.iter().filter_map(|vector| Some(vector.split_once(": ")?.0)).collect();
    println!("{:<28}{}", "vectors that hold", RUNTIMES.map(|runtime| format!("{runtime:>13}")).concat());
    for file in files {
        let of_file = |vector: &str| vector.split_once(": ").is_some_and(|(it, _)| it == file);
        let count = vectors.iter().filter(|vector| of_file(vector)).count();
        let cells = outcomes.iter().map(|results| {
            let holding = results.iter().filter(|(vector, holds)| **holds && of_file(vector)).count();
            format!("{:>13}", format!("{holding}/{count}"))
        });
        println!("{file:<28}{}", cells.collect::<String>());
    }
    let mut bad = vec![];
    for vector in &vectors {
        for (runtime, results) in RUNTIMES.iter().zip(&outcomes) {
            match results.get(*vector) {
                Some(true) => {}
                Some(false) => bad.push(format!("{vector}: fails in {runtime}")),
                None => bad.push(format!("{vector}: was not run in {runtime}")),
            }
        }
    }
    ensure!(bad.is_empty(), "{} cells differ:\n{}", bad.len(), bad.join("\n"));
    println!("{} vectors in {} runtimes: all cells are equal", vectors.len(), RUNTIMES.len());
    Ok(())
}

/// Where a runtime's runner writes the outcome of each vector.
pub(crate) fn results(workspace: &Workspace, runtime: &str) -> PathBuf {
    folder(workspace).join(format!("{runtime}.json"))
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target().join("conformance")
}
