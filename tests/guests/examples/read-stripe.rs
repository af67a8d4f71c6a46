//! Reads Stripe's keys, which its host may not have granted.

use guest::{Guest, config, export, failed};

struct ReadStripe;

impl Guest for ReadStripe {
    fn run(_: String) -> Result<String, String> {
        let stripe = config::get_stripe_config().map_err(failed)?;
        Ok(format!("private key of {} characters", stripe.private_key.len()))
    }
}

export!(ReadStripe);
