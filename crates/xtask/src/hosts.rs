//! Hosts of the component in Python and JavaScript, and guests in these languages.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::Context;
use xshell::cmd;

use crate::cache::{Workspace, need};
use crate::conformance;

/// Runs the vectors in both languages, and the hosts of the docs against an emulated Secrets Manager.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    let Workspace { shell, root, .. } = workspace;
    let component = shell.var("PERMISOS_COMPONENT").context("the component is not built")?;
    modules(workspace)?;
    let hosts = root.join("tests/hosts");
    let folder = workspace.target().join("component/javascript");
    let jco = hosts.join("node_modules/.bin/jco");
    cmd!(shell, "{jco} transpile {component} --quiet --name engine --out-dir {folder}").run()?;
    shell.write_file(folder.join("package.json"), "{ \"type\": \"module\" }\n")?;
    let (transpiled, vectors, python) =
        (folder.join("engine.js"), root.join("tests/vectors"), workspace.host_python()?);
    let [in_python, in_javascript] =
        ["wasm-python", "wasm-js"].map(|runtime| conformance::outcomes(workspace, runtime));
    cmd!(shell, "{python} {hosts}/vectors.py {component} {vectors} {in_python}").run()?;
    cmd!(shell, "node {hosts}/vectors.mjs {transpiled} {vectors} {in_javascript}").run()?;
    let test = cmd!(shell, "node --test {hosts}/hosts.test.mjs").env("PERMISOS_TRANSPILED", transpiled);
    Ok(test.env("PERMISOS_HOST_PYTHON", python).env("PERMISOS_PYTHON", workspace.python()?).run()?)
}

/// A program of the packages in `tests/hosts`, to be run by Node.
pub(crate) fn tool(workspace: &Workspace, name: &str) -> anyhow::Result<PathBuf> {
    modules(workspace)?;
    Ok(workspace.root.join("tests/hosts/node_modules/.bin").join(name))
}

/// Makes `tests/hosts/node_modules` a link into the cache, where the packages are installed once.
fn modules(workspace: &Workspace) -> anyhow::Result<()> {
    let Workspace { shell, root, .. } = workspace;
    need(shell, "npm", "install npm, which comes with Node.js")?;
    let hosts = root.join("tests/hosts");
    let files = ["package.json", "package-lock.json", ".npmrc"].map(|name| hosts.join(name));
    let folder = workspace.cached("hosts").join(key(&files, "")?);
    let ready = folder.join("ready");
    if !ready.exists() {
        println!("Installing the tools for components once, into {}", folder.display());
        shell.remove_path(&folder)?;
        shell.create_dir(&folder)?;
        for file in &files {
            shell.copy_file(file, &folder)?;
        }
        let _in_cache = shell.push_dir(&folder);
        cmd!(shell, "npm ci --loglevel=error").run()?;
        shell.write_file(&ready, "")?;
    }
    let (link, target) = (hosts.join("node_modules"), folder.join("node_modules"));
    if std::fs::read_link(&link).ok().as_ref() != Some(&target) {
        shell.remove_path(&link)?;
        std::os::unix::fs::symlink(target, link)?;
    }
    Ok(())
}

/// Makes components of the applications in Python and JavaScript, once for each state of their sources; returns their folder.
pub(crate) fn guests(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let Workspace { shell, root, .. } = workspace;
    modules(workspace)?;
    let (bin, guests) = (root.join("tests/hosts/node_modules/.bin"), root.join("tests/guests"));
    let (python, javascript) = (guests.join("python"), guests.join("javascript/application.js"));
    let own = ["config", "engine", "world"].map(|name| root.join(format!("wit/{name}.wit")));
    let foreign = shell.read_dir(root.join("wit/deps"))?;
    let world = guests.join("guest.wit");
    let lock = root.join("tests/hosts/package-lock.json");
    let sources = [python.join("application.py"), javascript.clone(), world.clone(), lock];
    let all: Vec<PathBuf> = own.iter().chain(&foreign).chain(&sources).cloned().collect();
    let folder = workspace.cached("guests").join(key(&all, crate::cache::COMPONENTIZE)?);
    let ready = folder.join("ready");
    if ready.exists() {
        return Ok(folder);
    }
    println!("Building guests in Python and JavaScript once, into {}", folder.display());
    shell.remove_path(&folder)?;
    // As an application has it: its world, and this package among what it depends on.
    let (wit, ours) = (folder.join("wit"), folder.join("wit/deps/permisos-secrets"));
    shell.create_dir(&ours)?;
    shell.copy_file(&world, &wit)?;
    for file in &foreign {
        shell.copy_file(file, wit.join("deps"))?;
    }
    for file in &own {
        shell.copy_file(file, &ours)?;
    }
    let [in_python, in_starling_monkey, in_quickjs] =
        ["python", "starlingmonkey", "quickjs"].map(|kind| folder.join(format!("application-{kind}.wasm")));
    let componentize = workspace.componentize_py()?;
    cmd!(
        shell,
        "{componentize} -d {wit} -w application componentize --stub-wasi -p {python} application -o {in_python}"
    )
    .ignore_stdout()
    .run()?;
    let without = ["stdio", "random", "clocks", "http", "fetch-event"];
    let tool = bin.join("componentize-js");
    cmd!(shell, "{tool} {javascript} --wit {wit} -n application -o {in_starling_monkey} -d {without...}")
        .ignore_stdout()
        .run()?;
    let tool = bin.join("componentize-qjs");
    cmd!(shell, "{tool} --js {javascript} --wit {wit} -n application --sync --stub-wasi -o {in_quickjs}")
        .ignore_stdout()
        .run()?;
    shell.write_file(&ready, "")?;
    Ok(folder)
}

/// Changes with any of the files, and with the text.
fn key(files: &[PathBuf], text: &str) -> anyhow::Result<String> {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    for file in files {
        read(file)?.hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| file.display().to_string())
}
