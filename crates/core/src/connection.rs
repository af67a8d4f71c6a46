//! How a source reaches Secrets Manager.

use std::time::Duration;

use serde::Serialize;

use crate::time::in_milliseconds;

/// How the driver's source reaches Secrets Manager. The engine itself reads only the first region.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Connection {
    /// Regions in order: the primary, then replicas. Empty: the region that the AWS configuration names.
    pub regions: Vec<String>,
    /// Another endpoint than AWS's, e.g. a VPC endpoint or an emulator.
    pub endpoint_url: Option<String>,
    /// A profile of the AWS configuration files.
    pub profile: Option<String>,
    /// A role to assume.
    pub role_arn: Option<String>,
    /// The longest time for one call in one region.
    #[serde(rename = "timeoutMs", with = "in_milliseconds")]
    pub timeout: Duration,
}

impl Connection {
    /// The longest time for one fetch: a driver ends one that takes longer, so that the secret can be tried again. A
    /// source bounds its own time, by `timeout` in each region; many secrets take several calls.
    pub fn fetch_limit(&self) -> Duration {
        let regions = u32::try_from(self.regions.len()).unwrap_or(u32::MAX).max(1);
        self.timeout.saturating_mul(regions).saturating_add(Duration::from_mins(2))
    }
}
