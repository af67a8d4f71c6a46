//! AWS's error codes to ours: the one place that knows them.

use permisos_secrets_core::ErrorKind;
use serde::Deserialize;

/// Each code that AWS documents for Secrets Manager
/// ([operations](https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Operations.html),
/// [common](https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html)), for KMS and STS behind it,
/// and for IAM Identity Center and `aws login`. The kind decides what is retried and whether the environment may stand in.
const CODES: [(ErrorKind, &[&str]); 8] = [
    (
        ErrorKind::AccessDenied,
        &[
            "AccessDenied",
            "AccessDeniedException",
            "KMSAccessDeniedException",
            "NotAuthorized",
            "UnauthorizedOperation",
        ],
    ),
    (
        ErrorKind::ConfigInvalid,
        &[
            "InvalidAction",
            "InvalidParameterCombination",
            "InvalidParameterException",
            "InvalidParameterValue",
            "InvalidQueryParameter",
            "MalformedPolicyDocumentException",
            "MalformedQueryString",
            "MissingAction",
            "MissingParameter",
            "PreconditionNotMetException",
            "PublicPolicyException",
            "RequestEntityTooLargeException",
            "ResourceExistsException",
            "UnknownOperationException",
            "ValidationError",
            "ValidationException",
        ],
    ),
    (
        ErrorKind::DecryptionFailed,
        &[
            "CustomKeyStoreInvalidStateException",
            "DecryptionFailure",
            "DisabledException",
            "DryRunOperationException",
            "EncryptionFailure",
            "IncorrectKeyException",
            "InvalidArnException",
            "InvalidCiphertextException",
            "InvalidGrantTokenException",
            "InvalidKeyUsageException",
            "KMSDisabledException",
            "KMSInvalidStateException",
            "KMSNotFoundException",
            "KMSOptInRequired",
            // KMS's own: the key is not there.
            "NotFoundException",
            "UnsupportedOperationException",
        ],
    ),
    // A secret that is scheduled for deletion, or whose version has no such stage, is an invalid request.
    (ErrorKind::NotFound, &["InvalidRequestException", "ResourceNotFoundException"]),
    (
        ErrorKind::Throttled,
        &[
            "BandwidthLimitExceeded",
            "EC2ThrottledException",
            "KMSThrottlingException",
            "LimitExceededException",
            "PriorRequestNotComplete",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "ServiceQuotaExceededException",
            "SlowDown",
            "SlowDownException",
            "ThrottledException",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsError",
            "TooManyRequestsException",
            "TransactionInProgressException",
        ],
    ),
    (ErrorKind::Timeout, &["DependencyTimeoutException", "RequestTimeout", "RequestTimeoutException"]),
    (
        ErrorKind::Unauthenticated,
        &[
            "AuthorizationPendingException",
            "ExpiredToken",
            "ExpiredTokenException",
            "ExpiredTradeInTokenException",
            "IDPRejectedClaim",
            "IncompleteSignature",
            "IncompleteSignatureException",
            "InvalidAuthorizationMessageException",
            "InvalidClientException",
            "InvalidClientMetadataException",
            "InvalidClientTokenId",
            "InvalidGrantException",
            "InvalidIdentityToken",
            "InvalidIdentityTokenException",
            "InvalidRedirectUriException",
            "InvalidRequestRegionException",
            "InvalidScopeException",
            "InvalidSignatureException",
            "JWTPayloadSizeExceededException",
            // STS's, which has no Exception at its end.
            "MalformedPolicyDocument",
            "MissingAuthenticationToken",
            "MissingAuthenticationTokenException",
            "OptInRequired",
            "OutboundWebIdentityFederationDisabledException",
            "PackedPolicyTooLarge",
            "RegionDisabledException",
            "SessionDurationEscalationException",
            "SignatureDoesNotMatch",
            "UnauthorizedClientException",
            "UnauthorizedException",
            "UnrecognizedClientException",
            "UnsupportedGrantTypeException",
        ],
    ),
    (
        ErrorKind::Unavailable,
        &[
            "ConflictException",
            "IDPCommunicationError",
            "InternalFailure",
            "InternalServerError",
            "InternalServerException",
            "InternalServiceError",
            "InvalidNextTokenException",
            "KMSInternalException",
            "KeyUnavailableException",
            // What came is not what was sent.
            "MalformedHttpRequestException",
            "RequestAbortedException",
            // Those about the time of a request are the clock's, not the caller's, and pass once it is right.
            "RequestExpired",
            "RequestInTheFuture",
            "RequestTimeTooSkewed",
            "ServiceUnavailable",
            "ServiceUnavailableException",
        ],
    ),
];

/// Codes that stand for several things, which a message tells apart by one of these phrases in small letters.
const SAID: [Said; 14] = [
    said("InvalidRequestException", "deletion", ErrorKind::NotFound, "it is scheduled for deletion"),
    said("InvalidRequestException", "marked deleted", ErrorKind::NotFound, "it is scheduled for deletion"),
    said("InvalidRequestException", "different aws account", ErrorKind::DecryptionFailed, FOREIGN_KEY),
    said("InvalidRequestException", "kms", ErrorKind::DecryptionFailed, "it is about the secret's KMS key"),
    said("InvalidRequestException", "previous rotation", ErrorKind::Unavailable, "a rotation is still under way"),
    said(
        "InvalidRequestException",
        "lambda",
        ErrorKind::ConfigInvalid,
        "the secret has no rotation function that can be used",
    ),
    said(
        "InvalidRequestException",
        "managed by",
        ErrorKind::ConfigInvalid,
        "another service of AWS manages the secret, and changes it alone",
    ),
    said(
        "ResourceNotFoundException",
        "staging label",
        ErrorKind::NotFound,
        "the secret is there, but has no value with that label",
    ),
    said("AccessDeniedException", "kms", ErrorKind::AccessDenied, "it is the secret's KMS key that is refused"),
    said(
        "AccessDeniedException",
        "ciphertext refers to",
        ErrorKind::AccessDenied,
        "the secret's KMS key is refused, or is not there",
    ),
    said("AccessDeniedException", "vpc endpoint policy", ErrorKind::AccessDenied, "a VPC endpoint's policy refuses it"),
    said(
        "AccessDeniedException",
        "service control policy",
        ErrorKind::AccessDenied,
        "a service control policy of the organization refuses it",
    ),
    said(
        "AccessDeniedException",
        "permissions boundary",
        ErrorKind::AccessDenied,
        "the role's permissions boundary refuses it",
    ),
    said(
        "InvalidSignatureException",
        "scoped to a valid region",
        ErrorKind::Unauthenticated,
        "the endpoint is of another region than `region`",
    ),
];
const FOREIGN_KEY: &str = "the secret of another account is encrypted with that account's own key for Secrets Manager, \
                           which no other account may use: encrypt it with a customer managed key whose policy lets this \
                           account decrypt";

struct Said {
    code: &'static str,
    phrase: &'static str,
    kind: ErrorKind,
    hint: &'static str,
}

const fn said(code: &'static str, phrase: &'static str, kind: ErrorKind, hint: &'static str) -> Said {
    Said { code, phrase, kind, hint }
}

/// The kind of an error that AWS answers, and what its message adds, in our words. Throttling is an HTTP 400 too, so the
/// code decides; the status only where the code is not known.
pub(crate) fn meaning(code: &str, message: &str, status: u16) -> (ErrorKind, Option<&'static str>) {
    let message = message.to_ascii_lowercase();
    match SAID.iter().find(|said| said.code == code && message.contains(said.phrase)) {
        Some(said) => (said.kind, Some(said.hint)),
        None => (known(code).unwrap_or_else(|| by_status(status)), None),
    }
}

/// What happened, and what the message adds.
pub(crate) fn hinted(happened: String, hint: Option<&str>) -> String {
    match hint {
        Some(hint) => format!("{happened}: {hint}"),
        None => happened,
    }
}

/// Whether a call is worth a second attempt at once: what passes by itself.
pub(crate) fn is_transient(code: &str, message: &str) -> bool {
    let is_known = known(code).is_some();
    is_of_the_clock(code, message) || is_known && meaning(code, message, 0).0.is_retryable()
}

fn known(code: &str) -> Option<ErrorKind> {
    CODES.iter().find(|(_, codes)| codes.contains(&code)).map(|(kind, _)| *kind)
}

fn by_status(status: u16) -> ErrorKind {
    match status {
        401 => ErrorKind::Unauthenticated,
        403 => ErrorKind::AccessDenied,
        404 => ErrorKind::NotFound,
        408 => ErrorKind::Timeout,
        429 => ErrorKind::Throttled,
        400..=499 => ErrorKind::ConfigInvalid,
        _ => ErrorKind::Unavailable,
    }
}

/// Whether a server refused the time at which a call was signed. Some codes say so, of others only the message does.
pub(crate) fn is_of_the_clock(code: &str, message: &str) -> bool {
    matches!(code, "RequestExpired" | "RequestInTheFuture" | "RequestTimeTooSkewed")
        || (known(code) == Some(ErrorKind::Unauthenticated) || known(code) == Some(ErrorKind::AccessDenied))
            && (message.starts_with("Signature expired") || message.starts_with("Signature not yet current"))
}

/// The error code and the message of an answer in the AWS JSON protocols. The message may quote anything: it decides, it
/// is never shown.
pub(crate) fn code_and_message(body: &[u8]) -> (String, String) {
    #[derive(Default, Deserialize)]
    struct Answer {
        #[serde(default, rename = "__type", alias = "code", alias = "Code")]
        code: String,
        #[serde(default, alias = "Message")]
        message: String,
    }
    let Answer { code, message } = serde_json::from_slice(body).unwrap_or_default();
    (bare(&code).to_owned(), message)
}

/// An error code without the namespace before it and the URI after it.
pub(crate) fn bare(code: &str) -> &str {
    code.rsplit('#').next().unwrap_or_default().split(':').next().unwrap_or_default()
}

/// An error code as it is shown: what is not known could be anything.
pub(crate) fn known_code(code: &str) -> &str {
    if known(code).is_some() { code } else { "an unknown error" }
}

/// A version or request id from a server, made safe to show: nothing else of what a server says is passed on.
pub(crate) fn sanitised(text: &str) -> String {
    const LIMIT: usize = 64;
    text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(LIMIT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_one_row_and_stands_in_its_order() {
        let codes: Vec<&str> = CODES.iter().flat_map(|(_, codes)| codes.iter().copied()).collect();
        let unique: std::collections::BTreeSet<&str> = codes.iter().copied().collect();
        assert_eq!(unique.len(), codes.len());
        assert!(CODES.iter().all(|(_, codes)| codes.is_sorted()) && CODES.is_sorted_by_key(|(kind, _)| *kind as usize));
        assert!(SAID.iter().all(|said| unique.contains(said.code) && said.phrase == said.phrase.to_lowercase()));
    }

    /// The SDK's own lists are Secrets Manager's, STS's and those of IAM Identity Center and `aws login`.
    #[test]
    fn each_code_that_the_sdk_knows_has_a_row() {
        let metadata = std::process::Command::new(env!("CARGO"))
            .args(["metadata", "--offline", "--format-version=1", "--filter-platform", "x86_64-unknown-linux-gnu"])
            .output()
            .unwrap();
        let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).unwrap();
        let mut count = 0;
        for package in metadata["packages"].as_array().unwrap() {
            let (name, manifest) = (package["name"].as_str().unwrap(), package["manifest_path"].as_str().unwrap());
            let Some(service) = name.strip_prefix("aws-sdk-") else { continue };
            let folder = std::path::Path::new(manifest).with_file_name("src").join("protocol_serde");
            for file in std::fs::read_dir(folder).unwrap() {
                let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
                for line in text.lines().filter(|line| line.contains("\" => crate::operation::")) {
                    let code = line.trim().split('"').nth(1).unwrap();
                    assert!(known(code).is_some(), "{code} of {service} has no row");
                    count += 1;
                }
            }
        }
        assert!(count > 100, "{count}");
    }

    #[test]
    fn an_unknown_code_is_told_by_status() {
        let kind = |status| meaning("Novelty", "", status).0;
        assert_eq!(
            [kind(503), kind(429), kind(403)],
            [ErrorKind::Unavailable, ErrorKind::Throttled, ErrorKind::AccessDenied]
        );
    }

    #[test]
    fn what_a_server_says_is_cut_to_letters_digits_and_hyphens() {
        assert_eq!(sanitised("Access<b>Denied\n\u{1b}[31m"), "AccessbDenied31m");
        assert_eq!(sanitised(&"x".repeat(1000)).len(), 64);
    }
}
