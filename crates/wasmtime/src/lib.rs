#![doc = include_str!("../README.md")]

mod bindings;
mod convert;
mod engine;
mod host;
mod limits;
mod sandbox;

pub use engine::SandboxedEngine;
pub use host::{SecretsCtx, add_to_linker};
pub use limits::Limits;
pub use sandbox::Sandbox;

/// The project's README, whose examples are compiled, and run where they need no AWS.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct ProjectReadme;
