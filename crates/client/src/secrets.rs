//! The Rust API: a builder, one load, typed getters.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::{Stream, StreamExt, stream};
use permisos_secrets_core::schema::{self, CustomConfig, Secret};
use permisos_secrets_core::{
    Config, Connection, Error, ErrorKind, Event, Health, Read, Service, ServiceId, ServiceState, Source, SourceKind,
    Timestamp,
};
use serde_json::{Map, Value};

use crate::driver::{Driver, Seal, Subscription};
use crate::engine::{DrivenEngine, Open, native};
use crate::file::OptionsFile;
use crate::sync::wall_clock;

/// Typed secrets: loaded once, kept fresh in the background, read without waiting. Cloning shares them; with the last
/// clone they are closed.
#[derive(Clone)]
pub struct Secrets(Arc<Inner>);

struct Inner {
    driver: Arc<Driver>,
    source: Option<Arc<dyn Source>>,
}

/// Collects what [`Secrets`] need. Nothing is checked before [`load`](Self::load) or [`build`](Self::build), whose error
/// lists everything that is wrong.
#[derive(Default)]
#[must_use]
pub struct SecretsBuilder {
    options: Map<String, Value>,
    file: OptionsFile,
    secrets: Vec<Value>,
    variables: Option<HashMap<String, String>>,
    engine: Option<Open>,
    connect: Option<Connect>,
}

type Connect = Box<dyn FnOnce(SourceKind, &Connection) -> Arc<dyn Source> + Send>;

impl SecretsBuilder {
    /// Sets one option of [`Options::parse`](permisos_secrets_core::Options::parse) by its name there, e.g. `("ttl", 600)`.
    pub fn option(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.options.insert(name.to_owned(), value.into());
        self
    }

    /// Sets one entry of an option that is an object. One that is none is left to be refused.
    pub(crate) fn within(mut self, option: &str, name: &str, value: &str) -> Self {
        if let Value::Object(object) = self.options.entry(option).or_insert_with(|| Map::new().into()) {
            object.insert(name.to_owned(), value.into());
        }
        self
    }

    /// Sets options of [`Options::parse`](permisos_secrets_core::Options::parse) from a JSON object.
    pub fn options(mut self, options: Map<String, Value>) -> Self {
        self.options.extend(options);
        self
    }

    /// Takes the options that are not given here from this file instead of the nearest `permisos.json`.
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = OptionsFile::At(path.into());
        self
    }

    /// Takes no options from a file.
    pub fn without_file(mut self) -> Self {
        self.file = OptionsFile::Absent;
        self
    }

    /// Adds a secret of the application's own, by the struct that [`get`](Secrets::get) answers it as. A struct with a rule
    /// that the option `secrets` cannot say does not compile here.
    pub fn secret<T: Secret>(mut self) -> Self {
        const {
            assert!(
                T::DEFINITION.is_plain(),
                "a secret of the application's own has fields of type bool, i64, String, \
                SecretString or Option of these, and of the attributes `variable`, `min_length` and `url`"
            );
        }
        self.secrets.push(T::DEFINITION.to_option());
        self
    }

    /// Reads these environment variables instead of the process's own.
    pub fn variables<N: Into<String>, V: Into<String>>(mut self, variables: impl IntoIterator<Item = (N, V)>) -> Self {
        self.variables = Some(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect());
        self
    }

    /// Reads no environment variable.
    pub fn without_variables(mut self) -> Self {
        self.variables = Some(HashMap::new());
        self
    }

    /// Fetches from this source instead of AWS. It is asked also in development, unless the option `source` says
    /// `environment`.
    pub fn source(mut self, source: impl Source) -> Self {
        self.options.entry("source").or_insert("aws".into());
        self.connect(|_, _| Arc::new(source))
    }

    /// Drives this engine instead of core's own, e.g. `permisos_secrets_wasmtime`'s in a sandbox. It is made from options
    /// (with `startedAt` and `seed`) and environment variables.
    #[cfg(feature = "engine")]
    pub fn engine(
        mut self,
        open: impl FnOnce(&Map<String, Value>, HashMap<String, String>) -> Result<Box<dyn DrivenEngine>, Error>
        + Send
        + 'static,
    ) -> Self {
        self.engine = Some(Box::new(open));
        self
    }

    /// Makes the source from what the options say of it. Called only where they do not say `environment`.
    pub fn connect(
        mut self,
        connect: impl FnOnce(SourceKind, &Connection) -> Arc<dyn Source> + Send + 'static,
    ) -> Self {
        self.connect = Some(Box::new(connect));
        self
    }

    /// Checks the options, fetches everything and waits for it: [`build`](Self::build), then [`Secrets::ready`]. With the
    /// error everything ends; to start without some secret and go on trying, call the two yourself.
    pub async fn load(self) -> Result<Secrets, Error> {
        let secrets = self.build()?;
        secrets.ready().await?;
        Ok(secrets)
    }

    /// Checks the options. Does no I/O but to read `permisos.json` and the files that `RDS_CA_CERT_PATH` and the option
    /// `snapshot` name; the first fetch comes with [`Secrets::ready`].
    pub fn build(self) -> Result<Secrets, Error> {
        let Self { options, file, secrets, variables, engine, connect } = self;
        let mut merged = file.under(options)?;
        let given = &mut merged.options;
        if !secrets.is_empty() {
            // Whatever else stands there is refused with everything that is wrong.
            if let Value::Array(given) = given.entry("secrets").or_insert_with(|| Value::Array(vec![])) {
                given.extend(secrets);
            }
        }
        let variables = variables.unwrap_or_else(|| {
            let utf8 = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
                Some((name.into_string().ok()?, value.into_string().ok()?))
            };
            std::env::vars_os().filter(|(_, value)| !value.is_empty()).filter_map(utf8).collect()
        });
        // The engine has neither clock nor randomness. The seed is one that a double holds, as it crosses into a sandbox.
        given.entry("startedAt").or_insert_with(|| wall_clock().0.into());
        given.entry("seed").or_insert_with(|| (RandomState::new().hash_one(wall_clock()) >> 11).into());
        let opened = engine.unwrap_or_else(|| Box::new(native))(given, variables);
        let mut engine = opened.map_err(|error| merged.explain(&error))?;
        let source = match (engine.source(), connect) {
            (SourceKind::Environment, _) => None,
            (kind, Some(connect)) => Some(connect(kind, engine.connection())),
            (kind, None) => Some(connect_to_aws(kind, engine.connection())?),
        };
        let seal = restore(&mut *engine)?;
        Ok(Secrets(Arc::new(Inner { driver: Arc::new(Driver::new(engine, seal)), source })))
    }
}

#[cfg(feature = "aws")]
#[expect(clippy::unnecessary_wraps, reason = "without the feature it fails")]
fn connect_to_aws(kind: SourceKind, connection: &Connection) -> Result<Arc<dyn Source>, Error> {
    Ok(permisos_secrets_aws::connect(kind, connection))
}

#[cfg(not(feature = "aws"))]
fn connect_to_aws(_: SourceKind, _: &Connection) -> Result<Arc<dyn Source>, Error> {
    use permisos_secrets_core::ErrorKind;
    let message = "permisos-secrets was compiled without its feature `aws`: enable it in Cargo.toml, or give a source by \
                   `.source(…)`";
    Err(Error::new(ErrorKind::ConfigInvalid, message))
}

impl fmt::Debug for SecretsBuilder {
    /// Names alone: what a program gives as an option may be anything.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretsBuilder")
            .field("options", &self.options.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// Hands the sealed snapshot to the engine, if the options ask for one; answers how to write the next.
#[cfg(feature = "snapshot")]
#[expect(clippy::unnecessary_wraps, reason = "without the feature it fails")]
fn restore(engine: &mut dyn DrivenEngine) -> Result<Option<Seal>, Error> {
    use permisos_secrets_core::Timestamp;
    let Some(file) = engine.snapshot_file().cloned() else { return Ok(None) };
    if engine.source() == SourceKind::Environment {
        return Ok(None);
    }
    let vault = match crate::sealed::Vault::open(&file) {
        Ok(vault) => vault,
        Err(message) => {
            engine.refuse_snapshot(Timestamp(0), &message);
            return Ok(None);
        }
    };
    match vault.read() {
        Ok(Some(text)) => engine.restore(Timestamp(0), &text),
        // The first start.
        Ok(None) => {}
        Err(message) => engine.refuse_snapshot(Timestamp(0), &message),
    }
    Ok(Some(Arc::new(move |text: &str| vault.write(text))))
}

#[cfg(not(feature = "snapshot"))]
fn restore(engine: &mut dyn DrivenEngine) -> Result<Option<Seal>, Error> {
    match engine.snapshot_file() {
        Some(_) => {
            use permisos_secrets_core::ErrorKind;
            let message = "the option `snapshot` needs permisos-secrets with the feature `snapshot`: enable it in \
                           Cargo.toml";
            Err(Error::new(ErrorKind::ConfigInvalid, message))
        }
        None => Ok(None),
    }
}

/// Getters of one type each.
macro_rules! getters {
    ($($service:ident $config:ident $getter:ident $get:ident $title:literal;)*) => {
        $(#[doc = $title]
        pub fn $getter(&self) -> Result<Arc<schema::$config>, Error> {
            match self.config(&ServiceId::BuiltIn(Service::$service))? {
                Config::$service(config) => Ok(config),
                other => unreachable!("the engine pairs services and configs, but answered {other:?}"),
            }
        })*
    };
}

impl Secrets {
    /// Starts a builder.
    pub fn builder() -> SecretsBuilder {
        SecretsBuilder::default()
    }

    /// Loads the secrets of an environment such as `production`, everything else as `permisos.json` says, else as by
    /// default: the seven services, from Secrets Manager in production and staging and from environment variables elsewhere.
    pub async fn load(environment: &str) -> Result<Self, Error> {
        Self::builder().environment(environment).load().await
    }

    /// Fetches everything that is not loaded yet, in one call where the server has one, and waits for it. However many
    /// callers: one fetch. The error lists every required service that cannot be read; fetching goes on in the background,
    /// so that a later `ready` may succeed. A future that is dropped cancels nothing.
    ///
    /// Call it inside a tokio runtime with its timers enabled: the background work lives there. Where that runtime ends
    /// before the secrets do, the next `ready` or [`refresh`](Self::refresh) goes on in its own.
    pub async fn ready(&self) -> Result<(), Error> {
        self.0.driver.until(|| self.start(), |engine, now| engine.loaded(now)).await
    }

    permisos_secrets_core::for_each_service!(getters);

    /// A secret as its struct: one of the application's own that was given to [`SecretsBuilder::secret`], or of the seven.
    /// It is the same object until the secret changes.
    pub fn get<T: Secret>(&self) -> Result<Arc<T>, Error> {
        let service = T::DEFINITION.service_id();
        self.config(&service)?.typed().ok_or_else(|| {
            let message = format!("{service} is defined with other fields than {}", std::any::type_name::<T>());
            Error::of(service, ErrorKind::ConfigInvalid, message)
        })
    }

    /// A secret that the application defined, by its id `{service}/{secret-type}`.
    pub fn custom(&self, id: &str) -> Result<Arc<CustomConfig>, Error> {
        let service = ServiceId::from(id);
        // Before the read, whose error would be about another secret than the one that is meant.
        if matches!(service, ServiceId::BuiltIn(_)) {
            return Err(Error::not_custom(&service));
        }
        match self.config(&service)? {
            Config::Custom(config) => Ok(config),
            other => unreachable!("the engine pairs services and configs, but answered {other:?}"),
        }
    }

    /// Answers a read with its origin, freshness and version. Never waits and never does I/O.
    pub fn read(&self, service: impl Into<ServiceId>) -> Result<Read, Error> {
        self.answer(&service.into(), ServiceState::read)
    }

    fn config(&self, service: &ServiceId) -> Result<Config, Error> {
        self.answer(service, ServiceState::config)
    }

    fn answer<T>(
        &self,
        service: &ServiceId,
        read: impl Fn(&ServiceState, Timestamp) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let driver = &self.0.driver;
        let now = driver.now();
        let decided = |snapshot: &ServiceState| (!snapshot.is_overdue(now)).then(|| read(snapshot, now));
        let answer = driver.published.with(service, decided).ok_or_else(|| Error::not_configured(service))?;
        answer.unwrap_or_else(|| {
            driver.catch_up();
            let answer = driver.published.with(service, |snapshot| read(snapshot, driver.now()));
            answer.unwrap_or_else(|| Err(Error::not_configured(service)))
        })
    }

    /// Forces a fetch now, or joins the one under way; waits for it. The error is that of the fetch: what was held
    /// before is still read. At most one forced fetch per secret per second; above that it returns at once.
    pub async fn refresh(&self, service: impl Into<ServiceId>) -> Result<(), Error> {
        self.0.driver.refresh(&service.into(), || self.start()).await
    }

    /// Every service and custom secret asked for, the built-in ones first.
    pub fn services(&self) -> Vec<ServiceId> {
        self.0.driver.engine().services()
    }

    /// Counts reads that another language answered from what it read before, an answer of this origin and freshness.
    #[cfg(feature = "bindings")]
    pub fn count_reads(
        &self,
        service: impl Into<ServiceId>,
        origin: permisos_secrets_core::Origin,
        freshness: permisos_secrets_core::Freshness,
        times: u64,
    ) {
        self.0.driver.published.with(&service.into(), |state| state.count(origin, freshness, times));
    }

    /// The state of everything, without values.
    pub fn health(&self) -> Health {
        self.0.driver.catch_up();
        self.0.driver.engine().health(self.0.driver.now())
    }

    /// What happens from now on. Bounded: a slow subscriber gets [`Notice::Lagged`](crate::Notice::Lagged) for what it
    /// missed.
    pub fn subscribe(&self) -> Subscription {
        self.0.driver.subscribe()
    }

    /// The events from now on, as a stream that ends when the secrets are closed. A slow reader misses some, where
    /// [`subscribe`](Self::subscribe) says so.
    pub fn events(&self) -> Pin<Box<dyn Stream<Item = Event> + Send>> {
        let next = |mut subscription: Subscription| async { Some((subscription.next_event().await?, subscription)) };
        Box::pin(stream::unfold(self.subscribe(), next).fuse())
    }

    /// Forgets every value and ends the background work. Reads answer `NotReady` from then on.
    pub fn close(&self) {
        self.0.driver.close();
    }

    fn start(&self) -> Result<(), Error> {
        self.0.driver.start(self.0.source.as_ref())
    }
}

impl fmt::Debug for Secrets {
    /// The state of each service, and no value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let health = self.health();
        let services = health.services.iter().map(|it| (it.service.as_str(), it.status));
        f.debug_struct("Secrets")
            .field("environment", &health.environment)
            .field("source", &health.source)
            .field("services", &services.collect::<BTreeMap<_, _>>())
            .finish()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.driver.close();
    }
}
