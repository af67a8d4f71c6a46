//! `export`: the way back to environment variables, for an emergency.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use permisos_secrets_core::{Assignment, Error, ErrorKind};
use secrecy::ExposeSecret;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::Exit;
use crate::commands::exec;
use crate::context::Context;
use crate::dotenv;
use crate::output::{Page, Report, WARN, paint};

/// Write the secrets as environment variables into a file that only you can read.
#[derive(Args)]
pub(crate) struct Export {
    /// The format of the file
    #[arg(long, default_value = "dotenv")]
    format: Format,
    /// The file; it must not exist
    #[arg(long, value_name = "FILE", required_unless_present = "stdout")]
    out: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
    /// Print the values instead of writing a file
    #[arg(long, conflicts_with_all = ["out", "force"])]
    stdout: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Dotenv,
    Json,
}

#[derive(Serialize)]
struct Exported {
    file: PathBuf,
    variables: Vec<String>,
}

impl Export {
    pub(crate) async fn run(self, context: &Context<'_>) -> Exit {
        let variables = self.variables(context).await?;
        let text = match self.format {
            Format::Dotenv => dotenv::write(&variables)?,
            Format::Json => json(&variables),
        };
        context.output.note(format_args!(
            "{} these values are in plain text and do not follow rotations: delete them when the emergency is over",
            paint(WARN, "warning")
        ));
        let Some(file) = self.out else {
            context.output.text(&text);
            return Ok(None);
        };
        write_private(&file, &text, self.force)?;
        let variables = variables.into_iter().map(|variable| variable.name).collect();
        context.output.report(&Exported { file, variables });
        Ok(None)
    }
}

impl Export {
    /// The variables of every service that can be read. Fails if a required one cannot, and, where a file is replaced that
    /// may hold its variables, if an optional one cannot.
    async fn variables(&self, context: &Context<'_>) -> Result<Vec<Assignment>, Error> {
        // In an outage the environment would stand in, and its values would pass for those of Secrets Manager.
        let secrets = context.secrets(&[("environmentFallback", false.into())])?;
        secrets.ready().await?;
        let (variables, failed) = context.options.assignments(|service| secrets.read(service), |_| None);
        match Error::several(failed.clone()) {
            Some(error) if self.force => Err(error),
            _ => {
                exec::note(context, &failed);
                for service in context.options.service_ids() {
                    let Ok(read) = secrets.read(&service) else { continue };
                    let unsaid = context.options.unsaid(&service, &read.config);
                    if !unsaid.is_empty() {
                        let names =
                            unsaid.iter().map(|path| path.trim_start_matches('/')).collect::<Vec<_>>().join(", ");
                        context.output.note(format_args!(
                            "{} {service}: no variable says {names}: left out",
                            paint(WARN, "note")
                        ));
                    }
                }
                Ok(variables)
            }
        }
    }
}

impl Report for Exported {
    fn page(&self, page: &mut Page) {
        page.line(format_args!(
            "{} variables are in {}, readable by you only",
            self.variables.len(),
            self.file.display()
        ));
    }
}

fn json(variables: &[Assignment]) -> Zeroizing<String> {
    let mut text = Zeroizing::new("{\n".to_owned());
    for (index, Assignment { name, value, .. }) in variables.iter().enumerate() {
        let comma = if index + 1 < variables.len() { "," } else { "" };
        let value = Zeroizing::new(serde_json::to_string(value.expose_secret()).unwrap_or_default());
        text.push_str(&Zeroizing::new(format!("  \"{name}\": {}{comma}\n", *value)));
    }
    text.push_str("}\n");
    text
}

/// Mode 0600 from the first byte on, whole or not at all. It replaces a file only on request, and then by a new one: the
/// old file's mode, or a link to elsewhere, is not kept.
fn write_private(file: &Path, text: &str, force: bool) -> Result<(), Error> {
    let failed = |error: std::io::Error| {
        let hint = if error.kind() == std::io::ErrorKind::AlreadyExists { ": pass --force to replace it" } else { "" };
        let message = format!("{} cannot be written ({}){hint}", file.display(), error.kind());
        Error::new(ErrorKind::ConfigInvalid, message)
    };
    let mut name = file.as_os_str().to_owned();
    if force {
        name.push(format!(".{}", std::process::id()));
    }
    let fresh = PathBuf::from(name);
    let write = || {
        let mut open = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
        let written = open
            .set_permissions(std::fs::Permissions::from_mode(0o600))
            .and_then(|()| open.write_all(text.as_bytes()))
            .and_then(|()| open.sync_all())
            .and_then(|()| if force { std::fs::rename(&fresh, file) } else { Ok(()) });
        // An incomplete file must neither pass for the whole one nor stay behind.
        written.inspect_err(|_| {
            let _ = std::fs::remove_file(&fresh);
        })
    };
    write().map_err(failed)
}
