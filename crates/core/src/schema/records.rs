//! Written by `cargo xtask generate`: lists for conversions between core's types and others of the same shape.

/// Calls a macro with each record of a config and its fields, as `Record { field field … }`.
#[macro_export]
macro_rules! for_each_record {
    ($with:ident) => {
        $with! {
            DatabaseSsl { reject_unauthorized ca }
            DatabaseConfig { host port database username password ssl url extra }
            RedisTls { servername reject_unauthorized ca }
            RedisConfig { host port username password db tls url extra }
            SecurityConfig { session_secret jwt_secret internal_api_key session_secrets jwt_secrets extra }
            StripeConfig { public_key private_key webhook_secret extra }
            EmailConfig { smtp_user smtp_password from_address host port secure configuration_set extra }
            GovernmentPortalConfig { username password login_url extra }
            MonitoringConfig { keys }
        }
    };
}

/// Calls a macro with each service: its variant, its config, and the names of getters, as
/// `Service Config getter get_getter_config "What it is.";`.
#[macro_export]
macro_rules! for_each_service {
    ($with:ident) => {
        $with! {
            Database DatabaseConfig database get_database_config "PostgreSQL.";
            Redis RedisConfig redis get_redis_config "Redis.";
            Security SecurityConfig security get_security_config "Keys that sign sessions and tokens.";
            Stripe StripeConfig stripe get_stripe_config "Stripe's API keys.";
            Email EmailConfig email get_email_config "SMTP credentials, by default of SES.";
            GovernmentPortal GovernmentPortalConfig government_portal get_government_portal_config "The government portal's login.";
            Monitoring MonitoringConfig monitoring get_monitoring_config "Keys of monitoring providers. Optional: its absence is normal.";
        }
    };
}
