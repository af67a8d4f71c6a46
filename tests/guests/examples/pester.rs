//! Asks its host for the same config until the host ends it.

use guest::{Guest, config, export};

struct Pester;

impl Guest for Pester {
    fn run(_: String) -> Result<String, String> {
        loop {
            let _ = std::hint::black_box(config::get_database_config());
        }
    }
}

export!(Pester);
