//! The government portal's login.

use std::fmt;

use secrecy::SecretString;
use zeroize::Zeroize;

use super::Fields;
use super::fields::absolute_url;
use super::view::{self, Describe, Extra, View};
use crate::error::Rule;

/// The government portal's login.
pub struct GovernmentPortalConfig {
    /// The portal's user.
    pub username: String,
    /// The user's password.
    pub password: SecretString,
    /// The login page; always `https`.
    pub login_url: String,
    /// Fields that the schema does not name.
    pub extra: Extra,
}

impl GovernmentPortalConfig {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let username = fields.required("username");
        let password = fields.required_secret("password");
        let login_url = fields.required("loginUrl");
        if let Some(text) = login_url {
            let is_bare =
                |url: url::Url| url.scheme() == "https" && url.username().is_empty() && url.password().is_none();
            if !absolute_url(text).is_some_and(is_bare) {
                fields.violate("loginUrl", Rule::HttpsUrl, "must be an absolute https URL without user and password");
            }
        }
        Some(Self {
            username: username?.to_owned(),
            password: password?,
            login_url: login_url?.to_owned(),
            extra: Extra::of(fields),
        })
    }
}

impl Describe for GovernmentPortalConfig {
    fn describe(&self, view: &mut View) {
        view.secret("username", self.username.as_str());
        view.secret("password", &self.password);
        view.secret("loginUrl", self.login_url.as_str());
        view.secret("extra", &self.extra);
    }
}

impl fmt::Debug for GovernmentPortalConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        view::debug("GovernmentPortalConfig", self, f)
    }
}

impl Drop for GovernmentPortalConfig {
    fn drop(&mut self) {
        self.username.zeroize();
        self.login_url.zeroize();
    }
}
