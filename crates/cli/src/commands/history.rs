//! `history`: the versions of a secret, never their values.

use clap::Args;
use permisos_secrets_aws::Version;
use permisos_secrets_core::{SecretId, ServiceId};
use serde::Serialize;

use crate::Exit;
use crate::context::Context;
use crate::dates::date_or_dash;
use crate::output::{DIM, Page, Report, paint};

/// Show the versions of a secret with stages and dates, without values.
#[derive(Args)]
pub(crate) struct History {
    /// The service, e.g. database
    service: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Known {
    service: ServiceId,
    secret_id: SecretId,
    versions: Vec<Version>,
}

impl History {
    pub(crate) async fn run(self, context: &Context<'_>) -> Exit {
        let service = context.service(&self.service)?;
        let secret_id = context.secret(&service)?.clone();
        let versions = context.admin.versions(&secret_id).await?;
        context.output.report(&Known { service, secret_id, versions });
        Ok(None)
    }
}

impl Report for Known {
    fn page(&self, page: &mut Page) {
        page.heading(format_args!("{} {}", self.service, paint(DIM, &self.secret_id)));
        let rows = self.versions.iter().map(|version| {
            let stages = if version.stages.is_empty() { paint(DIM, "deprecated") } else { version.stages.join(", ") };
            // Secrets Manager records the day only.
            let day = date_or_dash(version.accessed_at).chars().take("2026-11-24".len()).collect();
            vec![version.id.clone(), stages, date_or_dash(version.created_at), day]
        });
        page.table(&["VERSION", "STAGES", "CREATED", "LAST READ"], rows);
    }
}
