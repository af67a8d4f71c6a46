//! The main job, shown: a small Node program reads typed configs; then a whole backend, through a rotation.

use xshell::cmd;

use crate::cache::{Workspace, need, step};
use crate::{package, packages};

pub(crate) fn run(workspace: &Workspace, stays_open: bool) -> anyhow::Result<()> {
    println!(
        "This builds the Node addon and the npm package, installs the packed tarball in a fresh folder, installs an\n\
         emulator of AWS Secrets Manager (moto) in a private Python environment, and runs a small Node program on them;\n\
         then the example backend, with its libraries and PM2 from npm, and PostgreSQL and Redis of Debian.\n\
         What is built and downloaded stays in ~/.cache/permisos-secrets. The first run takes minutes, the next seconds."
    );
    let shell = &workspace.shell;
    need(shell, "python3", "install Python 3.9 or newer with pip")?;
    let installed = step("Build, pack and install @permisos/secrets", || package::install(workspace))?;
    let python = step("Prepare the emulator of Secrets Manager", || workspace.python())?;
    for folder in ["servers", "support", "demo"] {
        package::copy(workspace, &format!("tests/{folder}"), &installed, folder)?;
    }
    let _python = shell.push_env("PERMISOS_PYTHON", python);
    step("Run the program", || {
        let _in_fresh = shell.push_dir(installed.path());
        Ok(cmd!(shell, "node demo/demo.mjs").run()?)
    })?;
    if let Err(error) = packages::install_those(shell, |name| ["postgresql", "redis-server"].contains(&name)) {
        println!("\nThe example backend is left out. {error:#}");
        return Ok(());
    }
    step("Install the example backend", || package::install_example(workspace, &installed))?;
    step("Run the example backend", || {
        let _in_fresh = shell.push_dir(installed.path());
        let open = stays_open.then_some("--open");
        Ok(cmd!(shell, "node demo/backend.mjs {open...}").run()?)
    })
}
