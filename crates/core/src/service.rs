//! The catalogue of seven services: what each is called, and which variables it falls back to.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A service whose secret has a built-in schema.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// PostgreSQL.
    Database,
    /// Redis.
    Redis,
    /// Keys that sign sessions and tokens.
    Security,
    /// Stripe's API keys.
    Stripe,
    /// SMTP credentials, by default of SES.
    Email,
    /// The government portal's login.
    GovernmentPortal,
    /// Keys of monitoring providers. Optional: its absence is normal.
    Monitoring,
}

/// One row of the catalogue.
struct Row {
    id: &'static str,
    suffix: &'static str,
    variables: &'static [&'static str],
}

const CATALOGUE: [Row; 7] = [
    Row {
        id: "database",
        suffix: "database/credentials",
        variables: &[
            "DATABASE_URL",
            "DB_HOST",
            "DB_PORT",
            "DB_NAME",
            "DB_USER",
            "DB_PASSWORD",
            "DB_SSL",
            "DB_SSL_CA",
            "RDS_CA_CERT_PATH",
        ],
    },
    Row {
        id: "redis",
        suffix: "redis/credentials",
        variables: &["REDIS_URL", "REDIS_HOST", "REDIS_PORT", "REDIS_PASSWORD", "REDIS_DB", "REDIS_TLS"],
    },
    Row {
        id: "security",
        suffix: "security/session",
        variables: &["SESSION_SECRET", "JWT_SECRET", "INTERNAL_API_KEY"],
    },
    Row {
        id: "stripe",
        suffix: "stripe/api-keys",
        variables: &["STRIPE_PUBLIC_KEY", "STRIPE_PRIVATE_KEY", "STRIPE_WEBHOOK_SECRET"],
    },
    Row {
        id: "email",
        suffix: "email/credentials",
        variables: &["EMAIL_USER", "EMAIL_PASS", "EMAIL_FROM", "EMAIL_HOST", "EMAIL_PORT"],
    },
    Row {
        id: "government-portal",
        suffix: "government/portal",
        variables: &["GOVT_USERNAME", "GOVT_PASSWORD", "GOVT_SITE_LOGIN_URL"],
    },
    Row {
        id: "monitoring",
        suffix: "monitoring/api-keys",
        variables: &["SENTRY_DSN", "DATADOG_API_KEY", "NEW_RELIC_LICENSE_KEY"],
    },
];

impl Service {
    /// The seven, in the order of the catalogue.
    pub const ALL: [Self; 7] = [
        Self::Database,
        Self::Redis,
        Self::Security,
        Self::Stripe,
        Self::Email,
        Self::GovernmentPortal,
        Self::Monitoring,
    ];

    fn row(self) -> &'static Row {
        &CATALOGUE[self as usize]
    }

    /// The service's id, e.g. `government-portal`.
    pub fn as_str(self) -> &'static str {
        self.row().id
    }

    /// `{service}/{secret-type}`: what follows the environment in the default name.
    pub fn suffix(self) -> &'static str {
        self.row().suffix
    }

    /// The environment variables that it falls back to.
    pub fn variables(self) -> &'static [&'static str] {
        self.row().variables
    }

    /// Whether an application runs well without it.
    pub fn is_optional(self) -> bool {
        self == Self::Monitoring
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Service {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|service| service.as_str() == text).ok_or(())
    }
}

/// A service by its id: one of the seven, or a custom one such as `whatsapp/api`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ServiceId {
    /// One of the seven.
    BuiltIn(Service),
    /// One that the application defined; its id holds a slash, which no built-in one does.
    Custom(Arc<str>),
}

impl ServiceId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::BuiltIn(service) => service.as_str(),
            Self::Custom(id) => id,
        }
    }

    /// Whether an application runs well without it.
    pub fn is_optional(&self) -> bool {
        matches!(self, Self::BuiltIn(service) if service.is_optional())
    }
}

impl fmt::Display for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<&str> for ServiceId {
    fn from(text: &str) -> Self {
        text.parse().map_or_else(|()| Self::Custom(text.into()), Self::BuiltIn)
    }
}

impl From<&Self> for ServiceId {
    fn from(service: &Self) -> Self {
        service.clone()
    }
}

impl From<&Service> for ServiceId {
    fn from(service: &Service) -> Self {
        Self::BuiltIn(*service)
    }
}

impl From<&String> for ServiceId {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<String> for ServiceId {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl From<Service> for ServiceId {
    fn from(service: Service) -> Self {
        Self::BuiltIn(service)
    }
}

impl PartialEq<Service> for ServiceId {
    fn eq(&self, other: &Service) -> bool {
        matches!(self, Self::BuiltIn(service) if service == other)
    }
}

impl Serialize for ServiceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ServiceId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(String::deserialize(deserializer)?.as_str().into())
    }
}
