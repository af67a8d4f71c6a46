//! What the loop, the readers and those who wait share. `tests/handover.rs` compiles the driver with others in their
//! place, whose turns shuttle chooses.

use std::time::{SystemTime, UNIX_EPOCH};

use permisos_secrets_core::UnixTime;

pub(crate) use std::sync::{Mutex, MutexGuard};
pub(crate) use tokio::sync::{Notify, broadcast, watch};

pub(crate) fn wall_clock() -> UnixTime {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().into()
}
