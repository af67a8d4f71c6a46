//! Several calls at once, in one task.

use std::future::Future;

use futures_util::stream::{self, Stream, StreamExt};

/// Calls under way at once.
pub(crate) const CONCURRENCY: usize = 8;

/// Makes the calls in the caller's own task, [`CONCURRENCY`] at once, and answers each as it ends. Nothing is spawned:
/// the calls end with the caller, at whatever moment the runtime stops.
pub(crate) fn in_flight<C: Future>(calls: Vec<C>) -> impl Stream<Item = C::Output> {
    stream::iter(calls).buffer_unordered(CONCURRENCY)
}
