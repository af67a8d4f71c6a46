//! The document of the sealed snapshot: the last good payloads, for a start while AWS cannot be reached. A driver
//! encrypts and decrypts it; the text here is plain and never touches a disk.

use std::time::Duration;

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::name::SecretId;
use crate::schema::exact_json;
use crate::service::ServiceId;
use crate::source::Payload;
use crate::time::UnixTime;

/// Changes with the document's shape: what another version wrote is not guessed at.
const FORMAT: u32 = 1;
/// A clock may be a little behind the one that dated the document.
const CLOCK_TOLERANCE: Duration = Duration::from_mins(5);

/// The whole document.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Document<'t> {
    format: u32,
    /// A snapshot is of one environment.
    pub(crate) environment: String,
    #[serde(borrow)]
    pub(crate) secrets: Vec<Item<'t>>,
}

/// One secret's last good value.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Item<'t> {
    pub(crate) service: ServiceId,
    pub(crate) secret_id: SecretId,
    version_id: String,
    /// When the version was made, by AWS's clock.
    #[serde(default)]
    created_at: Option<UnixTime>,
    region: Option<String>,
    fetched_at: UnixTime,
    /// As it was stored: JSON inside JSON, neither escaped nor copied.
    #[serde(borrow)]
    payload: &'t RawValue,
}

/// A value from the document, until Secrets Manager's own takes over.
pub(crate) struct Sealed {
    pub(crate) payload: Payload,
    /// When Secrets Manager answered it last, by the wall clock.
    pub(crate) fetched_at: UnixTime,
}

impl<'t> Document<'t> {
    pub(crate) fn new(environment: &str, secrets: Vec<Item<'t>>) -> Self {
        Self { format: FORMAT, environment: environment.to_owned(), secrets }
    }

    pub(crate) fn parse(text: &'t str) -> Option<Self> {
        serde_json::from_str(text).ok().filter(|document: &Self| document.format == FORMAT)
    }

    pub(crate) fn into_text(self) -> Zeroizing<String> {
        exact_json(&self)
    }
}

impl<'t> Item<'t> {
    /// None for a payload that is not JSON, which no schema accepts.
    pub(crate) fn new(service: &ServiceId, secret_id: &SecretId, payload: &'t Payload, at: UnixTime) -> Option<Self> {
        Some(Self {
            service: service.clone(),
            secret_id: secret_id.clone(),
            version_id: payload.version_id.clone(),
            created_at: payload.created_at,
            region: payload.region.clone(),
            fetched_at: at,
            payload: serde_json::from_str(payload.text.as_ref()?.expose_secret()).ok()?,
        })
    }

    pub(crate) fn into_sealed(self) -> Sealed {
        let Self { version_id, created_at, region, fetched_at, payload, .. } = self;
        let text = Some(payload.get().into());
        Sealed { payload: Payload { text, version_id, created_at, region }, fetched_at }
    }
}

impl Sealed {
    /// How old the value is; `None` if it is from the future, so that its age is unknown.
    pub(crate) fn age(&self, today: UnixTime) -> Option<Duration> {
        let ahead = Duration::from_millis(self.fetched_at.0.saturating_sub(today.0));
        (ahead <= CLOCK_TOLERANCE).then(|| Duration::from_millis(today.0.saturating_sub(self.fetched_at.0)))
    }
}
