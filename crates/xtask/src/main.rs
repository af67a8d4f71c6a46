//! The one build script: `cargo xtask demo | test | bench`. Each does all its set-up by itself.

#![expect(clippy::print_stdout, reason = "a command line tool")]

mod bench;
mod cache;
mod demo;
mod monitoring;
mod package;
mod packages;
mod test;

use clap::Parser;

/// Builds, shows, tests and measures permisos-secrets. Needs Rust, Node.js and Python; sets up all else by itself.
#[derive(Parser)]
enum Command {
    /// Print how much a read and a start-up cost, as ratios
    Bench,
    /// Run the main job: a Node program reads typed configs, from the environment and from an emulated AWS
    Demo,
    /// Run every check
    Test,
}

fn main() -> anyhow::Result<()> {
    let command = Command::parse();
    let workspace = cache::Workspace::open()?;
    match command {
        Command::Bench => bench::run(&workspace),
        Command::Demo => demo::run(&workspace),
        Command::Test => test::run(&workspace),
    }
}
