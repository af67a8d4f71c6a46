//! The engine as a component. It decides nothing: each method is that of core's `Engine`, with documents for types, and
//! `wit/` documents it. It imports nothing, which `cargo xtask component` checks.

mod bindings {
    #![allow(clippy::pedantic, reason = "generated")]
    wit_bindgen::generate!({ path: "../../wit", world: "secrets", pub_export_macro: false });
}

use std::cell::{RefCell, RefMut};

use permisos_secrets_core::{Engine, Error, Fetched, Options, Read, ServiceId, Setup, Variables, document};
use serde::Serialize;
use zeroize::Zeroizing;

use bindings::exports::permisos::secrets::engine as wit;

/// Zeroes what is freed: what crosses does so in plain strings.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);

struct Component;

impl wit::Guest for Component {
    type Engine = Resource;

    fn variable_names(options: String) -> Result<String, String> {
        answer(Options::document(&options).map(|options| Options::variable_names(&options)))
    }

    fn file_paths(options: String, variables: String) -> Result<String, String> {
        answer(Variables::paths(&options, &variables))
    }
}

struct Resource(RefCell<Engine>);

impl Resource {
    fn engine(&self) -> RefMut<'_, Engine> {
        self.0.borrow_mut()
    }
}

impl wit::GuestEngine for Resource {
    fn open(
        options: String,
        variables: String,
        files: String,
        started_at: f64,
        seed: f64,
    ) -> Result<wit::Engine, String> {
        let opened = Engine::open(&options, &variables, &files, started_at, seed);
        opened.map(|engine| wit::Engine::new(Self(RefCell::new(engine)))).map_err(|error| json(&error))
    }

    fn setup(&self) -> String {
        json(&Setup::from(self.engine().options()))
    }

    fn handle_clock(&self, now: f64, wall: f64) {
        self.engine().handle_clock(now.into(), wall.into());
    }

    fn poll_fetch(&self, now: f64) -> Option<String> {
        self.engine().poll_fetch(now.into()).map(|fetch| json(&fetch))
    }

    fn handle_fetched(&self, now: f64, fetched: String) -> Result<(), String> {
        let fetched = Fetched::from_json(&fetched).map_err(|error| json(&error))?;
        self.engine().handle_fetched(now.into(), fetched);
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "2^53 milliseconds are 285,000 years")]
    fn poll_timeout(&self) -> Option<f64> {
        self.engine().poll_timeout().map(|at| at.0 as f64)
    }

    fn poll_event(&self) -> Option<String> {
        self.engine().poll_event().map(|event| json(&event))
    }

    fn poll_changed(&self) -> Option<String> {
        self.engine().poll_changed().map(|service| service.to_string())
    }

    fn state(&self, service: String) -> Option<String> {
        self.engine().state(&ServiceId::from(service)).map(|state| out(state.expose_json()))
    }

    fn restore(&self, now: f64, text: String) {
        self.engine().restore(now.into(), &text);
    }

    fn refuse_snapshot(&self, now: f64, message: String) {
        self.engine().refuse_snapshot(now.into(), &message);
    }

    fn poll_seal(&self, now: f64) -> Option<String> {
        self.engine().poll_seal(now.into()).map(out)
    }

    fn loaded(&self, now: f64) -> Result<bool, String> {
        ended(self.engine().loaded(now.into()))
    }

    fn refresh(&self, service: String, now: f64) -> Result<String, String> {
        match self.engine().refresh(&service.into(), now.into()) {
            Ok(refresh) => Ok(refresh.as_str().to_owned()),
            Err(error) => Err(json(&error)),
        }
    }

    fn refreshed(&self, service: String) -> Result<bool, String> {
        ended(self.engine().refreshed(&service.into()))
    }

    fn read(&self, service: String, now: f64) -> Result<String, String> {
        match self.engine().read(&service.into(), now.into()) {
            Ok(read) => Ok(out(Read::expose_json(&Ok(read)))),
            Err(error) => Err(json(&error)),
        }
    }

    fn health(&self, now: f64) -> String {
        json(&self.engine().health(now.into()))
    }

    fn close(&self) {
        self.engine().close();
    }
}

fn json(value: &impl Serialize) -> String {
    out(document(value))
}

fn answer(answer: Result<impl Serialize, Error>) -> Result<String, String> {
    answer.map(|value| json(&value)).map_err(|error| json(&error))
}

/// A document with values leaves: what it leaves behind is zeroed by the allocator.
fn out(mut document: Zeroizing<String>) -> String {
    std::mem::take(&mut *document)
}

fn ended(ended: Option<Result<(), Error>>) -> Result<bool, String> {
    match ended {
        None => Ok(false),
        Some(Ok(())) => Ok(true),
        Some(Err(error)) => Err(json(&error)),
    }
}

bindings::export!(Component with_types_in bindings);
