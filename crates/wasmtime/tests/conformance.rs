//! Every rule's vectors, on the component.

use std::collections::HashMap;

use permisos_secrets::{DrivenEngine, Error};
use permisos_secrets_testkit::driven::{Driven, Open};
use permisos_secrets_testkit::vectors::run_all;
use serde_json::{Map, Value};

mod support;

struct Component;

impl Open for Component {
    const RUNTIME: &str = "component";

    fn open(options: &Map<String, Value>, variables: HashMap<String, String>) -> Result<Box<dyn DrivenEngine>, Error> {
        support::sandbox().engine()(options, variables)
    }
}

#[test]
fn every_vector_holds() {
    assert!(run_all::<Driven<Component>>() >= 150, "vectors are missing");
}
