//! AWS's error codes to ours: the one place that knows them.

use permisos_secrets_core::ErrorKind;
use serde::Deserialize;

/// The kind of an error that Secrets Manager (or KMS or STS behind it) answers. Throttling is an HTTP 400 too, so the
/// code decides; the status only where the code is not known.
pub(crate) fn kind(code: &str, status: u16) -> ErrorKind {
    known(code).unwrap_or_else(|| by_status(status))
}

fn known(code: &str) -> Option<ErrorKind> {
    Some(match code {
        "AccessDenied" | "AccessDeniedException" | "KMSAccessDeniedException" | "UnauthorizedOperation" => {
            ErrorKind::AccessDenied
        }
        "DecryptionFailure" | "DisabledException" | "EncryptionFailure" | "KMSInvalidStateException" => {
            ErrorKind::DecryptionFailed
        }
        // A secret that is scheduled for deletion, or whose version has no such stage, is an invalid request.
        "InvalidRequestException" | "ResourceNotFoundException" => ErrorKind::NotFound,
        // Those about the time of a request are the clock's, not the caller's, and pass once it is right.
        "IDPCommunicationError"
        | "InternalFailure"
        | "InternalServerError"
        | "InternalServiceError"
        | "InvalidNextTokenException"
        | "RequestAbortedException"
        | "RequestExpired"
        | "RequestInTheFuture"
        | "RequestTimeTooSkewed"
        | "ServiceUnavailable" => ErrorKind::Unavailable,
        "InvalidParameterException" | "ResourceExistsException" | "ValidationException" => ErrorKind::ConfigInvalid,
        "EC2ThrottledException"
        | "BandwidthLimitExceeded"
        | "LimitExceededException"
        | "PriorRequestNotComplete"
        | "ProvisionedThroughputExceededException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "SlowDown"
        | "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "TooManyRequestsException"
        | "TransactionInProgressException" => ErrorKind::Throttled,
        "RequestTimeout" | "RequestTimeoutException" => ErrorKind::Timeout,
        "ExpiredToken"
        | "ExpiredTokenException"
        | "IDPRejectedClaim"
        | "IncompleteSignature"
        | "InvalidClientTokenId"
        | "InvalidIdentityToken"
        | "InvalidIdentityTokenException"
        | "InvalidSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "NotAuthorized"
        | "OptInRequired"
        | "SignatureDoesNotMatch"
        | "UnauthorizedException"
        | "UnrecognizedClientException" => ErrorKind::Unauthenticated,
        _ => return None,
    })
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
    fn throttling_is_told_by_code_although_it_is_a_400() {
        assert_eq!(kind("ThrottlingException", 400), ErrorKind::Throttled);
        assert_eq!(kind("TooManyRequestsException", 400), ErrorKind::Throttled);
    }

    #[test]
    fn an_unknown_code_is_told_by_status() {
        assert_eq!(kind("Novelty", 503), ErrorKind::Unavailable);
        assert_eq!(kind("Novelty", 429), ErrorKind::Throttled);
        assert_eq!(kind("Novelty", 403), ErrorKind::AccessDenied);
    }

    #[test]
    fn what_a_server_says_is_cut_to_letters_digits_and_hyphens() {
        assert_eq!(sanitised("Access<b>Denied\n\u{1b}[31m"), "AccessbDenied31m");
        assert_eq!(sanitised(&"x".repeat(1000)).len(), 64);
    }
}
