//! A small HTTP server on 127.0.0.1 that answers from a script and remembers what it was asked.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![expect(clippy::unwrap_used, reason = "a test's support")]

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use permisos_secrets_core::{Connection, Fetch, FetchId, SecretId, ServiceId, Stage};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::time::{Instant, Sleep, sleep};

/// One request as the server saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// E.g. `GetSecretValue`; empty for the agent.
    pub(crate) operation: String,
    /// The first segment of the path: where the tests put the region.
    pub(crate) region: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

/// What the server answers.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) delay: Duration,
    /// Between one byte and the next.
    pub(crate) pace: Duration,
    /// The connection ends after half of the body.
    pub(crate) is_cut: bool,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        let body = body.to_string().into_bytes();
        Self { status, headers: vec![], body, delay: Duration::ZERO, pace: Duration::ZERO, is_cut: false }
    }

    /// An error as AWS's JSON protocol writes it.
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &serde_json::json!({ "__type": code, "Message": message }))
    }
}

/// A body on its way.
struct Sending {
    rest: Bytes,
    pace: Duration,
    wait: Pin<Box<Sleep>>,
    is_cut: bool,
}

impl Sending {
    fn new(mut body: Bytes, pace: Duration, is_cut: bool) -> Self {
        if is_cut {
            body.truncate(body.len() / 2);
        }
        Self { rest: body, pace, wait: Box::pin(sleep(pace)), is_cut }
    }
}

impl Body for Sending {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.rest.is_empty() {
            return Poll::Ready(self.is_cut.then(|| Err(io::Error::other("it is cut"))));
        }
        if self.pace.is_zero() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.rest)))));
        }
        ready!(self.wait.as_mut().poll(context));
        let next = Instant::now() + self.pace;
        self.wait.as_mut().reset(next);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(1)))))
    }
}

pub(crate) struct Server {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Listens on a port that the system chose, until the test's runtime ends.
    pub(crate) async fn start(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let (script, log) = (Arc::new(script), seen.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (script, log) = (script.clone(), log.clone());
                let service = service_fn(move |request| answer(request, script.clone(), log.clone()));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { url, seen }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// How the server is setup, by region; a time-out of a second.
    pub(crate) fn connection(&self, regions: &[&str]) -> Connection {
        Connection {
            regions: regions.iter().map(|&region| region.to_owned()).collect(),
            endpoint_url: Some(format!("{}/{{region}}", self.url)),
            profile: None,
            role_arn: None,
            timeout: Duration::from_secs(1),
        }
    }
}

async fn answer<S: Fn(&Seen) -> Reply>(
    request: Request<Incoming>,
    script: Arc<S>,
    log: Arc<Mutex<Vec<Seen>>>,
) -> Result<Response<Sending>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let target = parts.headers.get("x-amz-target").map(|it| it.to_str().unwrap()).unwrap_or_default();
    let seen = Seen {
        operation: target.rsplit('.').next().unwrap_or_default().to_owned(),
        region: parts.uri.path().split('/').nth(1).unwrap_or_default().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    log.lock().unwrap().push(seen.clone());
    let reply = script(&seen);
    sleep(reply.delay).await;
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    Ok(response.body(Sending::new(reply.body.into(), reply.pace, reply.is_cut)).unwrap())
}

/// A fetch of the current versions of these secrets.
pub(crate) fn fetch(ids: &[&str]) -> Fetch {
    let requests = ids.iter().map(|id| request(id, Stage::Current));
    Fetch { id: FetchId(1), requests: requests.collect() }
}

pub(crate) fn request(id: &str, stage: Stage) -> permisos_secrets_core::Request {
    permisos_secrets_core::Request {
        service: ServiceId::from(id),
        secret_id: SecretId::parse(id).unwrap(),
        stage,
        forced: false,
    }
}
