//! `list`: the environment's secrets as Secrets Manager has them.

use clap::Args;
use permisos_secrets_aws::Description;
use permisos_secrets_core::{ServiceId, UnixTime};
use serde::Serialize;

use crate::Exit;
use crate::context::{Context, now};
use crate::dates::{age, due};
use crate::output::{BAD, DIM, Page, Report, paint};

/// List the environment's secrets as Secrets Manager has them.
#[derive(Args)]
pub(crate) struct List {
    /// List the secrets of every environment
    #[arg(long)]
    all: bool,
}

#[derive(Serialize)]
struct Listed {
    prefix: String,
    secrets: Vec<Entry>,
    #[serde(skip)]
    now: UnixTime,
}

#[derive(Serialize)]
struct Entry {
    /// The service that reads it, if the options name one.
    service: Option<ServiceId>,
    #[serde(flatten)]
    description: Description,
}

impl List {
    pub(crate) async fn run(self, context: &Context<'_>) -> Exit {
        let mut prefix = format!("{}/", context.prefix());
        if !self.all {
            prefix = format!("{prefix}{}/", context.options.environment);
        }
        let entry = |description: Description| {
            let is_of = |id: &str| id == description.name || id == description.arn;
            let service = context.options.secret_ids.iter().find(|(_, id)| is_of(id.as_str()));
            Entry { service: service.map(|(service, _)| service.clone()), description }
        };
        let secrets = context.admin.list(&prefix).await?.into_iter().map(entry).collect();
        context.output.report(&Listed { prefix, secrets, now: now() });
        Ok(None)
    }
}

impl Report for Listed {
    fn page(&self, page: &mut Page) {
        if self.secrets.is_empty() {
            page.line(format_args!("no secret's name starts with {}", self.prefix));
            return;
        }
        let rows = self.secrets.iter().map(|Entry { service, description: it }| {
            let rotation = match (&it.rotation.function, it.rotation.enabled) {
                _ if it.deleted_at.is_some() => paint(BAD, "to be deleted"),
                (_, true) => it.rotation.next.map_or_else(|| "on".to_owned(), |next| due(next, self.now)),
                (Some(_), false) => "by hand".to_owned(),
                (None, false) => "off".to_owned(),
            };
            let changed = it.changed_at.map_or_else(|| paint(DIM, "-"), |at| age(at, self.now));
            let service = service.as_ref().map_or_else(|| paint(DIM, "-"), ToString::to_string);
            vec![it.name.clone(), service, changed, rotation]
        });
        page.table(&["SECRET", "SERVICE", "CHANGED", "ROTATION"], rows);
    }
}
