//! The engine as a component. It converts and decides nothing: each method is that of core's `Engine`, and `wit/`
//! documents it. It imports nothing, which `cargo xtask component` checks.

mod convert;

mod bindings {
    #![allow(clippy::pedantic, reason = "generated")]
    wit_bindgen::generate!({ path: "../../wit", world: "secrets", pub_export_macro: false });
}

use std::cell::RefCell;

use permisos_secrets_core::{Config, Engine, Options, Read, Service, ServiceId, Timestamp, UnixTime, Variables};

use bindings::exports::permisos::secrets::engine::{
    self as wit, CustomConfig, Error, Event, Fetch, Fetched, Guest, GuestEngine, Health, Refreshed, Snapshot,
    SourceKind, Variable, VariableName,
};
use convert::{IntoWit, ToWit};

/// Zeroes what is freed: what crosses does so in plain strings and lists.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);

struct Component;

impl Guest for Component {
    type Engine = Resource;

    fn variable_names(options: String) -> Vec<VariableName> {
        let names = Options::document(&options).map(|options| Options::variable_names(&options)).unwrap_or_default();
        names.into_iter().map(|name| VariableName { names_file: Variables::names_file(&name), name }).collect()
    }
}

struct Resource(RefCell<Engine>);

impl Resource {
    fn config(&self, service: &ServiceId, now: u64) -> Result<Config, Error> {
        let snapshot = self.0.borrow().state(service);
        let snapshot = snapshot.ok_or_else(|| permisos_secrets_core::Error::not_configured(service))?;
        Ok(snapshot.config(Timestamp(now))?)
    }
}

/// Getters of one type each.
macro_rules! getters {
    ($($service:ident $config:ident $getter:ident $get:ident $title:literal;)*) => {
        $(fn $getter(&self, now: u64) -> Result<wit::$config, Error> {
            match self.config(&Service::$service.into(), now)? {
                Config::$service(config) => Ok(config.to_wit()),
                _ => unreachable!("the engine pairs services and configs"),
            }
        })*
    };
}

impl GuestEngine for Resource {
    fn open(options: String, variables: Vec<Variable>) -> Result<wit::Engine, Error> {
        let options = Options::document(&options)?;
        let mut files = vec![];
        let values = variables.into_iter().map(|Variable { name, value, file }| {
            if Variables::names_file(&name) {
                files.push((name.clone(), file));
            }
            (name, value)
        });
        let (options, mut variables) = Options::parse(&options, values.collect::<Vec<_>>())?;
        for (name, text) in files {
            variables = variables.with_file(&name, text);
        }
        Ok(wit::Engine::new(Self(RefCell::new(Engine::new(options, variables)))))
    }

    fn source(&self) -> SourceKind {
        self.0.borrow().options().source.into_wit()
    }

    fn connection(&self) -> wit::Connection {
        self.0.borrow().options().connection.clone().into_wit()
    }

    fn snapshot_file(&self) -> Option<wit::SnapshotFile> {
        self.0.borrow().options().snapshot.clone().map(IntoWit::into_wit)
    }

    fn services(&self) -> Vec<wit::ServiceId> {
        self.0.borrow().options().service_ids().map(IntoWit::into_wit).collect()
    }

    fn handle_clock(&self, now: u64, wall: u64) {
        self.0.borrow_mut().handle_clock(Timestamp(now), UnixTime(wall));
    }

    fn poll_fetch(&self, now: u64) -> Option<Fetch> {
        self.0.borrow_mut().poll_fetch(Timestamp(now)).map(IntoWit::into_wit)
    }

    fn handle_fetched(&self, now: u64, fetched: Fetched) {
        self.0.borrow_mut().handle_fetched(Timestamp(now), fetched.into());
    }

    fn poll_timeout(&self) -> Option<u64> {
        self.0.borrow().poll_timeout().map(|at| at.0)
    }

    fn poll_event(&self) -> Option<Event> {
        self.0.borrow_mut().poll_event().map(IntoWit::into_wit)
    }

    fn poll_changed(&self) -> Option<wit::ServiceId> {
        self.0.borrow_mut().poll_changed().map(IntoWit::into_wit)
    }

    fn snapshot(&self, service: wit::ServiceId) -> Option<Snapshot> {
        self.0.borrow().state(&service.into()).map(IntoWit::into_wit)
    }

    fn restore(&self, now: u64, text: String) {
        self.0.borrow_mut().restore(Timestamp(now), &zeroize::Zeroizing::new(text));
    }

    fn refuse_snapshot(&self, now: u64, message: String) {
        self.0.borrow_mut().refuse_snapshot(Timestamp(now), &message);
    }

    fn poll_seal(&self, now: u64) -> Option<String> {
        self.0.borrow_mut().poll_seal(Timestamp(now)).map(|text| text.as_str().to_owned())
    }

    fn loaded(&self, now: u64) -> Option<Result<(), Error>> {
        self.0.borrow().loaded(Timestamp(now)).map(|loaded| Ok(loaded?))
    }

    fn refresh(&self, service: wit::ServiceId, now: u64) -> Result<Refreshed, Error> {
        Ok(self.0.borrow_mut().refresh(&service.into(), Timestamp(now))?.into_wit())
    }

    fn refreshed(&self, service: wit::ServiceId) -> Option<Result<(), Error>> {
        self.0.borrow().refreshed(&service.into()).map(|refreshed| Ok(refreshed?))
    }

    permisos_secrets_core::for_each_service!(getters);

    fn custom(&self, id: String, now: u64) -> Result<CustomConfig, Error> {
        let service = ServiceId::from(id.as_str());
        match self.config(&service, now)? {
            Config::Custom(config) => Ok(config.to_wit()),
            _ => Err(permisos_secrets_core::Error::not_custom(&service).into()),
        }
    }

    fn read(&self, service: wit::ServiceId, now: u64) -> Result<wit::Read, Error> {
        Ok(self.0.borrow().read(&service.into(), Timestamp(now))?.into_wit())
    }

    fn read_json(&self, service: wit::ServiceId, now: u64) -> String {
        Read::expose_json(&self.0.borrow().read(&service.into(), Timestamp(now))).as_str().to_owned()
    }

    fn health(&self, now: u64) -> Health {
        self.0.borrow().health(Timestamp(now)).into_wit()
    }

    fn close(&self) {
        self.0.borrow_mut().close();
    }
}

bindings::export!(Component with_types_in bindings);
