//! What a user installs: the npm package as a tarball, and the operator's tool.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use tempfile::TempDir;
use xshell::cmd;

use crate::cache::{Workspace, need, step};

/// The folder in the clone for the results.
const DIST: &str = "dist";
/// The oldest glibc that the binaries run with: Debian 12, Amazon Linux 2023 and Ubuntu 22.04 have this one or a newer one.
const GLIBC: (u32, u32) = (2, 34);

/// A fresh folder with the packed package installed. Removed when dropped.
pub(crate) struct Installed(TempDir);

impl Installed {
    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }
}

/// Puts tarball and tool into one folder, and prints how to install them.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    let tarball = step("Build and pack @permisos/secrets", || pack(workspace))?;
    let tool = step("Build the operator's tool", || tool(workspace))?;
    let megabytes = |path: &Path| -> anyhow::Result<String> {
        let bytes = path.metadata()?.len();
        Ok(format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10))
    };
    println!("\nAn application installs the package ({}):", megabytes(&tarball)?);
    println!("  npm install {}", tarball.display());
    println!("An operator runs the tool ({}), from a folder in the PATH:", megabytes(&tool)?);
    println!("  {} check --environment production", tool.display());
    Ok(())
}

/// Builds addon and facade, and packs them.
fn pack(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let Workspace { shell, root, .. } = workspace;
    need(shell, "node", "install Node.js 18.18 or newer")?;
    need(shell, "npm", "install npm, which comes with Node.js")?;
    let package = root.join("npm/secrets");
    cmd!(shell, "cargo build --locked --profile shipped -p permisos-secrets-node").run()?;
    let (library, name) = match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", arch) => ("libpermisos_secrets_node.so", format!("linux-{}-gnu", node_arch(arch))),
        ("macos", arch) => ("libpermisos_secrets_node.dylib", format!("darwin-{}", node_arch(arch))),
        (other, _) => bail!("the addon is not built on {other} yet"),
    };
    let library = workspace.target().join("shipped").join(library);
    check_glibc(&library)?;
    let native = package.join("native");
    shell.remove_path(&native)?;
    shell.create_dir(&native)?;
    shell.copy_file(library, native.join(format!("permisos-secrets.{name}.node")))?;
    shell.copy_file(root.join("LICENSE"), package.join("LICENSE"))?;
    let dist = root.join(DIST);
    shell.create_dir(&dist)?;
    for old in tarballs(workspace)? {
        shell.remove_path(old)?;
    }
    let _in_package = shell.push_dir(&package);
    shell.remove_path("dist")?;
    cmd!(shell, "npm ci --ignore-scripts --no-audit --no-fund --loglevel=error").run()?;
    cmd!(shell, "npm run --silent build").run()?;
    cmd!(shell, "npm pack --silent --pack-destination {dist}").run()?;
    tarballs(workspace)?.pop().context("npm pack made no tarball")
}

fn tarballs(workspace: &Workspace) -> anyhow::Result<Vec<PathBuf>> {
    let files = workspace.shell.read_dir(workspace.root.join(DIST))?;
    Ok(files.into_iter().filter(|path| path.extension().is_some_and(|it| it == "tgz")).collect())
}

fn tool(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let Workspace { shell, root, .. } = workspace;
    cmd!(shell, "cargo build --locked --profile shipped -p permisos-secrets-cli").run()?;
    let (built, tool) = (workspace.target().join("shipped/permisos-secrets"), root.join(DIST).join("permisos-secrets"));
    check_glibc(&built)?;
    shell.copy_file(built, &tool)?;
    cmd!(shell, "{tool} --version").run()?;
    Ok(tool)
}

/// Fails if a supported system could not load the binary.
fn check_glibc(binary: &Path) -> anyhow::Result<()> {
    let needed = newest_glibc(&std::fs::read(binary)?);
    let (major, minor) = needed;
    let name = binary.display();
    ensure!(needed <= GLIBC, "{name} needs glibc {major}.{minor}, and {}.{} is promised", GLIBC.0, GLIBC.1);
    Ok(())
}

/// The newest version of glibc whose symbols a binary names.
fn newest_glibc(binary: &[u8]) -> (u32, u32) {
    const MARK: &[u8] = b"GLIBC_";
    let versions =
        binary.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK).filter_map(|(at, _)| {
            let rest = &binary[at + MARK.len()..];
            let end = rest.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'.').unwrap_or(rest.len());
            let mut parts = std::str::from_utf8(&rest[..end]).ok()?.split('.').map(str::parse);
            Some((parts.next()?.ok()?, parts.next()?.ok()?))
        });
    versions.max().unwrap_or_default()
}

/// Builds, packs, and installs the tarball in a fresh folder, as a user would.
pub(crate) fn install(workspace: &Workspace) -> anyhow::Result<Installed> {
    pack(workspace)?;
    install_packed(workspace)
}

/// Installs the tarball that was packed last.
pub(crate) fn install_packed(workspace: &Workspace) -> anyhow::Result<Installed> {
    let shell = &workspace.shell;
    let tarball = tarballs(workspace)?.pop().context("nothing is packed")?;
    let folder = tempfile::Builder::new().prefix("permisos-secrets-").tempdir()?;
    let _in_fresh = shell.push_dir(folder.path());
    shell.write_file("package.json", "{ \"private\": true, \"type\": \"module\" }\n")?;
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

/// Copies the scenes with all that they need into the fresh folder, and answers the files of tests.
pub(crate) fn copy_scenes(workspace: &Workspace, installed: &Installed) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = copy(workspace, "npm/secrets/test", installed, "test")?;
    for folder in ["scenes", "servers", "support"] {
        files.extend(copy(workspace, &format!("tests/{folder}"), installed, folder)?);
    }
    files.retain(|file| file.to_string_lossy().ends_with(".test.mjs"));
    files.sort();
    Ok(files)
}

/// Installs the libraries with which the scenes log in, serve sessions and send mail, into one folder with the package: it
/// looks for those that it adapts beside itself.
pub(crate) fn install_libraries(workspace: &Workspace, installed: &Installed) -> anyhow::Result<()> {
    let shell = &workspace.shell;
    let scenes = installed.path().join("scenes");
    let _in_scenes = shell.push_dir(&scenes);
    cmd!(shell, "npm ci --loglevel=error").run()?;
    let (fresh, all) = (installed.path().join("node_modules"), scenes.join("node_modules"));
    cmd!(shell, "cp -a {fresh}/. {all}").run()?;
    shell.remove_path(&fresh)?;
    Ok(std::os::unix::fs::symlink(all, fresh)?)
}

/// Copies a folder of the repository into the fresh one.
pub(crate) fn copy(workspace: &Workspace, from: &str, installed: &Installed, to: &str) -> anyhow::Result<Vec<PathBuf>> {
    let target = installed.path().join(to);
    workspace.shell.create_dir(&target)?;
    let mut copied = vec![];
    for file in workspace.shell.read_dir(workspace.root.join(from))? {
        let name = file.file_name().context("a file has a name")?.to_string_lossy().into_owned();
        if file.is_file() {
            workspace.shell.copy_file(&file, target.join(&name))?;
            copied.push(target.join(name));
        } else if name != "node_modules" {
            copied.extend(copy(workspace, &format!("{from}/{name}"), installed, &format!("{to}/{name}"))?);
        }
    }
    Ok(copied)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_glibc_that_a_binary_names_is_found() {
        assert_eq!(newest_glibc(b"..GLIBC_2.2.5\0GLIBC_2.34\0GLIBC_2.4\0GLIBC_PRIVATE\0"), (2, 34));
        assert_eq!(newest_glibc(b"GLIBC_2.38"), (2, 38));
        assert_eq!(newest_glibc(b"nothing"), (0, 0));
    }
}
