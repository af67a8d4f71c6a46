//! What the guests have in common: the bindings of `guest.wit`, and their words for what a host answers.

/// Generated from the very files that the host is generated from.
pub mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit", "guest.wit"],
        world: "permisos:guests/guest",
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "guest::bindings",
    });
}

pub use bindings::permisos::secrets::config;
pub use bindings::wasi::config::store as wasi_config;
pub use bindings::wasmcloud::secrets as wasmcloud_secrets;
pub use bindings::{Guest, export};

/// An error's kind and message.
pub fn failed(error: config::Error) -> String {
    format!("{}: {}", error.code, error.message)
}
