//! Reads one key of `wasi:config`; without one, all of them.

use guest::{Guest, export, wasi_config};

struct WasiConfig;

impl Guest for WasiConfig {
    fn run(key: String) -> Result<String, String> {
        let failed = |error| format!("{error:?}");
        if key.is_empty() {
            let all = wasi_config::get_all().map_err(failed)?;
            return Ok(all.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("\n"));
        }
        Ok(wasi_config::get(&key).map_err(failed)?.unwrap_or_else(|| "no such key".to_owned()))
    }
}

export!(WasiConfig);
