//! `schema`: what a payload, or the options, may hold, as JSON Schema.

use clap::Args;
use permisos_secrets_core::{options_schema, schema};

use crate::Exit;
use crate::context::Context;

/// Print the JSON Schema of a secret's payload, or of the options, for editors and other checks
#[derive(Args)]
pub(crate) struct Schema {
    /// The service, e.g. database, or `options`
    of: String,
}

impl Schema {
    pub(crate) fn run(self, context: &Context<'_>) -> Exit {
        let schema = if self.of == "options" {
            options_schema()
        } else {
            let service = context.service(&self.of)?;
            context.options.definition(&service).map(schema::json_schema).unwrap_or_default()
        };
        context.output.text(&format!("{schema:#}\n"));
        Ok(None)
    }
}
