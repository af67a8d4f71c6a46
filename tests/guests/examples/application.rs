//! The guest of docs/hosts.md: it needs wit-bindgen and `wit/`, and nothing else of this repository.

wit_bindgen::generate!({
    path: ["../../wit", "guest.wit"],
    world: "permisos:guests/application",
    generate_all,
});

use permisos::secrets::config::get_database_config;

struct Application;

impl Guest for Application {
    fn run(_: String) -> Result<String, String> {
        let database = get_database_config().map_err(|error| error.message)?;
        Ok(format!("{}:{}", database.host, database.port))
    }
}

export!(Application);
