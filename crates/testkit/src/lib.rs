//! What the tests share: the runner of `tests/vectors`, and the leak probe.

pub mod driven;
pub mod fleet;
pub mod leak;
#[cfg(target_os = "linux")]
pub mod memory;
pub mod vectors;
