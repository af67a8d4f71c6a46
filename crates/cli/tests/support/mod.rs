//! The tool itself, an emulated AWS of its own, and a folder with the backend's environment file.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![expect(clippy::unwrap_used, reason = "a test's support")]

pub(crate) mod proxy;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use permisos_secrets_testkit::emulator::Emulator;
use permisos_secrets_testkit::leak::assert_no_leak;
use regex_lite::Regex;
use rexpect::session::PtySession;

use proxy::{Answer, Asked, Proxy};

/// How long anything may take on a slow machine.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);
pub(crate) const MIGRATE: [&str; 6] = ["migrate", "--from", ".env", "--to", "production", "--yes"];

/// Every variable of the catalogue, each secret one a canary.
pub(crate) const BACKEND: &str = include_str!("../backend.env");

/// Where commands are run: a folder with `.env`, an emulator, no other variable than those needed.
pub(crate) struct Bench {
    pub(crate) folder: tempfile::TempDir,
    emulator: Option<Emulator>,
    /// Where the tool finds AWS: the emulator, or what stands before it.
    pub(crate) url: String,
    pub(crate) credentials: (String, String),
}

impl Bench {
    pub(crate) fn new(emulator: Emulator) -> Self {
        Self::at(emulator.url.clone(), Some(emulator))
    }

    /// One where no server listens.
    pub(crate) fn without_aws() -> Self {
        Self::at("http://127.0.0.1:1".to_owned(), None)
    }

    fn at(url: String, emulator: Option<Emulator>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(".env"), BACKEND).unwrap();
        for private in ["home", "tmp"] {
            std::fs::create_dir(folder.path().join(private)).unwrap();
        }
        Self { folder, emulator, url, credentials: ("testing".into(), "testing".into()) }
    }

    pub(crate) fn emulator(&self) -> &Emulator {
        self.emulator.as_ref().unwrap()
    }

    /// One whose secrets are migrated.
    pub(crate) fn migrated() -> Self {
        let bench = Self::new(Emulator::moto());
        let ran = bench.run(&MIGRATE);
        assert_eq!(ran.code, 0, "{}", ran.err);
        bench
    }

    /// Puts a proxy before the emulator.
    pub(crate) fn behind(&mut self, script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Proxy {
        let proxy = Proxy::start(&self.emulator().url, script);
        self.url.clone_from(&proxy.url);
        proxy
    }

    /// A call of Secrets Manager past the tool.
    pub(crate) fn call(&self, operation: &str, body: &serde_json::Value) -> serde_json::Value {
        proxy::call(&self.emulator().url, operation, body)
    }

    /// The tool on a terminal of so many columns.
    pub(crate) fn terminal(&self, arguments: &[&str], columns: u16) -> PtySession {
        self.on_terminal(&format!("exec permisos-secrets {}", arguments.join(" ")), columns)
    }

    /// A line as a person types it, on a terminal, which echoes what is typed.
    pub(crate) fn on_terminal(&self, line: &str, columns: u16) -> PtySession {
        let mut command = self.shell(&format!("stty sane cols {columns} rows 50; trap : INT; {line}"));
        command.stdin(Stdio::inherit());
        rexpect::session::spawn_command(command, Some(DEADLINE.as_millis().try_into().unwrap())).unwrap()
    }

    /// The tool with these arguments.
    pub(crate) fn tool(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_permisos-secrets"));
        self.surround(command.args(arguments));
        command
    }

    /// Another program, where the tool would run.
    pub(crate) fn program(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        self.surround(&mut command);
        command
    }

    /// A line as a person types it.
    pub(crate) fn shell(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        self.surround(command.args(["-c", line]));
        command
    }

    fn private(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn surround(&self, command: &mut Command) {
        let program = Path::new(env!("CARGO_BIN_EXE_permisos-secrets")).parent().unwrap();
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
        command.current_dir(self.folder.path()).env_clear().stdin(Stdio::null()).envs([
            ("PATH", path.as_str()),
            ("HOME", &self.private("home")),
            ("TMPDIR", &self.private("tmp")),
            ("RUST_BACKTRACE", "full"),
            ("RUST_LOG", "trace"),
            ("TERM", "xterm-256color"),
            ("AWS_ACCESS_KEY_ID", &self.credentials.0),
            ("AWS_SECRET_ACCESS_KEY", &self.credentials.1),
            ("AWS_REGION", "us-east-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_CONFIG_FILE", "/dev/null"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
            ("AWS_ENDPOINT_URL", &self.url),
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
        // The tool need not read all of it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
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

/// Waits until something is there.
pub(crate) fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < DEADLINE, "it did not happen in {DEADLINE:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Version ids by their order, dates as one date: what differs from run to run.
pub(crate) fn normal(text: &str, versions: &mut Vec<String>) -> String {
    let id = Regex::new("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").unwrap();
    for found in id.find_iter(text) {
        if !versions.iter().any(|known| known == found.as_str()) {
            versions.push(found.as_str().to_owned());
        }
    }
    let mut text = text.to_owned();
    for (index, version) in versions.iter().enumerate() {
        let short = format!("{:02}e5f0a7", index + 1);
        text = text.replace(version, &format!("{short}-1c52-4d3b-9a41-6f0b8e7d2c35")).replace(&version[..8], &short);
    }
    let date = Regex::new(r"20\d\d-\d\d-\d\d \d\d:\d\d").unwrap();
    let text = date.replace_all(&text, "2026-11-24 09:30");
    let day = Regex::new(r"(?m)20\d\d-\d\d-\d\d$").unwrap();
    let text = day.replace_all(&text, "2026-11-24");
    Regex::new(r"\b\d min\b").unwrap().replace_all(&text, "0 min").into_owned()
}

/// Compares with the file in `tests/snapshots`; `BLESS=1` updates it.
pub(crate) fn assert_snapshot(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == text, "{name} differs from its snapshot; if it should, update it with BLESS=1:\n{text}");
}
