//! The napi-rs addon behind `@permisos/secrets`. It converts and decides nothing: JSON in, JSON out, and the few calls
//! that reports to Node what happens. The facade in `npm/secrets` makes it an API.

mod engine;
mod json;
mod retry;
mod secrets;

use std::alloc::System;

use napi_derive::napi;
use permisos_secrets_core::Options;
use zeroizing_alloc::ZeroAlloc;

/// Zeroes what the addon frees: answers pass through buffers of the AWS SDK and hyper, which do not.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

/// The names of the environment variables to pass in, given the options as JSON.
#[napi]
#[must_use]
pub fn variable_names(options: String) -> Vec<String> {
    serde_json::from_str(&options).map(|options| Options::variable_names(&options)).unwrap_or_default()
}

/// Runs the operator's tool with a command line, the program's name first; answers its exit code.
#[napi]
#[must_use]
pub fn run_tool(command_line: Vec<String>) -> u8 {
    permisos_secrets_cli::run(command_line)
}

/// Whether an error's SQLSTATE says that a database login failed.
#[napi]
#[must_use]
pub fn is_login_failure(code: String) -> bool {
    permisos_secrets_core::LoginRetry::is_login_failure(&code)
}
