//! Reveals the secret whose key is the argument, and says how long it is.

use guest::wasmcloud_secrets::reveal::reveal;
use guest::wasmcloud_secrets::store::{self, SecretValue};
use guest::{Guest, export};

struct WasmcloudSecrets;

impl Guest for WasmcloudSecrets {
    fn run(key: String) -> Result<String, String> {
        let secret = store::get(&key).map_err(|error| format!("{error:?}"))?;
        Ok(match reveal(&secret) {
            SecretValue::String(text) => format!("text of {} characters", text.len()),
            SecretValue::Bytes(bytes) => format!("{} bytes", bytes.len()),
        })
    }
}

export!(WasmcloudSecrets);
