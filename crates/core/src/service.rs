//! The catalogue of seven services. What the secret of each holds is in `schema/services`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! catalogue {
    ($(#[doc = $title:literal] $service:ident = $id:literal,)*) => {
        /// A service whose secret has a built-in schema.
        #[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        pub enum Service {
            $(#[doc = $title] #[serde(rename = $id)] $service,)*
        }

        impl Service {
            /// All of them, in the order of the catalogue.
            pub const ALL: [Self; [$($id),*].len()] = [$(Self::$service),*];

            /// The service's id, e.g. `government-portal`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$service => $id,)*
                }
            }

            /// What it is, in a few words.
            pub fn title(self) -> &'static str {
                match self {
                    $(Self::$service => $title,)*
                }
                .trim_start()
            }
        }
    };
}

catalogue! {
    /// PostgreSQL.
    Database = "database",
    /// Redis.
    Redis = "redis",
    /// Keys that sign sessions and tokens.
    Security = "security",
    /// Stripe's API keys.
    Stripe = "stripe",
    /// SMTP credentials, by default of SES.
    Email = "email",
    /// The government portal's login.
    GovernmentPortal = "government-portal",
    /// Keys of monitoring providers. Optional: its absence is normal.
    Monitoring = "monitoring",
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
