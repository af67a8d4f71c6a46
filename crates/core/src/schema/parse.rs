//! From a stored text, or from environment variables, to a config.

use serde_json::Value;

use super::check;
use super::context::Context;
use super::definition::Definition;
use super::environment;
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
            return refuse(Rule::Json, format!("is not well-formed JSON (line {line}, column {column})"));
        }
    };
    if let (Some(special), Value::Object(payload)) = (definition.special, &mut value.0) {
        let mut assembled = environment::assemble(definition, context.variables);
        special.complete(payload, context, &mut assembled.payload);
    }
    read(definition, &value, context, &|_| None)
}

/// Reads what the environment variables say of a service; the error names the variables.
pub(crate) fn parse_environment(definition: &Definition, context: &Context<'_>) -> Result<Parsed, Error> {
    assemble(definition, context).map(|(_, parsed)| parsed)
}

/// The payload that the environment variables make for a service, and what its definition reads from it.
pub(crate) fn assemble(definition: &Definition, context: &Context<'_>) -> Result<(ZeroizingJson, Parsed), Error> {
    let service = definition.service_id();
    let fail = |violations| {
        let summary = format!("the environment variables of {service} do not make a valid configuration");
        Error::violating(ErrorKind::Invalid, Some(service.clone()), summary, violations)
    };
    let mut assembly = environment::assemble(definition, context.variables);
    let mut violations = std::mem::take(&mut assembly.violations);
    // Without a readable connection URL every other field would seem to be missing too.
    if violations.iter().any(|violation| violation.path.is_empty()) {
        return Err(fail(violations));
    }
    let variable =
        |path: &str| environment::variable_for(definition, path, context.variables).map(std::borrow::Cow::into_owned);
    let payload = assembly.take_payload();
    match read(definition, &payload, context, &variable) {
        Ok(parsed) if violations.is_empty() => Ok((payload, parsed)),
        Ok(_) => Err(fail(violations)),
        Err(more) => {
            violations.extend(more);
            Err(fail(violations))
        }
    }
}

fn read<'a>(
    definition: &Definition,
    payload: &'a ZeroizingJson,
    context: &Context<'_>,
    variable: &'a dyn Fn(&str) -> Option<String>,
) -> Result<Parsed, Vec<Violation>> {
    let Value::Object(payload) = &payload.0 else {
        let message = "must be a JSON object with the service's fields".to_owned();
        return Err(vec![Violation { path: String::new(), rule: Rule::Type, message }]);
    };
    let forbids_placeholders = context.environment.is_production();
    let is_custom = matches!(definition.service_id(), ServiceId::Custom(_));
    let mut problems = Problems { violations: vec![], warnings: vec![], variable, forbids_placeholders, is_custom };
    let values = check::read(definition, &mut Fields::new(payload, &mut problems), context);
    if !problems.violations.is_empty() {
        return Err(problems.violations);
    }
    match Config::from_values(&definition.service_id(), values) {
        Some(config) => Ok(Parsed { config, warnings: problems.warnings }),
        None => unreachable!("the checker reads every field that {} has", definition.service),
    }
}
