//! The napi-rs addon behind `@permisos/secrets`. It converts and decides nothing: every call answers `{"ok":…}` or
//! `{"error":…}` as JSON. The facade in `npm/secrets` makes it an API.

mod answer;
mod retry;
mod secrets;

use std::alloc::System;

use napi_derive::napi;
use permisos_secrets::{Error, ErrorKind, MergedOptions, OptionsFile};
use permisos_secrets_core::Options;
use serde_json::Value;
use zeroizing_alloc::ZeroAlloc;

use crate::answer::answer;

/// Zeroes what the addon frees: answers pass through buffers of the AWS SDK and hyper, which do not.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

/// The names of the environment variables to pass in, given the options.
#[napi]
#[must_use]
pub fn variable_names(options: String) -> String {
    answer(merged(&options).map(|merged| Options::variable_names(&merged.options)))
}

/// Runs the operator's tool with a command line, the program's name first; answers its exit code.
#[napi]
#[must_use]
pub fn run_tool(command_line: Vec<String>) -> u8 {
    permisos_secrets_cli::run(command_line)
}

/// The exit code of a program that an error with this code ends.
#[napi]
#[must_use]
pub fn exit_code(code: String) -> u8 {
    serde_json::from_value::<ErrorKind>(code.into()).map_or(1, ErrorKind::exit_code)
}

/// The options as JavaScript gives them, over those of `permisos.json`. `configFile` names another file, or says `false`.
pub(crate) fn merged(options: &str) -> Result<MergedOptions, Error> {
    let mut given = Options::document(options)?;
    let file = match given.remove("configFile") {
        None | Some(Value::Null) => OptionsFile::Nearest,
        Some(Value::Bool(false)) => OptionsFile::Absent,
        Some(Value::String(path)) if !path.is_empty() => OptionsFile::At(path.into()),
        Some(_) => {
            let message = "the option `configFile` must be the path of a file, or false";
            return Err(Error::new(ErrorKind::ConfigInvalid, message));
        }
    };
    file.under(given)
}
