//! AWS's real agents between an emulated Secrets Manager and the source `agent`.

use xshell::cmd;

use crate::cache::{Workspace, need, step};

pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    need(&workspace.shell, "setpriv", "install util-linux: an agent must not outlive the test")?;
    let [today, oldest] = step("Build AWS's agents", || workspace.agents())?;
    let python = workspace.python()?;
    step("AWS's real agents", || {
        let example = cmd!(workspace.shell, "cargo run --locked --quiet -p permisos-secrets-aws --example agent");
        let example = example.env("PERMISOS_AGENT", &today).env("PERMISOS_OLD_AGENT", &oldest);
        Ok(example.env("PERMISOS_PYTHON", &python).run()?)
    })
}
