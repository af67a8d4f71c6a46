//! An engine that opens, and then does what the option `misdeed` says.

use std::cell::Cell;

mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "secrets", pub_export_macro: false });
}

use bindings::exports::permisos::secrets::engine::{
    self as wit, Connection, CustomConfig, DatabaseConfig, EmailConfig, Error, Event, Fetch, Fetched,
    GovernmentPortalConfig, Guest, GuestEngine, Health, Held, MonitoringConfig, OriginKind, Read, RedisConfig,
    Refreshed, Request, SecurityConfig, ServiceId, Snapshot, SnapshotFile, SourceKind, Stage, StripeConfig, Variable,
    VariableName,
};
use bindings::exports::permisos::secrets::types::{self, Config, EventKind, Origin, Service, Status};

struct Component;

impl Guest for Component {
    type Engine = Engine;

    fn variable_names(_: String) -> Vec<VariableName> {
        vec![]
    }
}

struct Engine {
    misdeed: Misdeed,
    has_changed: Cell<bool>,
    fetches: Cell<u64>,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Misdeed {
    /// Names changed services without end.
    ChangeForEver,
    /// Asks for the same secret again and again.
    FetchForEver,
    /// Asks for nothing, again and again.
    FetchNothing,
    /// Fetches the secret of a service that the options do not name.
    FetchAnother,
    /// Still holds its value once closed, and reports no change.
    IgnoreClose,
    /// Emits an event that is too long.
    LongEvent,
    /// Answers for the database with the config of another service, as its value, the one before, or the fallback.
    WrongConfig,
    WrongPrevious,
    WrongFallback,
}

const MISDEEDS: [(&str, Misdeed); 9] = [
    ("change-for-ever", Misdeed::ChangeForEver),
    ("fetch-for-ever", Misdeed::FetchForEver),
    ("fetch-nothing", Misdeed::FetchNothing),
    ("fetch-another", Misdeed::FetchAnother),
    ("ignore-close", Misdeed::IgnoreClose),
    ("long-event", Misdeed::LongEvent),
    ("wrong-config", Misdeed::WrongConfig),
    ("wrong-previous", Misdeed::WrongPrevious),
    ("wrong-fallback", Misdeed::WrongFallback),
];

fn database() -> Config {
    let [host, database, username, password, url, extra] =
        ["db", "permisos", "app", "canary", "postgresql://app:canary@db:5432/permisos", "{}"].map(str::to_owned);
    Config::Database(DatabaseConfig { host, port: 5432, database, username, password, ssl: None, url, extra })
}

fn monitoring() -> Config {
    Config::Monitoring(MonitoringConfig { keys: vec![] })
}

/// What its host does not ask.
macro_rules! unasked {
    ($($name:ident($($argument:ty),*) -> $answer:ty;)*) => {
        $(fn $name(&self, $(_: $argument),*) -> $answer {
            unreachable!()
        })*
    };
}

impl GuestEngine for Engine {
    fn open(options: String, _: Vec<Variable>) -> Result<wit::Engine, Error> {
        let is_meant = |(name, _): &&(&str, Misdeed)| options.contains(&format!(r#""misdeed":"{name}""#));
        let Some((_, misdeed)) = MISDEEDS.iter().find(is_meant) else { unreachable!() };
        Ok(wit::Engine::new(Self { misdeed: *misdeed, has_changed: Cell::new(false), fetches: Cell::new(0) }))
    }

    fn source(&self) -> SourceKind {
        match self.misdeed {
            Misdeed::FetchForEver | Misdeed::FetchNothing | Misdeed::FetchAnother => SourceKind::Aws,
            _ => SourceKind::Environment,
        }
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
        let is_told = self.has_changed.replace(true) && self.misdeed != Misdeed::ChangeForEver;
        (!is_told).then_some(ServiceId::BuiltIn(Service::Database))
    }

    fn snapshot(&self, _: ServiceId) -> Option<Snapshot> {
        let wrong = |misdeed| if self.misdeed == misdeed { monitoring() } else { database() };
        let held = Held {
            config: wrong(Misdeed::WrongConfig),
            previous: Some(wrong(Misdeed::WrongPrevious)),
            version_id: "v1".to_owned(),
            origin: OriginKind::SecretsManager,
            fresh_until: u64::MAX,
            usable_until: u64::MAX,
        };
        Some(Snapshot { held: Some(held), fallback: Some(wrong(Misdeed::WrongFallback)), failure: None })
    }

    fn read(&self, _: ServiceId, _: u64) -> Result<Read, Error> {
        Ok(Read { config: monitoring(), origin: Origin::Environment, previous: None })
    }

    fn poll_fetch(&self, _: u64) -> Option<Fetch> {
        let id = self.fetches.replace(self.fetches.get() + 1);
        let request = |service| Request {
            service: ServiceId::BuiltIn(service),
            secret_id: "test/database".to_owned(),
            stage: Stage::Current,
            forced: false,
        };
        let requests = match self.misdeed {
            Misdeed::FetchForEver => vec![request(Service::Database)],
            Misdeed::FetchAnother => vec![request(Service::Stripe)],
            _ => vec![],
        };
        Some(Fetch { id, requests })
    }

    fn poll_timeout(&self) -> Option<u64> {
        Some(0)
    }

    fn poll_event(&self) -> Option<Event> {
        let service = ServiceId::BuiltIn(Service::Database);
        let version_id = "long ".repeat(1 << 20);
        let kind = EventKind::Refreshed(types::Refreshed { version_id, warnings: vec![] });
        (self.misdeed == Misdeed::LongEvent).then_some(Event { at: 0, service, kind })
    }

    fn handle_clock(&self, _: u64, _: u64) {}

    fn handle_fetched(&self, _: u64, _: Fetched) {}

    fn loaded(&self, _: u64) -> Option<Result<(), Error>> {
        (self.source() == SourceKind::Environment).then_some(Ok(()))
    }

    fn close(&self) {}

    unasked! {
        restore(u64, String) -> ();
        refuse_snapshot(u64, String) -> ();
        poll_seal(u64) -> Option<String>;
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
        read_json(ServiceId, u64) -> String;
    }
}

bindings::export!(Component with_types_in bindings);
