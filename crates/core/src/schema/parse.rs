//! From a stored text, or from environment variables, to a config.

use serde_json::Value;

use super::check;
use super::context::Context;
use super::definition::Definition;
use super::environment;
use super::near;
use super::placeholder;
use super::services::Config;
use super::zeroizing::ZeroizingJson;
use crate::error::{Error, ErrorKind, Rule, Violation};
use crate::reader::{Fields, Problems};
use crate::service::ServiceId;

/// The largest value that Secrets Manager stores, in bytes.
pub const SIZE_LIMIT: usize = 65_536;

/// A config that passed, with what is worth a warning.
#[derive(Clone, Debug)]
pub(crate) struct Parsed {
    pub(crate) config: Config,
    pub(crate) warnings: Vec<Violation>,
}

/// Reads a stored secret's text.
pub(crate) fn parse_payload(
    definition: &Definition,
    text: &str,
    context: &Context<'_>,
) -> Result<Parsed, Vec<Violation>> {
    let refuse = |rule, message: String| Err(vec![Violation { path: String::new(), rule, message }]);
    if text.len() > SIZE_LIMIT {
        return refuse(Rule::MaxSize, format!("is longer than the {SIZE_LIMIT} bytes that Secrets Manager stores"));
    }
    // serde_json's message may quote the payload: only the place is reported.
    let mut value = match serde_json::from_str(text) {
        Ok(value) => ZeroizingJson(value),
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            let hint = placeholder::instead_of_json(text).map(|hint| format!(": it {hint}")).unwrap_or_default();
            return refuse(Rule::Json, format!("is not well-formed JSON (line {line}, column {column}){hint}"));
        }
    };
    if let Value::String(inner) = &value.0 {
        let hint = if inner.starts_with('{') { ": it is JSON within quotes, store what is inside" } else { "" };
        return refuse(Rule::Type, format!("{NO_OBJECT}{hint}"));
    }
    let mut violations = vec![];
    if let (Some(special), Value::Object(payload)) = (definition.special, &mut value.0) {
        let mut assembly = environment::assemble(definition, context.variables);
        violations = special.complete(payload, context, &mut assembly);
    }
    let known: Vec<&str> = definition.stored_names().collect();
    let unknown = value.0.as_object().into_iter().flat_map(|payload| payload.keys().map(String::as_str));
    let unknown: Vec<&str> = unknown.filter(|name| !known.contains(name)).collect();
    read(definition, &value, context, &|_| None, violations).map_err(|mut violations| {
        for Violation { path, message, .. } in violations.iter_mut().filter(|it| it.rule == Rule::Required) {
            let near = definition
                .field(path)
                .and_then(|field| near::near_field(&field.name, field.variable.as_deref(), &unknown));
            if let Some(near) = near {
                *message = format!("{message}; `{near}` is stored: is `{}` meant?", path.trim_start_matches('/'));
            }
        }
        violations
    })
}

const NO_OBJECT: &str = "must be a JSON object with the service's fields";

/// Reads what the environment variables say of a service; the error names the variables.
pub(crate) fn parse_environment(definition: &Definition, context: &Context<'_>) -> Result<Parsed, Error> {
    // Monitoring may be empty.
    if definition.optional && !definition.is_open && context.variables.of(definition).is_empty() {
        let service = definition.service_id();
        let message = format!("none of the environment variables of {service} is set");
        return Err(Error::of(service, ErrorKind::NotFound, message));
    }
    assemble(definition, context).map(|(_, parsed)| parsed)
}

/// The payload that the environment variables make for a service, and what its definition reads from it.
pub(crate) fn assemble(definition: &Definition, context: &Context<'_>) -> Result<(ZeroizingJson, Parsed), Error> {
    let service = definition.service_id();
    let fail = |mut violations: Vec<Violation>| {
        for Violation { path, message, .. } in violations.iter_mut().filter(|it| it.rule == Rule::Required) {
            if let Some(hint) = environment::hint(definition, path, context.variables) {
                *message = format!("{message}; {hint}");
            }
        }
        let summary = format!("the environment variables of {service} do not make a valid configuration");
        Error::violating(ErrorKind::Invalid, Some(service.clone()), summary, violations)
    };
    let mut assembly = environment::assemble(definition, context.variables);
    let violations = std::mem::take(&mut assembly.violations);
    // Without a readable connection URL every other field would seem to be missing too.
    if violations.iter().any(|violation| violation.path.is_empty()) {
        return Err(fail(violations));
    }
    let variable =
        |path: &str| environment::variable_for(definition, path, context.variables).map(std::borrow::Cow::into_owned);
    let url_options = std::mem::take(&mut assembly.url_options);
    let context = Context { url_options: &url_options, ..*context };
    let payload = assembly.take_payload();
    let parsed = read(definition, &payload, &context, &variable, violations).map_err(fail)?;
    Ok((payload, parsed))
}

fn read<'a>(
    definition: &Definition,
    payload: &'a ZeroizingJson,
    context: &Context<'_>,
    variable: &'a dyn Fn(&str) -> Option<String>,
    violations: Vec<Violation>,
) -> Result<Parsed, Vec<Violation>> {
    let Value::Object(payload) = &payload.0 else {
        return Err(vec![Violation { path: String::new(), rule: Rule::Type, message: NO_OBJECT.to_owned() }]);
    };
    let forbids_placeholders = context.environment.is_production();
    let is_custom = matches!(definition.service_id(), ServiceId::Custom(_));
    let mut problems = Problems { violations, warnings: vec![], variable, forbids_placeholders, is_custom };
    let values = check::read(definition, &mut Fields::new(payload, &mut problems), context);
    if !problems.violations.is_empty() {
        return Err(problems.violations);
    }
    match Config::from_values(&definition.service_id(), values) {
        Some(config) => Ok(Parsed { config, warnings: problems.warnings }),
        None => unreachable!("the checker reads every field that {} has", definition.service),
    }
}
