//! Tables in the READMEs.

use std::fmt::Write as _;

use permisos_secrets_core::schema::{Definition, Field, Kind};

use super::parts::{Generated, definitions, user_options};

pub(super) fn files() -> Vec<Generated> {
    let (mut node, mut native) = (String::new(), String::new());
    for table in [&mut node, &mut native] {
        table.push_str("| getter | secret | variables |\n|---|---|---|\n");
    }
    for (service, definition) in definitions() {
        let id = service.as_str();
        let optional = if definition.optional { " (optional)" } else { "" };
        let rest = format!("`permisos/{{env}}/{}`{optional} | {} |\n", definition.id, variables(definition));
        let _ = write!(node, "| `{}()` | {rest}", service.getter());
        let _ = write!(native, "| `{}()` | {rest}", id.replace('-', "_"));
    }
    let mut options = "| option | default | |\n|---|---|---|\n".to_owned();
    for row in user_options() {
        let _ = writeln!(options, "| `{}` | {} | {} |", row.name, row.default, row.description);
    }
    let native_options = options.clone();
    options.push_str("| `env` | `process.env` | where to read variables |\n");
    vec![
        Generated::region("npm/secrets/README.md", "options", options),
        Generated::region("README.md", "options", native_options.clone()),
        Generated::region("crates/client/README.md", "options", native_options),
        Generated::region("npm/secrets/README.md", "services", node),
        Generated::region("crates/client/README.md", "services", native),
    ]
}

/// The variables in words: a URL, or what stands in its place, and what goes with both.
fn variables(definition: &Definition) -> String {
    let quote = |names: Vec<&str>| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" ");
    let Some(url) = definition.url else { return quote(definition.variables()) };
    let is_single = |field: &&Field| !matches!(field.kind, Kind::Group(_));
    let single: Vec<&str> =
        definition.fields.iter().filter(is_single).filter_map(|it| it.variable.as_deref()).collect();
    let both = definition.variables().into_iter().filter(|name| *name != url && !single.contains(name)).collect();
    format!("`{url}`, or {}; {}", quote(single), quote(both))
}
