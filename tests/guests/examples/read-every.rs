//! Reads all seven, and says of each where it points or how long it is.

use guest::{Guest, config, export, failed};

struct ReadEvery;

impl Guest for ReadEvery {
    fn run(_: String) -> Result<String, String> {
        let database = config::get_database_config().map_err(failed)?;
        let redis = config::get_redis_config().map_err(failed)?;
        let security = config::get_security_config().map_err(failed)?;
        let stripe = config::get_stripe_config().map_err(failed)?;
        let email = config::get_email_config().map_err(failed)?;
        let portal = config::get_government_portal_config().map_err(failed)?;
        let monitoring = config::get_monitoring_config().map_err(failed)?;
        Ok([
            format!("database {}:{}", database.host, database.port),
            format!("redis {}:{}", redis.host, redis.port),
            format!("security {} session secrets", security.session_secrets.len()),
            format!("stripe {} characters", stripe.private_key.len()),
            format!("email {}:{}", email.host, email.port),
            format!("government-portal {} characters", portal.password.len()),
            format!("monitoring {} keys", monitoring.keys.len()),
        ]
        .join(", "))
    }
}

export!(ReadEvery);
