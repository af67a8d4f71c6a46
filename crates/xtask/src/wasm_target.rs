//! Finds a compiler for `wasm32-unknown-unknown`: the installed one, else the target by rustup, else, where rustup must not
//! download (`RUSTUP_AUTO_INSTALL=0`), Debian's compiler and the sources of its standard library.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use xshell::{Cmd, Shell, cmd};

use crate::cache::Workspace;

/// The target: no WASI, so nothing to import.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// The oldest compiler that builds this workspace.
const OLDEST: &str = env!("CARGO_PKG_RUST_VERSION");

/// How to compile for the target.
pub(crate) enum Compiler {
    /// Debian's rustc, which builds the standard library with the crates, linked by the installed toolchain's lld.
    Debian { root: PathBuf, linker: PathBuf },
    /// The installed toolchain, which has the target's standard library.
    Installed,
}

/// Where the target's standard library comes from.
#[derive(Debug, Eq, PartialEq)]
enum Origin {
    Debian,
    Installed,
    Rustup,
}

impl Origin {
    /// Rustup is asked last: to ask whether it is there may make it download a toolchain.
    fn choose(is_installed: bool, auto_install: Option<&str>, has_rustup: impl FnOnce() -> bool) -> Self {
        let may_download = matches!(auto_install, None | Some("1"));
        if is_installed {
            Self::Installed
        } else if may_download && has_rustup() {
            Self::Rustup
        } else {
            Self::Debian
        }
    }
}

impl Compiler {
    /// Finds one, or sets it up.
    pub(crate) fn find(workspace: &Workspace) -> anyhow::Result<Self> {
        let shell = &workspace.shell;
        let sysroot = PathBuf::from(cmd!(shell, "rustc --print sysroot").quiet().read()?);
        let is_installed = sysroot.join("lib/rustlib").join(TARGET).join("lib").exists();
        let has_rustup = || cmd!(shell, "rustup --version").quiet().ignore_stdout().ignore_stderr().run().is_ok();
        match Origin::choose(is_installed, std::env::var("RUSTUP_AUTO_INSTALL").ok().as_deref(), has_rustup) {
            Origin::Installed => Ok(Self::Installed),
            Origin::Rustup => {
                cmd!(shell, "rustup target add {TARGET}").run()?;
                Ok(Self::Installed)
            }
            Origin::Debian => {
                let version = cmd!(shell, "rustc -vV").quiet().read()?;
                let host = host(&version).context("rustc -vV names no host")?;
                let linker = sysroot.join("lib/rustlib").join(host).join("bin/rust-lld");
                ensure!(linker.exists(), "{} is not there: reinstall the Rust toolchain", linker.display());
                Ok(Self::Debian { root: unpack(workspace)?, linker })
            }
        }
    }

    /// Whether the standard library is there as it is, and not built with the crates.
    pub(crate) fn is_installed(&self) -> bool {
        matches!(self, Self::Installed)
    }

    /// `cargo build` with this compiler, for the target, into a folder of its own: in one folder, two compilers would
    /// rebuild each other's crates.
    pub(crate) fn build<'s>(&self, shell: &'s Shell, target: &Path) -> Cmd<'s> {
        // RUSTFLAGS in the environment would silently replace the flags of the target.
        let build = cmd!(shell, "cargo build --locked --target {TARGET}").env_remove("RUSTFLAGS");
        let build = build.env("CARGO_TARGET_DIR", target);
        match self {
            Self::Installed => build,
            Self::Debian { root, linker } => {
                let libraries = root.join("usr/lib").join(format!("{}-linux-gnu", std::env::consts::ARCH));
                build
                    .args(["-Zbuild-std=std,panic_abort", "-Zbuild-std-features=optimize_for_size"])
                    .env("RUSTC", root.join("usr/bin/rustc"))
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env("LD_LIBRARY_PATH", libraries)
                    .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker)
                    // A panic's message has nowhere to go in a component that imports nothing: a trap says as much.
                    .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", "-Zunstable-options -Cpanic=immediate-abort")
            }
        }
    }
}

/// Debian's compiler and sources, unpacked into the cache once. Nothing is installed, and no root is needed.
fn unpack(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let shell = &workspace.shell;
    let hint = || {
        format!(
            "the target {TARGET} is missing, and it can be had neither from rustup nor from Debian's packages (rustc-web \
             of at least {OLDEST}): run `rustup target add {TARGET}`"
        )
    };
    let candidate = || -> anyhow::Result<Option<String>> {
        let policy = cmd!(shell, "apt-cache policy rustc-web").quiet().read()?;
        Ok(candidate(&policy).filter(|version| is_new_enough(version)))
    };
    let Some(version) = candidate().with_context(hint)?.or_else(|| {
        // The lists may be older than the archive, and name a compiler that cannot build this workspace.
        cmd!(shell, "apt-get update -qq").run().ok()?;
        candidate().ok()?
    }) else {
        bail!(hint());
    };
    let root = workspace.cached("toolchains").join(format!("rustc-web-{}", version.replace(['+', '~', ':'], "-")));
    let ready = root.join("ready");
    if ready.exists() {
        return Ok(root);
    }
    println!("Downloading Debian's rustc {version} with the sources of its standard library (140 MB) once, into");
    println!("{}; nothing is installed", root.display());
    shell.remove_path(&root)?;
    shell.create_dir(&root)?;
    let depends = |package: &str, prefix: &str| -> anyhow::Result<String> {
        let text = cmd!(shell, "apt-cache depends {package}").quiet().read()?;
        dependency(&text, prefix).with_context(|| format!("{package} depends on no {prefix}"))
    };
    let library = depends("libstd-rust-web-dev", "libstd-rust-web-")?;
    let llvm = depends(&library, "libllvm")?;
    let packages = ["rustc-web", "rust-web-src", "libstd-rust-web-dev", &library, &llvm];
    {
        let _in_root = shell.push_dir(&root);
        let download = || cmd!(shell, "apt-get download -qq {packages...}").ignore_stderr().run();
        if download().is_err() {
            // The archive may have gone on since the lists were fetched.
            cmd!(shell, "apt-get update -qq").run().with_context(hint)?;
            download().with_context(hint)?;
        }
        for file in shell.read_dir(&root)?.into_iter().filter(|file| file.extension().is_some_and(|it| it == "deb")) {
            cmd!(shell, "dpkg-deb -x {file} {root}").quiet().run()?;
            shell.remove_path(&file)?;
        }
    }
    shell.write_file(&ready, "")?;
    Ok(root)
}

/// The version that `apt-cache policy` would install.
fn candidate(policy: &str) -> Option<String> {
    let version = policy.lines().find_map(|line| line.trim().strip_prefix("Candidate: "))?;
    (version != "(none)").then(|| version.to_owned())
}

/// Whether Debian's version, such as `1.96.0+dfsg1-1`, builds this workspace.
fn is_new_enough(version: &str) -> bool {
    let minor = |version: &str| version.split('.').nth(1)?.parse::<u32>().ok();
    version.starts_with("1.") && minor(version) >= minor(OLDEST)
}

/// The package that `apt-cache depends` names.
fn dependency(depends: &str, prefix: &str) -> Option<String> {
    let names = depends.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
    names.map(str::to_owned).find(|name| name.starts_with(prefix))
}

/// The host that `rustc -vV` names.
fn host(version: &str) -> Option<&str> {
    version.lines().find_map(|line| line.strip_prefix("host: "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_that_is_there_is_used() {
        for auto_install in [None, Some("0"), Some("1")] {
            assert_eq!(Origin::choose(true, auto_install, || panic!("it is asked")), Origin::Installed);
        }
    }

    #[test]
    fn rustup_adds_the_target_where_it_may_download() {
        assert_eq!(Origin::choose(false, None, || true), Origin::Rustup);
        assert_eq!(Origin::choose(false, Some("1"), || true), Origin::Rustup);
    }

    #[test]
    fn debian_has_it_where_rustup_may_not_or_is_not_there() {
        assert_eq!(Origin::choose(false, Some("0"), || panic!("it is asked")), Origin::Debian);
        assert_eq!(Origin::choose(false, None, || false), Origin::Debian);
    }

    #[test]
    fn what_apt_prints_is_understood() {
        assert_eq!(candidate("rustc-web:\n  Installed: (none)\n  Candidate: 1.96.0+x\n").as_deref(), Some("1.96.0+x"));
        assert_eq!(candidate("rustc-web:\n  Candidate: (none)\n"), None);
        assert_eq!(candidate(""), None);
        let depends = "libstd-rust-web-dev\n  Depends: libc6\n  Depends: libstd-rust-web-1.96\n  Breaks: x\n";
        assert_eq!(dependency(depends, "libstd-rust-web-").as_deref(), Some("libstd-rust-web-1.96"));
        assert_eq!(dependency(depends, "libllvm"), None);
        assert!(is_new_enough("1.96.0+dfsg1-1~deb12u1") && is_new_enough(OLDEST));
        assert!(!is_new_enough("1.85.0+dfsg3-1~deb12u3") && !is_new_enough("unknown"));
        assert_eq!(host("rustc 1.95.0\nhost: x86_64-unknown-linux-gnu\n"), Some("x86_64-unknown-linux-gnu"));
    }
}
