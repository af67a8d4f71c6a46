//! The operator's tool; see the library of this crate.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(permisos_secrets_cli::run(std::env::args_os()))
}
