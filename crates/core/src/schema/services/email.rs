//! SMTP credentials, by default of Amazon SES.

use permisos_secrets_derive::Secret;
use secrecy::SecretString;

use crate::schema::context::Context;
use crate::schema::values::{Extra, Values};

/// How to send mail over SMTP, by default of Amazon SES.
#[derive(Secret)]
#[secret(id = "email/credentials", service = "email")]
pub struct EmailConfig {
    /// The SMTP user.
    #[field(variable = "EMAIL_USER", renewed, example = "<user>")]
    pub smtp_user: String,
    /// The SMTP password (for SES derived from an IAM key, not the key itself).
    #[field(variable = "EMAIL_PASS", password, renewed, example = "<password>")]
    pub smtp_password: SecretString,
    /// The sender, `name@example.com` or `Name <name@example.com>`.
    #[field(variable = "EMAIL_FROM", email_address, example = "Permisos <hola@example.com>")]
    pub from_address: String,
    /// The server; SES in the secret's region where none is stored.
    #[field(variable = "EMAIL_HOST", host, visible, default_with(ses_host, "SES in the secret's region"))]
    #[field(example = "email-smtp.us-east-1.amazonaws.com")]
    pub host: String,
    /// Port; 587 where none is stored.
    // SES's port for STARTTLS.
    #[field(variable = "EMAIL_PORT", range(1, 65_535), default = 587, visible)]
    pub port: u16,
    /// SES's configuration set, where one is used.
    #[field(visible, example = "permisos")]
    pub configuration_set: Option<String>,
    /// Fields that the schema does not name.
    pub extra: Extra,
}

fn ses_host(context: &Context<'_>, _around: &Values) -> Option<String> {
    context.region.map(|region| format!("email-smtp.{region}.amazonaws.com"))
}
