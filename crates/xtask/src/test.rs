//! Runs every check, also after one failed; the summary at the end lists the failures.

use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use xshell::cmd;

use crate::cache::{Workspace, need, step};
use crate::{component, conformance, fuzz, generate, hosts, monitoring, package, packages};

type Check = (&'static str, fn(&Workspace) -> anyhow::Result<()>);

/// The workspaces, each with a lock of its own.
const MANIFESTS: [&str; 4] =
    ["Cargo.toml", "tests/bench/Cargo.toml", "tests/fuzz/Cargo.toml", "tests/guests/Cargo.toml"];

const CHECKS: &[Check] = &[
    ("Lock files are those of the manifests", locks),
    ("Generated files are what the definitions say", generate::check),
    ("Formatting", formatting),
    ("Lints", lints),
    ("Component that imports nothing, and guests", component::run),
    ("Hosts of the component in Python and JavaScript", hosts::run),
    ("Rust tests", rust),
    ("Rust doctests", doctests),
    ("Rust docs", docs),
    ("What a user installs", package::run),
    ("Node tests and scenes on the installed tarball", node),
    ("Every vector in every runtime", conformance::table),
    ("Policies, templates and rules by their readers' linters", monitoring::documents),
    ("Hostile input: a few seconds of fuzzing each", fuzz::smoke),
    ("Tracked files name no foreign registry, package or path of a machine", tracked),
    ("Bans, licences and sources of dependencies", dependencies),
];

pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    need(&workspace.shell, "python3", "install Python 3.9 or newer with pip")?;
    conformance::prepare(workspace)?;
    let started = Instant::now();
    let results: Vec<(&str, bool, Duration)> = CHECKS
        .iter()
        .map(|&(title, check)| {
            let started = Instant::now();
            let result = step(title, || check(workspace));
            if let Err(error) = &result {
                println!("{error:#}");
            }
            (title, result.is_ok(), started.elapsed())
        })
        .collect();
    println!("\n== Summary");
    for (title, passed, took) in &results {
        println!("{} {title} ({:.0} s)", if *passed { "pass" } else { "FAIL" }, took.as_secs_f64());
    }
    let failed = results.iter().filter(|(_, passed, _)| !passed).count();
    ensure!(failed == 0, "{failed} of {} checks failed", results.len());
    println!("all {} checks passed in {:.0} s", results.len(), started.elapsed().as_secs_f64());
    Ok(())
}

/// All lock files, also those of workspaces that only `cargo xtask bench` builds.
fn locks(workspace: &Workspace) -> anyhow::Result<()> {
    for manifest in MANIFESTS {
        cmd!(workspace.shell, "cargo update --quiet --workspace --locked --manifest-path {manifest}").run()?;
    }
    Ok(())
}

fn formatting(workspace: &Workspace) -> anyhow::Result<()> {
    for manifest in MANIFESTS {
        cmd!(workspace.shell, "cargo fmt --manifest-path {manifest} --all --check").run()?;
    }
    Ok(())
}

fn lints(workspace: &Workspace) -> anyhow::Result<()> {
    cmd!(workspace.shell, "cargo clippy --locked --workspace --all-targets -- -D warnings").run()?;
    // Together the features hide what one of them lacks. The least, and what an application has by default:
    for least in [&["--no-default-features"][..], &[]] {
        cmd!(workspace.shell, "cargo clippy --locked -p permisos-secrets {least...} -- -D warnings").run()?;
    }
    // Only `cargo xtask bench` builds this workspace, which shares code with the tests.
    Ok(cmd!(workspace.shell, "cargo clippy --locked --manifest-path tests/bench/Cargo.toml -- -D warnings").run()?)
}

fn rust(workspace: &Workspace) -> anyhow::Result<()> {
    let shell = &workspace.shell;
    // The operator's tool is tested against the emulators.
    let python = workspace.python()?;
    let _python = shell.push_env("PERMISOS_PYTHON", python);
    if need(shell, "cargo-nextest", "").is_ok() {
        return Ok(cmd!(shell, "cargo nextest run --locked --workspace --no-fail-fast --status-level slow").run()?);
    }
    Ok(cmd!(shell, "cargo test --locked --workspace --no-fail-fast --lib --bins --tests").run()?)
}

fn doctests(workspace: &Workspace) -> anyhow::Result<()> {
    Ok(cmd!(workspace.shell, "cargo test --locked --workspace --doc").run()?)
}

fn docs(workspace: &Workspace) -> anyhow::Result<()> {
    let command = cmd!(workspace.shell, "cargo doc --locked --workspace --no-deps --quiet");
    Ok(command.env("RUSTDOCFLAGS", "-D warnings").run()?)
}

fn node(workspace: &Workspace) -> anyhow::Result<()> {
    let Workspace { shell, root, .. } = workspace;
    let installed = package::install_packed(workspace)?;
    let python = workspace.python()?;
    let tool = monitoring::tool(workspace)?;
    packages::install(shell)?;
    let files = package::copy_scenes(workspace, &installed)?;
    monitoring::prepare(workspace, &installed)?;
    package::install_libraries(workspace, &installed)?;
    let package = root.join("npm/secrets");
    let (tsc, types) = (package.join("node_modules/typescript/bin/tsc"), package.join("node_modules/@types"));
    let _in_fresh = shell.push_dir(installed.path());
    let both = ["test/types", "scenes/adapters/types", "scenes/monitoring/types"]
        .into_iter()
        .flat_map(|file| [(file, "mts"), (file, "cts")]);
    for (file, extension) in both.chain([("scenes/monitoring/dashboard", "mts")]) {
        let source = format!("{file}.{extension}");
        shell.copy_file(format!("{file}.ts"), &source)?;
        let options = ["--noEmit", "--strict", "--skipLibCheck", "false", "--types", "node", "--target", "ES2022"];
        cmd!(
            shell,
            "node {tsc} {options...} --lib ES2022,ESNext.Disposable --module Node16 --typeRoots {types} {source}"
        )
        .run()?;
    }
    // The program of the live test whose engine is the component.
    cmd!(shell, "cargo build --locked --manifest-path {root}/Cargo.toml -p permisos-secrets-wasmtime --example seven")
        .run()?;
    let seven = workspace.target().join("debug/examples/seven");
    // The scenes wait more than they work.
    let tests = cmd!(shell, "node --test --test-concurrency=4 {files...}");
    let vectors = root.join("tests/vectors");
    let tests = tests.env("PERMISOS_CLI", tool).env("PERMISOS_SEVEN", seven);
    Ok(tests.env("PERMISOS_PYTHON", python).env("PERMISOS_VECTORS", vectors).run()?)
}

fn tracked(workspace: &Workspace) -> anyhow::Result<()> {
    let home = std::env::var("HOME").unwrap_or_default();
    for file in cmd!(workspace.shell, "git ls-files").quiet().read()?.lines() {
        let Ok(text) = workspace.shell.read_file(workspace.root.join(file)) else { continue };
        let is_lock = file.ends_with("package-lock.json") || file.ends_with("Cargo.lock");
        let foreign = text.lines().find(|line| {
            let cargo = line.contains("source = ") && !line.contains("github.com/rust-lang/crates.io-index");
            is_lock && (line.contains("\"resolved\"") || cargo)
        });
        if let Some(line) = foreign {
            bail!("{file} names a registry: {}", line.trim());
        }
        ensure!(home.len() < 3 || !text.contains(&format!("{home}/")), "{file} names a path of this machine");
        // Where our package is not installed, npx asks the registry for that name, which is not ours: only the scope is.
        let unscoped = concat!("npx ", "permisos-secrets");
        ensure!(!text.contains(unscoped), "{file}: say `npx @permisos/secrets`");
    }
    Ok(())
}

fn dependencies(workspace: &Workspace) -> anyhow::Result<()> {
    let deny = workspace.cargo_deny()?;
    Ok(cmd!(workspace.shell, "{deny} --workspace check bans licenses sources").run()?)
}
