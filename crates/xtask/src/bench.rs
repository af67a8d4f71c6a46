//! Measurements: figures are ratios of one run.

use xshell::cmd;

use crate::cache::{Workspace, step};
use crate::{component, package};

pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    let installed = step("Build, pack and install @permisos/secrets", || package::install(workspace))?;
    step("Reads and start-up in Node", || {
        let files = package::copy(workspace, "npm/secrets/bench", &installed, "bench")?;
        let _in_fresh = workspace.shell.push_dir(installed.path());
        for file in files {
            cmd!(workspace.shell, "node {file}").quiet().run()?;
        }
        Ok(())
    })?;
    step("Reads in Rust", || {
        Ok(cmd!(workspace.shell, "cargo run --locked --quiet --release --manifest-path tests/bench/Cargo.toml")
            .run()?)
    })?;
    step("The component in wasmtime", || {
        let component = component::build(workspace)?;
        let bench = cmd!(workspace.shell, "cargo bench --locked --quiet -p permisos-secrets-wasmtime --bench component");
        Ok(bench.env("PERMISOS_COMPONENT", component).run()?)
    })
}
