//! The napi-rs addon behind `@permisos/secrets`. It converts and decides nothing: every call answers `{"ok":…}` or
//! `{"error":…}` as JSON. The facade in `npm/secrets` makes it an API.

mod answer;
mod retry;
mod secrets;

use std::alloc::System;

use napi_derive::napi;
use permisos_secrets_core::Options;
use zeroizing_alloc::ZeroAlloc;

use crate::answer::answer;

/// Zeroes what the addon frees: answers pass through buffers of the AWS SDK and hyper, which do not.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

/// The names of the environment variables to pass in, given the options.
#[napi]
#[must_use]
pub fn variable_names(options: String) -> String {
    answer(Options::document(&options).map(|options| Options::variable_names(&options)))
}

/// Runs the operator's tool with a command line, the program's name first; answers its exit code.
#[napi]
#[must_use]
pub fn run_tool(command_line: Vec<String>) -> u8 {
    permisos_secrets_cli::run(command_line)
}
