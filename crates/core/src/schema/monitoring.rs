//! Keys of monitoring providers.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::SecretString;

use super::Fields;
use super::view::{self, Describe, View};

/// A map of provider key names to values, e.g. `sentryDsn`, `datadogApiKey`, `newRelicLicenseKey`.
pub struct MonitoringConfig {
    /// The keys by name.
    pub keys: BTreeMap<String, SecretString>,
}

impl MonitoringConfig {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Self {
        let names = fields.names();
        let keys = names.filter_map(|name| Some((name.to_owned(), fields.secret(name)?))).collect();
        Self { keys }
    }

    /// A provider's key.
    pub fn key(&self, name: &str) -> Option<&SecretString> {
        self.keys.get(name)
    }
}

impl Describe for MonitoringConfig {
    fn describe(&self, view: &mut View) {
        for (name, key) in &self.keys {
            view.secret(name, key);
        }
    }
}

impl fmt::Debug for MonitoringConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        view::debug("MonitoringConfig", self, f)
    }
}
