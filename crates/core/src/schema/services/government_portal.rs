//! The government portal's login.

use permisos_secrets_derive::Secret;
use secrecy::SecretString;

use crate::schema::values::Extra;

/// The government portal's login.
#[derive(Secret)]
#[secret(id = "government/portal", service = "government-portal")]
pub struct GovernmentPortalConfig {
    /// The portal's user.
    #[field(variable = "GOVT_USERNAME", example = "<user>")]
    pub username: String,
    /// The user's password.
    #[field(variable = "GOVT_PASSWORD", password, renewed, example = "<password>")]
    pub password: SecretString,
    /// The login page; always `https`.
    #[field(variable = "GOVT_SITE_LOGIN_URL", https_url, example = "https://portal.example.com/login")]
    pub login_url: String,
    /// Fields that the schema does not name.
    pub extra: Extra,
}
