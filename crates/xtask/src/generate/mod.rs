//! Writes what is derived from the definitions of the services, into files of its own or between two marks of others.

mod api;
mod documents;
mod engine_schemas;
mod parts;
mod rust;
mod schemas;
mod tables;
mod typescript;
mod wit;

use std::path::{Path, PathBuf};

use crate::cache::Workspace;
use anyhow::{Context as _, bail};

use parts::Generated;

/// Writes every file that is not as it should be.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    for (path, text) in stale(&workspace.root, all(&workspace.root)?)? {
        workspace.shell.write_file(&path, text)?;
        println!("wrote {}", path.strip_prefix(&workspace.root)?.display());
    }
    // Of what was written.
    for (path, text) in stale(&workspace.root, vec![api::package(workspace)?])? {
        workspace.shell.write_file(&path, text)?;
        println!("wrote {}", path.strip_prefix(&workspace.root)?.display());
    }
    Ok(())
}

/// Fails where a file is not as it should be.
pub(crate) fn check(workspace: &Workspace) -> anyhow::Result<()> {
    check_tree(&workspace.root, all(&workspace.root)?)?;
    check_tree(&workspace.root, vec![api::package(workspace)?])
}

fn check_tree(root: &Path, all: Vec<Generated>) -> anyhow::Result<()> {
    let stale = stale(root, all)?;
    if stale.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = stale.iter().map(|(path, _)| path.display().to_string()).collect();
    bail!("not what is derived from the definitions: {}: run cargo xtask generate", names.join(", "))
}

/// The files that are not as they should be, with the text that they should have.
fn stale(root: &Path, all: Vec<Generated>) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let mut files: Vec<(PathBuf, String)> = vec![];
    for Generated { file, region, text } in all {
        let path = root.join(&file);
        let known = files.iter().position(|(it, _)| *it == path);
        let index = known.unwrap_or_else(|| {
            files.push((path.clone(), std::fs::read_to_string(&path).unwrap_or_default()));
            files.len() - 1
        });
        let before = &files[index].1;
        files[index].1 = match region {
            Some(region) => replace(before, region, &text).with_context(|| file.clone())?,
            None => text,
        };
    }
    files.retain(|(path, text)| std::fs::read_to_string(path).unwrap_or_default() != *text);
    Ok(files)
}

/// Everything that is derived.
fn all(root: &Path) -> anyhow::Result<Vec<Generated>> {
    let mut all = rust::files();
    all.extend(api::crates(root)?);
    all.extend(documents::files(root)?);
    all.extend(wit::files());
    all.extend(typescript::files());
    all.extend(tables::files());
    all.extend(schemas::files()?);
    all.extend(engine_schemas::files()?);
    Ok(all)
}

/// Replaces the lines between `generated: NAME` and `end of generated`.
fn replace(text: &str, region: &str, content: &str) -> anyhow::Result<String> {
    let mark = format!("generated: {region}");
    let is_mark = |line: &str| line.trim_end_matches("-->").trim_end().ends_with(&mark);
    let mut replaced = String::with_capacity(text.len());
    let mut lines = text.lines();
    let mut found = false;
    while let Some(line) = lines.next() {
        replaced.push_str(line);
        replaced.push('\n');
        if is_mark(line) {
            found = true;
            let end = lines.by_ref().find(|line| line.contains("end of generated"));
            replaced.push_str(content);
            replaced.push_str(end.with_context(|| format!("`{mark}` has no end"))?);
            replaced.push('\n');
        }
    }
    if !found {
        bail!("`{mark}` is missing");
    }
    Ok(replaced)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_between_the_marks_is_replaced_and_nothing_else() {
        let text = "a\n<!-- generated: b -->\nold\n<!-- end of generated -->\nc\n";
        let new = replace(text, "b", "new\n").unwrap();
        assert_eq!(new, "a\n<!-- generated: b -->\nnew\n<!-- end of generated -->\nc\n");
        assert!(replace(text, "other", "").is_err());
        assert!(replace("// generated: b\n", "b", "").is_err());
    }

    /// A clone whose generated files are those of the definitions, but for one that somebody edited by hand.
    #[test]
    fn a_tree_that_differs_from_the_definitions_is_refused_by_the_name_of_the_file() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let clone = tempfile::tempdir().unwrap();
        let copy = |file: &str| {
            let to = clone.path().join(file);
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::copy(root.join(file), to).unwrap();
        };
        let all = || all(&root).unwrap();
        for generated in all() {
            copy(&generated.file);
        }
        check_tree(clone.path(), all()).unwrap();
        for (file, from, to) in [
            ("npm/secrets/schemas/redis.json", "\"host\"", "\"hots\""),
            ("crates/client/api.txt", "fn health(", "fn state("),
            ("npm/secrets/README.md", "`SECRETS_NOT_FOUND`", "`SECRETS_MISSING`"),
        ] {
            let file = clone.path().join(file);
            let text = std::fs::read_to_string(&file).unwrap();
            std::fs::write(&file, text.replacen(from, to, 1)).unwrap();
            let refusal = check_tree(clone.path(), all()).unwrap_err().to_string();
            assert!(
                refusal.contains(&*file.to_string_lossy()) && refusal.contains("cargo xtask generate"),
                "{refusal}"
            );
            std::fs::write(&file, text).unwrap();
        }
    }
}
