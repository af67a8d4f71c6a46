//! `get`: one config as an application would read it.

use clap::Args;
use permisos_secrets_core::{Error, ErrorKind, Freshness, Origin, ServiceId};
use serde::Serialize;
use serde_json::Value;

use crate::Exit;
use crate::context::Context;
use crate::output::{DIM, Page, Report, paint};

/// Show one config; values are redacted unless you pass --reveal.
#[derive(Args)]
pub(crate) struct Get {
    /// The service, e.g. database
    service: String,
    /// Only this field, e.g. password or ssl/ca
    #[arg(long)]
    field: Option<String>,
    /// Show the values
    #[arg(long)]
    reveal: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    service: ServiceId,
    origin: Origin,
    freshness: Freshness,
    version_id: Option<String>,
    config: Value,
}

impl Get {
    pub(crate) async fn run(self, context: &Context<'_>) -> Exit {
        let service = context.service(&self.service)?;
        let secrets = context.secrets(&[("services", services(&service))])?;
        // The environment may still answer for what cannot be fetched: the read below reports the error.
        let _ = secrets.ready().await;
        let read = secrets.read(&service)?;
        let shape = if self.reveal { parse(&read.config.expose_json()) } else { parse(&read.config.redacted_json()) };
        if let Some(field) = &self.field {
            let value = shape.pointer(&format!("/{field}")).ok_or_else(|| no_field(&service, field, &shape))?;
            match value {
                Value::String(text) if !context.output.is_json() => context.output.text(&format!("{text}\n")),
                value => context.output.text(&format!("{value}\n")),
            }
            return Ok(None);
        }
        let (origin, freshness) = (read.origin, read.freshness);
        let version_id = read.version_id.map(|id| id.to_string());
        context.output.report(&Shown { service, origin, freshness, version_id, config: shape });
        Ok(None)
    }
}

impl Report for Shown {
    fn page(&self, page: &mut Page) {
        let origin = match self.origin {
            Origin::Environment => "from the environment".to_owned(),
            Origin::SecretsManager => {
                format!("from Secrets Manager, version {}", self.version_id.as_deref().unwrap_or_default())
            }
            Origin::Snapshot => "from the sealed snapshot".to_owned(),
        };
        page.heading(format_args!("{} {}", self.service, paint(DIM, origin)));
        let mut rows = vec![];
        flatten("", &self.config, &mut rows);
        page.table(&["FIELD", "VALUE"], rows);
    }
}

/// The option `services` for one service: a custom one is fetched in any case.
fn services(service: &ServiceId) -> Value {
    match service {
        ServiceId::BuiltIn(service) => vec![service.as_str()].into(),
        ServiceId::Custom(_) => Value::Array(vec![]),
    }
}

fn parse(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_default()
}

fn no_field(service: &ServiceId, field: &str, shape: &Value) -> Error {
    let mut rows = vec![];
    flatten("", shape, &mut rows);
    let known: Vec<&str> = rows.iter().filter_map(|row| row.first()).map(String::as_str).collect();
    let message = format!("{service} has no field {field}; it has {}", known.join(", "));
    Error::of(service.clone(), ErrorKind::NotFound, message)
}

fn flatten(path: &str, value: &Value, rows: &mut Vec<Vec<String>>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| flatten(&below(name), value, rows)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| flatten(&below(&index.to_string()), value, rows));
        }
        Value::String(text) => rows.push(vec![path.to_owned(), text.clone()]),
        other => rows.push(vec![path.to_owned(), other.to_string()]),
    }
}
