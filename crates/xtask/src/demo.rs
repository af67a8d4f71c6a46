//! The main job, shown: a small Node program reads typed configs.

use xshell::cmd;

use crate::cache::{Workspace, need, step};
use crate::package;

pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    println!(
        "This builds the Node addon and the npm package, installs the packed tarball in a fresh folder, installs an\n\
         emulator of AWS Secrets Manager (moto) in a private Python environment, and runs a small Node program on them.\n\
         What is built and downloaded stays in ~/.cache/permisos-secrets. The first run takes minutes, the next seconds."
    );
    need(&workspace.shell, "python3", "install Python 3.9 or newer with pip")?;
    let installed = step("Build, pack and install @permisos/secrets", || package::install(workspace))?;
    let python = step("Prepare the emulator of Secrets Manager", || workspace.python())?;
    step("Run the program", || {
        package::copy(workspace, "tests/servers", &installed, "servers")?;
        package::copy(workspace, "tests/demo", &installed, "demo")?;
        let _in_fresh = workspace.shell.push_dir(installed.path());
        Ok(cmd!(workspace.shell, "node demo/demo.mjs").env("PERMISOS_PYTHON", python).run()?)
    })
}
