//! Keys that sign sessions and tokens.

use permisos_secrets_derive::Secret;
use secrecy::{ExposeSecret, SecretString};

use crate::error::Rule;
use crate::reader::Fields;
use crate::schema::context::Context;
use crate::schema::definition::Special;
use crate::schema::values::{Extra, Value, Values};

/// Keys that sign sessions and tokens, with the previous ones while they are still honoured after a rotation.
#[derive(Secret)]
#[secret(id = "security/session", service = "security", special = Security)]
pub struct SecurityConfig {
    /// Signs new sessions; at least 32 characters.
    // express-session's cookies are signed with HMAC-SHA256, a key of 32 bytes.
    #[field(variable = "SESSION_SECRET", password, min_length = 32, renewed)]
    #[field(example = "<at least 32 random characters>")]
    pub session_secret: SecretString,
    /// Signs new tokens; at least 32 characters are advised.
    #[field(variable = "JWT_SECRET", password, renewed, example = "<at least 32 random characters>")]
    pub jwt_secret: SecretString,
    /// Authenticates internal callers.
    #[field(variable = "INTERNAL_API_KEY", password, renewed, example = "<random characters>")]
    pub internal_api_key: SecretString,
    /// Sign with the first, verify with all: the current secret, then the previous one. As express-session's `secret`.
    #[field(derived)]
    pub session_secrets: Vec<SecretString>,
    /// Sign with the first, verify with all: the current secret, then the previous one.
    #[field(derived)]
    pub jwt_secrets: Vec<SecretString>,
    /// Fields that the schema does not name.
    pub extra: Extra,
}

impl SecurityConfig {
    /// The same keys, honouring those of the version before.
    pub(crate) fn with_previous(&self, previous: Option<&Self>) -> Self {
        let honoured = |current: &SecretString, previous: Option<&SecretString>| {
            let previous = previous.filter(|previous| previous.expose_secret() != current.expose_secret());
            std::iter::once(current).chain(previous).cloned().collect()
        };
        Self {
            session_secret: self.session_secret.clone(),
            jwt_secret: self.jwt_secret.clone(),
            internal_api_key: self.internal_api_key.clone(),
            session_secrets: honoured(&self.session_secret, previous.map(|previous| &previous.session_secret)),
            jwt_secrets: honoured(&self.jwt_secret, previous.map(|previous| &previous.jwt_secret)),
            extra: self.extra.clone(),
        }
    }
}

/// RFC 7518, section 3.2: a key for HS256 is at least as long as the hash.
const JWT_SECRET_LENGTH: usize = 32;

#[derive(Debug)]
struct Security;

impl Special for Security {
    fn finish(&self, values: &mut Values, fields: &mut Fields<'_, '_>, _context: &Context<'_>) {
        if values.text("jwtSecret").is_some_and(|secret| secret.chars().count() < JWT_SECRET_LENGTH) {
            let phrase = "has under 32 characters: RFC 7518 wants a key as long as the hash";
            fields.warn("jwtSecret", Rule::MinLength, phrase);
        }
        for (name, list) in [("sessionSecret", "sessionSecrets"), ("jwtSecret", "jwtSecrets")] {
            let current = values.secret(name).cloned();
            values.extend(list.into(), current.map(|current| Value::Texts(vec![current])));
        }
    }
}
