//! SMTP credentials, by default of Amazon SES.

use permisos_secrets_derive::Secret;
use secrecy::SecretString;

use crate::name::Partition;
use crate::reader::Fields;
use crate::schema::context::Context;
use crate::schema::definition::Special;
use crate::schema::values::{Extra, Value, Values};

/// How to send mail over SMTP, by default of Amazon SES.
#[derive(Secret)]
#[secret(id = "email/credentials", service = "email", special = Email)]
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
    /// Whether TLS begins with the connection, as on port 465; on the others it begins with STARTTLS. As nodemailer's
    /// `secure`.
    #[field(derived, visible)]
    pub secure: bool,
    /// SES's configuration set, where one is used.
    #[field(visible, example = "permisos")]
    pub configuration_set: Option<String>,
    /// Fields that the schema does not name.
    pub extra: Extra,
}

/// SES is in these two partitions alone ([its endpoints](https://docs.aws.amazon.com/general/latest/gr/ses.html)).
fn ses_host(context: &Context<'_>, _around: &Values) -> Option<String> {
    let region = context.region?;
    let is_there = matches!(Partition::of(region).name, "aws" | "aws-us-gov");
    is_there.then(|| format!("email-smtp.{region}.amazonaws.com"))
}

#[derive(Debug)]
struct Email;

impl Special for Email {
    fn finish(&self, values: &mut Values, _fields: &mut Fields<'_, '_>, _context: &Context<'_>) {
        // SES's second port of the kind is 2465.
        let secure = values.integer("port").map(|port| Value::Boolean(matches!(port, 465 | 2465)));
        values.extend("secure".into(), secure);
    }
}
