//! What crosses to JavaScript, as JSON.

use serde::Serialize;

/// Values of the engine's own, which are always JSON.
pub(crate) fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
