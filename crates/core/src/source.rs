//! Where secrets are fetched from: the signature alone, so that a source needs this crate and no driver.

use std::future::Future;
use std::pin::Pin;

use crate::fetch::{Fetch, Fetched};

/// Fetches what the engine asks for. Answers every request with an outcome; a failure is an outcome, not an error.
///
/// A source bounds its own time: the driver waits for it, and one flight per secret means that nothing else asks
/// meanwhile.
pub trait Source: Send + Sync + 'static {
    /// Fetches everything in one go: one batch call where the server has one.
    fn fetch<'a>(&'a self, fetch: &'a Fetch) -> Pin<Box<dyn Future<Output = Fetched> + Send + 'a>>;
}
