//! An HTTP server between the tool and an emulated AWS, on 127.0.0.1: it passes on, answers from a record, or never
//! answers. What it listens with ends with the test's process.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};

/// One request.
pub(crate) struct Asked {
    /// E.g. `GetSecretValue`.
    pub(crate) operation: String,
    pub(crate) body: Value,
}

/// What becomes of a request.
pub(crate) enum Answer {
    /// The emulator's answer, with this done to it.
    Changed(Box<dyn FnOnce(&mut Value)>),
    /// The emulator's answer.
    Forwarded,
    /// The emulator does it, and the answer is lost.
    Held,
    /// A recorded answer: status and body.
    Recorded(u16, Value),
}

impl Answer {
    /// An error as AWS's JSON protocol writes it.
    pub(crate) fn error(status: u16, code: &str) -> Self {
        Self::Recorded(status, json!({ "__type": code, "Message": "as recorded" }))
    }

    pub(crate) fn changed(change: impl FnOnce(&mut Value) + 'static) -> Self {
        Self::Changed(Box::new(change))
    }
}

pub(crate) struct Proxy {
    pub(crate) url: String,
    held: Arc<AtomicUsize>,
}

impl Proxy {
    /// Before the server at that URL, on a port that the system chose.
    pub(crate) fn start(upstream: &str, script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let held = Arc::<AtomicUsize>::default();
        let (script, upstream, counter) = (Arc::new(script), upstream.to_owned(), held.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (script, upstream, counter) = (script.clone(), upstream.clone(), counter.clone());
                // A client that is killed breaks its connection: not an error of the proxy.
                thread::spawn(move || serve(stream.ok()?, &upstream, &*script, &counter));
            }
        });
        Self { url, held }
    }

    /// How many requests were done and not answered.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::SeqCst)
    }
}

/// One request, one connection.
fn serve(
    mut stream: TcpStream,
    upstream: &str,
    script: &dyn Fn(&Asked) -> Answer,
    unheard: &AtomicUsize,
) -> Option<()> {
    let (head, body) = message(&mut stream)?;
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    };
    let target = header("x-amz-target").unwrap_or_default();
    let text = String::from_utf8_lossy(&body);
    let action = text.split('&').find_map(|pair| pair.strip_prefix("Action="));
    let operation = target.rsplit('.').next().filter(|it| !it.is_empty()).or(action).unwrap_or_default().to_owned();
    let asked = Asked { operation, body: serde_json::from_slice(&body).unwrap_or_default() };
    let forward = || {
        let head = head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
        exchange(upstream, &[head.as_bytes(), b"\r\n\r\n", &body].concat())
    };
    let answer = match script(&asked) {
        Answer::Changed(change) => {
            let answer = forward()?;
            let mut value = parse(&answer)?;
            change(&mut value);
            response(200, &value)
        }
        Answer::Forwarded => forward()?,
        Answer::Held => {
            forward()?;
            unheard.fetch_add(1, Ordering::SeqCst);
            let _ = stream.read(&mut [0]);
            return None;
        }
        Answer::Recorded(status, value) => response(status, &value),
    };
    stream.write_all(&answer).ok()
}

/// A call that the test needs but does not test, to the server at that URL; returns the body.
pub(crate) fn call(url: &str, operation: &str, body: &Value) -> Value {
    let host = url.trim_start_matches("http://");
    let body = body.to_string();
    let credential = "testing/20260101/us-east-1/secretsmanager/aws4_request";
    let request = format!(
        "POST / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: application/x-amz-json-1.1\r\n\
         x-amz-target: secretsmanager.{operation}\r\ncontent-length: {}\r\n\
         authorization: AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0\r\n\r\n{body}",
        body.len()
    );
    let answer = exchange(url, request.as_bytes()).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200") || answer.starts_with(b"HTTP/1.0 200"), "{operation} failed");
    parse(&answer).unwrap()
}

fn exchange(url: &str, request: &[u8]) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).ok()?;
    stream.write_all(request).ok()?;
    let (head, body) = message(&mut stream)?;
    Some([head.as_bytes(), b"\r\n\r\n", &body].concat())
}

/// Head and body of a message whose length is given.
fn message(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let (mut bytes, mut buffer) = (vec![], [0; 8192]);
    loop {
        if let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = head.to_ascii_lowercase();
            let length = length.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length = length.map_or(0, |it| it.trim().parse().unwrap());
            if bytes.len() >= end + 4 + length {
                return Some((head, bytes[end + 4..end + 4 + length].to_vec()));
            }
        }
        match stream.read(&mut buffer) {
            Ok(count @ 1..) => bytes.extend_from_slice(&buffer[..count]),
            _ => return None,
        }
    }
}

fn parse(answer: &[u8]) -> Option<Value> {
    let start = answer.windows(4).position(|it| it == b"\r\n\r\n")? + 4;
    serde_json::from_slice(&answer[start..]).ok()
}

fn response(status: u16, value: &Value) -> Vec<u8> {
    let body = value.to_string();
    format!(
        "HTTP/1.1 {status} Recorded\r\nconnection: close\r\ncontent-type: application/x-amz-json-1.1\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
