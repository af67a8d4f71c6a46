//! What the tests share: the runner of `tests/vectors`, and the leak probe.

pub mod leak;
pub mod vectors;
