//! Where the credentials of calls come from: AWS's chain, link by link, so that what fails is named, with the command
//! that mends it. The providers are AWS's own; which one failed, and why, their errors keep to themselves.

use std::error::Error as StdError;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::imds;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::login::LoginCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::sso::SsoCredentialsProvider;
use aws_config::sts::AssumeRoleProvider;
use aws_config::web_identity_token::{StaticConfiguration, WebIdentityTokenCredentialsProvider};
use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, SharedCredentialsProvider, future};
use aws_sdk_signin::operation::create_o_auth2_token::CreateOAuth2TokenError;
use aws_sdk_signin::types::OAuth2ErrorCode;
use aws_sdk_sso::operation::get_role_credentials::GetRoleCredentialsError;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use futures_util::FutureExt;
use permisos_secrets_core::{ErrorKind, Failure};
use serde_json::Value;
use sha1::Digest;
use tokio::sync::Mutex;

use crate::fault::Fault;
use crate::network::{Cause, Client, Unreachable, causes, connect_timeout};
use crate::process::ProcessProvider;
use crate::profile::{Base, Profiles, Recipe, Role, Source, home, variable};
use crate::table;

/// Credentials are asked for again so long before they end: a call that is signed now must still arrive.
const BEFORE_EXPIRY: Duration = Duration::from_mins(1);
/// Without a metadata service each attempt takes a second.
const INSTANCE_ATTEMPTS: u32 = 2;
/// The part of the whole limit within which a server of credentials has to answer, so that it is named if it does not.
const ANSWER_PART: f64 = 0.8;

/// How the providers of credentials reach their servers.
pub(crate) struct Reach<'c> {
    pub(crate) aws: &'c Client,
    /// For metadata services: what is beside this machine is behind no proxy.
    pub(crate) local: &'c Client,
    pub(crate) limit: Duration,
}

impl Reach<'_> {
    fn instance(&self) -> imds::Client {
        let config = ProviderConfig::without_region().with_http_client(self.local.clone());
        imds::Client::builder().configure(&config).max_attempts(INSTANCE_ATTEMPTS).build()
    }

    /// The region that variables, the profile or the instance name.
    pub(crate) async fn region(&self, profiles: &Profiles) -> Option<Region> {
        let set = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"));
        match set.or_else(|| profiles.region().map(str::to_owned)) {
            Some(region) => Some(Region::new(region)),
            None => ImdsRegionProvider::builder().imds_client(self.instance()).build().region().await,
        }
    }
}

/// The chain. Asks its links in turn, keeps what one gave until shortly before it ends. Cloning shares it.
#[derive(Clone, Debug)]
pub(crate) struct Chain(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    links: Vec<Link>,
    /// The role of the options, assumed with what a link gave.
    role: Option<Link>,
    /// Why no profile is among the links.
    without: Option<String>,
    limit: Duration,
    kept: Mutex<Option<Credentials>>,
    /// Which link gave what is kept, in a person's words.
    origin: std::sync::Mutex<Option<String>>,
}

/// One provider, and what it is in a person's words.
#[derive(Clone, Debug)]
struct Link {
    mechanism: Mechanism,
    provider: SharedCredentialsProvider,
}

#[derive(Clone, Debug)]
enum Mechanism {
    Container,
    Environment,
    /// Given by the caller.
    Given,
    Instance,
    Profile {
        chosen: String,
        recipe: Recipe,
    },
    /// The role that an option names.
    Role(String),
    WebIdentity,
}

impl Chain {
    /// The chain of AWS's SDKs. A profile that an option names wins over keys in variables, as with AWS's own tool.
    pub(crate) async fn new(
        profiles: &Profiles,
        role: Option<&str>,
        shared: &SdkConfig,
        reach: &Reach<'_>,
    ) -> Result<Self, Fault> {
        let is_option = profiles.is_of_option();
        let has_keys = variable("AWS_ACCESS_KEY_ID").is_some() && variable("AWS_SECRET_ACCESS_KEY").is_some();
        let shared = &patient(shared, reach.limit);
        let providers = Providers { reach, shared };
        let mut links = vec![];
        if !is_option {
            links.push(Link { mechanism: Mechanism::Environment, provider: Providers::environment() });
            if has_keys {
                return Ok(Self::of(links, None, role, shared, reach.limit).await);
            }
        }
        let recipe = profiles.recipe().map_err(|what| Fault::unauthenticated(&what))?;
        let without = recipe.is_none().then(|| profiles.without_credentials());
        if let Some(recipe) = recipe {
            let provider = assume(&recipe.roles, providers.base(&recipe.base), shared).await;
            let mechanism = Mechanism::Profile { chosen: profiles.name().to_owned(), recipe };
            links.push(Link { mechanism, provider });
        }
        links.push(Link { mechanism: Mechanism::WebIdentity, provider: providers.web_identity(None) });
        links.push(Link { mechanism: Mechanism::Container, provider: providers.container() });
        links.push(Link { mechanism: Mechanism::Instance, provider: providers.instance() });
        Ok(Self::of(links, without, role, shared, reach.limit).await)
    }

    /// What the caller gives instead.
    pub(crate) async fn given(
        provider: &SharedCredentialsProvider,
        role: Option<&str>,
        shared: &SdkConfig,
        limit: Duration,
    ) -> Self {
        let link = Link { mechanism: Mechanism::Given, provider: provider.clone() };
        Self::of(vec![link], None, role, &patient(shared, limit), limit).await
    }

    async fn of(
        links: Vec<Link>,
        without: Option<String>,
        role: Option<&str>,
        shared: &SdkConfig,
        limit: Duration,
    ) -> Self {
        let make = |links, role| {
            let (kept, origin) = (Mutex::default(), std::sync::Mutex::default());
            Self(Arc::new(Inner { links, role, without: without.clone(), limit, kept, origin }))
        };
        let Some(arn) = role else { return make(links, None) };
        let role = Role { arn: arn.to_owned(), external_id: None, session_name: None };
        let base = SharedCredentialsProvider::new(make(links.clone(), None));
        let provider = assume(std::slice::from_ref(&role), base, shared).await;
        make(links, Some(Link { mechanism: Mechanism::Role(role.arn), provider }))
    }

    /// Credentials that hold for a while yet, or why there are none.
    pub(crate) async fn credentials(&self) -> Result<Credentials, Fault> {
        let mut kept = self.0.kept.lock().await;
        let soon = SystemTime::now() + BEFORE_EXPIRY;
        if let Some(credentials) = kept.as_ref().filter(|it| it.expiry().is_none_or(|end| end > soon)) {
            return Ok(credentials.clone());
        }
        let found = Box::pin(self.find()).await;
        match (found, kept.as_ref().filter(|it| it.expiry().is_some_and(|end| end > SystemTime::now()))) {
            (Ok(found), _) => Ok(kept.insert(found).clone()),
            // Good to their last second, if others are not to be had now.
            (Err(_), Some(credentials)) => Ok(credentials.clone()),
            (Err(fault), None) => Err(fault),
        }
    }

    /// Names the credentials where a server refused them.
    pub(crate) fn blamed(&self, failure: Failure) -> Failure {
        let origin = self.0.origin.lock().unwrap_or_else(PoisonError::into_inner);
        match &*origin {
            Some(origin) if failure.kind == ErrorKind::Unauthenticated && !failure.message.contains(origin) => {
                Failure { message: format!("{}, to {origin}", failure.message), ..failure }
            }
            _ => failure,
        }
    }

    async fn find(&self) -> Result<Credentials, Fault> {
        match &self.0.role {
            Some(role) => role.ask(self.0.limit).await.map_err(|missed| match missed {
                Missed::Fault(fault) => fault,
                Missed::NotLoaded(why) => Fault::unauthenticated(&why),
            }),
            None => self.walk().await,
        }
    }

    async fn walk(&self) -> Result<Credentials, Fault> {
        let mut missed = vec![];
        for link in &self.0.links {
            match link.ask(self.0.limit).await {
                Ok(credentials) => {
                    *self.0.origin.lock().unwrap_or_else(PoisonError::into_inner) = Some(link.mechanism.name());
                    return Ok(credentials);
                }
                Err(Missed::NotLoaded(why)) => missed.push(why),
                Err(Missed::Fault(fault)) => return Err(fault),
            }
        }
        // In the order of the chain: after the keys in variables.
        if let Some(without) = &self.0.without {
            missed.insert(usize::from(matches!(self.0.links[0].mechanism, Mechanism::Environment)), without.clone());
        }
        let missed = missed.join("; ");
        let message = format!(
            "no AWS credentials were found: {missed}. Log in (`aws sso login`, `aws login`) and name the profile in \
             AWS_PROFILE, or run where a role is attached"
        );
        Err(Fault::unauthenticated(&message))
    }
}

impl ProvideCredentials for Chain {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let credentials = async { self.credentials().await.map_err(CredentialsError::provider_error) };
        future::ProvideCredentials::new(credentials)
    }
}

/// The configuration of what asks for credentials: one attempt, for the engine tries again, and a server that is silent is
/// given up a little before the whole is.
fn patient(shared: &SdkConfig, limit: Duration) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(connect_timeout(limit))
        .read_timeout(limit.mul_f64(ANSWER_PART))
        .build();
    shared.to_builder().timeout_config(timeouts).retry_config(RetryConfig::disabled()).build()
}

/// AWS's providers.
struct Providers<'r> {
    reach: &'r Reach<'r>,
    shared: &'r SdkConfig,
}

impl Providers<'_> {
    fn config(&self, client: &Client) -> ProviderConfig {
        let config = ProviderConfig::without_region().with_http_client(client.clone());
        let config = config.with_region(self.shared.region().cloned()).with_retry_config(RetryConfig::disabled());
        config.with_timeout_config(self.shared.timeout_config().cloned().unwrap_or_else(TimeoutConfig::disabled))
    }

    fn environment() -> SharedCredentialsProvider {
        SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new())
    }

    fn container(&self) -> SharedCredentialsProvider {
        let provider = EcsCredentialsProvider::builder().configure(&self.config(self.reach.local));
        SharedCredentialsProvider::new(provider.build())
    }

    fn instance(&self) -> SharedCredentialsProvider {
        let provider = ImdsCredentialsProvider::builder().configure(&self.config(self.reach.local));
        SharedCredentialsProvider::new(provider.imds_client(self.reach.instance()).build())
    }

    /// As configured, else as the variables say.
    fn web_identity(&self, configured: Option<StaticConfiguration>) -> SharedCredentialsProvider {
        let mut provider = WebIdentityTokenCredentialsProvider::builder().configure(&self.config(self.reach.aws));
        if let Some(configured) = configured {
            provider = provider.static_configuration(configured);
        }
        SharedCredentialsProvider::new(provider.build())
    }

    /// What a profile's credentials begin with.
    fn base(&self, base: &Base) -> SharedCredentialsProvider {
        let aws = self.config(self.reach.aws);
        match base {
            Base::Keys { id, secret, token } => {
                let token = token.as_ref().map(|token| token.0.clone());
                SharedCredentialsProvider::new(Credentials::new(id, &secret.0, token, None, "Profile"))
            }
            Base::Login { session } => {
                SharedCredentialsProvider::new(LoginCredentialsProvider::builder(session).configure(&aws).build())
            }
            Base::Process { command } => {
                let (command, limit) = (command.clone(), self.reach.limit);
                SharedCredentialsProvider::new(ProcessProvider { command, limit })
            }
            Base::Source(Source::Container) => self.container(),
            Base::Source(Source::Environment) => Self::environment(),
            Base::Source(Source::Instance) => self.instance(),
            Base::Sso { session, start_url, region, account, role } => {
                let mut provider = SsoCredentialsProvider::builder().configure(&aws);
                if let Some(session) = session {
                    provider = provider.session_name(session);
                }
                let provider = provider.start_url(start_url).region(Region::new(region.clone()));
                SharedCredentialsProvider::new(provider.account_id(account).role_name(role).build())
            }
            Base::WebIdentity { role, token_file, session_name } => self.web_identity(Some(StaticConfiguration {
                web_identity_token_file: PathBuf::from(token_file),
                role_arn: role.clone(),
                session_name: session_name.as_deref().unwrap_or(SESSION_NAME).to_owned(),
            })),
        }
    }
}

const SESSION_NAME: &str = "permisos-secrets";

async fn assume(roles: &[Role], base: SharedCredentialsProvider, shared: &SdkConfig) -> SharedCredentialsProvider {
    let mut provider = base;
    for role in roles {
        let mut builder = AssumeRoleProvider::builder(&role.arn).configure(shared);
        builder = builder.session_name(role.session_name.as_deref().unwrap_or(SESSION_NAME));
        if let Some(external_id) = &role.external_id {
            builder = builder.external_id(external_id);
        }
        provider = SharedCredentialsProvider::new(builder.build_from_provider(provider).await);
    }
    provider
}

/// What a link without credentials means for the chain.
enum Missed {
    /// It is the one, and it failed.
    Fault(Fault),
    /// It is not set up here: the next one is asked.
    NotLoaded(String),
}

impl Link {
    async fn ask(&self, limit: Duration) -> Result<Credentials, Missed> {
        let mechanism = &self.mechanism;
        // AWS's providers panic at some malformed caches.
        let asked = AssertUnwindSafe(self.provider.provide_credentials()).catch_unwind();
        let answer: provider::Result = match tokio::time::timeout(limit, asked).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => {
                return Err(Missed::Fault(mechanism.fault(ErrorKind::Unauthenticated, "what it gave is malformed")));
            }
            Err(_) => return Err(Missed::Fault(mechanism.late())),
        };
        match answer {
            Ok(credentials) if credentials.expiry().is_some_and(|end| end <= SystemTime::now()) => {
                let what = "it gave credentials that have already expired; is this machine's clock right?";
                Err(Missed::Fault(mechanism.fault(ErrorKind::Unauthenticated, what)))
            }
            Ok(credentials) => Ok(credentials),
            Err(error) => Err(mechanism.missed(&error)),
        }
    }
}

impl Mechanism {
    /// As the subject of a sentence.
    fn name(&self) -> String {
        match self {
            Self::Container => {
                "the container's credentials (AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or …_FULL_URI)".to_owned()
            }
            Self::Environment => "the keys in the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)".to_owned(),
            Self::Given => "the given credentials".to_owned(),
            Self::Instance => "instance metadata".to_owned(),
            Self::Profile { chosen, recipe } => {
                let by = match &recipe.base {
                    Base::Keys { .. } => "keys".to_owned(),
                    Base::Login { .. } => "login_session".to_owned(),
                    Base::Process { .. } => "credential_process".to_owned(),
                    Base::Source(Source::Container) => "credential_source EcsContainer".to_owned(),
                    Base::Source(Source::Environment) => "credential_source Environment".to_owned(),
                    Base::Source(Source::Instance) => "credential_source Ec2InstanceMetadata".to_owned(),
                    Base::Sso { session: Some(session), .. } => format!("IAM Identity Center, SSO session `{session}`"),
                    Base::Sso { session: None, .. } => "IAM Identity Center".to_owned(),
                    Base::WebIdentity { .. } => "web_identity_token_file".to_owned(),
                };
                let of = if recipe.profile == *chosen {
                    String::new()
                } else {
                    format!(" of source_profile `{}`", recipe.profile)
                };
                format!("the AWS profile `{chosen}` ({by}{of})")
            }
            Self::Role(arn) => format!("the role {arn}"),
            Self::WebIdentity => "the web identity token (AWS_WEB_IDENTITY_TOKEN_FILE)".to_owned(),
        }
    }

    fn fault(&self, kind: ErrorKind, what: &str) -> Fault {
        Fault::new(kind, &format!("{}: {what}", self.name()))
    }

    /// It took longer than a call may.
    fn late(&self) -> Fault {
        match self.source() {
            Some(Source::Instance) => self.fault(ErrorKind::Timeout, HOP_LIMIT),
            _ => self.fault(ErrorKind::Timeout, "the provider of its credentials did not answer in time"),
        }
    }

    fn source(&self) -> Option<Source> {
        match self {
            Self::Container => Some(Source::Container),
            Self::Environment => Some(Source::Environment),
            Self::Instance => Some(Source::Instance),
            Self::Profile { recipe, .. } => match recipe.base {
                Base::Source(source) => Some(source),
                _ => None,
            },
            Self::Given | Self::Role(_) | Self::WebIdentity => None,
        }
    }

    fn missed(&self, error: &CredentialsError) -> Missed {
        // A chain below, or a program: it has said all.
        if let Some(fault) = Fault::in_causes_of(error) {
            return Missed::Fault(match self {
                Self::Given | Self::Role(_) => fault.clone(),
                _ => self.fault(fault.kind, &fault.message),
            });
        }
        if let Some(fault) = self.answered(error) {
            return Missed::Fault(fault);
        }
        let unreachable = Unreachable::in_causes_of(error);
        let is_absent = matches!(error, CredentialsError::CredentialsNotLoaded(_));
        match (self, unreachable) {
            // A metadata service takes the connection and lets the answer die on its way to a container.
            (_, Some(lost)) if self.source() == Some(Source::Instance) && lost.cause == Cause::ReadTimeout => {
                Missed::Fault(self.fault(ErrorKind::Timeout, HOP_LIMIT))
            }
            (Self::Instance, Some(_)) if is_absent => Missed::NotLoaded("no instance metadata was setup".to_owned()),
            (_, Some(lost)) => Missed::Fault(self.fault(lost.kind, &lost.to_string())),
            (Self::Instance, None) if is_absent => {
                let is_off = variable("AWS_EC2_METADATA_DISABLED").is_some_and(|it| it.eq_ignore_ascii_case("true"));
                let why = if is_off {
                    "is switched off by AWS_EC2_METADATA_DISABLED"
                } else {
                    "knows no role of this instance"
                };
                Missed::NotLoaded(format!("instance metadata {why}"))
            }
            (Self::Container, None) if is_absent => {
                Missed::NotLoaded("this is no container with credentials (AWS_CONTAINER_CREDENTIALS_…)".to_owned())
            }
            (Self::Environment, None) if is_absent => {
                Missed::NotLoaded(missing_variables(["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]))
            }
            (Self::WebIdentity, None) if is_absent => {
                Missed::NotLoaded(missing_variables(["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"]))
            }
            // A caller's provider has a client of its own.
            (Self::Given | Self::Role(_), None) => Missed::Fault(match out_of_reach(error) {
                Some(ErrorKind::Timeout) => self.late(),
                Some(kind) => self.fault(kind, "their provider could not be setup"),
                None => self.fault(ErrorKind::Unauthenticated, "their provider gave none"),
            }),
            _ => Missed::Fault(self.fault(ErrorKind::Unauthenticated, &self.inspected(error))),
        }
    }

    /// What STS or IAM Identity Center answered, if they did.
    fn answered(&self, error: &CredentialsError) -> Option<Fault> {
        let answers =
            [answer::<AssumeRoleError>, answer::<AssumeRoleWithWebIdentityError>, answer::<GetRoleCredentialsError>];
        let operations = ["sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "IAM Identity Center"];
        let (operation, (code, status)) =
            operations.into_iter().zip(answers).find_map(|(operation, answer)| Some((operation, answer(error)?)))?;
        let kind = match table::meaning(&code, "", status).0 {
            kind @ (ErrorKind::Throttled | ErrorKind::Timeout | ErrorKind::Unavailable) => kind,
            _ => ErrorKind::Unauthenticated,
        };
        let shown = table::known_code(&code);
        let hint = match (operation, code.as_str()) {
            _ if kind != ErrorKind::Unauthenticated => "; it is asked again by itself".to_owned(),
            (_, "ExpiredToken" | "ExpiredTokenException") if operation == operations[1] => {
                "; the token has expired: the program that writes the file has to renew it".to_owned()
            }
            (_, "ExpiredToken" | "ExpiredTokenException") => {
                "; the credentials that it was called with have expired".to_owned()
            }
            (_, "InvalidClientTokenId" | "SignatureDoesNotMatch") => {
                "; the keys that it was called with are wrong, or deleted".to_owned()
            }
            (_, "InvalidIdentityToken" | "InvalidIdentityTokenException") => {
                "; the token is not of an identity provider that the account knows".to_owned()
            }
            (_, "RegionDisabledException") => {
                "; STS is not active in that region: an administrator activates it in IAM's account settings".to_owned()
            }
            (_, "MalformedPolicyDocument" | "PackedPolicyTooLarge") => "; its session policy is at fault".to_owned(),
            ("sts:AssumeRole", _) => "; allow it on the role, and the caller in the role's trust policy".to_owned(),
            ("sts:AssumeRoleWithWebIdentity", _) => "; allow this identity in the role's trust policy".to_owned(),
            _ if status == 401 => format!(": its session has expired or was ended; run `{}`", self.login()),
            _ => match self {
                Self::Profile { recipe: Recipe { base: Base::Sso { account, role, .. }, .. }, .. } => {
                    format!(
                        ": you have no role `{role}` in the account {account}; check sso_role_name and sso_account_id"
                    )
                }
                _ => String::new(),
            },
        };
        Some(self.fault(kind, &format!("{operation} answered {shown} (HTTP {status}){hint}")))
    }

    /// What the files and variables show where the provider's error says nothing that may be shown.
    fn inspected(&self, error: &CredentialsError) -> String {
        match self {
            Self::Profile { recipe, .. } => match &recipe.base {
                Base::Sso { session, start_url, .. } => {
                    let key = session.as_ref().unwrap_or(start_url);
                    let path = home().map(|home| {
                        home.join(".aws/sso/cache").join(format!("{}.json", hex(&sha1::Sha1::digest(key))))
                    });
                    self.cached(path, &["expiresAt"], Some(start_url))
                }
                Base::Login { session } => {
                    let folder = variable("AWS_LOGIN_CACHE_DIRECTORY").map(PathBuf::from);
                    let folder = folder.or_else(|| Some(home()?.join(".aws/login/cache")));
                    let name = format!("{}.json", hex(&sha2::Sha256::digest(session.trim())));
                    if is_not_permitted(error) {
                        return "its refresh was refused: allow signin:CreateOAuth2Token".to_owned();
                    }
                    self.cached(folder.map(|folder| folder.join(name)), &["accessToken", "expiresAt"], None)
                }
                Base::WebIdentity { token_file, .. } => token_fault(token_file),
                Base::Source(Source::Environment) => missing_variables(["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]),
                Base::Source(Source::Container) => container_fault(error),
                Base::Source(Source::Instance) => instance_fault(error),
                Base::Keys { .. } | Base::Process { .. } => "they could not be used".to_owned(),
            },
            Self::WebIdentity => token_fault(&variable("AWS_WEB_IDENTITY_TOKEN_FILE").unwrap_or_default()),
            Self::Container => container_fault(error),
            Self::Instance => instance_fault(error),
            Self::Environment | Self::Given | Self::Role(_) => "they could not be used".to_owned(),
        }
    }

    /// The state of the session that a login has cached.
    fn cached(&self, path: Option<PathBuf>, end: &[&str], start_url: Option<&String>) -> String {
        let login = self.login();
        let Some(path) = path else { return format!("no home folder is known: set HOME, then run `{login}`") };
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return format!("not logged in: run `{login}`");
            }
            Err(error) => return format!("{} cannot be read ({}): run `{login}`", path.display(), error.kind()),
        };
        let Ok(cache) = serde_json::from_slice::<Value>(&text) else {
            return format!("{} is not JSON: run `{login}`", path.display());
        };
        let end = end.iter().try_fold(&cache, |value, key| value.get(key)).and_then(Value::as_str);
        let end = end.and_then(|end| DateTime::from_str(end, Format::DateTimeWithOffset).ok());
        let now = DateTime::from(SystemTime::now());
        let of_other = |asked: &&String| cache["startUrl"].as_str().is_some_and(|url| url != asked.as_str());
        match end {
            None => format!("{} is not as a login writes it: run `{login}`", path.display()),
            Some(_) if start_url.as_ref().is_some_and(of_other) => {
                format!("the login is for another start URL than the profile's: run `{login}`")
            }
            Some(end) if end <= now => {
                let end = end.fmt(Format::DateTime).unwrap_or_default();
                format!("the login expired at {end}: run `{login}`")
            }
            Some(_) => format!("the login was refused: run `{login}`"),
        }
    }

    /// The command that logs in.
    fn login(&self) -> String {
        let Self::Profile { recipe: Recipe { base, profile, .. }, .. } = self else {
            return "aws sso login".to_owned();
        };
        let command = if matches!(base, Base::Login { .. }) { "aws login" } else { "aws sso login" };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./@+".contains(c);
        let profile = if profile.chars().all(is_plain) {
            profile.clone()
        } else {
            format!("'{}'", profile.replace('\'', r"'\''"))
        };
        format!("{command} --profile {profile}")
    }
}

const HOP_LIMIT: &str = "it did not answer. In a container the answer needs one hop more than in the instance itself: raise \
                         its limit by `aws ec2 modify-instance-metadata-options --http-put-response-hop-limit 2`, or give \
                         the container a role of its own";

/// The code and status of a service's answer.
fn answer<E>(error: &CredentialsError) -> Option<(String, u16)>
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    causes(error).find_map(|cause| match cause.downcast_ref::<SdkError<E, HttpResponse>>()? {
        SdkError::ServiceError(answer) => {
            Some((answer.err().code().unwrap_or_default().to_owned(), answer.raw().status().as_u16()))
        }
        _ => None,
    })
}

/// Whether there may well be credentials, only not now.
fn out_of_reach(error: &CredentialsError) -> Option<ErrorKind> {
    match error {
        CredentialsError::ProviderTimedOut(_) => Some(ErrorKind::Timeout),
        CredentialsError::ProviderError(_) => {
            let lost = causes(error).find_map(|cause| cause.downcast_ref::<ConnectorError>())?;
            Some(if lost.is_timeout() { ErrorKind::Timeout } else { ErrorKind::Unavailable })
        }
        _ => None,
    }
}

/// Whether a login may not be refreshed at all: another login would end as soon.
fn is_not_permitted(error: &CredentialsError) -> bool {
    causes(error).any(|cause| match cause.downcast_ref::<CreateOAuth2TokenError>() {
        Some(CreateOAuth2TokenError::AccessDeniedException(refused)) => {
            refused.error == OAuth2ErrorCode::InsufficientPermissions
        }
        _ => false,
    })
}

fn missing_variables(names: [&str; 2]) -> String {
    match names.map(|name| variable(name).is_some()) {
        [false, false] => format!("{} and {} are not set", names[0], names[1]),
        [true, false] => format!("{} is set, but {} is not", names[0], names[1]),
        _ => format!("{} is set, but {} is not", names[1], names[0]),
    }
}

fn token_fault(file: &str) -> String {
    match std::fs::read(file) {
        Err(error) => format!("its token file {file} cannot be read ({})", error.kind()),
        Ok(token) if std::str::from_utf8(&token).is_err() => format!("its token file {file} is not text"),
        Ok(token) if token.trim_ascii().is_empty() => format!("its token file {file} is empty"),
        Ok(_) => format!("the token in {file} could not be used"),
    }
}

fn container_fault(error: &CredentialsError) -> String {
    if let Some(file) = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        match std::fs::read(&file) {
            Err(error) => {
                return format!(
                    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE names {file}, which cannot be read ({})",
                    error.kind()
                );
            }
            Ok(token) if token.iter().any(u8::is_ascii_control) => {
                return format!(
                    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE names {file}, which holds a line end or another character that \
                     no header may"
                );
            }
            Ok(_) => {}
        }
    }
    match status_of(error) {
        Some(status) => format!("the endpoint of its credentials answered HTTP {status}"),
        None if matches!(error, CredentialsError::InvalidConfiguration(_)) => {
            "its URI is none that AWS's SDKs trust: https, this machine, or the address of ECS or EKS".to_owned()
        }
        None => "the endpoint of its credentials answered something malformed".to_owned(),
    }
}

fn instance_fault(error: &CredentialsError) -> String {
    let answered = causes(error).find_map(|cause| match cause.downcast_ref::<imds::client::error::ImdsError>()? {
        imds::client::error::ImdsError::ErrorResponse(answer) => Some(answer.response().status().as_u16()),
        _ => None,
    });
    match answered {
        Some(status) => format!("it answered HTTP {status}"),
        None if matches!(error, CredentialsError::CredentialsNotLoaded(_)) => {
            "it knows no role of this instance".to_owned()
        }
        None => "it gave no credentials: is a role attached to the instance, and does it trust EC2?".to_owned(),
    }
}

/// The HTTP status that the provider of a container's credentials puts into its text.
fn status_of(error: &CredentialsError) -> Option<u16> {
    const BEFORE: &str = "Non-success status from HTTP credential provider: StatusCode(";
    causes(error).find_map(|cause| {
        let text = cause.to_string();
        text.strip_prefix(BEFORE)?.strip_suffix(')')?.parse().ok()
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
