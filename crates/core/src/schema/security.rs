//! Keys that sign sessions and tokens.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use super::Fields;
use super::view::{self, Describe, Extra, View};
use crate::error::Rule;

/// The shortest session secret: express-session's cookies are signed with HMAC-SHA256, a key of 32 bytes.
const SESSION_SECRET_LENGTH: usize = 32;
/// RFC 7518, section 3.2: a key for HS256 is at least as long as the hash.
const JWT_SECRET_LENGTH: usize = 32;

/// Keys that sign sessions and tokens, with those of before a rotation while they are still honoured.
pub struct SecurityConfig {
    /// Signs new sessions; at least 32 characters.
    pub session_secret: SecretString,
    /// Signs new tokens.
    pub jwt_secret: SecretString,
    /// Authenticates internal callers.
    pub internal_api_key: SecretString,
    /// What verifies sessions: the current secret first, then the previous one.
    pub session_secrets: Vec<SecretString>,
    /// What verifies tokens: the current secret first, then the previous one.
    pub jwt_secrets: Vec<SecretString>,
    /// Fields that the schema does not name.
    pub extra: std::sync::Arc<Extra>,
}

impl SecurityConfig {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let session_secret = fields.required_secret("sessionSecret");
        let jwt_secret = fields.required_secret("jwtSecret");
        let internal_api_key = fields.required_secret("internalApiKey");
        let is_short = |secret: &Option<SecretString>, length: usize| {
            secret.as_ref().is_some_and(|secret| secret.expose_secret().chars().count() < length)
        };
        if is_short(&session_secret, SESSION_SECRET_LENGTH) {
            fields.violate("sessionSecret", Rule::MinLength, "must have at least 32 characters");
        }
        if is_short(&jwt_secret, JWT_SECRET_LENGTH) {
            let phrase = "has under 32 characters: RFC 7518 wants a key as long as the hash";
            fields.warn("jwtSecret", Rule::MinLength, phrase);
        }
        let (session_secret, jwt_secret) = (session_secret?, jwt_secret?);
        Some(Self {
            session_secrets: vec![session_secret.clone()],
            jwt_secrets: vec![jwt_secret.clone()],
            session_secret,
            jwt_secret,
            internal_api_key: internal_api_key?,
            extra: Extra::of(fields).into(),
        })
    }

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

impl Describe for SecurityConfig {
    fn describe(&self, view: &mut View) {
        view.secret("sessionSecret", &self.session_secret);
        view.secret("jwtSecret", &self.jwt_secret);
        view.secret("internalApiKey", &self.internal_api_key);
        view.secret("sessionSecrets", self.session_secrets.as_slice());
        view.secret("jwtSecrets", self.jwt_secrets.as_slice());
        view.secret("extra", &*self.extra);
    }
}

impl fmt::Debug for SecurityConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        view::debug("SecurityConfig", self, f)
    }
}
