//! The npm package: built, packed, and installed as a user would.

use std::path::PathBuf;

use anyhow::{Context, bail};
use tempfile::TempDir;
use xshell::cmd;

use crate::cache::{Workspace, need};

/// A fresh folder with the packed package installed. Removed when dropped.
pub(crate) struct Installed(TempDir);

impl Installed {
    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }
}

/// Builds addon and facade, packs them, installs the tarball in a fresh folder.
pub(crate) fn install(workspace: &Workspace) -> anyhow::Result<Installed> {
    let Workspace { shell, root, .. } = workspace;
    need(shell, "node", "install Node.js 18.18 or newer")?;
    need(shell, "npm", "install npm, which comes with Node.js")?;
    let package = root.join("npm/secrets");
    cmd!(shell, "cargo build --locked --release -p permisos-secrets-node").run()?;
    let (library, name) = match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", arch) => ("libpermisos_secrets_node.so", format!("linux-{}-gnu", node_arch(arch))),
        ("macos", arch) => ("libpermisos_secrets_node.dylib", format!("darwin-{}", node_arch(arch))),
        (other, _) => bail!("the addon is not built on {other} yet"),
    };
    let native = package.join("native");
    shell.remove_path(&native)?;
    shell.create_dir(&native)?;
    let addon = native.join(format!("permisos-secrets.{name}.node"));
    shell.copy_file(workspace.target().join("release").join(library), addon)?;
    shell.copy_file(root.join("LICENSE"), package.join("LICENSE"))?;
    let folder = tempfile::Builder::new().prefix("permisos-secrets-").tempdir()?;
    let fresh = folder.path().to_owned();
    {
        let _in_package = shell.push_dir(&package);
        shell.remove_path("dist")?;
        cmd!(shell, "npm ci --ignore-scripts --no-audit --no-fund --loglevel=error").run()?;
        cmd!(shell, "npm run --silent build").run()?;
        cmd!(shell, "npm pack --silent --pack-destination {fresh}").run()?;
    }
    let _in_fresh = shell.push_dir(&fresh);
    shell.write_file("package.json", "{ \"private\": true, \"type\": \"module\" }\n")?;
    let tarball = shell.read_dir(&fresh)?.into_iter().find(|path| path.extension().is_some_and(|it| it == "tgz"));
    let tarball = tarball.context("npm pack made no tarball")?;
    cmd!(shell, "npm install --no-audit --no-fund --loglevel=error {tarball}").run()?;
    Ok(Installed(folder))
}

fn node_arch(arch: &str) -> &str {
    match arch {
        "aarch64" => "arm64",
        "x86_64" => "x64",
        other => other,
    }
}

/// Copies a folder of the repository, flat, into the fresh one.
pub(crate) fn copy(workspace: &Workspace, from: &str, installed: &Installed, to: &str) -> anyhow::Result<Vec<PathBuf>> {
    let target = installed.path().join(to);
    workspace.shell.create_dir(&target)?;
    let mut copied = vec![];
    for file in workspace.shell.read_dir(workspace.root.join(from))? {
        if file.is_file() {
            let copy = target.join(file.file_name().context("a file has a name")?);
            workspace.shell.copy_file(&file, &copy)?;
            copied.push(copy);
        }
    }
    Ok(copied)
}
