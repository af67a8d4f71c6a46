//! The one envelope: every call answers `{"ok":…}` or `{"error":…}`, as JSON.

use permisos_secrets::{Error, Read};
use serde::Serialize;
use zeroize::Zeroizing;

/// Every answer without secret values. What the engine answers is always JSON.
pub(crate) fn answer<T: Serialize>(result: Result<T, Error>) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "lowercase")]
    enum Answer<T> {
        Error(Error),
        Ok(T),
    }
    serde_json::to_string(&result.map_or_else(Answer::Error, Answer::Ok)).unwrap_or_default()
}

/// A read **with its secret values**. Zeroed when dropped.
pub(crate) fn expose_read(read: Result<Read, Error>) -> Zeroizing<String> {
    match read {
        Ok(read) => Zeroizing::new(format!("{{\"ok\":{}}}", &**Read::expose_json(&Ok(read)))),
        Err(error) => Zeroizing::new(answer::<()>(Err(error))),
    }
}
