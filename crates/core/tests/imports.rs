//! The files of each crate form layers: no two import each other, directly or through others.

#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test reads files")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The files below a folder by module path, e.g. `schema::services::redis`.
fn modules(folder: &Path, path: &str, modules: &mut BTreeMap<String, PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let stem = file.file_stem().unwrap().to_string_lossy().into_owned();
        let name = if path.is_empty() { stem.clone() } else { format!("{path}::{stem}") };
        if file.is_dir() {
            self::modules(&file, &name, modules);
        } else if stem != "tests" {
            modules.insert(if stem == "mod" { path.to_owned() } else { name }, file);
        }
    }
}

/// The paths that a file names from `crate` or `super` on, without its tests.
fn named(text: &str, module: &str, is_folder: bool) -> Vec<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    // What a folder's file re-exports of its own files is no import of theirs.
    let lines = code.lines().map(|line| line.split("//").next().unwrap_or_default());
    let code: String = lines.collect::<Vec<_>>().join("\n");
    let parent = if is_folder { module } else { module.rsplit_once("::").map_or("", |(parent, _)| parent) };
    let mut found = vec![];
    for (start, base) in [("crate::", ""), ("super::", parent)] {
        for (index, _) in code.match_indices(start) {
            let rest = &code[index + start.len()..];
            let path: String = rest.chars().take_while(|c| c.is_alphanumeric() || "_:".contains(*c)).collect();
            let path = path.trim_end_matches(':');
            found.push(if base.is_empty() { path.to_owned() } else { format!("{base}::{path}") });
        }
    }
    found
}

#[test]
fn no_two_files_import_each_other() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for of in std::fs::read_dir(crates).unwrap() {
        check(&of.unwrap().path().join("src"));
    }
}

fn check(folder: &Path) {
    let mut files = BTreeMap::new();
    modules(folder, "", &mut files);
    let mut imports: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (module, file) in &files {
        let is_folder = file.file_stem().unwrap() == "mod";
        for path in named(&std::fs::read_to_string(file).unwrap(), module, is_folder) {
            // The longest module that the path begins with.
            let target = files.keys().filter(|it| path == **it || path.starts_with(&format!("{it}::")));
            if let Some(target) = target.max_by_key(|it| it.len()).filter(|it| *it != module) {
                imports.entry(module).or_default().insert(target);
            }
        }
        if is_folder {
            // It stands for all below it.
            let below = files.keys().filter(|it| it.starts_with(&format!("{module}::")) && *it != module);
            imports.entry(module).or_default().extend(below.map(String::as_str));
        }
    }
    if folder.ends_with("core/src") {
        assert!(imports["engine::secret"].contains("schema"), "imports are found: {imports:?}");
    }
    // Take away what imports nothing that is left: circles stay.
    loop {
        let left: BTreeSet<&str> = imports.keys().copied().collect();
        for targets in imports.values_mut() {
            targets.retain(|it| left.contains(it));
        }
        let before = imports.len();
        imports.retain(|_, targets| !targets.is_empty());
        if imports.len() == before {
            break;
        }
    }
    assert!(imports.is_empty(), "these of {} import each other: {imports:#?}", folder.display());
}
