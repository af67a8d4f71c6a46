//! An engine that opens, and then names changed services without end.

mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "secrets", pub_export_macro: false });
}

use bindings::exports::permisos::secrets::engine::{
    self as wit, Connection, CustomConfig, DatabaseConfig, EmailConfig, Error, Event, Fetch, Fetched,
    GovernmentPortalConfig, Guest, GuestEngine, Health, MonitoringConfig, Read, RedisConfig, Refreshed, SecurityConfig,
    ServiceId, Snapshot, SnapshotFile, SourceKind, StripeConfig, Variable, VariableName,
};
use bindings::exports::permisos::secrets::types::{Service, Status};

struct Component;

impl Guest for Component {
    type Engine = Engine;

    fn variable_names(_: String) -> Vec<VariableName> {
        vec![]
    }
}

struct Engine;

/// What its host has no time to ask.
macro_rules! unasked {
    ($($name:ident($($argument:ty),*) -> $answer:ty;)*) => {
        $(fn $name(&self, $(_: $argument),*) -> $answer {
            unreachable!()
        })*
    };
}

impl GuestEngine for Engine {
    fn open(_: String, _: Vec<Variable>) -> Result<wit::Engine, Error> {
        Ok(wit::Engine::new(Self))
    }

    fn source(&self) -> SourceKind {
        SourceKind::Environment
    }

    fn connection(&self) -> Connection {
        Connection { regions: vec![], endpoint_url: None, profile: None, role_arn: None, timeout_ms: 0 }
    }

    fn snapshot_file(&self) -> Option<SnapshotFile> {
        None
    }

    fn services(&self) -> Vec<ServiceId> {
        vec![ServiceId::BuiltIn(Service::Database)]
    }

    fn health(&self, _: u64) -> Health {
        let (status, source) = (Status::Healthy, SourceKind::Environment);
        Health { status, environment: "test".to_owned(), source, services: vec![], fetches: vec![] }
    }

    fn poll_changed(&self) -> Option<ServiceId> {
        Some(ServiceId::BuiltIn(Service::Database))
    }

    fn snapshot(&self, _: ServiceId) -> Option<Snapshot> {
        Some(Snapshot { held: None, fallback: None, failure: None })
    }

    unasked! {
        poll_fetch(u64) -> Option<Fetch>;
        handle_fetched(u64, Fetched) -> ();
        poll_timeout() -> Option<u64>;
        poll_event() -> Option<Event>;
        restore(u64, String) -> ();
        refuse_snapshot(u64, String) -> ();
        poll_seal(u64) -> Option<String>;
        loaded(u64) -> Option<Result<(), Error>>;
        refresh(ServiceId, u64) -> Result<Refreshed, Error>;
        refreshed(ServiceId) -> Option<Result<(), Error>>;
        database(u64) -> Result<DatabaseConfig, Error>;
        redis(u64) -> Result<RedisConfig, Error>;
        security(u64) -> Result<SecurityConfig, Error>;
        stripe(u64) -> Result<StripeConfig, Error>;
        email(u64) -> Result<EmailConfig, Error>;
        government_portal(u64) -> Result<GovernmentPortalConfig, Error>;
        monitoring(u64) -> Result<MonitoringConfig, Error>;
        custom(String, u64) -> Result<CustomConfig, Error>;
        read(ServiceId, u64) -> Result<Read, Error>;
        read_json(ServiceId, u64) -> String;
        close() -> ();
    }
}

bindings::export!(Component with_types_in bindings);
