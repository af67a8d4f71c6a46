//! The engine as a WebAssembly component, and small guests that import its configs.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use wit_component::{ComponentEncoder, DecodedWasm, WitPrinter};
use wit_parser::{PackageId, Resolve, WorldItem};

use crate::cache::Workspace;
use crate::wasm_target::{Compiler, TARGET};

/// The component is meant to be shipped beside an application.
const SIZE_LIMIT: usize = 400 * 1024;
/// What an installed standard library brings along, which is built for speed and tells of panics.
const INSTALLED_SIZE: usize = 100 * 1024;

/// Builds and checks everything, and lets the tests that follow know where it is.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    workspace.shell.set_var("PERMISOS_COMPONENT", build(workspace)?);
    workspace.shell.set_var("PERMISOS_GUESTS", guests(workspace)?);
    Ok(())
}

/// Builds the component, checks it, and answers where it is.
pub(crate) fn build(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let compiler = Compiler::find(workspace)?;
    let core = compile(workspace, &compiler, "Cargo.toml", &["--package", "permisos-secrets-component"])?;
    let component = encode(&core.join("permisos_secrets_component.wasm"))?;
    let limit = SIZE_LIMIT + if compiler.is_installed() { INSTALLED_SIZE } else { 0 };
    ensure!(component.len() <= limit, "the component has {} bytes: more than {limit}", component.len());
    check_imports(&component)?;
    check_wit(&component, &workspace.root.join("wit"))?;
    let folder = folder(workspace)?;
    let file = folder.join("permisos-secrets.component.wasm");
    workspace.shell.write_file(&file, &component)?;
    println!("{}: {} bytes, imports nothing, its WIT is that of wit/", file.display(), component.len());
    Ok(file)
}

/// Builds the guests of `tests/guests`, each a component; answers their folder.
pub(crate) fn guests(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let compiler = Compiler::find(workspace)?;
    let examples = compile(workspace, &compiler, "tests/guests/Cargo.toml", &["--examples"])?.join("examples");
    let folder = folder(workspace)?.join("guests");
    workspace.shell.remove_path(&folder)?;
    workspace.shell.create_dir(&folder)?;
    for source in workspace.shell.read_dir(workspace.root.join("tests/guests/examples"))? {
        let name = source.file_stem().context("a guest has a name")?.to_string_lossy().into_owned();
        let core = examples.join(format!("{}.wasm", name.replace('-', "_")));
        workspace.shell.write_file(folder.join(format!("{name}.wasm")), encode(&core)?)?;
    }
    Ok(folder)
}

fn folder(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let folder = workspace.target().join("component");
    workspace.shell.create_dir(&folder)?;
    Ok(folder)
}

/// Compiles what `what` names, small; answers the folder of the core modules.
fn compile(workspace: &Workspace, compiler: &Compiler, manifest: &str, what: &[&str]) -> anyhow::Result<PathBuf> {
    let target = workspace.target().join("wasm");
    compiler
        .build(&workspace.shell, &target)
        .args(["--profile", "component", "--manifest-path", manifest])
        .args(what)
        .run()?;
    Ok(target.join(TARGET).join("component"))
}

/// A core module becomes a component by the types that wit-bindgen left in it.
fn encode(core: &Path) -> anyhow::Result<Vec<u8>> {
    let module = std::fs::read(core).with_context(|| core.display().to_string())?;
    let mut encoder = ComponentEncoder::default();
    let encoder = encoder.validate(true).module(&module)?;
    encoder.encode().with_context(|| format!("{} is no component", core.display()))
}

/// The engine touches nothing: an auditor can read it in the import list, so that list is empty, of types too. The core
/// modules inside import from each other, and the built-ins of the component's own resource.
fn check_imports(component: &[u8]) -> anyhow::Result<()> {
    let DecodedWasm::Component(resolve, world) = wit_component::decode(component)? else { bail!("not a component") };
    let imports: Vec<String> = resolve.worlds[world].imports.keys().map(|name| resolve.name_world_key(name)).collect();
    ensure!(imports.is_empty(), "the component imports {}", imports.join(", "));
    Ok(())
}

/// The types in the binary are those of the folder.
fn check_wit(component: &[u8], wit: &Path) -> anyhow::Result<()> {
    let DecodedWasm::Component(embedded, world) = wit_component::decode(component)? else { bail!("not a component") };
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit)?;
    let exported = embedded.worlds[world].exports.values().find_map(|item| match item {
        WorldItem::Interface { id, .. } => embedded.interfaces[*id].package,
        WorldItem::Function(_) | WorldItem::Type { .. } => None,
    });
    let exported = exported.context("the component exports no interface")?;
    for interface in ["engine", "types"] {
        let (ours, theirs) = (print(&resolve, package, interface)?, print(&embedded, exported, interface)?);
        ensure!(ours == theirs, "the interface {interface} in the component is not that of {}", wit.display());
    }
    Ok(())
}

/// One interface as text, without its documentation, which a binary may leave out.
fn print(resolve: &Resolve, package: PackageId, interface: &str) -> anyhow::Result<String> {
    let mut printer = WitPrinter::default();
    printer.emit_docs(false);
    printer.print(resolve, package, &[])?;
    let text = printer.output.to_string();
    let start = text.find(&format!("interface {interface} {{")).with_context(|| format!("no interface {interface}"))?;
    let end = text[start..].find("\n}").context("an interface ends")?;
    Ok(text[start..start + end].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_is_told() {
        let empty = b"\0asm\x0d\0\x01\0".to_vec();
        check_imports(&empty).unwrap();
        // A function type without parameters and result, and the import `clock` of that type.
        let importing = [&*empty, b"\x07\x05\x01\x40\0\x01\0", b"\x0a\x0a\x01\0\x05clock\x01\0"].concat();
        let error = check_imports(&importing).unwrap_err();
        assert!(error.to_string().contains("clock"), "{error}");
    }
}
