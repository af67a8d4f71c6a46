//! Fleets on virtual time, written into `docs/scale.md`.

use xshell::cmd;

use crate::cache::Workspace;

pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    Ok(cmd!(workspace.shell, "cargo run --locked --release -p permisos-secrets-testkit --example fleet").run()?)
}
