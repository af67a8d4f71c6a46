//! No engine for this host: its interface is of another version.

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package permisos:secrets@0.0.1;

            interface engine {
              variable-names: func(options: string) -> list<string>;
            }

            world secrets {
              export engine;
            }
        ",
    });
}

struct Engine;

impl bindings::exports::permisos::secrets::engine::Guest for Engine {
    fn variable_names(_: String) -> Vec<String> {
        vec![]
    }
}

bindings::export!(Engine with_types_in bindings);
