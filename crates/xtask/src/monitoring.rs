//! What monitoring is told, with the real libraries beside the installed package.

use std::path::PathBuf;

use xshell::cmd;

use crate::cache::Workspace;
use crate::package::{self, Installed};

/// Copies the tests and the documented table into the fresh folder, and installs the libraries for them.
pub(crate) fn prepare(workspace: &Workspace, installed: &Installed) -> anyhow::Result<Vec<PathBuf>> {
    let shell = &workspace.shell;
    package::copy(workspace, "docs", installed, "docs")?;
    let files = package::copy(workspace, "tests/monitoring", installed, "monitoring")?;
    let _in_folder = shell.push_dir(installed.path().join("monitoring"));
    cmd!(shell, "npm ci --no-audit --no-fund --loglevel=error").run()?;
    Ok(files)
}
