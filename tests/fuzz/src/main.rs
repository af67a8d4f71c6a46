//! Hostile input, by libFuzzer: `cargo xtask fuzz` builds and runs it. One program for all targets; the variable
//! `PERMISOS_FUZZ_TARGET` says which, `PERMISOS_FUZZ_SEEDS` a folder to fill with seeds instead.

#![no_main]
#![expect(clippy::unwrap_used, reason = "a crash is a finding")]

mod inputs;
mod script;
mod seeds;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

/// A target by name.
type Target = (&'static str, fn(&[u8]));

/// What `cargo xtask fuzz` runs, by name.
const TARGETS: [Target; 8] = [
    ("environment", inputs::environment),
    ("names", inputs::names),
    ("options", inputs::options),
    ("payload", inputs::payload),
    ("pem", inputs::pem),
    ("script", script::run),
    ("sealed-document", inputs::sealed_document),
    ("sealed-file", inputs::sealed_file),
];

static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("PERMISOS_FUZZ_TARGET").unwrap_or_default();
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("PERMISOS_FUZZ_TARGET must be one of {:?}", TARGETS.map(|(known, _)| known))).1
});

fuzz_target!(
    init: {
        if let Some(folder) = std::env::var_os("PERMISOS_FUZZ_SEEDS") {
            seeds::write(folder.as_ref());
            std::process::exit(0);
        }
        LazyLock::force(&TARGET);
    },
    |data: &[u8]| TARGET(data)
);
