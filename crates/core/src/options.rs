//! Options: one schema for every runtime. JSON in, every violation out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::connection::Connection;
use crate::error::{Error, ErrorKind, Rule, Violation};
use crate::name::{Environment, SecretId, SecretName, is_region};
use crate::policy::CachePolicy;
use crate::reader::{Fields, Problems, boolean_word};
use crate::schema::near::near;
use crate::schema::{DatabaseDefaults, Definition, RedisDefaults};
use crate::service::{Service, ServiceId};
use crate::text::{escape_pointer, nearest};
use crate::time::{Timestamp, UnixTime};
use crate::variables::{DATABASE_CA_FILE, REDIS_CA_FILE, Variables};

const DEFAULT_PREFIX: &str = "permisos";
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
/// A week, in seconds: more is a mistake, most likely milliseconds.
const LONGEST: i64 = 7 * 24 * 3600;
/// More custom secrets than this are more likely a mistake than an application.
const CUSTOM_LIMIT: usize = 1000;

/// What the engine and its driver are to do, checked.
#[derive(Clone, Debug)]
pub struct Options {
    /// The deployment environment: the names' second segment.
    pub environment: Environment,
    /// Where values come from.
    pub source: SourceKind,
    /// The services asked for, in the order of the catalogue.
    pub services: Vec<Service>,
    /// The application's own secrets.
    pub custom: Vec<Definition>,
    /// The secret of each service asked for and of each custom secret.
    pub secret_ids: BTreeMap<ServiceId, SecretId>,
    /// How long values may be served.
    pub cache: CachePolicy,
    /// Whether the environment may stand in when retrieval fails.
    pub environment_fallback: bool,
    /// Whether a running process's environment is to hold the variables of the secrets, where its driver can write it.
    pub process_env: bool,
    /// Where the last good values are sealed for a start while AWS cannot be reached; none: nowhere.
    pub snapshot: Option<SnapshotFile>,
    /// Where the database is, for a secret that does not say it, as one that RDS manages.
    pub database: DatabaseDefaults,
    /// Where Redis is, for a secret that does not say it, as one that AWS rotates.
    pub redis: RedisDefaults,
    /// How the driver's source reaches Secrets Manager.
    pub connection: Connection,
    /// The wall clock at `Timestamp(0)`: dates certificates and versions, never lifetimes. The engine corrects it after
    /// the machine slept.
    pub started_at: UnixTime,
    /// Seeds lifetimes and waits. Give each process its own, or a fleet moves in step.
    pub seed: u64,
    /// Why AWS is not asked, where the option `source` does not say so.
    pub(crate) why_not_aws: Option<String>,
}

/// Where values come from.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// The AWS Workload Credentials Provider (once AWS Secrets Manager Agent), or the Lambda extension, on localhost.
    Agent,
    /// AWS Secrets Manager.
    Aws,
    /// Environment variables.
    Environment,
}

/// The sealed snapshot: a file that the driver encrypts to an age identity.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotFile {
    /// Where the driver writes it.
    pub path: String,
    /// The file with the identity, as `age-keygen` writes it.
    pub identity_file: String,
}

impl Options {
    /// Reads options as every runtime takes them, with the variables that they name. [`OPTIONS`](crate::OPTIONS) lists
    /// them with their defaults. Durations are in seconds.
    pub fn parse<K: AsRef<str>, V: Into<String>>(
        options: &Map<String, Value>,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Result<(Self, Variables), Error> {
        let mut problems = Problems::of_options();
        let mut fields = Fields::new(options, &mut problems);
        let custom = read_custom(&mut fields);
        let mut variables = Variables::new(variables, &custom);
        let options = Self::read(&mut fields, custom, &variables);
        fields.deny_rest("an option");
        match options {
            Some(options) if problems.violations.is_empty() => {
                let files = [(DATABASE_CA_FILE, &options.database.ca_file), (REDIS_CA_FILE, &options.redis.ca_file)];
                for (name, path) in files {
                    if let Some(path) = path {
                        variables.set(name, path.clone());
                    }
                }
                Ok((options, variables))
            }
            _ => {
                Err(Error::violating(ErrorKind::ConfigInvalid, None, "the options are not valid", problems.violations))
            }
        }
    }

    fn read(fields: &mut Fields<'_, '_>, custom: Vec<Definition>, variables: &Variables) -> Option<Self> {
        let environment = read_environment(fields, variables);
        let source = read_source(fields, variables, environment.as_ref());
        let why_not_aws = source.and_then(|source| why_not_aws(source, fields, variables, environment.as_ref()));
        let services = read_services(fields);
        let prefix = read_prefix(fields);
        let secret_ids = match (&environment, &prefix) {
            (Some(environment), Some(prefix)) => read_secret_ids(fields, environment, prefix, &services, &custom),
            _ => None,
        };
        let defaults = CachePolicy::default();
        let cache = CachePolicy {
            ttl: read_seconds(fields, "ttl", 1, defaults.ttl),
            stale_if_error: read_seconds(fields, "staleIfError", 0, defaults.stale_if_error),
            previous_for: read_seconds(fields, "previousFor", 0, defaults.previous_for),
        };
        let environment_fallback = fields.boolean("environmentFallback").unwrap_or(true);
        let process_env = fields.boolean("processEnv").unwrap_or(true);
        let snapshot = read_snapshot(fields);
        let database = read_database(fields);
        let redis = read_redis(fields);
        let connection = read_connection(fields, variables);
        let started_at = read_number(fields, "startedAt");
        let seed = read_number(fields, "seed");
        Some(Self {
            environment: environment?,
            source: source?,
            services,
            custom,
            secret_ids: secret_ids?,
            cache,
            environment_fallback,
            process_env,
            snapshot,
            database,
            redis,
            connection,
            started_at: UnixTime(started_at),
            seed,
            why_not_aws,
        })
    }

    /// Why AWS is not asked, and what to give so that it is; none where it is asked, or the option `source` says
    /// otherwise.
    pub fn why_not_aws(&self) -> Option<&str> {
        self.why_not_aws.as_deref()
    }

    /// Options from the text of a JSON document. The error does not quote it.
    pub fn document(text: &str) -> Result<Map<String, Value>, Error> {
        serde_json::from_str(text).map_err(|_| {
            let message = "must be a JSON object, its text well-formed Unicode".to_owned();
            let violation = Violation { path: String::new(), rule: Rule::Type, message };
            Error::violating(ErrorKind::ConfigInvalid, None, "the options are not valid", vec![violation])
        })
    }

    /// The names of the variables to ask the environment for, before the options are checked: those of the services and
    /// secrets that they ask for, and those that steer the engine.
    pub fn variable_names(options: &Map<String, Value>) -> Vec<String> {
        let mut problems = Problems::of_options();
        let mut fields = Fields::new(options, &mut problems);
        let (custom, services) = (read_custom(&mut fields), read_services(&mut fields));
        let definitions = services.iter().map(|service| service.definition()).chain(&custom);
        Variables::named_by(definitions).into_iter().map(str::to_owned).collect()
    }

    /// Of these names, those that a missing variable may be called instead: for a host that hands in no others.
    pub fn near_names<'n>(options: &Map<String, Value>, set: impl IntoIterator<Item = &'n str>) -> Vec<&'n str> {
        let known = Self::variable_names(options);
        let set: Vec<&str> = set.into_iter().filter(|name| !known.iter().any(|known| known == name)).collect();
        let near: BTreeSet<&str> = known.iter().filter_map(|known| near(known, set.iter().copied())).collect();
        near.into_iter().collect()
    }

    /// Whether values are sealed on disk: what the environment holds is not.
    pub(crate) fn seals(&self) -> bool {
        self.snapshot.is_some() && self.source != SourceKind::Environment
    }

    /// The wall clock at a moment, for dates.
    pub(crate) fn today(&self, now: Timestamp) -> UnixTime {
        UnixTime(self.started_at.0.saturating_add(now.0))
    }

    /// Every service asked for, the built-in ones first.
    pub fn service_ids(&self) -> impl Iterator<Item = ServiceId> {
        let built_in = self.services.iter().map(|&service| service.into());
        built_in.chain(self.custom.iter().map(Definition::service_id))
    }

    /// What the secret of a service is called and what it holds; none for a custom one that is not defined.
    pub fn definition(&self, service: &ServiceId) -> Option<&Definition> {
        match service {
            ServiceId::BuiltIn(service) => Some(service.definition()),
            ServiceId::Custom(id) => self.custom.iter().find(|custom| custom.id == **id),
        }
    }

    /// Whether the application runs well without a secret.
    pub fn is_optional(&self, service: &ServiceId) -> bool {
        self.definition(service).is_some_and(|definition| definition.optional)
    }
}

fn read_environment(fields: &mut Fields<'_, '_>, variables: &Variables) -> Option<Environment> {
    let option = fields.text("environment");
    let candidates = [
        ("the option", option),
        ("the variable PERMISOS_ENVIRONMENT", variables.get("PERMISOS_ENVIRONMENT")),
        ("the variable NODE_ENV", variables.get("NODE_ENV")),
    ];
    let (from, text) =
        candidates.into_iter().find_map(|(from, text)| Some((from, text?))).unwrap_or(("the default", "development"));
    match Environment::parse(text) {
        Ok(environment) => Some(environment),
        Err(phrase) => {
            fields.violate("environment", Rule::Name, &format!("{phrase} ({from})"));
            None
        }
    }
}

fn read_source(
    fields: &mut Fields<'_, '_>,
    variables: &Variables,
    environment: Option<&Environment>,
) -> Option<SourceKind> {
    if let Some(text) = fields.text("source") {
        let source = match text {
            "agent" => SourceKind::Agent,
            "aws" => SourceKind::Aws,
            "environment" => SourceKind::Environment,
            _ => {
                fields.violate("source", Rule::Type, "must be aws, agent or environment");
                return None;
            }
        };
        return Some(source);
    }
    if let Some(text) = variables.get("USE_SECRETS_MANAGER") {
        return match boolean_word(text) {
            Some(true) => Some(SourceKind::Aws),
            Some(false) => Some(SourceKind::Environment),
            None => {
                let phrase = "is unset, and the variable USE_SECRETS_MANAGER must be true or false";
                fields.violate("source", Rule::Type, phrase);
                None
            }
        };
    }
    environment.map(|it| if it.defaults_to_aws() { SourceKind::Aws } else { SourceKind::Environment })
}

fn why_not_aws(
    source: SourceKind,
    fields: &Fields<'_, '_>,
    variables: &Variables,
    environment: Option<&Environment>,
) -> Option<String> {
    if source != SourceKind::Environment || fields.has("source") {
        return None;
    }
    let reason = match variables.get("USE_SECRETS_MANAGER") {
        Some(_) => "the variable USE_SECRETS_MANAGER says so".to_owned(),
        None => format!(
            "the environment is called {}, and without a word only production and staging read it",
            environment?
        ),
    };
    Some(format!(
        "AWS Secrets Manager was not asked, because {reason}; to read it, give the option `source` \"aws\" (--source aws) or \
         the variable USE_SECRETS_MANAGER=true"
    ))
}

fn read_services(fields: &mut Fields<'_, '_>) -> Vec<Service> {
    let Some(list) = fields.list("services") else { return Service::ALL.to_vec() };
    let mut asked = vec![];
    for (index, item) in list.iter().enumerate() {
        let path = format!("services/{index}");
        let name = item.as_str().unwrap_or_default();
        match name.parse::<Service>() {
            Ok(service) => asked.push(service),
            Err(()) => violate_service(fields, &path, name, Service::ALL.map(Service::as_str).into_iter()),
        }
    }
    Service::ALL.into_iter().filter(|service| asked.contains(service)).collect()
}

fn violate_service<'n>(
    fields: &mut Fields<'_, '_>,
    path: &str,
    name: &str,
    known: impl Iterator<Item = &'n str> + Clone,
) {
    let hint = nearest(name, known.clone()).map_or_else(
        || format!("known are {}", known.collect::<Vec<_>>().join(", ")),
        |near| format!("did you mean `{near}`?"),
    );
    fields.problems.violate(&format!("/{path}"), Rule::UnknownOption, &format!("is not a service asked for: {hint}"));
}

fn read_prefix(fields: &mut Fields<'_, '_>) -> Option<String> {
    let prefix = fields.text("prefix").unwrap_or(DEFAULT_PREFIX);
    if SecretName::parse(prefix).is_ok() && !prefix.starts_with('/') && !prefix.ends_with('/') {
        return Some(prefix.to_owned());
    }
    fields.violate("prefix", Rule::Name, "must be characters of A-Za-z0-9/_+=.@-, without a slash at its ends");
    None
}

fn read_secret_ids(
    fields: &mut Fields<'_, '_>,
    environment: &Environment,
    prefix: &str,
    services: &[Service],
    custom: &[Definition],
) -> Option<BTreeMap<ServiceId, SecretId>> {
    let mut ids = BTreeMap::new();
    let known = || services.iter().map(|it| it.as_str()).chain(custom.iter().map(|it| &*it.id));
    fields.object("secretIds", |fields| {
        for name in fields.names() {
            let Some(text) = fields.text(name) else { continue };
            match SecretId::parse(&text.replace("{environment}", &environment.to_string())) {
                // A service that is not asked for may stay configured.
                _ if !known().any(|known| known == name) && name.parse::<Service>().is_ok() => {}
                _ if !known().any(|known| known == name) => {
                    let path = format!("secretIds/{}", escape_pointer(name));
                    violate_service(fields, &path, name, known());
                }
                Ok(id) => {
                    ids.insert(ServiceId::from(name), id);
                }
                Err(phrase) => fields.violate(name, Rule::Name, phrase),
            }
        }
    });
    for definition in services.iter().map(|it| it.definition()).chain(custom) {
        let (service, suffix) = (definition.service_id(), &definition.id);
        if ids.contains_key(&service) {
            continue;
        }
        let Ok(name) = SecretName::parse(&format!("{prefix}/{environment}/{suffix}")) else {
            fields.violate("prefix", Rule::Name, "makes a secret's name longer than 512 characters");
            return None;
        };
        ids.insert(service, SecretId::Name(name));
    }
    Some(ids)
}

fn read_seconds(fields: &mut Fields<'_, '_>, name: &str, least: i64, default: Duration) -> Duration {
    let seconds = fields.integer(name, least, LONGEST).and_then(|seconds| u64::try_from(seconds).ok());
    seconds.map_or(default, Duration::from_secs)
}

fn read_number(fields: &mut Fields<'_, '_>, name: &str) -> u64 {
    fields.integer(name, 0, i64::MAX).and_then(|number| u64::try_from(number).ok()).unwrap_or_default()
}

fn read_snapshot(fields: &mut Fields<'_, '_>) -> Option<SnapshotFile> {
    let read = fields.switch("snapshot", |fields| {
        let path = fields.required("path").map(str::to_owned);
        let identity_file = fields.required("identityFile").map(str::to_owned);
        if path.is_some() && path == identity_file {
            fields.violate("path", Rule::Unique, "is the identity's file: the snapshot needs one of its own");
        }
        fields.deny_rest("an option");
        Some(SnapshotFile { path: path?, identity_file: identity_file? })
    });
    read.flatten()
}

fn read_database(fields: &mut Fields<'_, '_>) -> DatabaseDefaults {
    let read = fields.object("database", |fields| {
        let host = fields.host("host").map(str::to_owned);
        let port = read_port(fields);
        let database = fields.text("database").map(str::to_owned);
        let ca_file = fields.text("caFile").map(str::to_owned);
        fields.deny_rest("an option");
        DatabaseDefaults { host, port, database, ca_file }
    });
    read.unwrap_or_default()
}

fn read_redis(fields: &mut Fields<'_, '_>) -> RedisDefaults {
    let read = fields.object("redis", |fields| {
        let host = fields.host("host").map(str::to_owned);
        let port = read_port(fields);
        let ca_file = fields.text("caFile").map(str::to_owned);
        fields.deny_rest("an option");
        RedisDefaults { host, port, ca_file }
    });
    read.unwrap_or_default()
}

fn read_port(fields: &mut Fields<'_, '_>) -> Option<u16> {
    fields.integer("port", 1, 65_535).and_then(|port| u16::try_from(port).ok())
}

fn read_connection(fields: &mut Fields<'_, '_>, variables: &Variables) -> Connection {
    let mut regions = vec![];
    if let Some(list) = fields.list("regions") {
        for (index, item) in list.iter().enumerate() {
            match item.as_str().filter(|region| is_region(region)) {
                Some(region) if regions.iter().any(|it| it == region) => {
                    fields.problems.violate(&format!("/regions/{index}"), Rule::Unique, "is listed before");
                }
                Some(region) => regions.push(region.to_owned()),
                None => {
                    let phrase = "must be a region such as us-east-1";
                    fields.problems.violate(&format!("/regions/{index}"), Rule::Name, phrase);
                }
            }
        }
    }
    if let Some(region) = fields.text("region") {
        if fields.has("regions") {
            fields.violate("region", Rule::Unique, "goes without `regions`: give one of the two");
        } else if is_region(region) {
            regions.push(region.to_owned());
        } else {
            fields.violate("region", Rule::Name, "must be a region such as us-east-1");
        }
    }
    if regions.is_empty() {
        let region = variables.get("AWS_REGION").or_else(|| variables.get("AWS_DEFAULT_REGION"));
        regions.extend(region.filter(|region| is_region(region)).map(str::to_owned));
    }
    let endpoint_url = fields.url("endpointUrl").map(str::to_owned);
    if endpoint_url.as_deref().is_some_and(|url| !url.starts_with("http://") && !url.starts_with("https://")) {
        fields.violate("endpointUrl", Rule::Url, "must be an http or https URL");
    }
    let role_arn = fields.text("roleArn").map(str::to_owned);
    if role_arn.as_deref().is_some_and(|arn| !(arn.starts_with("arn:aws") && arn.contains(":role/"))) {
        fields.violate("roleArn", Rule::Name, "must be a role's ARN like arn:aws:iam::123456789012:role/name");
    }
    Connection {
        regions,
        endpoint_url,
        profile: fields.text("profile").map(str::to_owned),
        role_arn,
        timeout: fields
            .integer("timeout", 1, 60)
            .and_then(|seconds| u64::try_from(seconds).ok())
            .map_or(DEFAULT_TIMEOUT, Duration::from_secs),
    }
}

fn read_custom(fields: &mut Fields<'_, '_>) -> Vec<Definition> {
    let Some(list) = fields.list("secrets") else { return vec![] };
    if list.len() > CUSTOM_LIMIT {
        fields.violate("secrets", Rule::Range, &format!("must be {CUSTOM_LIMIT} at most"));
        return vec![];
    }
    let mut custom: Vec<Definition> = vec![];
    for (index, item) in list.iter().enumerate() {
        let path = format!("/secrets/{index}");
        let Some(object) = item.as_object() else {
            fields.problems.violate(&path, Rule::Type, "must be a definition { id, fields }");
            continue;
        };
        let before = fields.problems.violations.len();
        let read = Definition::read(&mut Fields::at(path, object, fields.problems), &custom);
        custom.extend(read.filter(|_| fields.problems.violations.len() == before));
    }
    custom
}
