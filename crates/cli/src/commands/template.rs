//! `template`: what to fill in: a payload, or the variables of a developer's machine.

use clap::{Args, ValueEnum};
use permisos_secrets_core::{Error, ErrorKind, dotenv_template, template};

use crate::Exit;
use crate::context::Context;

/// Print a payload to fill in, or an environment file for a developer's machine, with a comment on each field.
///
/// json: the payload of one service; with --json without comments.
/// dotenv: the variables of one service, or of all, with values for servers on this machine. They are valid in
/// development, and production refuses its passwords.
#[derive(Args)]
pub(crate) struct Template {
    /// The service, e.g. database; for dotenv all without it
    service: Option<String>,

    /// What to print
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Json)]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// A secret's payload
    Json,
    /// An environment file
    Dotenv,
}

impl Template {
    pub(crate) fn run(self, context: &Context<'_>) -> Exit {
        let service = self.service.as_deref().map(|service| context.service(service)).transpose()?;
        let options = &context.options;
        match (self.format, &service) {
            (Format::Dotenv, _) => {
                let services = service.map_or_else(|| options.service_ids().collect(), |service| vec![service]);
                let definitions = services.iter().filter_map(|service| options.definition(service));
                context.output.text(&dotenv_template(definitions));
            }
            (Format::Json, Some(service)) => {
                let text = options.definition(service).map(template).unwrap_or_default();
                let is_kept = |line: &&str| !context.output.is_json() || !line.trim_start().starts_with("//");
                let lines: Vec<&str> = text.lines().filter(is_kept).collect();
                context.output.text(&format!("{}\n", lines.join("\n")));
            }
            (Format::Json, None) => {
                let message = "name the service whose payload is to be filled in, or pass --format dotenv for the variables of all";
                return Err(Error::new(ErrorKind::ConfigInvalid, message));
            }
        }
        Ok(None)
    }
}
