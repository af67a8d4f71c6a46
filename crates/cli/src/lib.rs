#![doc = include_str!("../README.md")]

mod authorities;
mod commands;
mod context;
mod dates;
mod dotenv;
mod global;
mod group;
mod mask;
mod node_env;
mod output;
mod prompt;
#[cfg(feature = "scan")]
mod sources;
mod terraform;

use std::ffi::OsString;
use std::time::Duration;

use clap::{CommandFactory, FromArgMatches};
use permisos_secrets_core::{Error, ErrorKind};

use commands::Command;
use global::Global;
use output::Output;

/// The program's name.
const NAME: &str = "permisos-secrets";
/// The exit code for an invalid command line: `EX_USAGE` of sysexits.h, beside those of the error table.
const USAGE: u8 = 64;

/// From a `.env` file to a monitored production: typed application secrets in AWS Secrets Manager.
#[derive(clap::Parser)]
#[command(name = NAME, version, max_term_width = 120, propagate_version = true)]
#[command(after_help = "Values are never shown unless a command says so (get --reveal, export, exec).\n\
Exit codes: 0 success; 64 an invalid command line; each kind of error has its own.")]
struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// How a command ended without an error of its own: its report may still say that something is wrong.
type Exit = Result<Option<ErrorKind>, Error>;

/// Runs one command line, the program's name first, and returns its exit code.
pub fn run(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> u8 {
    let matches = match Arguments::command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => {
            // Help and version are not errors; printing fails only where the reader is gone.
            let _ = error.print();
            return if error.use_stderr() { USAGE } else { 0 };
        }
    };
    let Arguments { global, command } = match Arguments::from_arg_matches(&matches) {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return USAGE;
        }
    };
    let output = Output::new(&global);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let exit = match runtime {
        Ok(runtime) => {
            let exit = runtime.block_on(command.run(global, &output));
            // What blocks a thread may go on after its call was given up: a name that is looked up, a file that is a pipe.
            runtime.shutdown_timeout(Duration::from_secs(1));
            exit
        }
        Err(error) => Err(Error::new(ErrorKind::Unavailable, format!("no threads: {}", error.kind()))),
    };
    output.clear();
    match exit.and_then(|code| output.unwritten().map_or(Ok(code), Err)) {
        Ok(code) => code,
        Err(error) => {
            output.error(&error);
            error.kind().exit_code()
        }
    }
}
