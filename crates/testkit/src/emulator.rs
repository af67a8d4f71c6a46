//! An emulated AWS in a process of its own, on a port that the system chose.

#![expect(clippy::missing_panics_doc, reason = "each panics if the emulator does not do what it is asked for")]

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

const MOTO: &str = "moto_server.py";
const MINISTACK: &str = "ministack_server.py";
/// Generous: an emulator on a busy machine is slow.
const PATIENCE: Duration = Duration::from_mins(1);

/// Starts a server of `tests/servers`, and answers the line that it prints when it is ready.
fn start(script: &str, arguments: &[&str]) -> (Child, String) {
    let python = std::env::var("PERMISOS_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the testkit lives in crates/testkit");
    let mut command = Command::new(python);
    command.arg(root.join("tests/servers").join(script)).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    // An emulator reports what it does not implement.
    command.stderr(Stdio::null()).env("CLOUDTRAIL_RECORDING", "1");
    let mut child = command.spawn().expect("Python is there");
    let mut line = String::new();
    let stdout = child.stdout.as_mut().expect("it is piped");
    BufReader::new(stdout).read_line(&mut line).expect("a server prints text");
    let line = line.trim().to_owned();
    assert!(!line.is_empty(), "{script} did not start: run the tests by cargo xtask test, or set PERMISOS_PYTHON");
    (child, line)
}

/// A real PostgreSQL of its own, which takes passwords over TLS alone. Ends with the test.
pub struct Postgres {
    child: Child,
    /// On 127.0.0.1.
    pub port: u16,
    /// Of the user `postgres`.
    pub password: String,
    /// Who signed its certificate, as PEM.
    pub authority: String,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("port", &self.port).finish_non_exhaustive()
    }
}

impl Postgres {
    /// Starts one with an empty database `postgres`.
    #[must_use]
    pub fn start() -> Self {
        let (child, line) = start("postgres_server.py", &[]);
        let said: Value = serde_json::from_str(&line).expect("postgres_server.py prints JSON");
        let text = |name: &str| said[name].as_str().expect("postgres_server.py says it").to_owned();
        let port = said["port"].as_u64().and_then(|port| port.try_into().ok()).expect("a port");
        Self { child, port, password: text("password"), authority: text("authority") }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// An emulated AWS, empty. Ends with the test, also when that is killed: its standard input closes then.
#[derive(Debug)]
pub struct Emulator {
    child: Child,
    /// How it is reached.
    pub url: String,
}

impl Emulator {
    /// moto: knows nearly everything, checks no permission.
    #[must_use]
    pub fn moto() -> Self {
        Self::start(MOTO, "0")
    }

    /// moto at the address where one was before.
    #[must_use]
    pub fn moto_at(url: &str) -> Self {
        Self::start(MOTO, url.rsplit(':').next().unwrap_or_default())
    }

    /// ministack: checks permissions of every key but `test`, which is root's; knows CloudTrail and IAM's simulation.
    #[must_use]
    pub fn ministack() -> Self {
        Self::start(MINISTACK, "0")
    }

    fn start(script: &str, port: &str) -> Self {
        let (child, port) = start(script, &[port]);
        Self { url: format!("http://127.0.0.1:{port}"), child }
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Stops it as a debugger would: connections are accepted and hang.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// A call to Secrets Manager as the account's root.
    pub fn call(&self, operation: &str, body: &Value) {
        let kind = "application/x-amz-json-1.1".to_owned();
        let headers = [("content-type", kind), ("x-amz-target", format!("secretsmanager.{operation}"))];
        self.send("POST", "/", "secretsmanager", &headers, &body.to_string());
    }

    /// A key of a new IAM user who may do this and nothing else.
    #[must_use]
    pub fn user(&self, name: &str, statements: &Value) -> (String, String) {
        self.iam("CreateUser", &[("UserName", name)]);
        self.allow(name, statements);
        let key = self.iam("CreateAccessKey", &[("UserName", name)]);
        let tag = |tag: &str| {
            let (_, rest) = key.split_once(&format!("<{tag}>")).expect("IAM answers a key");
            rest.split('<').next().unwrap_or_default().to_owned()
        };
        (tag("AccessKeyId"), tag("SecretAccessKey"))
    }

    /// Lets a user do this and nothing else.
    pub fn allow(&self, user: &str, statements: &Value) {
        let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        self.iam("PutUserPolicy", &[("UserName", user), ("PolicyName", "all"), ("PolicyDocument", &policy)]);
    }

    fn iam(&self, action: &str, parameters: &[(&str, &str)]) -> String {
        let mut form = Serializer::new(String::new());
        let form = form.append_pair("Action", action).append_pair("Version", "2010-05-08");
        let form = form.extend_pairs(parameters).finish();
        let kind = [("content-type", "application/x-www-form-urlencoded".to_owned())];
        self.send("POST", "/", "iam", &kind, &form)
    }

    /// What moto was asked so far, by operation.
    #[must_use]
    pub fn requests(&self) -> BTreeMap<String, u64> {
        let counts = self.send("GET", "/requests", "secretsmanager", &[], "");
        serde_json::from_str(&counts).expect("moto_server.py counts")
    }

    /// HTTP/1.0: the answer ends with the connection.
    fn send(&self, method: &str, path: &str, service: &str, headers: &[(&str, String)], body: &str) -> String {
        let address = self.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).expect("the emulator listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("it is not zero");
        let scope = format!("test/20260101/us-east-1/{service}/aws4_request");
        let mut request = format!(
            "{method} {path} HTTP/1.0\r\nhost: {address}\r\ncontent-length: {}\r\n\
             authorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0\r\n",
            body.len()
        );
        request.extend(headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")));
        request.extend(["\r\n", body]);
        stream.write_all(request.as_bytes()).expect("the emulator reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the emulator answers in time");
        let (head, body) = answer.split_once("\r\n\r\n").expect("the emulator speaks HTTP");
        let status = head.split(' ').nth(1).unwrap_or_default();
        assert_eq!(status, "200", "the emulator refuses a call to {service}");
        body.to_owned()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            // One that is stopped would not hear that it is to end.
            self.resume();
            drop(self.child.stdin.take());
            let _ = self.child.wait();
        }
    }
}
