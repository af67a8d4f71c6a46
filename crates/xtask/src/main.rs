//! The one build script: `cargo xtask demo | package | test | bench | component`. Each command does all of its own set-up.

#![expect(clippy::print_stdout, reason = "a command line tool")]

mod agent;
mod bench;
mod cache;
mod component;
mod conformance;
mod demo;
mod fleet;
mod fuzz;
mod generate;
mod hosts;
mod monitoring;
mod package;
mod packages;
mod soak;
mod target;
mod test;
mod wasm_target;

use std::process::ExitCode;

use clap::Parser;

/// Builds, shows, tests and measures permisos-secrets. Needs Rust, Node.js and Python, and sets up everything else.
#[derive(Parser)]
enum Command {
    /// Try the source `agent` on AWS's real agents, which are built once, for minutes; BLESS=1 records their answers
    Agent,
    /// Print how much a read and a start-up cost, as ratios
    Bench,
    /// Build the engine as a WebAssembly component, check that it imports nothing, and build the tests' guests
    Component,
    /// Run the main job: a Node program reads typed configs, from the environment and from an emulated AWS; then a whole
    /// backend under PM2, through a rotation
    Demo {
        /// Keep the backend running for a look at it, until Enter
        #[arg(long)]
        open: bool,
    },
    /// Simulate fleets of processes on virtual time and write docs/scale.md
    Fleet,
    /// Put what a user installs into dist/: the npm package as a tarball, and the operator's tool
    Package,
    /// Write what is derived from the definitions of the services: types, `wit/`, JSON Schemas, tables
    Generate,
    /// Let libFuzzer work on the engine with hostile input
    Fuzz {
        /// One target only
        target: Option<String>,
        /// How long, for each target
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
        minutes: u32,
    },
    /// Run the npm package under faults and watch its memory, files and threads
    Soak {
        /// How long
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
        minutes: u32,
    },
    /// Run every check
    Test,
}

fn main() -> ExitCode {
    // Prints the causes without a backtrace, which would push them out of sight.
    run(&Command::parse()).map_or_else(
        |error| {
            println!("Error: {error:#}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

fn run(command: &Command) -> anyhow::Result<()> {
    let workspace = cache::Workspace::open()?;
    match command {
        Command::Agent => agent::run(&workspace),
        Command::Bench => bench::run(&workspace),
        Command::Component => component::run(&workspace),
        Command::Demo { open } => demo::run(&workspace, *open),
        Command::Fleet => fleet::run(&workspace),
        Command::Fuzz { target, minutes } => fuzz::run(&workspace, target.as_deref(), *minutes),
        Command::Package => package::run(&workspace),
        Command::Generate => generate::run(&workspace),
        Command::Soak { minutes } => soak::run(&workspace, *minutes),
        Command::Test => test::run(&workspace),
    }
}
