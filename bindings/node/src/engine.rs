//! The bare engine for JavaScript: its driver does the I/O. The conformance vectors run on it.

use std::collections::HashMap;

use napi::bindgen_prelude::Either;
use napi::{Env, JsString, Status};
use napi_derive::napi;
use permisos_secrets_core::{Engine, Options, Read, Refresh, Timestamp, UnixTime};

use crate::json;

/// The sans-IO engine. Times are milliseconds on the caller's monotonic clock; documents are JSON.
#[napi]
pub struct NativeEngine(Engine);

#[napi]
impl NativeEngine {
    /// An engine, or the error as JSON.
    #[napi]
    #[must_use]
    pub fn open(options: String, variables: HashMap<String, String>) -> Either<NativeEngine, String> {
        let opened = Options::document(&options).and_then(|options| Options::parse(&options, variables));
        match opened {
            Ok((options, variables)) => Either::A(NativeEngine(Engine::new(options, variables))),
            Err(error) => Either::B(json::text(&error)),
        }
    }

    /// Takes in what both clocks show, the wall clock in milliseconds since 1970.
    #[napi]
    pub fn handle_clock(&mut self, now: f64, wall: f64) {
        self.0.handle_clock(timestamp(now), UnixTime(timestamp(wall).0));
    }

    /// What to fetch now.
    #[napi]
    pub fn poll_fetch(&mut self, now: f64) -> Option<String> {
        self.0.poll_fetch(timestamp(now)).map(|fetch| json::text(&fetch))
    }

    /// Takes in what was fetched.
    ///
    /// # Errors
    ///
    /// If the document is not of the right shape; the message does not quote it.
    #[napi]
    pub fn handle_fetched(&mut self, now: f64, fetched: String) -> napi::Result<()> {
        let malformed = |_| napi::Error::new(Status::InvalidArg, "what was fetched is not of the documented shape");
        self.0.handle_fetched(timestamp(now), serde_json::from_str(&fetched).map_err(malformed)?);
        Ok(())
    }

    /// When to poll again.
    #[napi]
    pub fn poll_timeout(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "2^53 milliseconds are 285,000 years")]
        self.0.poll_timeout().map(|at| at.0 as f64)
    }

    /// The next event.
    #[napi]
    pub fn poll_event(&mut self) -> Option<String> {
        self.0.poll_event().map(|event| json::text(&event))
    }

    /// The next service whose reads answer something else from now on.
    #[napi]
    pub fn poll_changed(&mut self) -> Option<String> {
        self.0.poll_changed().map(|service| service.to_string())
    }

    /// Answers a read.
    ///
    /// # Errors
    ///
    /// If Node cannot make a string.
    #[napi]
    pub fn read<'e>(&self, env: &'e Env, service: String, now: f64) -> napi::Result<JsString<'e>> {
        env.create_string(&**Read::expose_json(&self.0.read(&service.as_str().into(), timestamp(now))))
    }

    /// Makes the secret due: `started`, `joined`, `current`, or the error as JSON.
    #[napi]
    pub fn refresh(&mut self, service: String, now: f64) -> String {
        match self.0.refresh(&service.as_str().into(), timestamp(now)) {
            Ok(Refresh::Current) => "current".to_owned(),
            Ok(Refresh::Joined) => "joined".to_owned(),
            Ok(Refresh::Started) => "started".to_owned(),
            Err(error) => json::text(&error),
        }
    }

    /// How the first load ended: nothing yet, an empty string, or the error as JSON.
    #[napi]
    pub fn loaded(&self, now: f64) -> Option<String> {
        let loaded = self.0.loaded(timestamp(now))?;
        Some(loaded.err().map(|error| json::text(&error)).unwrap_or_default())
    }

    /// The state of everything, without values.
    #[napi]
    pub fn health(&self, now: f64) -> String {
        json::text(&self.0.health(timestamp(now)))
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, as it should")]
fn timestamp(milliseconds: f64) -> Timestamp {
    Timestamp(milliseconds as u64)
}
