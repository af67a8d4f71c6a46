//! What the tests share: the runner of `tests/vectors`, the emulators of AWS, and the leak probes.

pub mod clocked;
pub mod driven;
#[cfg(unix)]
pub mod emulator;
pub mod fleet;
pub mod leak;
pub mod log;
#[cfg(target_os = "linux")]
pub mod memory;
pub mod vectors;
