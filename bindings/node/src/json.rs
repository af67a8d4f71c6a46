//! What crosses to JavaScript, as JSON.

use permisos_secrets_core::{Config, Error, ErrorKind, Read};
use serde::Serialize;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// Options as the facade sends them.
pub(crate) fn options(text: &str) -> Result<Map<String, Value>, Error> {
    let invalid = |_| Error::new(ErrorKind::ConfigInvalid, "the options are not a JSON object");
    serde_json::from_str(text).map_err(invalid)
}

/// Values of the engine's own, which are always JSON.
pub(crate) fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// `{ config, redacted, origin, freshness, versionId, previous }` or `{ error }`. Holds secrets: zeroed when dropped.
pub(crate) fn read(result: &Result<Read, Error>) -> Zeroizing<String> {
    let Read { config, origin, freshness, version_id, previous } = match result {
        Ok(read) => read,
        Err(error) => return Zeroizing::new(format!("{{\"error\":{}}}", text(error))),
    };
    let shapes = |config: &Config| {
        let (exposed, redacted) = (config.expose_json(), config.redacted_json());
        Zeroizing::new(format!("\"config\":{},\"redacted\":{redacted}", &*exposed))
    };
    let previous = previous.as_ref().map(|previous| Zeroizing::new(format!("{{{}}}", &*shapes(previous))));
    Zeroizing::new(format!(
        "{{{},\"origin\":{},\"freshness\":{},\"versionId\":{},\"previous\":{}}}",
        &*shapes(config),
        text(origin),
        text(freshness),
        text(&version_id.as_deref()),
        previous.as_ref().map_or("null", |previous| previous.as_str()),
    ))
}
