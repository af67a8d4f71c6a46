//! How AWS is setup, and what its failures mean: the same for the source and for the administrator's calls.

use std::error::Error as StdError;
use std::time::{Duration, SystemTime};

use aws_config::identity::IdentityCache;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::RequestId;
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use permisos_secrets_core::{Connection, ErrorKind, Failure};

use crate::credentials::{Chain, Reach};
use crate::fault::{Fault, failure};
use crate::network::{Cause, Client, Route, Unreachable, connect_timeout};
use crate::profile::Profiles;
use crate::table;

/// The SDK tries a call once more; after that the engine's own wait is the better one.
const ATTEMPTS: u32 = 2;
/// A server that asks for a longer wait is not believed.
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(1);

/// One region and how its services are called.
pub(crate) struct RegionSetup {
    pub(crate) region: String,
    pub(crate) config: SdkConfig,
    /// The endpoint that the options name. For each service's own configuration: in the shared one, the variable
    /// `AWS_ENDPOINT_URL` would win over it.
    pub(crate) endpoint_url: Option<String>,
    pub(crate) credentials: Chain,
    #[cfg(feature = "admin")]
    pub(crate) client: Client,
}

/// Region (none: the one that the AWS configuration names), credentials, endpoint and time-outs. No call yet, but
/// for a region that only instance metadata knows.
pub(crate) async fn set_up(
    connection: &Connection,
    region: Option<&str>,
    credentials: Option<&SharedCredentialsProvider>,
) -> Result<RegionSetup, Failure> {
    let profiles = Profiles::load(connection.profile.as_deref()).await;
    let ca_bundle = profiles.get("ca_bundle");
    let (aws, local) = (Client::new(Route::Proxied, ca_bundle), Client::new(Route::Direct, ca_bundle));
    let reach = Reach { aws: &aws, local: &local, limit: connection.timeout };
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(connect_timeout(connection.timeout))
        .operation_timeout(connection.timeout)
        .build();
    let region = match region {
        Some(region) => Some(aws_config::Region::new(region.to_owned())),
        None => reach.region(&profiles).await,
    };
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(aws.clone())
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .profile_name(profiles.name())
        .region(region)
        .no_credentials();
    let shared = loader.load().await;
    let role = connection.role_arn.as_deref();
    let credentials = match credentials {
        Some(given) => Chain::given(given, role, &shared, connection.timeout).await,
        None => Chain::new(&profiles, role, &shared, &reach).await.map_err(|fault| fault.failure("the call"))?,
    };
    let Some(region) = shared.region().map(ToString::to_string) else {
        let message = "no region is configured: set the option `region` (--region) or the variable AWS_REGION";
        return Err(failure(ErrorKind::ConfigInvalid, message));
    };
    // Our chain keeps what it found.
    let config = shared.to_builder().identity_cache(IdentityCache::no_cache());
    let config = config.credentials_provider(SharedCredentialsProvider::new(credentials.clone())).build();
    let endpoint_url = connection.endpoint_url.as_ref().map(|url| url.replace("{region}", &region));
    Ok(RegionSetup {
        region,
        config,
        endpoint_url,
        credentials,
        #[cfg(feature = "admin")]
        client: aws,
    })
}

/// What the SDK's second attempt is for: not for a connection that was waited for in vain, but for every code of the table
/// that passes by itself, and for a signature that was too old or too new, which is made again by the server's clock.
#[derive(Debug)]
pub(crate) struct SecondAttempt;

impl ClassifyRetry for SecondAttempt {
    fn name(&self) -> &'static str {
        "SecondAttempt"
    }

    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = context.output_or_error() else { return RetryAction::NoActionIndicated };
        if Unreachable::in_causes_of(error).is_some_and(|lost| lost.cause == Cause::ConnectTimeout) {
            return RetryAction::RetryForbidden;
        }
        let body = context.response().and_then(|response| response.body().bytes());
        let (code, message) = body.map(table::code_and_message).unwrap_or_default();
        if table::is_transient(&code, &message) {
            RetryAction::transient_error()
        } else {
            RetryAction::NoActionIndicated
        }
    }
}

/// What happened at a place (an operation in a region), in our own words: a server's may quote anything.
pub(crate) fn describe<E>(place: &str, error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    if let Some(failure) = unsent(place, error) {
        return failure;
    }
    match error {
        SdkError::TimeoutError(_) => failure(ErrorKind::Timeout, &format!("{place} timed out")),
        SdkError::DispatchFailure(dispatch) if dispatch.is_timeout() => {
            failure(ErrorKind::Timeout, &format!("{place} timed out"))
        }
        SdkError::DispatchFailure(_) => failure(ErrorKind::Unavailable, &format!("{place} found no connection")),
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            let (code, message) = (answer.err().code().unwrap_or_default(), answer.err().message().unwrap_or_default());
            let request = answer.err().meta().request_id().unwrap_or_default();
            let headers = answer.raw().headers();
            let retry_after = headers.get("retry-after").and_then(|text| text.trim().parse().ok());
            let retry_after = retry_after.map(|it| Duration::from_secs(it).min(LONGEST_RETRY_AFTER));
            let answered = answered(place, code, message, status, request, headers.get("date"));
            Failure { retry_after, ..answered }
        }
        _ => failure(ErrorKind::Unavailable, &format!("{place} was answered by something malformed")),
    }
}

/// Why a call was not sent, or found no connection, if that is what failed.
pub(crate) fn unsent(place: &str, error: &(dyn StdError + 'static)) -> Option<Failure> {
    if let Some(fault) = Fault::in_causes_of(error) {
        return Some(fault.failure(place));
    }
    let lost = Unreachable::in_causes_of(error)?;
    Some(failure(lost.kind, &format!("{place} {lost}")))
}

/// The failure that a server's answer means.
pub(crate) fn answered(
    place: &str,
    code: &str,
    message: &str,
    status: u16,
    request_id: &str,
    date: Option<&str>,
) -> Failure {
    let request = table::sanitised(request_id);
    let request = if request.is_empty() { request } else { format!(", request {request}") };
    let answer = format!("{place} answered {} (HTTP {status}{request})", table::known_code(code));
    if table::is_of_the_clock(code, message) {
        let by = date.and_then(clock_difference).unwrap_or_else(|| "wrong".to_owned());
        let message = format!("{answer}: this machine's clock is {by}; set it, for example by NTP");
        return failure(ErrorKind::Unavailable, &message);
    }
    let (kind, hint) = table::meaning(code, message, status);
    let hint = match (code, status) {
        ("", 407) => {
            Some("a proxy on the way asks for a user name and password; give them in HTTPS_PROXY or HTTP_PROXY")
        }
        ("", 401 | 403) => Some("no answer of AWS's own; a proxy or a firewall on the way may have refused it"),
        _ => hint,
    };
    failure(kind, &table::hinted(answer, hint))
}

/// How far this machine's clock is from the server's, in a person's words.
fn clock_difference(date: &str) -> Option<String> {
    let server = DateTime::from_str(date, Format::HttpDate).ok()?;
    let ours = DateTime::from(SystemTime::now());
    let (minutes, direction) = match server.secs() - ours.secs() {
        behind @ 60.. => (behind / 60, "behind"),
        ahead @ ..=-60 => (-ahead / 60, "ahead of"),
        _ => return None,
    };
    Some(format!("{minutes} min {direction} the server's"))
}
