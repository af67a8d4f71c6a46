//! `template`: a payload to fill in.

use clap::Args;
use permisos_secrets_core::template;

use crate::Exit;
use crate::context::Context;

/// Print a payload to fill in, with a comment on each field; with --json, without comments.
#[derive(Args)]
pub(crate) struct Template {
    /// The service, e.g. database
    service: String,
}

impl Template {
    pub(crate) fn run(self, context: &Context<'_>) -> Exit {
        let service = context.service(&self.service)?;
        let text = context.options.definition(&service).map(template).unwrap_or_default();
        let is_kept = |line: &&str| !context.output.is_json() || !line.trim_start().starts_with("//");
        let lines: Vec<&str> = text.lines().filter(is_kept).collect();
        context.output.text(&format!("{}\n", lines.join("\n")));
        Ok(None)
    }
}
