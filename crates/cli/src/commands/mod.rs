//! The commands, one file each.

mod audit;
mod check;
mod completions;
mod exec;
mod export;
mod get;
mod history;
#[cfg(feature = "scan")]
mod init;
mod list;
mod migrate;
mod monitor;
mod policy;
mod rotate;
mod scan;
mod schema;
mod template;

use clap::Subcommand;
use permisos_secrets_core::{Error, ErrorKind};

use crate::context::{Context, process_environment};
use crate::global::Global;
use crate::output::Output;

/// The commands.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show who read or changed these secrets, from CloudTrail; suspicious events are marked
    Audit(audit::Audit),
    /// Check everything: identity, permissions, every secret, rotation, fallback, cost
    Check(check::Check),
    /// Print completions for a shell
    Completions(completions::Completions),
    /// Start a program with its variables filled from secrets
    Exec(exec::Exec),
    /// Write the secrets as environment variables into a file that only you can read
    Export(export::Export),
    /// Show one config; values are redacted unless you pass --reveal
    Get(get::Get),
    /// Show the versions of a secret with stages and dates, without values
    History(history::History),
    /// Write permisos.json from the variables that a file sets and sources read
    #[cfg(feature = "scan")]
    Init(init::Init),
    /// List the environment's secrets as Secrets Manager has them
    List(list::List),
    /// Print the manual page; with a folder, write one page for each command into it
    Man(completions::Man),
    /// Store environment variables as secrets; deletes nothing, and continues after a failure
    Migrate(migrate::Migrate),
    /// Print alarms, a dashboard and a rule for failed rotations: CloudWatch, Prometheus, Grafana
    Monitor(monitor::Monitor),
    /// Print the least-privilege IAM policy for exactly these secrets
    Policy(policy::Policy),
    /// Replace a service's values: the compromise procedure
    Rotate(rotate::Rotate),
    /// Find where sources read variables that are in secrets; with --values, where stored values stand
    Scan(scan::Scan),
    /// Print the JSON Schema of a secret's payload, or of the options, for editors and other checks
    Schema(schema::Schema),
    /// Print a payload to fill in, with a comment on each field
    Template(template::Template),
}

impl Command {
    /// Runs the command and returns the exit code.
    pub(crate) async fn run(self, global: Global, output: &Output) -> Result<u8, Error> {
        let context = |global| Context::new(global, output, process_environment());
        let found = match self {
            Self::Audit(audit) => audit.run(&context(global)?).await?,
            Self::Check(check) => Box::pin(check.run(&context(global)?)).await?,
            Self::Completions(completions) => {
                completions.run(output);
                None
            }
            Self::Exec(exec) => return exec.run(&context(global)?).await,
            Self::Export(export) => export.run(&context(global)?).await?,
            Self::Get(get) => get.run(&context(global)?).await?,
            Self::History(history) => history.run(&context(global)?).await?,
            #[cfg(feature = "scan")]
            Self::Init(init) => init.run(&global, output)?,
            Self::List(list) => list.run(&context(global)?).await?,
            Self::Man(man) => man.run(output)?,
            Self::Migrate(migrate) => {
                let global = migrate.adapt(global);
                Box::pin(migrate.run(context(global)?)).await?
            }
            Self::Monitor(monitor) => monitor.run(&context(global)?)?,
            Self::Policy(policy) => policy.run(&context(global)?).await?,
            Self::Rotate(rotate) => Box::pin(rotate.run(context(global)?)).await?,
            Self::Scan(scan) => {
                let global = scan.adapt(global);
                Box::pin(scan.run(&context(global)?)).await?
            }
            Self::Schema(schema) => schema.run(&context(global)?)?,
            Self::Template(template) => template.run(&context(global)?)?,
        };
        Ok(found.map_or(0, ErrorKind::exit_code))
    }
}
