//! Stripe's API keys.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroize;

use super::view::{self, Describe, Extra, View};
use super::{Context, Fields};
use crate::error::Rule;

/// Stripe's API keys; public and private key are of the same mode.
pub struct StripeConfig {
    /// The publishable key, `pk_test_…` or `pk_live_…`.
    pub public_key: String,
    /// The secret key `sk_…` or a restricted one `rk_…`.
    pub private_key: SecretString,
    /// Verifies webhooks, `whsec_…`.
    pub webhook_secret: SecretString,
    /// Fields that the schema does not name.
    pub extra: Extra,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Mode {
    Live,
    Test,
}

impl StripeConfig {
    pub(crate) fn read(fields: &mut Fields<'_, '_>, context: &Context<'_>) -> Option<Self> {
        let public_key = fields.required("publicKey");
        let private_key = fields.required_secret("privateKey");
        let webhook_secret = fields.required_secret("webhookSecret");
        let public_mode = public_key.and_then(|key| mode(key, &["pk"]));
        let private_mode = private_key.as_ref().and_then(|key| mode(key.expose_secret(), &["sk", "rk"]));
        if public_key.is_some() && public_mode.is_none() {
            fields.violate("publicKey", Rule::Prefix, "must start with pk_test_ or pk_live_");
        }
        if private_key.is_some() && private_mode.is_none() {
            let phrase = "must start with sk_test_ or sk_live_, or be a restricted key (rk_test_, rk_live_)";
            fields.violate("privateKey", Rule::Prefix, phrase);
        }
        if webhook_secret.as_ref().is_some_and(|secret| !secret.expose_secret().starts_with("whsec_")) {
            fields.violate("webhookSecret", Rule::Prefix, "must start with whsec_");
        }
        if let (Some(public), Some(private)) = (public_mode, private_mode) {
            if public != private {
                let phrase = "must be of the same mode (test or live) as the public key";
                fields.violate("privateKey", Rule::SameMode, phrase);
            } else if private == Mode::Test && context.environment.is_production() {
                fields.warn("privateKey", Rule::Mode, "is a test key in production");
            } else if private == Mode::Live && !context.environment.is_production() {
                fields.warn("privateKey", Rule::Mode, "is a live key outside production");
            }
        }
        Some(Self {
            public_key: public_key?.to_owned(),
            private_key: private_key?,
            webhook_secret: webhook_secret?,
            extra: Extra::of(fields),
        })
    }
}

impl Describe for StripeConfig {
    fn describe(&self, view: &mut View) {
        view.secret("publicKey", self.public_key.as_str());
        view.secret("privateKey", &self.private_key);
        view.secret("webhookSecret", &self.webhook_secret);
        view.secret("extra", &self.extra);
    }
}

impl fmt::Debug for StripeConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        view::debug("StripeConfig", self, f)
    }
}

impl Drop for StripeConfig {
    fn drop(&mut self) {
        self.public_key.zeroize();
    }
}

fn mode(key: &str, kinds: &[&str]) -> Option<Mode> {
    let (kind, rest) = key.split_once('_')?;
    let (mode, _) = rest.split_once('_')?;
    match mode {
        "live" if kinds.contains(&kind) => Some(Mode::Live),
        "test" if kinds.contains(&kind) => Some(Mode::Test),
        _ => None,
    }
}
