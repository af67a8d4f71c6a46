//! One typed setter for each option.

use std::path::Path;
use std::time::Duration;

use permisos_secrets_core::{DatabaseDefaults, RedisDefaults, ServiceId, SourceKind};
use serde_json::{Value, json};

use crate::secrets::SecretsBuilder;

/// The options, as [`Options::parse`](permisos_secrets_core::Options::parse) lists them with their defaults. Durations are
/// whole seconds; what is below one counts as one more.
impl SecretsBuilder {
    /// The deployment environment, e.g. `production`: the second segment of the secrets' names. Default:
    /// `PERMISOS_ENVIRONMENT`, else `NODE_ENV`, else `development`.
    pub fn environment(self, environment: &str) -> Self {
        self.option("environment", environment)
    }

    /// Where values come from. Default: by the variable `USE_SECRETS_MANAGER`, else [`SourceKind::Aws`] in production and
    /// staging, and [`SourceKind::Environment`] elsewhere.
    pub fn source_kind(self, source: SourceKind) -> Self {
        self.option("source", json!(source))
    }

    /// Asks for these of the seven services alone. Default: all.
    pub fn services(self, services: impl IntoIterator<Item = impl Into<ServiceId>>) -> Self {
        let names = services.into_iter().map(|service| Value::from(service.into().as_str()));
        self.option("services", names.collect::<Value>())
    }

    /// The first segment of the secrets' names. Default: `permisos`.
    pub fn prefix(self, prefix: &str) -> Self {
        self.option("prefix", prefix)
    }

    /// Another name, or an ARN, for the secret of one service.
    pub fn secret_id(self, service: impl Into<ServiceId>, id: &str) -> Self {
        self.within("secretIds", service.into().as_str(), id)
    }

    /// How long a value is fresh. Default: an hour.
    pub fn ttl(self, ttl: Duration) -> Self {
        self.option("ttl", seconds(ttl))
    }

    /// How much longer a value is served while it cannot be fetched again. Default: a day.
    pub fn stale_if_error(self, duration: Duration) -> Self {
        self.option("staleIfError", seconds(duration))
    }

    /// How long the values before a rotation are honoured. Default: a day.
    pub fn previous_for(self, duration: Duration) -> Self {
        self.option("previousFor", seconds(duration))
    }

    /// Whether environment variables stand in when retrieval fails. Default: true.
    pub fn environment_fallback(self, is_on: bool) -> Self {
        self.option("environmentFallback", is_on)
    }

    /// Seals the last good values in the file `path`, encrypted to the age identity in the file `identity`, for a start
    /// while AWS cannot be reached. Needs the feature `snapshot`. Default: nowhere.
    pub fn snapshot(self, path: impl AsRef<Path>, identity: impl AsRef<Path>) -> Self {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let (path, identity) = (text(path.as_ref()), text(identity.as_ref()));
        self.option("snapshot", json!({ "path": path, "identityFile": identity }))
    }

    /// Where the database is, for a secret that does not say it, as one that RDS manages.
    pub fn database(self, database: DatabaseDefaults) -> Self {
        let DatabaseDefaults { host, port, database, ca_file } = database;
        let mut defaults = serde_json::Map::new();
        defaults.extend(host.map(|host| ("host".to_owned(), host.into())));
        defaults.extend(port.map(|port| ("port".to_owned(), port.into())));
        defaults.extend(database.map(|database| ("database".to_owned(), database.into())));
        defaults.extend(ca_file.map(|file| ("caFile".to_owned(), file.into())));
        self.option("database", defaults)
    }

    /// Where Redis is, for a secret that does not say it, as one that AWS rotates.
    pub fn redis(self, redis: RedisDefaults) -> Self {
        let RedisDefaults { host, port, ca_file } = redis;
        let mut defaults = serde_json::Map::new();
        defaults.extend(host.map(|host| ("host".to_owned(), host.into())));
        defaults.extend(port.map(|port| ("port".to_owned(), port.into())));
        defaults.extend(ca_file.map(|file| ("caFile".to_owned(), file.into())));
        self.option("redis", defaults)
    }

    /// The region of the secrets. Default: what the AWS configuration names.
    pub fn region(self, region: &str) -> Self {
        self.option("region", region)
    }

    /// The regions in order: the primary, then those that hold replicas.
    pub fn regions(self, regions: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let regions = regions.into_iter().map(|region| Value::from(region.into()));
        self.option("regions", regions.collect::<Value>())
    }

    /// Another endpoint than AWS's, such as a VPC endpoint or an emulator.
    pub fn endpoint_url(self, url: &str) -> Self {
        self.option("endpointUrl", url)
    }

    /// A profile of the AWS configuration files.
    pub fn profile(self, profile: &str) -> Self {
        self.option("profile", profile)
    }

    /// A role to assume.
    pub fn role_arn(self, arn: &str) -> Self {
        self.option("roleArn", arn)
    }

    /// The longest time for one call in one region, a minute at most. Default: five seconds.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.option("timeout", seconds(timeout))
    }
}

/// Whole seconds, rounded up: a lifetime of zero would mean something else than a short one.
fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
