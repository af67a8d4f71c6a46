//! What the loop, the readers and those who wait share. `tests/handover.rs` compiles the driver with loom's in their place.

pub(crate) use std::sync::{Mutex, MutexGuard};
pub(crate) use tokio::sync::{Notify, broadcast, watch};
