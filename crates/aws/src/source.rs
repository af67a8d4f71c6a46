//! AWS Secrets Manager through the AWS SDK.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::RequestId;
use aws_smithy_http_client::tls;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::DateTime;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use permisos_secrets::Source;
use permisos_secrets_core::{
    Call, Connection, ErrorKind, Failure, Fetch, Fetched, Operation, Outcome, Payload, SecretId, Stage, UnixTime,
};
use rustls::CertificateError;
use tokio::sync::Mutex as AsyncMutex;
use tokio::task::JoinSet;

use crate::table;

/// Ids in one `BatchGetSecretValue`
/// ([API](https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html)).
const BATCH_LIMIT: usize = 20;
/// Pages of one batch: no honest server needs more than one page per secret.
const PAGE_LIMIT: usize = BATCH_LIMIT + 1;
/// Single calls under way at once.
const CONCURRENCY: usize = 8;
/// The SDK tries a call once more; after that the engine's own wait is the better one.
const ATTEMPTS: u32 = 2;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// A server that asks for a longer wait is not believed.
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(1);

/// Fetches from AWS Secrets Manager: one batch for all that is due, regions in order.
pub struct AwsSource {
    connection: Connection,
    credentials: Option<SharedCredentialsProvider>,
    regions: Vec<RegionClient>,
    /// The role lacks `secretsmanager:BatchGetSecretValue`: remembered, so that it is asked once per process.
    is_batch_denied: AtomicBool,
}

struct RegionClient {
    /// None: the region that the AWS configuration names.
    region: Option<String>,
    regional: AsyncMutex<Option<Regional>>,
}

/// What a request asks for. Services that share a secret share its fetch.
type Key = (SecretId, Stage);
type Results = HashMap<Key, Result<Payload, Failure>>;

impl AwsSource {
    /// A source that connects at the first fetch.
    pub fn new(connection: &Connection) -> Self {
        let mut regions: Vec<Option<String>> = connection.regions.iter().cloned().map(Some).collect();
        if regions.is_empty() {
            regions.push(None);
        }
        Self {
            connection: connection.clone(),
            credentials: None,
            regions: regions
                .into_iter()
                .map(|region| RegionClient { region, regional: AsyncMutex::default() })
                .collect(),
            is_batch_denied: AtomicBool::new(false),
        }
    }

    /// Takes these credentials instead of those that AWS's chain finds.
    #[must_use]
    pub fn with_credentials(mut self, credentials: SharedCredentialsProvider) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Regions in order: what is unavailable in one is asked of the next.
    async fn fetch_all(&self, fetch: &Fetch) -> Fetched {
        let calls = Calls::default();
        let mut results = Results::new();
        for region in &self.regions {
            let mut open: Vec<Key> = vec![];
            for request in &fetch.requests {
                let key = (request.secret_id.clone(), request.stage);
                if results.get(&key).is_none_or(moves_on) && !open.contains(&key) {
                    open.push(key);
                }
            }
            if open.is_empty() {
                break;
            }
            let fetched = match region.connect(&self.connection, self.credentials.as_ref()).await {
                Ok(regional) => self.fetch_in(&regional, open, &calls).await,
                Err(failure) => open.into_iter().map(|key| (key, Err(failure.clone()))).collect(),
            };
            if fetched.values().any(|result| is_kind(result, ErrorKind::Unauthenticated)) {
                region.disconnect().await;
            }
            results.extend(fetched);
        }
        let outcomes = fetch.requests.iter().filter_map(|request| {
            let result = results.get(&(request.secret_id.clone(), request.stage))?.clone();
            Some(Outcome { service: request.service.clone(), stage: request.stage, result })
        });
        Fetched { id: fetch.id, outcomes: outcomes.collect(), calls: calls.into_vec() }
    }

    async fn fetch_in(&self, regional: &Regional, open: Vec<Key>, calls: &Calls) -> Results {
        let mut results = Results::new();
        // A batch knows the current versions only, and for a single secret it saves nothing.
        let is_batch = |key: &Key| key.1 == Stage::Current;
        let (mut batch, mut single): (Vec<Key>, Vec<Key>) = open.into_iter().partition(is_batch);
        if batch.len() < 2 || self.is_batch_denied.load(Ordering::Relaxed) {
            single.append(&mut batch);
        }
        let mut is_denied = false;
        let mut chunks = batch.chunks(BATCH_LIMIT);
        while let Some(chunk) = chunks.next() {
            let Some(fetched) = regional.batch(chunk, calls).await else {
                is_denied = true;
                single.extend(chunk.iter().chain(chunks.by_ref().flatten()).cloned());
                break;
            };
            let lost = lost(&fetched);
            results.extend(fetched);
            if let Some(failure) = lost {
                results.extend(missing(&batch, &results, &failure));
                results.extend(missing(&single, &results, &failure));
                return results;
            }
        }
        for chunk in single.chunks(CONCURRENCY) {
            let mut flights = JoinSet::new();
            for key in chunk.iter().cloned() {
                let (regional, calls) = (regional.clone(), calls.clone());
                flights.spawn(async move {
                    let result = regional.single(&key, &calls).await;
                    (key, result)
                });
            }
            let fetched: Results = flights.join_all().await.into_iter().collect();
            let lost = lost(&fetched);
            results.extend(fetched);
            if let Some(failure) = lost {
                results.extend(missing(&single, &results, &failure));
                break;
            }
        }
        // Where everything is denied it may be for a moment only: what a batch saves is not given up for that.
        if is_denied && single.iter().any(|key| results.get(key).is_some_and(Result::is_ok)) {
            self.is_batch_denied.store(true, Ordering::Relaxed);
        }
        results
    }
}

impl Source for AwsSource {
    fn fetch<'a>(&'a self, fetch: &'a Fetch) -> Pin<Box<dyn Future<Output = Fetched> + Send + 'a>> {
        Box::pin(self.fetch_all(fetch))
    }
}

impl RegionClient {
    async fn connect(
        &self,
        connection: &Connection,
        credentials: Option<&SharedCredentialsProvider>,
    ) -> Result<Regional, Failure> {
        let make = || async {
            let http = aws_smithy_http_client::Builder::new();
            let is_plain = connection.endpoint_url.as_ref().is_some_and(|url| url.starts_with("http://"));
            let http = match connection.role_arn {
                // Reading the system's certificates takes milliseconds: not for a server without TLS.
                None if is_plain => http.build_http(),
                _ => http.tls_provider(tls::Provider::Rustls(CryptoMode::Ring)).build_https(),
            };
            let timeouts = TimeoutConfig::builder()
                .connect_timeout(connection.timeout.min(CONNECT_TIMEOUT))
                .operation_timeout(connection.timeout)
                .build();
            let mut loader = aws_config::defaults(BehaviorVersion::latest())
                .http_client(http)
                .timeout_config(timeouts)
                .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS));
            if let Some(region) = &self.region {
                loader = loader.region(Region::new(region.clone()));
            }
            if let Some(profile) = &connection.profile {
                loader = loader.profile_name(profile);
            }
            if let Some(credentials) = credentials {
                loader = loader.credentials_provider(credentials.clone());
            }
            let shared = loader.load().await;
            let Some(region) = shared.region().map(ToString::to_string) else {
                let message = "no region is configured: set the option `region` or the variable AWS_REGION";
                return Err(failure(ErrorKind::ConfigInvalid, message));
            };
            let mut config = aws_sdk_secretsmanager::config::Builder::from(&shared);
            if let Some(url) = &connection.endpoint_url {
                config = config.endpoint_url(url.replace("{region}", &region));
            }
            if let Some(role) = &connection.role_arn {
                let role = AssumeRoleProvider::builder(role).session_name("permisos-secrets").configure(&shared);
                config = config.credentials_provider(role.build().await);
            }
            Ok(Regional { region, client: Client::from_conf(config.build()) })
        };
        let mut regional = self.regional.lock().await;
        if let Some(regional) = &*regional {
            return Ok(regional.clone());
        }
        Ok(regional.insert(make().await?).clone())
    }

    /// Credentials that were refused are kept by the SDK for as long as its client: the next fetch looks for others.
    async fn disconnect(&self) {
        *self.regional.lock().await = None;
    }
}

/// A client and the region that it asks.
#[derive(Clone)]
struct Regional {
    region: String,
    client: Client,
}

impl Regional {
    /// One batch with all its pages; `None` if the role may not call it, or the server does not know it.
    async fn batch(&self, keys: &[Key], calls: &Calls) -> Option<Results> {
        let mut results = Results::new();
        let ids: Vec<String> = keys.iter().map(|(id, _)| self.localised(id)).collect();
        let mut token: Option<String> = None;
        for _ in 0..PAGE_LIMIT {
            let started = Instant::now();
            let request = self.client.batch_get_secret_value().set_secret_id_list(Some(ids.clone()));
            let answer = request.set_next_token(token.clone()).send().await;
            let error = answer.as_ref().err().map(|error| self.failure(Operation::BatchGetSecretValue, error));
            calls.add(Operation::BatchGetSecretValue, error.as_ref(), started);
            let page = match (answer, error) {
                (Ok(page), _) => page,
                (Err(error), _) if is_denied(&error) => return None,
                (Err(_), error) => {
                    let failure = error.unwrap_or_else(|| failure(ErrorKind::Unavailable, "the batch failed"));
                    results.extend(missing(keys, &results, &failure));
                    return Some(results);
                }
            };
            for entry in page.secret_values.unwrap_or_default() {
                let is_this = |(index, (id, _)): &(usize, &Key)| {
                    entry.arn.as_deref() == Some(&ids[*index]) || entry.name.as_deref() == Some(name_of(id))
                };
                let found: Vec<Key> = keys.iter().enumerate().filter(is_this).map(|(_, key)| key.clone()).collect();
                let (version, created) = (entry.version_id.as_deref(), entry.created_date.as_ref());
                let payload = self.payload(entry.secret_string, version, created);
                results.extend(found.into_iter().map(|key| (key, payload.clone())));
            }
            for error in page.errors.unwrap_or_default() {
                let code = error.error_code.as_deref().unwrap_or_default();
                let message = format!("BatchGetSecretValue in {} answered {} for it", self.region, table::shown(code));
                let failure = failure(table::kind(code, 400), &message);
                let id = error.secret_id.unwrap_or_default();
                let found = keys.iter().enumerate().find(|(index, (it, _))| ids[*index] == id || name_of(it) == id);
                results.extend(found.map(|(_, key)| (key.clone(), Err(failure))));
            }
            // A token that does not change would go on for ever.
            let next = page.next_token.filter(|next| !next.is_empty() && token.as_ref() != Some(next));
            if next.is_none() || results.len() == keys.len() {
                break;
            }
            token = next;
        }
        let message = format!("BatchGetSecretValue in {} answered neither a value nor an error for it", self.region);
        results.extend(missing(keys, &results, &failure(ErrorKind::NotFound, &message)));
        Some(results)
    }

    /// One secret, with the stage that is asked for: emulators and tools differ about the default.
    async fn single(&self, (id, stage): &Key, calls: &Calls) -> Result<Payload, Failure> {
        let started = Instant::now();
        let request = self.client.get_secret_value().secret_id(self.localised(id)).version_stage(stage.as_str());
        let answer = request.send().await;
        let result = match answer {
            Ok(value) => self.payload(value.secret_string, value.version_id.as_deref(), value.created_date.as_ref()),
            Err(error) => Err(self.failure(Operation::GetSecretValue, &error)),
        };
        calls.add(Operation::GetSecretValue, result.as_ref().err(), started);
        result
    }

    /// A replica's ARN differs from the primary's in the region only.
    fn localised(&self, id: &SecretId) -> String {
        match id {
            SecretId::Arn(arn) => arn.as_str().replacen(arn.region(), &self.region, 1),
            SecretId::Name(name) => name.as_str().to_owned(),
        }
    }

    /// A value without a version id is no answer of Secrets Manager's.
    fn payload(
        &self,
        text: Option<String>,
        version_id: Option<&str>,
        created: Option<&DateTime>,
    ) -> Result<Payload, Failure> {
        let created_at = created.and_then(|at| u64::try_from(at.to_millis().ok()?).ok()).map(UnixTime);
        let Some(version_id) = version_id.map(table::sanitised).filter(|id| !id.is_empty()) else {
            let message = format!("the server in {} answered a value without a version id", self.region);
            return Err(failure(ErrorKind::Unavailable, &message));
        };
        Ok(Payload { text: text.map(Into::into), version_id, created_at, region: Some(self.region.clone()) })
    }

    /// What happened, in our own words: a server's may quote anything.
    fn failure<E>(&self, operation: Operation, error: &SdkError<E, HttpResponse>) -> Failure
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let place = format!("{operation:?} in {}", self.region);
        if is_credentials(error) {
            let message = format!("{place} was not sent: AWS's credential chain found no valid credentials");
            return failure(ErrorKind::Unauthenticated, &message);
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
                let request = table::sanitised(answer.err().meta().request_id().unwrap_or_default());
                let request = if request.is_empty() { request } else { format!(", request {request}") };
                let message = format!("{place} answered {} (HTTP {status}{request})", table::shown(code));
                let retry_after = answer.raw().headers().get("retry-after").and_then(|text| text.trim().parse().ok());
                let retry_after = retry_after.map(|it| Duration::from_secs(it).min(LONGEST_RETRY_AFTER));
                Failure { kind: table::kind(code, status), message, retry_after }
            }
            _ => failure(ErrorKind::Unavailable, &format!("{place} was answered by something malformed")),
        }
    }
}

/// The calls of one fetch.
#[derive(Clone, Default)]
struct Calls(Arc<Mutex<Vec<Call>>>);

impl Calls {
    fn add(&self, operation: Operation, failure: Option<&Failure>, started: Instant) {
        let call = Call { operation, error: failure.map(|it| it.kind), duration: Some(started.elapsed()) };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }

    fn into_vec(self) -> Vec<Call> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn failure(kind: ErrorKind, message: &str) -> Failure {
    Failure { kind, message: message.to_owned(), retry_after: None }
}

fn missing(keys: &[Key], results: &Results, failure: &Failure) -> Results {
    let missing = keys.iter().filter(|key| !results.contains_key(*key));
    missing.map(|key| (key.clone(), Err(failure.clone()))).collect()
}

/// Whether another region may do better: after a time-out, a lost connection or a 5xx, not after an answer.
fn moves_on(result: &Result<Payload, Failure>) -> bool {
    is_kind(result, ErrorKind::Timeout) || is_kind(result, ErrorKind::Unavailable)
}

/// Why nothing of a chunk came from a region: the rest is not asked of it, or two hundred secrets would wait for ten
/// time-outs in turn before the next region.
fn lost(chunk: &Results) -> Option<Failure> {
    let failure = chunk.values().next()?.as_ref().err()?;
    chunk.values().all(moves_on).then(|| failure.clone())
}

fn is_kind(result: &Result<Payload, Failure>, kind: ErrorKind) -> bool {
    result.as_ref().is_err_and(|failure| failure.kind == kind)
}

fn name_of(id: &SecretId) -> &str {
    match id {
        SecretId::Arn(arn) => arn.name(),
        SecretId::Name(name) => name.as_str(),
    }
}

fn is_denied<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default();
    matches!(code, "AccessDenied" | "AccessDeniedException" | "UnknownOperationException")
}

fn is_credentials(error: &(dyn StdError + 'static)) -> bool {
    causes(error).any(<dyn StdError>::is::<CredentialsError>)
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
