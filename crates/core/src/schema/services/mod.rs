//! One file per service: the struct that a program holds, from which everything else about its fields is derived.

mod custom;
mod database;
mod email;
mod government_portal;
mod monitoring;
mod redis;
mod security;
mod stripe;

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use secrecy::ExposeSecret;
use serde::{Serialize, Serializer};
use zeroize::Zeroizing;

pub use custom::{CustomConfig, CustomValue};
pub(crate) use database::LIBPQ_OPTIONS;
pub use database::{DatabaseConfig, DatabaseSsl};
pub use email::EmailConfig;
pub use government_portal::GovernmentPortalConfig;
pub use monitoring::MonitoringConfig;
pub use redis::{RedisConfig, RedisTls};
pub use security::SecurityConfig;
pub use stripe::StripeConfig;

use super::definition::Definition;
use super::record::{Record, Secret};
use super::values::{Entry, Shape, Values, exposed_json, redacted_json};
use crate::service::{Service, ServiceId};

macro_rules! configs {
    ($($service:ident($config:ident),)*) => {
        /// What a read answers: one service's typed config. Cloning shares it.
        #[derive(Clone)]
        pub enum Config {
            /// A secret that the application defined.
            Custom(Arc<CustomConfig>),
            $(#[doc = concat!("Its service is `", stringify!($service), "`.")] $service(Arc<$config>),)*
        }

        /// The definitions of the built-in services, in the order of the catalogue.
        pub(crate) const DEFINITIONS: [&Definition; Service::ALL.len()] = [$($config::DEFINITION),*];

        impl Service {
            /// What its secret is called and what it holds.
            pub fn definition(self) -> &'static Definition {
                match self {
                    $(Self::$service => $config::DEFINITION,)*
                }
            }
        }

        impl Config {
            /// The config of what the checker read; none where a field is missing.
            pub(crate) fn from_values(service: &ServiceId, mut values: Values) -> Option<Self> {
                let config = match service {
                    $(ServiceId::BuiltIn(Service::$service) => Self::$service(Arc::new($config::from_values(&mut values))),)*
                    ServiceId::Custom(_) => Self::Custom(Arc::new(CustomConfig::from_values(&mut values))),
                };
                (!values.is_broken).then_some(config)
            }

            /// The built-in service whose config it is; none for a custom one.
            pub fn service(&self) -> Option<Service> {
                match self {
                    Self::Custom(_) => None,
                    $(Self::$service(_) => Some(Service::$service),)*
                }
            }

            /// The config as its struct, which is shared: one of the seven, or what the application derived for the
            /// custom secret. None if it is another's.
            pub fn typed<T: Secret>(&self) -> Option<Arc<T>> {
                let config: Arc<dyn Any + Send + Sync> = match self {
                    Self::Custom(config) => return config.typed(),
                    $(Self::$service(config) => config.clone(),)*
                };
                config.downcast().ok()
            }

            pub(crate) fn entries(&self) -> Vec<Entry<'_>> {
                match self {
                    Self::Custom(config) => config.entries(),
                    $(Self::$service(config) => config.entries(),)*
                }
            }
        }

        impl fmt::Debug for Config {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    Self::Custom(config) => config.fmt(f),
                    $(Self::$service(config) => config.fmt(f),)*
                }
            }
        }
    };
}

configs! {
    Database(DatabaseConfig),
    Redis(RedisConfig),
    Security(SecurityConfig),
    Stripe(StripeConfig),
    Email(EmailConfig),
    GovernmentPortal(GovernmentPortalConfig),
    Monitoring(MonitoringConfig),
}

impl Config {
    /// The config as JSON **with its secret values**, for a runtime without Rust's types. Zeroed when dropped.
    pub fn expose_json(&self) -> Zeroizing<String> {
        exposed_json(&self.entries())
    }

    /// Writes the config **with its secret values**.
    pub(crate) fn expose<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Shape { entries: &self.entries(), exposes: true }.serialize(serializer)
    }

    /// The config of what [`expose_json`](Self::expose_json) wrote; none if it is not of the definition.
    pub(crate) fn from_json(definition: &Definition, json: &str) -> Option<Self> {
        Self::from_values(&definition.service_id(), Values::from_config(definition, json)?)
    }

    /// The shape of the config as JSON: every value redacted except host, port and names.
    pub fn redacted_json(&self) -> String {
        redacted_json(&self.entries())
    }

    /// The URL that the definition's variable holds.
    pub(crate) fn full_url(&self, ca_file: Option<&str>) -> Option<String> {
        match self {
            Self::Database(config) => Some(config.full_url(ca_file)),
            Self::Redis(config) => Some(config.url.expose_secret().to_owned()),
            _ => None,
        }
    }

    /// A security config with the values before a rotation; any other config as it is.
    pub(crate) fn with_previous(&self, previous: &Self) -> Self {
        match (self, previous) {
            (Self::Security(config), Self::Security(previous)) => {
                Self::Security(Arc::new(config.with_previous(previous)))
            }
            _ => self.clone(),
        }
    }
}
