//! Says where the database is, and of the user name only how long it is.

use guest::{Guest, config, export, failed};

struct ReadDatabase;

impl Guest for ReadDatabase {
    fn run(_: String) -> Result<String, String> {
        let database = config::get_database_config().map_err(failed)?;
        Ok(format!("{}:{}, user of {} characters", database.host, database.port, database.username.len()))
    }
}

export!(ReadDatabase);
