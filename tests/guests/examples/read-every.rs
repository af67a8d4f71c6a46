//! Reads all seven and a custom secret, and shows them whole: the host compares them with what it holds.

use guest::{Guest, config, export, failed};

struct ReadEvery;

impl Guest for ReadEvery {
    fn run(id: String) -> Result<String, String> {
        Ok([
            format!("{:?}", config::get_database_config().map_err(failed)?),
            format!("{:?}", config::get_redis_config().map_err(failed)?),
            format!("{:?}", config::get_security_config().map_err(failed)?),
            format!("{:?}", config::get_stripe_config().map_err(failed)?),
            format!("{:?}", config::get_email_config().map_err(failed)?),
            format!("{:?}", config::get_government_portal_config().map_err(failed)?),
            format!("{:?}", config::get_monitoring_config().map_err(failed)?),
            config::get_secret(&id).map_err(failed)?,
        ]
        .join("\n"))
    }
}

export!(ReadEvery);
