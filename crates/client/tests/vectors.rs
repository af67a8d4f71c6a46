//! Every rule's vectors through the real driver, on paused time.

use std::collections::HashMap;

use permisos_secrets::{DrivenEngine, Error};
use permisos_secrets_core::{Engine, Options};
use permisos_secrets_testkit::driven::{Driven, Open};
use permisos_secrets_testkit::vectors::run_all;
use serde_json::{Map, Value};

struct Core;

impl Open for Core {
    const RUNTIME: &str = "driver";

    fn open(options: &Map<String, Value>, variables: HashMap<String, String>) -> Result<Box<dyn DrivenEngine>, Error> {
        let (options, variables) = Options::parse(options, variables)?;
        Ok(Box::new(Engine::new(options, variables)))
    }
}

#[test]
fn every_vector_holds() {
    assert!(run_all::<Driven<Core>>() >= 150, "vectors are missing");
}
