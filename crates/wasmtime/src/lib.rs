#![doc = include_str!("../README.md")]

mod bindings;
mod convert;
mod engine;
mod handle;
mod host;
mod limits;
mod sandbox;

/// The wasmtime that the API is made of, in its version: take it from here, and there is one of it. With its feature
/// `anyhow`, so that `?` turns its error into anyhow's.
pub use wasmtime;

pub use engine::SandboxedEngine;
pub use host::{SecretsCtx, add_to_linker};
pub use limits::Limits;
pub use sandbox::Sandbox;

/// The project's README, whose examples are compiled, and run where they need no AWS.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct ProjectReadme;
