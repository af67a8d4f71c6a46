//! SMTP credentials, by default of Amazon SES.

use std::fmt;

use secrecy::SecretString;
use zeroize::Zeroize;

use super::view::{self, Describe, Extra, View};
use super::{Context, Fields};
use crate::error::Rule;

/// SES's port for STARTTLS.
const DEFAULT_PORT: u16 = 587;

/// How to send mail over SMTP.
pub struct EmailConfig {
    /// The SMTP user.
    pub smtp_user: String,
    /// The SMTP password (for SES derived from an IAM key, not the key itself).
    pub smtp_password: SecretString,
    /// The sender, `name@example.com` or `Name <name@example.com>`.
    pub from_address: String,
    /// The server; SES in the secret's region where none is stored.
    pub host: String,
    /// Port; 587 where none is stored.
    pub port: u16,
    /// SES's configuration set, where one is used.
    pub configuration_set: Option<String>,
    /// Fields that the schema does not name.
    pub extra: Extra,
}

impl EmailConfig {
    pub(crate) fn read(fields: &mut Fields<'_, '_>, context: &Context<'_>) -> Option<Self> {
        let smtp_user = fields.required("smtpUser");
        let smtp_password = fields.required_secret("smtpPassword");
        let from_address = fields.required("fromAddress");
        if from_address.is_some_and(|address| !is_address(address)) {
            let phrase = "must be an address like name@example.com or Name <name@example.com>";
            fields.violate("fromAddress", Rule::EmailAddress, phrase);
        }
        let ses = context.region.map(|region| format!("email-smtp.{region}.amazonaws.com"));
        let host = match ses {
            Some(ses) if !fields.has("host") => Some(ses),
            _ => fields.required_host("host").map(str::to_owned),
        };
        let port = fields.port("port", DEFAULT_PORT);
        let configuration_set = fields.text("configurationSet").map(str::to_owned);
        Some(Self {
            smtp_user: smtp_user?.to_owned(),
            smtp_password: smtp_password?,
            from_address: from_address?.to_owned(),
            host: host?,
            port,
            configuration_set,
            extra: Extra::of(fields),
        })
    }
}

impl Describe for EmailConfig {
    fn describe(&self, view: &mut View) {
        view.secret("smtpUser", self.smtp_user.as_str());
        view.secret("smtpPassword", &self.smtp_password);
        view.secret("fromAddress", self.from_address.as_str());
        view.shown("host", self.host.as_str());
        view.shown("port", self.port);
        view.optional("configurationSet", self.configuration_set.as_deref(), View::shown);
        view.secret("extra", &self.extra);
    }
}

impl fmt::Debug for EmailConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        view::debug("EmailConfig", self, f)
    }
}

impl Drop for EmailConfig {
    fn drop(&mut self) {
        self.smtp_user.zeroize();
        self.from_address.zeroize();
    }
}

fn is_address(text: &str) -> bool {
    let address = match text.rsplit_once('<') {
        Some((_, rest)) => rest.strip_suffix('>').unwrap_or_default(),
        None => text,
    };
    if text.contains(char::is_control) {
        return false;
    }
    let part = |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || "<>@,;".contains(c));
    address.trim().rsplit_once('@').is_some_and(|(user, domain)| part(user) && part(domain))
}
