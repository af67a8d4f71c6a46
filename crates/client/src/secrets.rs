//! The Rust API: a builder, one load, typed getters.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use permisos_secrets_core::schema::{self, CustomConfig, Secret};
use permisos_secrets_core::{
    Config, Connection, Error, ErrorKind, Health, Read, Service, ServiceId, Snapshot, SourceKind, Timestamp,
};
use serde_json::{Map, Value};

use crate::driver::{Driver, Seal, Subscription};
use crate::engine::{DrivenEngine, Open, native};
use crate::source::Source;

/// Typed secrets: loaded once, kept fresh in the background, read without waiting. Cloning shares them; with the last
/// clone they are closed.
#[derive(Clone)]
pub struct Secrets(Arc<Inner>);

struct Inner {
    driver: Arc<Driver>,
    source: Option<Arc<dyn Source>>,
}

/// Collects what [`Secrets`] need. Nothing is checked before [`build`](Self::build), which tells everything at once.
#[derive(Default)]
#[must_use]
pub struct SecretsBuilder {
    options: Map<String, Value>,
    secrets: Vec<Value>,
    variables: Option<HashMap<String, String>>,
    engine: Option<Open>,
    connect: Option<Connect>,
}

type Connect = Box<dyn FnOnce(SourceKind, &Connection) -> Arc<dyn Source>>;

impl SecretsBuilder {
    /// Sets one option of [`Options::parse`](permisos_secrets_core::Options::parse) by its name there, e.g. `("ttl", 600)`.
    pub fn option(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.options.insert(name.to_owned(), value.into());
        self
    }

    /// Sets options of [`Options::parse`](permisos_secrets_core::Options::parse) from a JSON object, e.g. from a configuration file.
    pub fn options(mut self, options: Map<String, Value>) -> Self {
        self.options.extend(options);
        self
    }

    /// The deployment environment, e.g. `production`.
    pub fn environment(self, environment: &str) -> Self {
        self.option("environment", environment)
    }

    /// Asks for these services only.
    pub fn services(self, services: &[Service]) -> Self {
        self.option("services", services.iter().map(|service| service.as_str()).collect::<Vec<_>>())
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

    /// Takes these environment variables instead of the process's own.
    pub fn variables(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.variables = Some(variables.into_iter().collect());
        self
    }

    /// Drives this engine instead of core's own, e.g. `permisos_secrets_wasmtime`'s in a sandbox. It is made from options
    /// (with `startedAt` and `seed`) and environment variables.
    pub fn engine(
        mut self,
        open: impl FnOnce(&Map<String, Value>, HashMap<String, String>) -> Result<Box<dyn DrivenEngine>, Error> + 'static,
    ) -> Self {
        self.engine = Some(Box::new(open));
        self
    }

    /// How to make the source, called only where the options do not say `environment`; usually
    /// `permisos_secrets_aws::connect`.
    pub fn connect(mut self, connect: impl FnOnce(SourceKind, &Connection) -> Arc<dyn Source> + 'static) -> Self {
        self.connect = Some(Box::new(connect));
        self
    }

    /// Checks the options. Does no I/O but to read the files that `RDS_CA_CERT_PATH` and the option `snapshot` name.
    pub fn build(self) -> Result<Secrets, Error> {
        let Self { options: mut given, secrets, variables, engine, connect } = self;
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
            std::env::vars_os().filter_map(utf8).collect()
        });
        // The engine has neither clock nor randomness.
        let since = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        given.entry("startedAt").or_insert_with(|| u64::try_from(since().as_millis()).unwrap_or_default().into());
        given.entry("seed").or_insert_with(|| (RandomState::new().hash_one(since()) >> 1).into());
        let mut engine = engine.unwrap_or_else(|| Box::new(native))(&given, variables)?;
        let source = match (engine.source(), connect) {
            (SourceKind::Environment, _) => None,
            (kind, Some(connect)) => Some(connect(kind, engine.connection())),
            (SourceKind::Agent | SourceKind::Aws, None) => {
                let message = "the source is not the environment, and the builder was not told how to connect: \
                               call .connect(permisos_secrets_aws::connect)";
                return Err(Error::new(ErrorKind::ConfigInvalid, message));
            }
        };
        let seal = restore(&mut *engine)?;
        Ok(Secrets(Arc::new(Inner { driver: Arc::new(Driver::new(engine, seal)), source })))
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

    /// Fetches everything, in one call where the server has one, and waits for it. However many callers: one fetch.
    /// The error lists every required service that cannot be read; fetching goes on in the background, so a later
    /// `load` may succeed. A future that is dropped cancels nothing.
    ///
    /// Call it inside a tokio runtime with its timers enabled: the background work lives there. Where that runtime ends
    /// before the secrets do, the next `load` or [`refresh`](Self::refresh) goes on in its own.
    pub async fn load(&self) -> Result<(), Error> {
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
        match self.config(&service)? {
            Config::Custom(config) => Ok(config),
            _ => Err(Error::not_custom(&service)),
        }
    }

    /// Answers a read with its origin, freshness and version. Never waits and never does I/O.
    pub fn read(&self, service: &ServiceId) -> Result<Read, Error> {
        self.answer(service, Snapshot::read)
    }

    fn config(&self, service: &ServiceId) -> Result<Config, Error> {
        self.answer(service, Snapshot::config)
    }

    fn answer<T>(
        &self,
        service: &ServiceId,
        read: impl FnOnce(&Snapshot, Timestamp) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let driver = &self.0.driver;
        let answer = driver.published.with(service, |snapshot| read(snapshot, driver.now()));
        answer.unwrap_or_else(|| Err(Error::not_configured(service)))
    }

    /// Forces a fetch now, or joins the one under way; waits for it. The error is that of the fetch: what was held
    /// before is still read. At most one forced fetch per secret per second; above that it returns at once.
    pub async fn refresh(&self, service: &ServiceId) -> Result<(), Error> {
        self.0.driver.refresh(service, || self.start()).await
    }

    /// The state of everything, without values.
    pub fn health(&self) -> Health {
        self.0.driver.engine().health(self.0.driver.now())
    }

    /// What happens from now on. Bounded: a slow subscriber is told that it missed something.
    pub fn subscribe(&self) -> Subscription {
        self.0.driver.subscribe()
    }

    /// Forgets every value and ends the background work. Reads answer `NotReady` from then on.
    pub fn close(&self) {
        self.0.driver.close();
    }

    fn start(&self) -> Result<(), Error> {
        self.0.driver.start(self.0.source.as_ref())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.driver.close();
    }
}
