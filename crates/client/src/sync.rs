//! What the loop, the readers and those who wait share. `tests/handover.rs` compiles the driver with others in their
//! place, whose turns shuttle chooses.

pub(crate) use std::sync::{Mutex, MutexGuard};
pub(crate) use tokio::sync::{Notify, broadcast, watch};
