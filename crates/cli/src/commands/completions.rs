//! `completions` and `man`: the commands, for a shell and for the manual.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use permisos_secrets_core::{Error, ErrorKind};

use crate::output::Output;
use crate::{Arguments, Exit, NAME};

/// Print completions for a shell; its start-up file reads them.
#[derive(Args)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self, output: &Output) {
        let mut script = vec![];
        clap_complete::generate(self.shell, &mut Arguments::command(), NAME, &mut script);
        output.text(&String::from_utf8_lossy(&script));
    }
}

/// Print the manual page; with a folder, write one page for each command into it.
#[derive(Args)]
pub(crate) struct Man {
    /// The folder, e.g. /usr/local/share/man/man1
    #[arg(value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

impl Man {
    pub(crate) fn run(self, output: &Output) -> Exit {
        let failed = |error: std::io::Error| {
            Error::new(ErrorKind::ConfigInvalid, format!("the manual cannot be written there ({})", error.kind()))
        };
        if let Some(folder) = self.folder {
            clap_mangen::generate_to(Arguments::command(), folder).map_err(failed)?;
        } else {
            let mut page = vec![];
            clap_mangen::Man::new(Arguments::command()).render(&mut page).map_err(failed)?;
            output.text(&String::from_utf8_lossy(&page));
        }
        Ok(None)
    }
}
