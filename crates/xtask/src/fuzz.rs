//! Hostile input: builds `tests/fuzz` with LLVM's coverage instrumentation, which the stable compiler has, and lets
//! libFuzzer work on each target.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use xshell::cmd;

use crate::cache::{Workspace, need, step};

/// As in `tests/fuzz/src/main.rs`.
const TARGETS: [&str; 8] =
    ["environment", "names", "options", "payload", "pem", "script", "sealed-document", "sealed-file"];
/// What `cargo fuzz` passes too, without the sanitizers, which need a nightly compiler: the code under test is free of
/// `unsafe`.
const FLAGS: [&str; 6] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// A few seconds for each target, for `cargo xtask test`.
pub(crate) fn smoke(workspace: &Workspace) -> anyhow::Result<()> {
    run_each(workspace, &TARGETS, 4)
}

/// Minutes for each target, or for one.
pub(crate) fn run(workspace: &Workspace, target: Option<&str>, minutes: u32) -> anyhow::Result<()> {
    let targets: Vec<&str> = TARGETS.into_iter().filter(|known| target.is_none_or(|it| it == *known)).collect();
    if targets.is_empty() {
        bail!("unknown target: the targets are {}", TARGETS.join(", "));
    }
    run_each(workspace, &targets, minutes.saturating_mul(60))
}

fn run_each(workspace: &Workspace, targets: &[&str], seconds: u32) -> anyhow::Result<()> {
    let shell = &workspace.shell;
    let fuzzer = step("Build the fuzz targets", || build(workspace))?;
    let folder = workspace.target().join("fuzz");
    let seeds = folder.join("seeds");
    shell.remove_path(&seeds)?;
    cmd!(shell, "{fuzzer}").env("PERMISOS_FUZZ_SEEDS", &seeds).quiet().ignore_stderr().run()?;
    for target in targets {
        step(&format!("Fuzz {target} for {seconds} s"), || fuzz(workspace, &fuzzer, &folder, target, seconds))?;
    }
    Ok(())
}

fn build(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let shell = &workspace.shell;
    // libFuzzer is C++.
    need(shell, "c++", "install g++ (Debian: apt-get install g++)")?;
    let target = workspace.target().join("fuzz");
    let rustc = cmd!(shell, "rustc -vV").quiet().read()?;
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names its host")?;
    // With --target, build scripts and macros stay without instrumentation.
    cmd!(shell, "cargo build --locked --quiet --release --manifest-path tests/fuzz/Cargo.toml --target {host}")
        .env("CARGO_TARGET_DIR", &target)
        .env("RUSTFLAGS", FLAGS.join(" "))
        .run()?;
    Ok(target.join(host).join("release").join("permisos-secrets-fuzz"))
}

fn fuzz(workspace: &Workspace, fuzzer: &Path, folder: &Path, target: &str, seconds: u32) -> anyhow::Result<()> {
    let shell = &workspace.shell;
    // libFuzzer keeps interesting inputs here for the next run.
    let (corpus, seeds) = (folder.join("corpus").join(target), folder.join("seeds").join(target));
    let crashes = folder.join("crashes").join(target);
    shell.create_dir(&corpus)?;
    shell.create_dir(&crashes)?;
    let crashes = format!("-artifact_prefix={}/", crashes.display());
    let limits = [format!("-max_total_time={seconds}"), "-timeout=10".into(), "-rss_limit_mb=1024".into(), crashes];
    let command = cmd!(shell, "{fuzzer} {limits...} -print_final_stats=1 {corpus} {seeds}");
    let output = command.env("PERMISOS_FUZZ_TARGET", target).quiet().ignore_status().output()?;
    let log = String::from_utf8_lossy(&output.stderr);
    let is_figure =
        |line: &&str| ["DONE ", "number_of_executed_units", "peak_rss"].iter().any(|word| line.contains(word));
    log.lines().filter(is_figure).for_each(|line| println!("{line}"));
    if !output.status.success() {
        let from = log.lines().position(|line| line.contains("panicked") || line.contains("ERROR")).unwrap_or_default();
        let tail: Vec<&str> = log.lines().skip(from).take(40).collect();
        bail!("{target} found something; its input is beside {}:\n{}", folder.display(), tail.join("\n"));
    }
    Ok(())
}
