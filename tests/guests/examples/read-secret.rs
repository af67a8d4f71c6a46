//! Reads the custom secret whose id is the argument: names and types, and of texts only how long they are.

use guest::types::CustomValue;
use guest::{Guest, config, export, failed};

struct ReadSecret;

impl Guest for ReadSecret {
    fn run(id: String) -> Result<String, String> {
        let secret = config::get_secret(&id).map_err(failed)?;
        let fields = secret.fields.iter().map(|(name, value)| match value {
            CustomValue::Boolean(flag) => format!("{name} {flag}"),
            CustomValue::Integer(number) => format!("{name} {number}"),
            CustomValue::Text(text) => format!("{name} of {} characters", text.len()),
        });
        Ok(fields.collect::<Vec<_>>().join(", "))
    }
}

export!(ReadSecret);
