//! One file per service: a payload becomes a typed config or every violation. Parse, don't validate.

mod certificate;
mod custom;
mod database;
mod email;
mod fields;
mod government_portal;
mod monitoring;
mod redis;
mod secret_url;
mod security;
mod stripe;
mod template;
mod view;

use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use zeroize::Zeroizing;

pub use custom::{CustomConfig, CustomValue};
pub use database::{DatabaseConfig, DatabaseSsl, percent_encode};
pub use email::EmailConfig;
pub use government_portal::GovernmentPortalConfig;
pub use monitoring::MonitoringConfig;
pub use redis::{RedisConfig, RedisTls};
pub use secret_url::SecretUrl;
pub use security::SecurityConfig;
pub use stripe::StripeConfig;
pub use template::template;
pub use view::Extra;

pub(crate) use fields::{Fields, Findings, Wiped, boolean_word, nearest, wipe};
pub(crate) use view::exact_json;

use crate::environment::{self, Variables};
use crate::error::{Error, ErrorKind, Rule, Violation};
use crate::name::Environment;
use crate::options::{CustomSecret, DatabaseDefaults};
use crate::policy::UnixTime;
use crate::service::{Service, ServiceId};
use view::{Describe, View};

/// The largest value that Secrets Manager stores, in bytes.
pub const SIZE_LIMIT: usize = 65_536;

/// What a read answers: one service's typed config. Cloning shares it.
#[derive(Clone)]
pub enum Config {
    /// A secret that the application defined.
    Custom(Arc<CustomConfig>),
    /// PostgreSQL.
    Database(Arc<DatabaseConfig>),
    /// SMTP.
    Email(Arc<EmailConfig>),
    /// The government portal's login.
    GovernmentPortal(Arc<GovernmentPortalConfig>),
    /// Keys of monitoring providers.
    Monitoring(Arc<MonitoringConfig>),
    /// Redis.
    Redis(Arc<RedisConfig>),
    /// Keys that sign sessions and tokens.
    Security(Arc<SecurityConfig>),
    /// Stripe's API keys.
    Stripe(Arc<StripeConfig>),
}

impl Config {
    fn describe(&self, view: &mut View) {
        match self {
            Self::Custom(config) => config.describe(view),
            Self::Database(config) => config.describe(view),
            Self::Email(config) => config.describe(view),
            Self::GovernmentPortal(config) => config.describe(view),
            Self::Monitoring(config) => config.describe(view),
            Self::Redis(config) => config.describe(view),
            Self::Security(config) => config.describe(view),
            Self::Stripe(config) => config.describe(view),
        }
    }

    /// The config as JSON **with its secret values**, for a runtime without Rust's types. Zeroed when dropped.
    pub fn expose_json(&self) -> Zeroizing<String> {
        let mut view = View::exposed();
        self.describe(&mut view);
        view.into_json()
    }

    /// The shape of the config as JSON: every value redacted except host, port and names.
    pub fn redacted_json(&self) -> String {
        let mut view = View::redacted();
        self.describe(&mut view);
        view.into_json().to_string()
    }

    /// A security config with the values before a rotation, or without them; any other config as it is.
    pub(crate) fn with_previous(&self, previous: Option<&Self>) -> Self {
        match (self, previous) {
            (Self::Security(config), Some(Self::Security(previous))) => {
                Self::Security(Arc::new(config.with_previous(Some(previous))))
            }
            (Self::Security(config), _) => Self::Security(Arc::new(config.with_previous(None))),
            _ => self.clone(),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Custom(config) => config.fmt(f),
            Self::Database(config) => config.fmt(f),
            Self::Email(config) => config.fmt(f),
            Self::GovernmentPortal(config) => config.fmt(f),
            Self::Monitoring(config) => config.fmt(f),
            Self::Redis(config) => config.fmt(f),
            Self::Security(config) => config.fmt(f),
            Self::Stripe(config) => config.fmt(f),
        }
    }
}

/// What a schema is read against besides the payload.
pub(crate) struct Context<'a> {
    pub(crate) environment: &'a Environment,
    pub(crate) region: Option<&'a str>,
    pub(crate) today: UnixTime,
    pub(crate) variables: &'a Variables,
    pub(crate) database: &'a DatabaseDefaults,
}

/// A config that passed, with what is worth a warning.
#[derive(Clone, Debug)]
pub(crate) struct Parsed {
    pub(crate) config: Config,
    pub(crate) warnings: Vec<Violation>,
}

/// Reads a stored secret's text.
pub(crate) fn parse_payload(
    service: &ServiceId,
    custom: Option<&CustomSecret>,
    text: &str,
    context: &Context<'_>,
) -> Result<Parsed, Vec<Violation>> {
    let refuse = |rule, message: String| Err(vec![Violation { path: String::new(), rule, message }]);
    if text.len() > SIZE_LIMIT {
        return refuse(Rule::MaxSize, format!("is longer than the {SIZE_LIMIT} bytes that Secrets Manager stores"));
    }
    // serde_json's message may quote the payload: only the place is told.
    let mut value = match serde_json::from_str(text) {
        Ok(value) => Wiped(value),
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            return refuse(Rule::Json, format!("is not well-formed JSON (line {line}, column {column})"));
        }
    };
    if *service == Service::Database {
        database::complete(&mut value.0, context);
    }
    read(service, custom, &value, context, &|_| None)
}

/// Reads what the environment variables say of a service; the error names the variables.
pub(crate) fn parse_environment(
    service: &ServiceId,
    custom: Option<&CustomSecret>,
    context: &Context<'_>,
) -> Result<Parsed, Error> {
    assemble(service, custom, context).map(|(_, parsed)| parsed)
}

/// The payload that the environment variables make for a service, and what its schema reads from it.
pub(crate) fn assemble(
    service: &ServiceId,
    custom: Option<&CustomSecret>,
    context: &Context<'_>,
) -> Result<(Wiped, Parsed), Error> {
    let fail = |violations| {
        let summary = format!("the environment variables of {service} do not make a valid configuration");
        Error::violating(ErrorKind::Invalid, Some(service.clone()), summary, violations)
    };
    let assembled = match (service, custom) {
        (ServiceId::BuiltIn(service), _) => environment::assemble(*service, context.variables),
        (ServiceId::Custom(_), Some(custom)) => environment::assemble_custom(custom, context.variables),
        (ServiceId::Custom(_), None) => return Err(Error::not_configured(service)),
    };
    // Without a readable connection URL every other field would seem to be missing too.
    if assembled.violations.iter().any(|violation| violation.path.is_empty()) {
        return Err(fail(assembled.violations));
    }
    let variable = |path: &str| match service {
        ServiceId::BuiltIn(service) => environment::variable_for(*service, path, context.variables).map(str::to_owned),
        ServiceId::Custom(_) => custom?.fields.get(path.get(1..)?)?.variable.clone(),
    };
    match read(service, custom, &assembled.payload, context, &variable) {
        Ok(parsed) if assembled.violations.is_empty() => Ok((assembled.payload, parsed)),
        Ok(_) => Err(fail(assembled.violations)),
        Err(violations) => Err(fail([assembled.violations, violations].concat())),
    }
}

fn read<'a>(
    service: &ServiceId,
    custom: Option<&CustomSecret>,
    payload: &'a Wiped,
    context: &Context<'_>,
    variable: &'a dyn Fn(&str) -> Option<String>,
) -> Result<Parsed, Vec<Violation>> {
    let Value::Object(payload) = &payload.0 else {
        let message = "must be a JSON object with the service's fields".to_owned();
        return Err(vec![Violation { path: String::new(), rule: Rule::Type, message }]);
    };
    let forbids_placeholders = context.environment.is_production();
    let mut findings = Findings { violations: vec![], warnings: vec![], variable, forbids_placeholders };
    let mut fields = Fields::new(payload, &mut findings);
    let config = match service {
        ServiceId::BuiltIn(Service::Database) => {
            DatabaseConfig::read(&mut fields, context).map(Arc::new).map(Config::Database)
        }
        ServiceId::BuiltIn(Service::Redis) => RedisConfig::read(&mut fields, context).map(Arc::new).map(Config::Redis),
        ServiceId::BuiltIn(Service::Security) => SecurityConfig::read(&mut fields).map(Arc::new).map(Config::Security),
        ServiceId::BuiltIn(Service::Stripe) => {
            StripeConfig::read(&mut fields, context).map(Arc::new).map(Config::Stripe)
        }
        ServiceId::BuiltIn(Service::Email) => EmailConfig::read(&mut fields, context).map(Arc::new).map(Config::Email),
        ServiceId::BuiltIn(Service::GovernmentPortal) => {
            GovernmentPortalConfig::read(&mut fields).map(Arc::new).map(Config::GovernmentPortal)
        }
        ServiceId::BuiltIn(Service::Monitoring) => {
            Some(Config::Monitoring(Arc::new(MonitoringConfig::read(&mut fields))))
        }
        ServiceId::Custom(_) => custom.map(|custom| Config::Custom(Arc::new(CustomConfig::read(&mut fields, custom)))),
    };
    match config {
        Some(config) if findings.violations.is_empty() => Ok(Parsed { config, warnings: findings.warnings }),
        _ => Err(findings.violations),
    }
}
