//! An engine that opens, and then does what the service of its only custom secret says.

use std::cell::Cell;

mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "secrets", pub_export_macro: false });
}

use bindings::exports::permisos::secrets::engine::{self as wit, Guest, GuestEngine};

struct Component;

impl Guest for Component {
    type Engine = Engine;

    fn variable_names(_: String) -> Result<String, String> {
        Ok("[]".to_owned())
    }

    fn file_paths(_: String, _: String) -> Result<String, String> {
        Ok("[]".to_owned())
    }
}

struct Engine {
    misdeed: String,
    has_changed: Cell<bool>,
    fetches: Cell<u64>,
}

/// Named by the secret `misdeed/…` of the options:
const MISDEEDS: [&str; 11] = [
    // Names changed services without end.
    "change-for-ever",
    // Fetches the secret of a service that the options do not name.
    "fetch-another",
    // Asks for the same secret again and again.
    "fetch-for-ever",
    // Asks for nothing, again and again.
    "fetch-nothing",
    // Fetches, for a service of the options, another secret than they name.
    "fetch-secret-of-others",
    // Still holds its value once closed, and reports no change.
    "ignore-close",
    // Emits an event that is too long.
    "long-event",
    // Reports an event that is no document.
    "no-event",
    // Answers for the database with the config of another service, as its value, the one before, or the fallback.
    "wrong-config",
    "wrong-previous",
    "wrong-fallback",
];

const DATABASE: &str = r#"{"host":"db","port":5432,"database":"permisos","username":"app","password":"canary",
    "url":"postgresql://app:canary@db:5432/permisos","extra":{}}"#;
const MONITORING: &str = r#"{"sentryDsn":"canary"}"#;

impl Engine {
    fn does(&self, misdeed: &str) -> bool {
        self.misdeed == misdeed
    }
}

impl GuestEngine for Engine {
    fn open(options: String, _: String, _: String, _: f64, _: f64) -> Result<wit::Engine, String> {
        let misdeed = MISDEEDS.iter().find(|misdeed| options.contains(&format!("misdeed/{misdeed}\"")));
        let misdeed = misdeed.expect("the options name one").to_string();
        Ok(wit::Engine::new(Self { misdeed, has_changed: Cell::new(false), fetches: Cell::new(0) }))
    }

    fn health(&self, _: f64) -> String {
        r#"{"status":"healthy","environment":"test","source":"environment","services":[],"fetches":[]}"#.to_owned()
    }

    fn poll_changed(&self) -> Option<String> {
        let is_told = self.has_changed.replace(true) && !self.does("change-for-ever");
        (!is_told).then(|| "database".to_owned())
    }

    fn state(&self, _: String) -> Option<String> {
        let wrong = |misdeed| if self.does(misdeed) { MONITORING } else { DATABASE };
        let (config, previous) = (wrong("wrong-config"), wrong("wrong-previous"));
        let held = format!(
            r#"{{"config":{config},"previous":{previous},"versionId":"v1","origin":"secrets-manager",
                "freshUntil":9007199254740992,"usableUntil":9007199254740992}}"#
        );
        Some(format!(r#"{{"held":{held},"fallback":{},"failure":null}}"#, wrong("wrong-fallback")))
    }

    fn poll_fetch(&self, _: f64) -> Option<String> {
        let id = self.fetches.replace(self.fetches.get() + 1);
        let request = |service: &str, secret_id: &str| {
            format!(r#"{{"service":"{service}","secretId":"{secret_id}","stage":"AWSCURRENT"}}"#)
        };
        let requests = match self.misdeed.as_str() {
            "fetch-for-ever" => request("database", "permisos/test/database/credentials"),
            "fetch-another" => request("stripe", "permisos/test/stripe/api-keys"),
            "fetch-secret-of-others" => request("database", "payroll/production/database"),
            _ => String::new(),
        };
        Some(format!(r#"{{"id":{id},"requests":[{requests}]}}"#))
    }

    fn poll_timeout(&self) -> Option<f64> {
        Some(0.0)
    }

    fn poll_event(&self) -> Option<String> {
        let version_id = "long ".repeat(1 << 20);
        let event = || {
            format!(r#"{{"at":0,"service":"database","type":"refreshed","versionId":"{version_id}","warnings":[]}}"#)
        };
        match self.misdeed.as_str() {
            "long-event" => Some(event()),
            "no-event" => Some("no event".to_owned()),
            _ => None,
        }
    }

    fn loaded(&self, _: f64) -> Result<bool, String> {
        Ok(!self.misdeed.starts_with("fetch"))
    }

    fn handle_clock(&self, _: f64, _: f64) {}

    fn handle_fetched(&self, _: f64, _: String) -> Result<(), String> {
        Ok(())
    }

    fn close(&self) {}

    // What its host does not ask.

    fn setup(&self) -> String {
        unreachable!()
    }

    fn restore(&self, _: f64, _: String) {
        unreachable!()
    }

    fn refuse_snapshot(&self, _: f64, _: String) {
        unreachable!()
    }

    fn poll_seal(&self, _: f64) -> Option<String> {
        None
    }

    fn refresh(&self, _: String, _: f64) -> Result<String, String> {
        unreachable!()
    }

    fn refreshed(&self, _: String) -> Result<bool, String> {
        unreachable!()
    }

    fn read(&self, _: String, _: f64) -> Result<String, String> {
        unreachable!()
    }
}

bindings::export!(Component with_types_in bindings);
