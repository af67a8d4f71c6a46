//! Checks the metrics with the real libraries beside the installed package, and the documents that the operator's tool
//! prints for other programs with those programs' own linters.

use std::path::PathBuf;

use xshell::cmd;

use crate::cache::{Workspace, need};
use crate::package::{self, Installed};
use crate::packages;

/// The documents, which `crates/cli/tests/documents.rs` keeps equal to what is printed.
const DOCUMENTS: &str = "crates/cli/tests/snapshots";

/// Copies the documented tables into the fresh folder, and installs the libraries for the scenes.
pub(crate) fn prepare(workspace: &Workspace, installed: &Installed) -> anyhow::Result<()> {
    let Workspace { shell, root, .. } = workspace;
    package::copy(workspace, "docs", installed, "docs")?;
    let _in_folder = shell.push_dir(installed.path().join("scenes/monitoring"));
    cmd!(shell, "npm ci --no-audit --no-fund --loglevel=error").run()?;
    // The dashboard as a constant of the type that Grafana publishes; JSON has no enums.
    let dashboard = shell.read_file(root.join(DOCUMENTS).join("monitor.grafana.json"))?;
    let dashboard = dashboard.replace("\"absolute\"", "ThresholdsMode.Absolute");
    let head = "import { type Dashboard, ThresholdsMode } from '@grafana/schema';\nexport const dashboard: Dashboard =";
    shell.write_file("dashboard.ts", format!("{head} {dashboard};\n"))?;
    Ok(())
}

/// The operator's tool, as the Rust tests built it.
pub(crate) fn tool(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    // The command of the Rust tests, with --no-run: another set of features would rebuild everything.
    cmd!(workspace.shell, "cargo test --locked --quiet --workspace --no-run --test documents").run()?;
    Ok(workspace.target().join("debug/permisos-secrets"))
}

/// Runs the linters of CloudFormation, IAM, Terraform and Prometheus on policies, templates and rules.
pub(crate) fn documents(workspace: &Workspace) -> anyhow::Result<()> {
    let Workspace { shell, root, .. } = workspace;
    packages::install(shell)?;
    let python = workspace.linters()?;
    let script = root.join("tests/scenes/monitoring/lint.py");
    let _in_documents = shell.push_dir(root.join(DOCUMENTS));
    cmd!(shell, "{python} {script} .").run()?;
    cmd!(shell, "promtool check rules monitor.rules.yml").run()?;
    if need(shell, "terraform", "").is_ok() {
        cmd!(shell, "terraform fmt -check -diff .").run()?;
    } else {
        println!("terraform is not there: its formatting is not checked, its syntax is");
    }
    Ok(())
}
