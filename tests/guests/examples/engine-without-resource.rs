//! No engine for this host: the interface is of its version, but lacks the resource `engine`.

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package permisos:secrets@0.1.0;

            interface engine {
              record variable-name {
                name: string,
                names-file: bool,
              }

              variable-names: func(options: string) -> list<variable-name>;
            }

            world secrets {
              export engine;
            }
        ",
    });
}

use bindings::exports::permisos::secrets::engine::{Guest, VariableName};

struct Engine;

impl Guest for Engine {
    fn variable_names(_: String) -> Vec<VariableName> {
        vec![]
    }
}

bindings::export!(Engine with_types_in bindings);
