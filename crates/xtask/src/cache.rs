//! The user's cache folder: keeps builds and downloads for the next run and the next clone.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, ensure};
use xshell::{Shell, cmd};

use crate::target;

/// cargo-deny that builds with the workspace's toolchain.
const CARGO_DENY: &str = "cargo-deny@0.20.2";
/// AWS's agent: today's, and the first, which refuses parameters that it does not know.
const AGENTS: [&str; 2] = ["aws_workload_credentials_provider@3.1.2", "aws_secretsmanager_agent@1.0.0"];
/// The emulators of Secrets Manager, in the versions that were tried. moto is the main one; ministack enforces policies.
/// pyOpenSSL, with an OpenSSL that has the post-quantum key exchanges, reports which one was negotiated.
const EMULATORS: [&str; 3] = ["ministack==1.5.33", "moto[server]==5.2.5", "pyOpenSSL==26.4.0"];

/// The linters for the documents that the operator's tool prints.
const LINTERS: [&str; 2] = ["cfn-lint==1.58.0", "parliament==1.6.4"];

/// Hosts of the component in Python: its runtime and AWS's SDK; and what checks documents by their JSON Schemas.
const HOSTS: [&str; 3] = ["boto3==1.44.8", "jsonschema==4.26.0", "wasmtime==50.0.1"];
/// Makes a component of an application in Python.
pub(crate) const COMPONENTIZE: &str = "componentize-py==0.25.1";

/// The clone and the cache beside it.
pub(crate) struct Workspace {
    pub(crate) shell: Shell,
    pub(crate) root: PathBuf,
    cache: PathBuf,
    target: PathBuf,
    /// Held, not read.
    #[expect(dead_code, reason = "the target folder is ours until it is dropped")]
    lock: File,
}

impl Workspace {
    /// Finds both, and lets every cargo below build into the shared target folder.
    pub(crate) fn open() -> anyhow::Result<Self> {
        // Cargo's value at run time: the one at compile time is wrong once the clone was moved.
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR").context("run it as `cargo xtask`")?;
        let root = Path::new(&manifest).ancestors().nth(2).context("xtask lives in crates/xtask")?.to_owned();
        let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let base = base.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
        let cache = base.context("set HOME or XDG_CACHE_HOME: the cache goes there")?.join("permisos-secrets");
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| cache.join("target"), PathBuf::from);
        let shell = Shell::new()?;
        shell.change_dir(&root);
        shell.set_var("CARGO_TARGET_DIR", &target);
        let lock = target::claim(&target, &root).with_context(|| format!("cannot build in {}", target.display()))?;
        Ok(Self { shell, root, cache, target, lock })
    }

    /// Where cargo builds.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// A folder of the cache.
    pub(crate) fn cached(&self, name: &str) -> PathBuf {
        self.cache.join(name)
    }

    /// cargo-deny, built once.
    pub(crate) fn cargo_deny(&self) -> anyhow::Result<PathBuf> {
        self.built(CARGO_DENY, "cargo-deny")
    }

    /// AWS's agent as it is today and as it was first, each built once.
    pub(crate) fn agents(&self) -> anyhow::Result<[PathBuf; 2]> {
        let [today, oldest] = AGENTS;
        Ok([self.built(today, "aws-workload-credentials-provider")?, self.built(oldest, "aws_secretsmanager_agent")?])
    }

    /// A program of a package from the registry, built once.
    fn built(&self, package: &str, program: &str) -> anyhow::Result<PathBuf> {
        let tools = self.cache.join("tools").join(package.replace('@', "-"));
        let binary = tools.join("bin").join(program);
        if !binary.exists() {
            println!("Building {package} once, into {}", tools.display());
            // Unoptimised: it runs for seconds and would compile for minutes more.
            cmd!(self.shell, "cargo install --quiet --locked --debug --root {tools} {package}").run()?;
        }
        Ok(binary)
    }

    /// A Python that has the emulators.
    pub(crate) fn python(&self) -> anyhow::Result<PathBuf> {
        self.python_with(&EMULATORS)
    }

    /// A Python that has the linters.
    pub(crate) fn linters(&self) -> anyhow::Result<PathBuf> {
        self.python_with(&LINTERS)
    }

    /// A Python that runs the component.
    pub(crate) fn host_python(&self) -> anyhow::Result<PathBuf> {
        self.python_with(&HOSTS)
    }

    /// The program that makes components of applications in Python.
    pub(crate) fn componentize_py(&self) -> anyhow::Result<PathBuf> {
        Ok(self.python_with(&[COMPONENTIZE])?.with_file_name("componentize-py"))
    }

    /// A Python in a private virtual environment, made once.
    fn python_with(&self, packages: &[&str]) -> anyhow::Result<PathBuf> {
        let environment = self.cache.join("python").join(packages.join("-").replace(['[', ']', '='], "-"));
        let python = environment.join("bin").join("python");
        let ready = environment.join("ready");
        if !ready.exists() {
            println!("Installing {} once, into {}", packages.join(" and "), environment.display());
            self.shell.remove_path(&environment)?;
            self.make_environment(&environment)?;
            cmd!(self.shell, "{python} -m pip install --quiet --disable-pip-version-check {packages...}").run()?;
            self.shell.write_file(&ready, "")?;
        }
        Ok(python)
    }

    fn make_environment(&self, environment: &Path) -> anyhow::Result<()> {
        // Debian's Python comes without ensurepip unless python3-venv is installed; its pip can install virtualenv.
        if cmd!(self.shell, "python3 -m venv {environment}").ignore_stderr().quiet().run().is_ok() {
            return Ok(());
        }
        let tool = self.cache.join("python").join("virtualenv");
        cmd!(self.shell, "python3 -m pip install --quiet --upgrade --target {tool} virtualenv").run()?;
        cmd!(self.shell, "python3 -m virtualenv --quiet {environment}").env("PYTHONPATH", tool).run()?;
        Ok(())
    }
}

/// Runs a step, and prints what it does and how long it took.
pub(crate) fn step<T>(title: &str, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    println!("\n== {title}");
    let started = Instant::now();
    let result = work();
    let outcome = if result.is_ok() { "done" } else { "FAILED" };
    println!("== {title}: {outcome} in {:.0} s", started.elapsed().as_secs_f64());
    result
}

/// Fails with a hint if a program is not installed.
pub(crate) fn need(shell: &Shell, program: &str, hint: &str) -> anyhow::Result<()> {
    let found = cmd!(shell, "{program} --version").ignore_stdout().ignore_stderr().quiet().run().is_ok();
    ensure!(found, "{program} is not there: {hint}");
    Ok(())
}
