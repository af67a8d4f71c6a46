//! Keys of monitoring providers.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use crate::schema::definition::{Definition, Field, FieldList, Kind, Need, Text, documented};
use crate::schema::record::{Record, Secret};
use crate::schema::values::{Entry, Seen, Value, Values, debug};

/// Keys of monitoring providers by name. Any may be missing, and any further one may be there.
pub struct MonitoringConfig {
    /// The keys by name, e.g. `sentryDsn`.
    pub keys: BTreeMap<String, SecretString>,
}

impl MonitoringConfig {
    /// A provider's key.
    pub fn key(&self, name: &str) -> Option<&SecretString> {
        self.keys.get(name)
    }
}

/// Not a struct of these fields: the keys are those of the providers that an application uses.
impl Record for MonitoringConfig {
    const FIELDS: &'static [Field] = &[
        key("sentryDsn", "Sentry's data source name.", "SENTRY_DSN", "https://<key>@sentry.example.com/1"),
        key("datadogApiKey", "Datadog's API key.", "DATADOG_API_KEY", "<key>"),
        key("newRelicLicenseKey", "New Relic's licence key.", "NEW_RELIC_LICENSE_KEY", "<key>"),
    ];

    fn from_values(values: &mut Values) -> Self {
        let mut keys = BTreeMap::new();
        for (name, value) in values.take_fields() {
            if let Value::Text(key) = value {
                keys.insert(name.into_owned(), key);
            }
        }
        Self { keys }
    }

    fn entries(&self) -> Vec<Entry<'_>> {
        self.keys.iter().map(|(name, key)| Entry::secret(name, Seen::Text(key.expose_secret()))).collect()
    }
}

impl Secret for MonitoringConfig {
    const DEFINITION: &'static Definition = &Definition {
        service: Cow::Borrowed("monitoring"),
        id: Cow::Borrowed("monitoring/api-keys"),
        description: documented(
            "Keys of monitoring providers by name. Any may be missing, and any further one may be there.",
        ),
        fields: FieldList::Known(Self::FIELDS),
        optional: true,
        is_open: true,
        url: None,
        stored: &[],
        special: None,
    };
}

const fn key(name: &'static str, description: &'static str, variable: &'static str, example: &'static str) -> Field {
    Field {
        name: Cow::Borrowed(name),
        description: documented(description),
        kind: Kind::Text(Text::Token),
        need: Need::Optional,
        variable: Some(Cow::Borrowed(variable)),
        min_length: 0,
        prefix: None,
        visible: false,
        renewed: false,
        alias: None,
        file: None,
        in_url: None,
        example: documented(example),
    }
}

impl fmt::Debug for MonitoringConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug("MonitoringConfig", &self.entries(), f)
    }
}
