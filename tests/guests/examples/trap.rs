//! Reads the database's config, then traps while it holds it.

use guest::{Guest, config, export, failed};

struct Trap;

impl Guest for Trap {
    fn run(_: String) -> Result<String, String> {
        let database = config::get_database_config().map_err(failed)?;
        panic!("no host may show {}", database.password);
    }
}

export!(Trap);
