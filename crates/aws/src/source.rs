//! AWS Secrets Manager through the AWS SDK.

use std::collections::{HashMap, HashSet};
use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::DateTime;
use futures_util::StreamExt;
use permisos_secrets_core::{
    Call, Connection, ErrorKind, Failure, Fetch, Fetched, Operation, Outcome, Payload, SecretId, Source, Stage,
    UnixTime,
};
use tokio::sync::Mutex as AsyncMutex;

use crate::credentials::Chain;
use crate::fault::failure;
use crate::flights::{CONCURRENCY, in_flight};
use crate::setup::{RegionSetup, SecondAttempt, describe, set_up};
use crate::table;

/// Ids in one `BatchGetSecretValue`
/// ([API](https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html)).
const BATCH_LIMIT: usize = 20;
/// Pages of one batch: no honest server needs more than one page per secret.
const PAGE_LIMIT: usize = BATCH_LIMIT + 1;
/// A hyphen and six letters or digits, which AWS appends to a secret's name in its ARN.
const ARN_SUFFIX: usize = 7;

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

impl fmt::Debug for AwsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsSource").finish_non_exhaustive()
    }
}

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
            for (key, result) in fetched {
                let result = merged(results.remove(&key), result);
                results.insert(key, result);
            }
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
            single.extend(chunk.iter().filter(|key| !fetched.contains_key(*key)).cloned());
            results.extend(fetched);
            if let Some(failure) = lost {
                results.extend(missing(&batch, &results, &failure));
                results.extend(missing(&single, &results, &failure));
                return results;
            }
        }
        let calls = single.iter().map(|key| async move { (key, regional.single(key, calls).await) });
        let mut flights = in_flight(calls.collect());
        let mut lost_in_a_row = 0;
        while let Some((key, result)) = flights.next().await {
            lost_in_a_row = if moves_on(&result) { lost_in_a_row + 1 } else { 0 };
            // As with a batch: the rest is not asked of a region where nothing comes through.
            let lost = result.as_ref().err().filter(|_| lost_in_a_row == CONCURRENCY).cloned();
            results.insert(key.clone(), result);
            if let Some(failure) = lost {
                results.extend(missing(&single, &results, &failure));
                break;
            }
        }
        drop(flights);
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
        let mut regional = self.regional.lock().await;
        let connected = match regional.take() {
            Some(regional) => regional,
            None => Regional::new(Box::pin(set_up(connection, self.region.as_deref(), credentials)).await?),
        };
        // Before any call, so that a provider of credentials that is slow or refuses is named, and not the call. What
        // failed is forgotten: AWS's providers keep what they once read of their files.
        let place = format!("the call in {}", connected.region);
        connected.credentials.credentials().await.map_err(|fault| fault.failure(&place))?;
        Ok(regional.insert(connected).clone())
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
    credentials: Chain,
}

impl Regional {
    fn new(setup: RegionSetup) -> Self {
        let RegionSetup { region, config, endpoint_url, credentials, .. } = setup;
        let mut config = aws_sdk_secretsmanager::config::Builder::from(&config).retry_classifier(SecondAttempt);
        if let Some(url) = endpoint_url {
            config = config.endpoint_url(url);
        }
        Self { client: Client::from_conf(config.build()), region, credentials }
    }

    /// One batch with all its pages; `None` if the role may not call it, or the server does not know it. Without a result
    /// is a key whose name was answered, but for another: that one has to be asked for alone.
    async fn batch(&self, keys: &[Key], calls: &Calls) -> Option<Results> {
        let mut results = Results::new();
        let mut names = HashSet::new();
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
                let (arn, name) = (entry.arn.unwrap_or_default(), entry.name.unwrap_or_default());
                let (version, created) = (entry.version_id.as_deref(), entry.created_date.as_ref());
                let payload = self.payload(entry.secret_string, version, created);
                results.extend(self.answered(keys, &arn, &name).map(|key| (key.clone(), payload.clone())));
                names.insert(name);
            }
            for error in page.errors.unwrap_or_default() {
                let code = error.error_code.as_deref().unwrap_or_default();
                let (kind, hint) = table::meaning(code, error.message.as_deref().unwrap_or_default(), 400);
                let happened =
                    format!("BatchGetSecretValue in {} answered {} for it", self.region, table::known_code(code));
                let failure = failure(kind, &table::hinted(happened, hint));
                let id = error.secret_id.unwrap_or_default();
                let name = SecretId::parse(&id).as_ref().map(name_of).unwrap_or_default().to_owned();
                results.extend(self.answered(keys, &id, &name).map(|key| (key.clone(), Err(failure.clone()))));
                names.insert(name);
            }
            // A token that does not change would go on for ever.
            let next = page.next_token.filter(|next| !next.is_empty() && token.as_ref() != Some(next));
            if next.is_none() || results.len() == keys.len() {
                break;
            }
            token = next;
        }
        let message = format!("BatchGetSecretValue in {} answered neither a value nor an error for it", self.region);
        let absent: Vec<Key> = keys.iter().filter(|(id, _)| !names.contains(name_of(id))).cloned().collect();
        results.extend(missing(&absent, &results, &failure(ErrorKind::NotFound, &message)));
        Some(results)
    }

    /// The keys that an answer is for: those that are its ARN, else those that are its name. An ARN's name alone says
    /// nothing, for another account may have a secret of the same one.
    fn answered<'k>(&self, keys: &'k [Key], arn: &str, name: &str) -> impl Iterator<Item = &'k Key> {
        let by_arn = |(id, _): &&Key| matches!(id, SecretId::Arn(_)) && is_arn(arn, &self.localised(id));
        let by_name = |(id, _): &&Key| matches!(id, SecretId::Name(it) if it.as_str() == name);
        let mut found: Vec<&Key> = keys.iter().filter(by_arn).collect();
        if found.is_empty() {
            found = keys.iter().filter(by_name).collect();
        }
        found.into_iter()
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

    fn failure<E>(&self, operation: Operation, error: &SdkError<E, HttpResponse>) -> Failure
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        self.credentials.blamed(describe(&format!("{operation:?} in {}", self.region), error))
    }
}

/// The calls of one fetch.
#[derive(Default)]
struct Calls(Mutex<Vec<Call>>);

impl Calls {
    fn add(&self, operation: Operation, failure: Option<&Failure>, started: Instant) {
        let call = Call { operation, error: failure.map(|it| it.kind), duration: Some(started.elapsed()) };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }

    fn into_vec(self) -> Vec<Call> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

fn missing(keys: &[Key], results: &Results, failure: &Failure) -> Results {
    let missing = keys.iter().filter(|key| !results.contains_key(*key));
    missing.map(|key| (key.clone(), Err(failure.clone()))).collect()
}

/// Whether another region may do better: after a time-out, a lost connection or a 5xx, not after an answer.
fn moves_on(result: &Result<Payload, Failure>) -> bool {
    is_kind(result, ErrorKind::Timeout) || is_kind(result, ErrorKind::Unavailable)
}

/// What two regions make of a secret, in their order. A replica that does not have it says nothing about the primary.
fn merged(before: Option<Result<Payload, Failure>>, result: Result<Payload, Failure>) -> Result<Payload, Failure> {
    match (before, result) {
        (Some(Err(before)), Err(absent)) if absent.kind == ErrorKind::NotFound => {
            Err(Failure { message: format!("{}; {}", before.message, absent.message), ..before })
        }
        (_, result) => result,
    }
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

/// Whether the ARN that was answered is the one asked for, which AWS takes without the suffix that it appended, too.
fn is_arn(answered: &str, asked: &str) -> bool {
    let is_whole = SecretId::parse(asked).is_ok_and(|id| !asked.ends_with(&format!(":{}", name_of(&id))));
    match answered.strip_prefix(asked) {
        Some("") => true,
        Some(suffix) => !is_whole && suffix.starts_with('-') && suffix.len() == ARN_SUFFIX,
        None => false,
    }
}

fn is_denied<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default();
    matches!(code, "AccessDenied" | "AccessDeniedException" | "UnknownOperationException")
}
