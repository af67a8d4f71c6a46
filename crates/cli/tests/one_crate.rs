//! What a Rust user does: the lines of `crates/client/README.md` in a fresh project, in front of a real PostgreSQL.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use permisos_secrets_testkit::emulator::{Emulator, Postgres};
use support::{BACKEND, Bench, MIGRATE, root};

/// Where cargo puts what it builds: the tests' own folder, so that a second run builds nothing.
fn target() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_permisos-secrets"));
    program.ancestors().nth(2).unwrap().to_owned()
}

/// The first block of a language in a page.
fn block<'p>(page: &'p str, language: &str) -> &'p str {
    let (_, rest) = page.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0
}

/// Builds the README's first example in a fresh project; answers the program.
fn built() -> PathBuf {
    let page = std::fs::read_to_string(root().join("crates/client/README.md")).unwrap();
    let project = target().join("one-crate");
    std::fs::create_dir_all(project.join("src")).unwrap();
    let dependencies = block(&page, "toml");
    let (stated, client) = ("../permisos-secrets/crates/client", root().join("crates/client"));
    assert!(dependencies.contains(stated), "the README says where the crate is");
    assert_eq!(dependencies.matches("permisos-secrets").count(), 2, "one crate of ours, by name and path");
    let head = "[package]\nname = \"one-crate\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
                [profile.dev]\ndebug = false\n\n";
    let manifest = [head, &dependencies.replace(stated, client.to_str().unwrap())].concat();
    // What is the same stays as old as it is: cargo goes by that.
    let put = |path: &str, text: &str| {
        let path = project.join(path);
        if std::fs::read_to_string(&path).ok().as_deref() != Some(text) {
            std::fs::write(path, text).unwrap();
        }
    };
    put("Cargo.toml", &manifest);
    put("src/main.rs", block(&page, "rust,no_run"));
    // The versions of the workspace: nothing is asked of a registry.
    std::fs::copy(root().join("Cargo.lock"), project.join("Cargo.lock")).unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    let cargo = cargo.args(["build", "--quiet", "--offline"]).current_dir(&project).env("CARGO_TARGET_DIR", target());
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    target().join("debug/one-crate")
}

#[test]
fn the_first_example_of_the_readme_connects_with_the_password() {
    let program = built();
    let postgres = Postgres::start();
    let bench = Bench::new(Emulator::moto());
    let rest = BACKEND.lines().filter(|line| !["DB_", "DATABASE_URL", "RDS_"].iter().any(|it| line.starts_with(it)));
    let authority = postgres.authority.replace('\n', "\\n");
    let database = format!(
        "DB_HOST=127.0.0.1\nDB_PORT={}\nDB_NAME=postgres\nDB_USER=postgres\nDB_PASSWORD={}\nDB_SSL=true\n\
         DB_SSL_CA=\"{authority}\"\n",
        postgres.port, postgres.password
    );
    let backend = [rest.collect::<Vec<_>>().join("\n").as_str(), "\n", &database].concat();
    std::fs::write(bench.folder.path().join(".env"), backend).unwrap();
    let ran = bench.run(&MIGRATE);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let output = bench.program(&program).output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(out, "connected to 127.0.0.1 as postgres\n", "{err}");
    assert!(!err.contains(&postgres.password), "the password is printed");
}
