//! Reads the custom secret whose id is the argument: the kinds of its fields, and of texts only how long they are.

use guest::{Guest, config, export, failed};
use serde_json::{Map, Value};

struct ReadSecret;

impl Guest for ReadSecret {
    fn run(id: String) -> Result<String, String> {
        let secret = config::get_secret(&id).map_err(failed)?;
        let secret: Map<String, Value> = serde_json::from_str(&secret).map_err(|_| "is no JSON object")?;
        let fields = secret.iter().filter(|(name, _)| *name != "extra").map(|(name, value)| match value {
            Value::String(text) => format!("{name} of {} characters", text.len()),
            value => format!("{name} {value}"),
        });
        Ok(fields.collect::<Vec<_>>().join(", "))
    }
}

export!(ReadSecret);
