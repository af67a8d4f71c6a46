//! Stripe's API keys.

use permisos_secrets_derive::Secret;
use secrecy::SecretString;

use crate::error::Rule;
use crate::reader::Fields;
use crate::schema::context::Context;
use crate::schema::definition::Special;
use crate::schema::values::{Extra, Values};

/// Stripe's API keys; public and private key are of the same mode.
#[derive(Secret)]
#[secret(id = "stripe/api-keys", service = "stripe", special = Stripe)]
pub struct StripeConfig {
    /// The publishable key, `pk_test_…` or `pk_live_…`.
    #[field(variable = "STRIPE_PUBLIC_KEY", token, renewed, example = "pk_test_<key>")]
    #[field(prefixes("pk_test_", "pk_live_"), phrase = "must start with pk_test_ or pk_live_")]
    pub public_key: String,
    /// The secret key `sk_…`, a restricted one `rk_…`, or an organisation's `sk_org_…`.
    #[field(variable = "STRIPE_PRIVATE_KEY", token, renewed, example = "rk_test_<key>")]
    #[field(prefixes(
        "sk_test_",
        "sk_live_",
        "sk_org_test_",
        "sk_org_live_",
        "rk_test_",
        "rk_live_",
        "rk_org_test_",
        "rk_org_live_"
    ))]
    #[field(phrase = "must start with sk_test_ or sk_live_, or be a restricted key (rk_test_, rk_live_) or an \
                      organisation's (sk_org_…, rk_org_…)")]
    pub private_key: SecretString,
    /// Verifies webhooks, `whsec_…`.
    #[field(variable = "STRIPE_WEBHOOK_SECRET", token, renewed, example = "whsec_<secret>")]
    #[field(prefixes("whsec_"), phrase = "must start with whsec_")]
    pub webhook_secret: SecretString,
    /// Fields that the schema does not name.
    pub extra: Extra,
}

#[derive(Debug)]
struct Stripe;

impl Special for Stripe {
    fn finish(&self, values: &mut Values, fields: &mut Fields<'_, '_>, context: &Context<'_>) {
        // The kind of a key, and whether it is of live mode.
        let mode = |name| {
            let (kind, rest) = values.text(name)?.split_once('_')?;
            let (kind, rest) = rest.strip_prefix("org_").map_or((kind, rest), |rest| ("org", rest));
            match rest.split_once('_')?.0 {
                "live" => Some((kind, true)),
                "test" => Some((kind, false)),
                _ => None,
            }
        };
        let (Some((_, public)), Some((kind, private))) = (mode("publicKey"), mode("privateKey")) else { return };
        // An organisation's key is for several accounts: the public key's need not be one of them.
        if public != private && kind != "org" {
            let phrase = "must be of the same mode (test or live) as the public key";
            fields.violate("privateKey", Rule::SameMode, phrase);
        } else if !private && context.environment.is_production() {
            fields.warn("privateKey", Rule::Mode, "is a test key in production");
        } else if private && !context.environment.is_production() {
            fields.warn("privateKey", Rule::Mode, "is a live key outside production");
        }
    }
}
