//! How AWS is reached, and what its failures mean: the same for the source and for the administrator's calls.

use std::env;
use std::error::Error as StdError;
use std::time::Duration;

use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::RequestId;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_http_client::tls;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use permisos_secrets_core::{Connection, ErrorKind, Failure};
use rustls::CertificateError;

use crate::table;

/// The SDK tries a call once more; after that the engine's own wait is the better one.
const ATTEMPTS: u32 = 2;
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
pub(crate) const NO_CREDENTIALS: &str = "AWS's credential chain found no valid credentials";
/// A server that asks for a longer wait is not believed.
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(1);

/// One region and how its services are called.
pub(crate) struct Reached {
    pub(crate) region: String,
    pub(crate) config: SdkConfig,
    /// The endpoint that the options name. For each service's own configuration: in the shared one, the variable
    /// `AWS_ENDPOINT_URL` would win over it.
    pub(crate) endpoint_url: Option<String>,
}

/// Region (none: the one that the AWS configuration names), credentials, endpoint and time-outs. Contacts nobody yet.
pub(crate) async fn reach(
    connection: &Connection,
    region: Option<&str>,
    credentials: Option<&SharedCredentialsProvider>,
) -> Result<Reached, Failure> {
    let http = aws_smithy_http_client::Builder::new();
    let http = if needs_tls(connection) {
        http.tls_provider(tls::Provider::Rustls(CryptoMode::Ring)).build_https()
    } else {
        http.build_http()
    };
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(connection.timeout.min(CONNECT_TIMEOUT))
        .operation_timeout(connection.timeout)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS));
    if let Some(region) = region {
        loader = loader.region(Region::new(region.to_owned()));
    }
    if let Some(profile) = &connection.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(credentials) = credentials {
        loader = loader.credentials_provider(credentials.clone());
    }
    let shared = loader.load().await;
    let Some(region) = shared.region().map(ToString::to_string) else {
        let message = "no region is configured: set the option `region` (--region) or the variable AWS_REGION";
        return Err(failure(ErrorKind::ConfigInvalid, message));
    };
    let mut config = shared.to_builder();
    if let Some(role) = &connection.role_arn {
        let role = AssumeRoleProvider::builder(role).session_name("permisos-secrets").configure(&shared);
        config = config.credentials_provider(SharedCredentialsProvider::new(role.build().await));
    }
    let endpoint_url = connection.endpoint_url.as_ref().map(|url| url.replace("{region}", &region));
    Ok(Reached { region, config: config.build(), endpoint_url })
}

/// Reading the system's certificates takes milliseconds: not for a server without TLS, where no provider of credentials
/// is asked either.
fn needs_tls(connection: &Connection) -> bool {
    let is_plain = connection.endpoint_url.as_ref().is_some_and(|url| url.starts_with("http://"));
    let is_named =
        connection.role_arn.is_some() || connection.profile.is_some() || env::var_os("AWS_PROFILE").is_some();
    !is_plain || is_named || env::var_os("AWS_ACCESS_KEY_ID").is_none()
}

/// What happened at a place (an operation in a region), in our own words: a server's may quote anything.
pub(crate) fn describe<E>(place: &str, error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    if let Some(failure) = without_credentials(place, error) {
        return failure;
    }
    match error {
        SdkError::TimeoutError(_) => failure(ErrorKind::Timeout, &format!("{place} timed out")),
        SdkError::DispatchFailure(dispatch) if dispatch.is_timeout() => {
            failure(ErrorKind::Timeout, &format!("{place} timed out"))
        }
        SdkError::DispatchFailure(_) => {
            let why = certificate_fault(error).map(|what| format!(": {what}")).unwrap_or_default();
            failure(ErrorKind::Unavailable, &format!("{place} found no connection{why}"))
        }
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            let code = answer.err().code().unwrap_or_default();
            let request = answer.err().meta().request_id().unwrap_or_default();
            let retry_after = answer.raw().headers().get("retry-after").and_then(|text| text.trim().parse().ok());
            let retry_after = retry_after.map(|it| Duration::from_secs(it).min(LONGEST_RETRY_AFTER));
            Failure { retry_after, ..answered(place, code, status, request) }
        }
        _ => failure(ErrorKind::Unavailable, &format!("{place} was answered by something malformed")),
    }
}

/// Why a call could not be signed, if that is what failed.
pub(crate) fn without_credentials(place: &str, error: &(dyn StdError + 'static)) -> Option<Failure> {
    let because = |kind, why: &str| Some(failure(kind, &format!("{place} was not sent: {why}")));
    match (credentials_out_of_reach(error), refused_role(error)) {
        (Some(kind), _) => {
            let what = if kind == ErrorKind::Timeout { "did not answer in time" } else { "could not be reached" };
            because(kind, &format!("the provider of its credentials (STS, SSO or a metadata service) {what}"))
        }
        (None, Some(code)) => {
            let why = format!(
                "sts:AssumeRole answered {}; allow it on the role, and the caller in the role's trust policy",
                table::shown(code)
            );
            because(ErrorKind::Unauthenticated, &why)
        }
        (None, None) if is_credentials(error) => because(ErrorKind::Unauthenticated, NO_CREDENTIALS),
        (None, None) => None,
    }
}

/// The failure that a server's answer means.
pub(crate) fn answered(place: &str, code: &str, status: u16, request_id: &str) -> Failure {
    let request = table::sanitised(request_id);
    let request = if request.is_empty() { request } else { format!(", request {request}") };
    let message = format!("{place} answered {} (HTTP {status}{request})", table::shown(code));
    failure(table::kind(code, status), &message)
}

pub(crate) fn failure(kind: ErrorKind, message: &str) -> Failure {
    Failure { kind, message: message.to_owned(), retry_after: None }
}

/// STS's answer, where it is why there are no credentials.
fn refused_role<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e str> {
    causes(error).find_map(|cause| match cause.downcast_ref::<SdkError<AssumeRoleError, HttpResponse>>() {
        Some(SdkError::ServiceError(answer)) => answer.err().code(),
        _ => None,
    })
}

fn is_credentials(error: &(dyn StdError + 'static)) -> bool {
    causes(error).any(<dyn StdError>::is::<CredentialsError>)
}

/// Whether there may well be credentials, only not now. A chain that found none is not meant: its last link, a metadata
/// service, is out of reach wherever there is none.
fn credentials_out_of_reach(error: &(dyn StdError + 'static)) -> Option<ErrorKind> {
    let cause = causes(error).find_map(|cause| cause.downcast_ref::<CredentialsError>())?;
    match cause {
        CredentialsError::ProviderTimedOut(_) => Some(ErrorKind::Timeout),
        CredentialsError::ProviderError(_) => {
            let lost = causes(cause).find_map(|cause| cause.downcast_ref::<ConnectorError>())?;
            Some(if lost.is_timeout() { ErrorKind::Timeout } else { ErrorKind::Unavailable })
        }
        _ => None,
    }
}

/// What is wrong with the server's certificate, if that is why there is no connection.
fn certificate_fault(error: &(dyn StdError + 'static)) -> Option<&'static str> {
    let fault = causes(error).find_map(|cause| match cause.downcast_ref() {
        Some(rustls::Error::InvalidCertificate(fault)) => Some(fault),
        _ => None,
    })?;
    Some(match fault {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired, or this machine's clock is wrong"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another host"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet, or this machine's clock is wrong"
        }
        _ => "its certificate is not trusted",
    })
}

/// An error and what caused it, in turn.
fn causes<'e>(error: &'e (dyn StdError + 'static)) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| cause(*error))
}

fn cause<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e (dyn StdError + 'static)> {
    // An I/O error hides the one that it wraps.
    match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}
