//! The scene of faults without end, for longer.

use xshell::cmd;

use crate::cache::{Workspace, step};
use crate::package;

pub(crate) fn run(workspace: &Workspace, minutes: u32) -> anyhow::Result<()> {
    let installed = step("Build, pack and install @permisos/secrets", || package::install(workspace))?;
    step(&format!("Soak under faults for {minutes} min"), || {
        package::copy_scenes(workspace, &installed)?;
        let _in_fresh = workspace.shell.push_dir(installed.path());
        let seconds = (u64::from(minutes) * 60).to_string();
        let soak = cmd!(workspace.shell, "node --test --test-reporter=spec scenes/faults/soak.test.mjs");
        Ok(soak.env("PERMISOS_SOAK_SECONDS", seconds).run()?)
    })
}
