//! The component and the guests, where `cargo xtask test` built them.

#![allow(dead_code, reason = "each test uses a part")]

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use permisos_secrets_wasmtime::Sandbox;

/// The component's bytes.
pub(crate) fn component() -> Vec<u8> {
    read(&folder("PERMISOS_COMPONENT"))
}

/// A guest's bytes.
pub(crate) fn guest(name: &str) -> Vec<u8> {
    read(&folder("PERMISOS_GUESTS").join(format!("{name}.wasm")))
}

/// The component, compiled once for all tests of a file.
pub(crate) fn sandbox() -> &'static Sandbox {
    static SANDBOX: OnceLock<Sandbox> = OnceLock::new();
    SANDBOX.get_or_init(|| Sandbox::new(&component()).expect("the component is that of this version"))
}

fn folder(variable: &str) -> PathBuf {
    let hint = "run `cargo xtask component` and set the variables that it prints, or run `cargo xtask test`";
    std::env::var_os(variable).unwrap_or_else(|| panic!("{variable} is not set: {hint}")).into()
}

fn read(file: &Path) -> Vec<u8> {
    std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
