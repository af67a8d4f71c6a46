//! One file a command.

mod get;

use clap::Subcommand;

use crate::Exit;
use crate::context::{Context, Global, process_environment};
use crate::output::Output;

/// The commands.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show one config, its values redacted unless asked for
    Get(get::Get),
}

impl Command {
    pub(crate) async fn run(self, global: Global, output: &Output) -> Exit {
        let context = Context::new(global, output, process_environment())?;
        match self {
            Self::Get(get) => get.run(&context).await,
        }
    }
}
