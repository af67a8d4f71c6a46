//! The engine as a WebAssembly component, and small guests that import its configs.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use wasm_encoder::{Component, RawSection};
use wasmparser::{Parser, Payload};
use wit_component::{
    ComponentEncoder, DecodedWasm, StringEncoding, WitPrinter, dummy_module, embed_component_metadata,
};
use wit_parser::{
    Docs, ManglingAndAbi, PackageId, Resolve, SourceMap, Type, TypeDefKind, WorldId, WorldItem, WorldKey,
};

use xshell::cmd;

use crate::cache::Workspace;
use crate::hosts;
use crate::wasm_target::{Compiler, TARGET};

/// The most bytes of the component: applications ship it.
const SIZE_LIMIT: usize = 370_000;
/// What an installed standard library adds: it is built for speed, with messages for panics.
const INSTALLED_SIZE: usize = 100_000;
/// What compilers for the target emit beyond WebAssembly's first version, and wasm-opt may emit too.
const FEATURES: [&str; 7] = [
    "bulk-memory",
    "bulk-memory-opt",
    "multivalue",
    "mutable-globals",
    "nontrapping-float-to-int",
    "reference-types",
    "sign-ext",
];
/// The world of the component in `wit/`.
const WORLD: &str = "secrets";

/// Components that are not engines of this version, for the host's tests: the types of `wit/` with one text replaced.
const NO_ENGINES: [(&str, &str, &str); 5] = [
    ("engine-of-another-shape", "seed: f64", "seed: u64"),
    ("engine-of-another-version", "@0.1.0", "@0.2.0"),
    ("engine-that-imports", "export engine;", "export engine;\n  import clock: func() -> u64;"),
    ("engine-that-traps", "", ""),
    ("engine-without-a-function", "    poll-timeout: func() -> option<timestamp>;\n", ""),
];

/// Builds and checks everything, and passes the paths to the tests that follow.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    let made = [
        ("PERMISOS_COMPONENT", build(workspace)?),
        ("PERMISOS_GUESTS", guests(workspace)?),
        ("PERMISOS_FOREIGN_GUESTS", hosts::guests(workspace)?),
    ];
    let shown = made.each_ref().map(|(variable, path)| format!(" {variable}={}", path.display()));
    println!("For tests alone:{}", shown.concat());
    for (variable, path) in made {
        workspace.shell.set_var(variable, path);
    }
    Ok(())
}

/// Builds the component, checks it, and returns its path.
pub(crate) fn build(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let compiler = Compiler::find(workspace)?;
    let core = compile(workspace, &compiler, "Cargo.toml", &["--package", "permisos-secrets-component"])?;
    let component = encode(&read(&shrink(workspace, &core.join("permisos_secrets_component.wasm"))?)?)?;
    let limit = SIZE_LIMIT + if compiler.is_installed() { INSTALLED_SIZE } else { 0 };
    ensure!(component.len() <= limit, "the component has {} bytes: more than {limit}", component.len());
    check_imports(&component)?;
    check_wit(&component, &workspace.root.join("wit"))?;
    check_docs(&workspace.root.join("wit"))?;
    let folder = folder(workspace)?;
    let file = folder.join("permisos-secrets.component.wasm");
    workspace.shell.write_file(&file, &component)?;
    println!("{}: {} bytes, imports nothing, its WIT is that of wit/", file.display(), component.len());
    Ok(file)
}

/// Builds the guests of `tests/guests`, each a component, and those that are not engines; returns their folder.
pub(crate) fn guests(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let compiler = Compiler::find(workspace)?;
    let examples = compile(workspace, &compiler, "tests/guests/Cargo.toml", &["--examples"])?.join("examples");
    let folder = folder(workspace)?.join("guests");
    workspace.shell.remove_path(&folder)?;
    workspace.shell.create_dir(&folder)?;
    for source in workspace.shell.read_dir(workspace.root.join("tests/guests/examples"))? {
        let name = source.file_stem().context("a guest has a name")?.to_string_lossy().into_owned();
        let core = examples.join(format!("{}.wasm", name.replace('-', "_")));
        let component = encode(&read(&core)?).with_context(|| format!("{name} is not a component"))?;
        workspace.shell.write_file(folder.join(format!("{name}.wasm")), component)?;
    }
    for (name, from, to) in NO_ENGINES {
        let component = dummy(&workspace.root.join("wit"), from, to)?;
        workspace.shell.write_file(folder.join(format!("{name}.wasm")), component)?;
    }
    Ok(folder)
}

fn folder(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let folder = workspace.target().join("component");
    workspace.shell.create_dir(&folder)?;
    Ok(folder)
}

/// Compiles what `what` names, for size; returns the folder of the core modules.
fn compile(workspace: &Workspace, compiler: &Compiler, manifest: &str, what: &[&str]) -> anyhow::Result<PathBuf> {
    let target = workspace.target().join("wasm");
    compiler
        .build(&workspace.shell, &target)
        .args(["--profile", "component", "--manifest-path", manifest])
        .args(what)
        .run()?;
    Ok(target.join(TARGET).join("component"))
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| file.display().to_string())
}

/// Takes an eighth off the module: Binaryen sees it whole, where the compiler is done with each function.
fn shrink(workspace: &Workspace, module: &Path) -> anyhow::Result<PathBuf> {
    let (wasm_opt, shrunk) = (hosts::tool(workspace, "wasm-opt")?, folder(workspace)?.join("shrunk.wasm"));
    let features = FEATURES.map(|feature| format!("--enable-{feature}"));
    cmd!(workspace.shell, "node {wasm_opt} -Oz {features...} {module} -o {shrunk}").run()?;
    Ok(shrunk)
}

/// Turns a core module into a component, by the types that wit-bindgen left in it.
fn encode(module: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut encoder = ComponentEncoder::default();
    strip(&encoder.validate(true).module(module)?.encode()?)
}

/// Without the names that the encoder gives to the parts: they take five kilobytes and have no use at run time.
fn strip(component: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut stripped = Component::new();
    let mut copied = 0;
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload?;
        let is_names = matches!(&payload, Payload::CustomSection(section) if section.name() == "component-name");
        // The sections of nested modules lie inside a section that was copied.
        let Some((id, range)) = payload.as_section().filter(|(_, range)| range.start >= copied && !is_names) else {
            continue;
        };
        copied = range.end;
        let data = &component[usize::try_from(range.start)?..usize::try_from(range.end)?];
        stripped.section(&RawSection { id, data });
    }
    Ok(stripped.finish())
}

/// A component of the world in `wit/`, with one text replaced by another; each of its functions traps.
fn dummy(wit: &Path, from: &str, to: &str) -> anyhow::Result<Vec<u8>> {
    let (resolve, package) = parse(wit, from, to)?;
    let world = resolve.select_world(&[package], Some(WORLD))?;
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    encode(&module)
}

/// The package in `wit/`, with one text replaced by another.
fn parse(wit: &Path, from: &str, to: &str) -> anyhow::Result<(Resolve, PackageId)> {
    let mut sources = SourceMap::new();
    for file in std::fs::read_dir(wit)? {
        let file = file?.path();
        if file.is_file() {
            let text = std::fs::read_to_string(&file)?;
            sources.push(&file, text.replace(from, to));
        }
    }
    let mut resolve = Resolve::default();
    let package = resolve.push_group(sources.parse().map_err(|(_, error)| error)?)?;
    Ok((resolve, package))
}

/// Fails if the component imports anything, types included: an empty import list proves to an auditor that the engine
/// touches nothing. The core modules inside import from each other, and the built-ins of the component's own resource.
fn check_imports(component: &[u8]) -> anyhow::Result<()> {
    let DecodedWasm::Component(resolve, world) = wit_component::decode(component)? else { bail!("not a component") };
    let imports: Vec<String> = resolve.worlds[world].imports.keys().map(|name| resolve.name_world_key(name)).collect();
    ensure!(imports.is_empty(), "the component imports {}", imports.join(", "));
    Ok(())
}

/// Fails unless the binary exports what the folder declares: the same interfaces in the same version, with the same types.
fn check_wit(component: &[u8], wit: &Path) -> anyhow::Result<()> {
    let DecodedWasm::Component(embedded, found) = wit_component::decode(component)? else { bail!("not a component") };
    let (resolve, package) = parse(wit, "", "")?;
    let world = resolve.select_world(&[package], Some(WORLD))?;
    let (ours, theirs) = (exports(&resolve, world), exports(&embedded, found));
    ensure!(ours == theirs, "the component exports {}, and not {}", theirs.join(", "), ours.join(", "));
    for (name, item) in &embedded.worlds[found].exports {
        let (WorldItem::Interface { id, .. }, WorldKey::Interface(_)) = (item, name) else { bail!("not an interface") };
        let interface = &embedded.interfaces[*id];
        let (name, exported) = (interface.name.as_deref(), interface.package);
        let (name, exported) = (name.context("it has a name")?, exported.context("it has a package")?);
        let (ours, theirs) = (print(&resolve, package, name)?, print(&embedded, exported, name)?);
        ensure!(ours == theirs, "the interface {name} in the component is not that of {}", wit.display());
    }
    Ok(())
}

fn exports(resolve: &Resolve, world: WorldId) -> Vec<String> {
    let mut names: Vec<String> = resolve.worlds[world].exports.keys().map(|key| resolve.name_world_key(key)).collect();
    names.sort();
    names
}

/// Fails if an item of the package has no documentation: guests and hosts in other languages have nothing else to read.
fn check_docs(wit: &Path) -> anyhow::Result<()> {
    let (resolve, package) = parse(wit, "", "")?;
    let bare = undocumented(&resolve, package);
    ensure!(bare.is_empty(), "{} has no documentation for {}", wit.display(), bare.join(", "));
    Ok(())
}

fn undocumented(resolve: &Resolve, package: PackageId) -> Vec<String> {
    let package = &resolve.packages[package];
    let mut bare = vec![];
    let mut look = |name: String, docs: &Docs| {
        if docs.is_empty() {
            bare.push(name);
        }
    };
    for (name, world) in &package.worlds {
        look(name.clone(), &resolve.worlds[*world].docs);
    }
    for (interface, id) in &package.interfaces {
        let it = &resolve.interfaces[*id];
        look(interface.clone(), &it.docs);
        for (name, function) in &it.functions {
            look(format!("{interface}/{name}"), &function.docs);
        }
        for (name, id) in &it.types {
            let ty = &resolve.types[*id];
            let parts: Vec<(&str, &Docs)> = match &ty.kind {
                // What it uses is documented where it is declared.
                TypeDefKind::Type(Type::Id(_)) => continue,
                TypeDefKind::Enum(ty) => ty.cases.iter().map(|case| (&*case.name, &case.docs)).collect(),
                TypeDefKind::Record(ty) => ty.fields.iter().map(|field| (&*field.name, &field.docs)).collect(),
                TypeDefKind::Variant(ty) => ty.cases.iter().map(|case| (&*case.name, &case.docs)).collect(),
                _ => vec![],
            };
            look(format!("{interface}/{name}"), &ty.docs);
            for (part, docs) in parts {
                look(format!("{interface}/{name}/{part}"), docs);
            }
        }
    }
    bare
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

    fn wit() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit")
    }

    #[test]
    fn an_import_is_reported() {
        check_imports(&dummy(&wit(), "", "").unwrap()).unwrap();
        for (import, name) in
            [("import clock: func() -> u64;", "clock"), ("import config;", "permisos:secrets/config@0.1.0")]
        {
            let importing = dummy(&wit(), "export engine;", &format!("export engine; {import}")).unwrap();
            let error = check_imports(&importing).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    #[test]
    fn another_wit_is_reported() {
        check_wit(&dummy(&wit(), "", "").unwrap(), &wit()).unwrap();
        for (from, to) in [
            ("@0.1.0", "@0.1.1"),
            ("poll-timeout: func() -> option<timestamp>;", ""),
            ("poll-timeout: func() -> option<timestamp>;", "poll-timeout: func() -> timestamp;"),
            ("refreshed: func(service: string)", "refreshed: func(secret: string)"),
        ] {
            let another = dummy(&wit(), from, to).unwrap();
            assert!(check_wit(&another, &wit()).is_err(), "{from} to {to} is not reported");
        }
    }

    #[test]
    fn an_item_without_documentation_is_reported() {
        check_docs(&wit()).unwrap();
        for (documentation, item) in [
            ("/// When to call `poll-fetch` again, if nothing happens before.", "engine/[method]engine.poll-timeout"),
            ("/// One broken rule. Holds no value and no part of one.", "config/violation"),
            (
                "/// What the caller must do, e.g. `SECRETS_NOT_FOUND`: the codes of every other runtime.",
                "config/error/code",
            ),
        ] {
            let kept = documentation.split_once('\n').map_or("", |(_, kept)| kept);
            let (resolve, package) = parse(&wit(), documentation, kept).unwrap();
            assert_eq!(undocumented(&resolve, package), [item]);
        }
    }
}
