//! Debian's packages that the tests need: real servers, never those that happen to run.

use std::path::Path;

use anyhow::{Context, ensure};
use xshell::{Shell, cmd};

/// The packages, each with a file that shows it is installed.
const PACKAGES: [(&str, &str); 9] = [
    ("chromium", "usr/bin/chromium"),
    ("iproute2", "usr/*/ip"),
    ("libfaketime", "usr/lib/*/faketime/libfaketimeMT.so.1"),
    ("openssl", "usr/bin/openssl"),
    ("pgbouncer", "usr/sbin/pgbouncer"),
    ("postgresql", "usr/lib/postgresql/*/bin/postgres"),
    ("prometheus", "usr/bin/promtool"),
    ("redis-server", "usr/bin/redis-server"),
    ("tinyproxy-bin", "usr/bin/tinyproxy"),
];

/// Installs missing packages, the only step that needs root.
pub(crate) fn install(shell: &Shell) -> anyhow::Result<()> {
    let missing: Vec<&str> =
        PACKAGES.into_iter().filter(|(_, file)| !exists(Path::new("/"), file)).map(|(name, _)| name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    let is_root = cmd!(shell, "id -u").quiet().read()? == "0";
    ensure!(is_root, "Debian's packages {names} are missing: run `apt-get install {names}` as root");
    println!("Installing Debian's packages {names}");
    let hint = || format!("apt-get cannot install {names}: install them by hand");
    cmd!(shell, "apt-get update -qq").run().with_context(hint)?;
    let install = cmd!(shell, "apt-get install --yes -qq --no-install-recommends {missing...}");
    // Run level 1: the package's own cluster is not started, the tests start theirs.
    let install = install.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1").ignore_stdout();
    install.run().with_context(hint)
}

/// Whether a path exists; `*` in it stands for any one name.
fn exists(folder: &Path, pattern: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('/') else { return folder.join(pattern).exists() };
    if first != "*" {
        return exists(&folder.join(first), rest);
    }
    std::fs::read_dir(folder).is_ok_and(|entries| entries.flatten().any(|entry| exists(&entry.path(), rest)))
}
