//! Loads the seven configs of an environment from Secrets Manager, decided by the component, and prints their shapes.
//!
//! ```sh
//! cargo xtask component
//! PERMISOS_ENVIRONMENT=production cargo run -p permisos-secrets-wasmtime --example seven -- permisos-secrets.component.wasm
//! ```

#![expect(clippy::print_stdout, reason = "a program to look at")]

use permisos_secrets::{Secrets, SourceKind};
use permisos_secrets_wasmtime::Sandbox;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("say where permisos-secrets.component.wasm is")?;
    let sandbox = Sandbox::new(&std::fs::read(file)?)?;
    let secrets = Secrets::builder().source_kind(SourceKind::Aws).engine(sandbox.engine()).load().await?;
    println!("{:?}", secrets.database()?);
    println!("{:?}", secrets.redis()?);
    println!("{:?}", secrets.security()?);
    println!("{:?}", secrets.stripe()?);
    println!("{:?}", secrets.email()?);
    println!("{:?}", secrets.government_portal()?);
    println!("{:?}", secrets.monitoring()?);
    println!("{:?}", secrets.health().status);
    Ok(())
}
