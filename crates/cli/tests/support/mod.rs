//! The tool itself, an emulated AWS of its own, and a folder with the backend's environment file.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![expect(clippy::unwrap_used, reason = "a test's support")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use permisos_secrets_testkit::emulator::Emulator;
use permisos_secrets_testkit::leak::assert_no_leak;

/// Every variable of the catalogue, each secret one a canary.
pub(crate) const BACKEND: &str = include_str!("../backend.env");

/// Where commands are run: a folder with `.env`, an emulator, no other variable than those needed.
pub(crate) struct Bench {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) emulator: Emulator,
    pub(crate) credentials: (String, String),
}

impl Bench {
    pub(crate) fn new(emulator: Emulator) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(".env"), BACKEND).unwrap();
        Self { folder, emulator, credentials: ("testing".into(), "testing".into()) }
    }

    /// The tool with these arguments.
    pub(crate) fn tool(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_permisos-secrets"));
        self.surround(command.args(arguments));
        command
    }

    /// A line as a person types it.
    pub(crate) fn shell(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        self.surround(command.args(["-c", line]));
        command
    }

    fn surround(&self, command: &mut Command) {
        let program = Path::new(env!("CARGO_BIN_EXE_permisos-secrets")).parent().unwrap();
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
        command.current_dir(self.folder.path()).env_clear().stdin(Stdio::null()).envs([
            ("PATH", path.as_str()),
            ("TERM", "xterm-256color"),
            ("AWS_ACCESS_KEY_ID", &self.credentials.0),
            ("AWS_SECRET_ACCESS_KEY", &self.credentials.1),
            ("AWS_REGION", "us-east-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_CONFIG_FILE", "/dev/null"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
            ("AWS_ENDPOINT_URL", &self.emulator.url),
        ]);
    }

    /// Runs the tool; nothing it prints may show a value.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.tool(arguments).output().unwrap(), arguments)
    }

    /// Runs the tool with this on its standard input.
    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &str) -> Ran {
        let mut command = self.tool(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        Ran::of(child.wait_with_output().unwrap(), arguments)
    }

    /// A payload of a secret, as it is stored.
    pub(crate) fn stored(&self, service: &str) -> serde_json::Value {
        let revealed = self.tool(&["get", service, "-e", "production", "--reveal", "--json"]).output().unwrap();
        serde_json::from_slice(&revealed.stdout).unwrap()
    }
}

/// How a command ended.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    fn of(output: Output, arguments: &[&str]) -> Self {
        let out = String::from_utf8(output.stdout).unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_no_leak(&out, &format!("the output of {arguments:?}"));
        assert_no_leak(&err, &format!("the notes of {arguments:?}"));
        Self { code: output.status.code().unwrap_or(-1), out, err }
    }

    /// The report of `--json`.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("no JSON: {}{}", self.out, self.err))
    }
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}
