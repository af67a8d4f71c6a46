//! The options of every command.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Options of every command, before or after its name.
#[derive(Args)]
pub(crate) struct Global {
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
    /// A JSON file with the application's options; without it the nearest permisos.json, from this folder upwards
    #[arg(long, global = true, value_name = "FILE", help_heading = "Options of the application")]
    pub(crate) config: Option<PathBuf>,
    /// Read variables from this file instead of the process environment
    #[arg(long, global = true, value_name = "FILE", help_heading = "Options of the application")]
    pub(crate) env_file: Option<PathBuf>,
    /// The deployment environment, e.g. production
    #[arg(long, short, global = true, value_name = "NAME", help_heading = "Options of the application")]
    pub(crate) environment: Option<String>,
    /// Where values come from: aws, agent or environment
    #[arg(long, global = true, value_name = "SOURCE", help_heading = "Options of the application")]
    pub(crate) source: Option<String>,
    /// The region; repeat it for replicas
    #[arg(long, global = true, value_name = "REGION", help_heading = "Options of the application")]
    pub(crate) region: Vec<String>,
    /// A profile of the AWS configuration files
    #[arg(long, global = true, value_name = "NAME", help_heading = "Options of the application")]
    pub(crate) profile: Option<String>,
    /// An endpoint other than AWS's, e.g. an emulator
    #[arg(long, global = true, value_name = "URL", help_heading = "Options of the application")]
    pub(crate) endpoint_url: Option<String>,
}

/// When to use colours.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Color {
    /// Always
    Always,
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Never
    Never,
}
