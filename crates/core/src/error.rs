//! The one table of errors: every runtime, the CLI's exit codes included, reads it from here.

use std::fmt;
use std::sync::Arc;

use serde::de::Error as _;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::service::{Service, ServiceId};
use crate::text::{escape_pointer, nearest};

/// Why a secret could not be read. Coarse on purpose: each kind says what the caller must do. In JSON it is its code.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ErrorKind {
    /// The role may not read the secret or use its KMS key. Grant the action named in the message.
    AccessDenied,
    /// An option or a name is wrong. Fix the option named.
    ConfigInvalid,
    /// KMS could not decrypt the secret. Check the key, its state and its policy.
    DecryptionFailed,
    /// The stored payload or the environment is malformed or violates the schema. Fix every violation listed.
    Invalid,
    /// The secret does not exist in the region, or is scheduled for deletion. Create or restore it.
    NotFound,
    /// A read before the first load, or after the end. Load, and wait for it, first.
    NotReady,
    /// Secrets Manager limits the rate. Retried by itself.
    Throttled,
    /// The deadline passed. Retried by itself.
    Timeout,
    /// No credentials, or expired ones. Check what the credential chain tried.
    Unauthenticated,
    /// Connection failed, or the server answered 5xx. Retried by itself.
    Unavailable,
}

/// One row of the error table.
struct Row {
    kind: ErrorKind,
    code: &'static str,
    retryable: bool,
    permits_fallback: bool,
    exit_code: u8,
}

const fn row(kind: ErrorKind, code: &'static str, retryable: bool, permits_fallback: bool, exit_code: u8) -> Row {
    Row { kind, code, retryable, permits_fallback, exit_code }
}

// kind, code, retryable, permits the environment fallback, exit code (after sysexits.h where it has one).
const TABLE: [Row; 10] = [
    row(ErrorKind::AccessDenied, "SECRETS_ACCESS_DENIED", false, true, 77),
    row(ErrorKind::ConfigInvalid, "SECRETS_CONFIG_INVALID", false, false, 78),
    row(ErrorKind::DecryptionFailed, "SECRETS_DECRYPTION_FAILED", false, true, 76),
    row(ErrorKind::Invalid, "SECRETS_INVALID", false, false, 65),
    row(ErrorKind::NotFound, "SECRETS_NOT_FOUND", false, true, 66),
    row(ErrorKind::NotReady, "SECRETS_NOT_READY", false, false, 70),
    row(ErrorKind::Throttled, "SECRETS_THROTTLED", true, true, 75),
    row(ErrorKind::Timeout, "SECRETS_TIMEOUT", true, true, 74),
    row(ErrorKind::Unauthenticated, "SECRETS_UNAUTHENTICATED", false, true, 67),
    row(ErrorKind::Unavailable, "SECRETS_UNAVAILABLE", true, true, 69),
];

impl ErrorKind {
    /// Every kind, in alphabetical order.
    pub const ALL: [Self; 10] = {
        let mut all = [Self::AccessDenied; 10];
        let mut index = 0;
        while index < TABLE.len() {
            all[index] = TABLE[index].kind;
            index += 1;
        }
        all
    };

    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// The stable code in JavaScript and Python, e.g. `SECRETS_NOT_FOUND`.
    pub fn code(self) -> &'static str {
        self.row().code
    }

    /// The kind of a code.
    pub(crate) fn of(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_retryable(self) -> bool {
        self.row().retryable
    }

    /// Whether this is a failure to retrieve, for which the environment may stand in; a bad payload is not.
    pub fn permits_fallback(self) -> bool {
        self.row().permits_fallback
    }

    /// The command line's exit code.
    pub fn exit_code(self) -> u8 {
        self.row().exit_code
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for ErrorKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for ErrorKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        Self::of(&code).ok_or_else(|| D::Error::custom("is not an error code"))
    }
}

/// The rule that a value broke.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A certificate that has expired (a warning).
    CertificateExpired,
    /// An address such as `name@example.com`, or `Name <name@example.com>`.
    EmailAddress,
    /// A secret of the database that the service is for.
    Engine,
    /// The file that a variable names could be read by the host.
    FileReadable,
    /// A host name or IP address.
    Host,
    /// An absolute `https` URL.
    HttpsUrl,
    /// Well-formed JSON.
    Json,
    /// At most this many characters.
    MaxLength,
    /// At most the size that Secrets Manager stores.
    MaxSize,
    /// At least this many characters.
    MinLength,
    /// A Stripe key of the mode that the environment calls for (a warning).
    Mode,
    /// A secret name or ARN by AWS's rules.
    Name,
    /// A name that ends like the suffix of an ARN (a warning).
    NameSuffix,
    /// One of the texts that are listed.
    OneOf,
    /// Matches the pattern.
    Pattern,
    /// PEM, or base64 of PEM: certificates, one at least, each of them readable.
    PemCertificate,
    /// Not a known placeholder.
    Placeholder,
    /// Starts with a known prefix.
    Prefix,
    /// A number inside its range.
    Range,
    /// Present and not empty.
    Required,
    /// Public and private key are of the same mode, test or live.
    SameMode,
    /// A sealed snapshot that can be opened, used and written.
    Snapshot,
    /// TLS towards a server that has it (a warning).
    Tls,
    /// Text: a binary secret has no fields.
    Text,
    /// A value of the expected type.
    Type,
    /// A unique name.
    Unique,
    /// An option that exists.
    UnknownOption,
    /// An absolute URL.
    Url,
}

impl fmt::Display for Rule {
    /// Its name as in JSON, e.g. `min-length`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// One broken rule. Holds no value and no part of one.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Violation {
    /// Where: a JSON pointer (RFC 6901) into the payload or the options, e.g. `/ssl/ca`.
    pub path: String,
    /// Which rule.
    pub rule: Rule,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The whole.
            Self { path, message, .. } if path.is_empty() => write!(f, "{message}"),
            Self { path, message, .. } => write!(f, "{path}: {message}"),
        }
    }
}

/// The error of every operation: a kind, what happened, what to do. Never holds a value or a part of one.
#[derive(Clone, thiserror::Error)]
#[error("{}", self.message())]
pub struct Error(pub(crate) Arc<Details>);

#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Details {
    pub(crate) kind: ErrorKind,
    pub(crate) service: Option<ServiceId>,
    pub(crate) message: String,
    pub(crate) violations: Vec<Violation>,
    pub(crate) errors: Vec<Error>,
}

impl Error {
    /// An error that concerns no single service.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Arc::new(Details { kind, service: None, message: message.into(), violations: vec![], errors: vec![] }))
    }

    /// An error of one service.
    pub fn of(service: ServiceId, kind: ErrorKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Arc::new(Details { kind, service: Some(service), message, violations: vec![], errors: vec![] }))
    }

    /// The error of every read once the secrets are closed.
    pub fn closed(service: &ServiceId) -> Self {
        let message = format!("{service} cannot be read: the secrets are closed; load them again");
        Self::of(service.clone(), ErrorKind::NotReady, message)
    }

    /// The error for a service or custom secret that the options do not name.
    pub fn not_configured(service: &ServiceId) -> Self {
        // The id of a built-in one is no slip.
        let is_built_in = matches!(service, ServiceId::BuiltIn(_));
        Self::not_among(service, Service::ALL.into_iter().filter(|_| !is_built_in).map(Service::as_str))
    }

    /// The same where it is known what the options name.
    pub fn not_among<'s>(service: &ServiceId, known: impl Iterator<Item = &'s str>) -> Self {
        let hint = nearest(service.as_str(), known)
            .map_or_else(|| "add it there".to_owned(), |near| format!("did you mean `{near}`?"));
        let message = format!("{service} is not among the services and secrets of the options: {hint}");
        Self::of(service.clone(), ErrorKind::ConfigInvalid, message)
    }

    /// The error for a built-in service where a custom secret is asked for.
    pub fn not_custom(service: &ServiceId) -> Self {
        Self::of(
            service.clone(),
            ErrorKind::ConfigInvalid,
            format!("{service} is not a custom secret: it is built in, and has a getter of its own"),
        )
    }

    /// The error with an explanation in a line of its own. Where several errors have it, it is said once: see
    /// [`several`](Self::several).
    pub(crate) fn explained(self, why: Option<&str>) -> Self {
        match why {
            Some(why) => self.with(format!("{}\n{why}", self.message()), self.violations().to_vec()),
            None => self,
        }
    }

    /// An error of the same kind and service with other words.
    pub(crate) fn with(&self, message: String, violations: Vec<Violation>) -> Self {
        let (kind, service) = (self.kind(), self.service().cloned());
        Self(Arc::new(Details { kind, service, message, violations, errors: vec![] }))
    }

    /// An error that lists everything that is wrong; the message repeats the list for those who see only it.
    pub fn violating(
        kind: ErrorKind,
        service: Option<ServiceId>,
        summary: impl fmt::Display,
        violations: Vec<Violation>,
    ) -> Self {
        let mut message = summary.to_string();
        for violation in &violations {
            message.push_str("\n  ");
            message.push_str(&violation.to_string());
        }
        Self(Arc::new(Details { kind, service, message, violations, errors: vec![] }))
    }

    /// One error out of those of several services. A single one stays as it is; of several, the first gives the kind,
    /// and the violations' paths start with the service: `/database/password`.
    pub fn several(mut errors: Vec<Self>) -> Option<Self> {
        if errors.len() < 2 {
            return errors.pop();
        }
        let mut message = format!("{} services have no usable config", errors.len());
        let mut violations = vec![];
        // The explanation that all of them have.
        let last = errors[0].message().lines().next_back().unwrap_or_default();
        let is_common = |it: &String| errors.iter().all(|error| error.message().ends_with(it));
        let common = Some(format!("\n{last}")).filter(|it| !last.starts_with(' ') && is_common(it));
        for error in &errors {
            message.push('\n');
            message.push_str(error.message().strip_suffix(common.as_deref().unwrap_or_default()).unwrap_or_default());
            let service = error.service().map(ServiceId::as_str).unwrap_or_default();
            violations.extend(error.violations().iter().map(|violation| Violation {
                path: format!("/{}{}", escape_pointer(service), violation.path),
                ..violation.clone()
            }));
        }
        message.push_str(common.as_deref().unwrap_or_default());
        Some(Self(Arc::new(Details { kind: errors[0].kind(), service: None, message, violations, errors })))
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The service concerned, where it is one.
    pub fn service(&self) -> Option<&ServiceId> {
        self.0.service.as_ref()
    }

    /// What happened and what to do.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Every broken rule, for `Invalid` and `ConfigInvalid`.
    pub fn violations(&self) -> &[Violation] {
        &self.0.violations
    }

    /// The errors of the single services, where this one sums up several.
    pub fn errors(&self) -> &[Self] {
        &self.0.errors
    }

    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        self.kind().is_retryable()
    }
}

impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Details { kind, service, message, violations, errors } = &*self.0;
        let mut object = serializer.serialize_struct("Error", 6)?;
        object.serialize_field("code", kind)?;
        object.serialize_field("retryable", &kind.is_retryable())?;
        object.serialize_field("service", service)?;
        object.serialize_field("message", message)?;
        object.serialize_field("violations", violations)?;
        object.serialize_field("errors", errors)?;
        object.end()
    }
}

impl<'de> Deserialize<'de> for Error {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// Whether it is retryable follows from the code.
        #[derive(Deserialize)]
        struct Document {
            code: ErrorKind,
            service: Option<ServiceId>,
            message: String,
            violations: Vec<Violation>,
            errors: Vec<Error>,
        }
        let Document { code: kind, service, message, violations, errors } = Document::deserialize(deserializer)?;
        Ok(Self(Arc::new(Details { kind, service, message, violations, errors })))
    }
}

impl Eq for Error {}

impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Details { kind, service, message, violations, errors: _ } = &*self.0;
        f.debug_struct("Error")
            .field("kind", kind)
            .field("service", service)
            .field("message", message)
            .field("violations", violations)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for (index, row) in TABLE.iter().enumerate() {
            assert_eq!(row.kind as usize, index);
        }
    }

    #[test]
    fn codes_and_exit_codes_are_unique() {
        let mut codes: Vec<_> = ErrorKind::ALL.iter().map(|kind| kind.code()).collect();
        let mut exits: Vec<_> = ErrorKind::ALL.iter().map(|kind| kind.exit_code()).collect();
        codes.sort_unstable();
        codes.dedup();
        exits.sort_unstable();
        exits.dedup();
        assert_eq!((codes.len(), exits.len()), (10, 10));
    }

    #[test]
    fn several_errors_list_every_violation_under_its_service() {
        let violation =
            |path: &str| Violation { path: path.into(), rule: Rule::Required, message: "is required".into() };
        let invalid = |service: crate::Service| {
            Error::violating(ErrorKind::Invalid, Some(service.into()), "bad", vec![violation("/host")])
        };
        let error = Error::several(vec![invalid(crate::Service::Database), invalid(crate::Service::Redis)]).unwrap();
        let paths: Vec<_> = error.violations().iter().map(|violation| violation.path.as_str()).collect();
        assert_eq!(paths, ["/database/host", "/redis/host"]);
        assert_eq!(error.errors().len(), 2);
    }
}
