//! The public API of each crate and of the npm package as text, so that a change of it is seen in review.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context;
use quote::ToTokens;
use syn::{Attribute, Fields, ImplItem, Item, TraitItem, Type, Visibility};
use xshell::cmd;

use super::parts::Generated;
use crate::cache::{Workspace, need};

/// The crates that others build on. The lint `unreachable_pub` sees to it that what is `pub` there is public.
const CRATES: [&str; 5] = ["aws", "client", "core", "derive", "wasmtime"];
/// Declarations of the npm package that no application sees.
const INTERNAL: [&str; 5] = ["cli.d.ts", "follow.d.ts", "metrics.d.ts", "native.d.ts", "redact.d.ts"];

pub(super) fn crates(root: &Path) -> anyhow::Result<Vec<Generated>> {
    CRATES
        .iter()
        .map(|name| {
            let src = root.join("crates").join(name).join("src");
            let mut files = vec![];
            for path in sources(&src, "rs")? {
                let text = std::fs::read_to_string(&path)?;
                let file = syn::parse_file(&text).with_context(|| path.display().to_string())?;
                files.push((path.strip_prefix(&src)?.display().to_string(), file.items));
            }
            let types: BTreeSet<String> = files.iter().flat_map(|(_, items)| items).filter_map(public_type).collect();
            let mut text = "What is public, file by file. Written by `cargo xtask generate`.\n".to_owned();
            for (file, items) in &files {
                let mut lines = vec![];
                for item in items {
                    list(item, &types, &mut lines);
                }
                if !lines.is_empty() {
                    let _ = write!(text, "\n# {file}\n{}\n", lines.join("\n"));
                }
            }
            Ok(Generated::file(format!("crates/{name}/api.txt"), text))
        })
        .collect()
}

/// The declarations that TypeScript makes of the npm package.
pub(super) fn package(workspace: &Workspace) -> anyhow::Result<Generated> {
    let Workspace { shell, root, .. } = workspace;
    need(shell, "npm", "install Node.js 18.18 or newer with npm")?;
    let package = root.join("npm/secrets");
    let _in_package = shell.push_dir(&package);
    // Its types name those of the libraries that it adapts.
    if cmd!(shell, "npm ls --depth=0").ignore_stdout().ignore_stderr().quiet().run().is_err() {
        cmd!(shell, "npm ci --ignore-scripts --no-audit --no-fund --loglevel=error").quiet().run()?;
    }
    let made = tempfile::tempdir()?;
    let folder = made.path();
    cmd!(shell, "node node_modules/typescript/bin/tsc -p tsconfig.json --removeComments --outDir {folder}")
        .quiet()
        .run()?;
    let mut text = "// What the package declares, file by file. Written by `cargo xtask generate`.\n".to_owned();
    for path in sources(folder, "ts")? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !INTERNAL.contains(&&*name) {
            let _ = write!(text, "\n// {}\n{}", path.strip_prefix(folder)?.display(), std::fs::read_to_string(&path)?);
        }
    }
    Ok(Generated::file("npm/secrets/api.txt", text))
}

fn sources(folder: &Path, extension: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = vec![];
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(sources(&path, extension)?);
        } else if path.extension().is_some_and(|it| it == extension) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn public_type(item: &Item) -> Option<String> {
    let (vis, ident) = match item {
        Item::Enum(it) => (&it.vis, &it.ident),
        Item::Struct(it) => (&it.vis, &it.ident),
        _ => return None,
    };
    is_public(vis).then(|| ident.to_string())
}

fn is_public(vis: &Visibility) -> bool {
    matches!(vis, Visibility::Public(_))
}

/// Tokens as they are written by hand, or nearly so.
fn text(tokens: &impl ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string().replace('\n', " ");
    for (from, to) in [
        (" :: ", "::"),
        (":: ", "::"),
        (" < ", "<"),
        ("< ", "<"),
        (" >", ">"),
        (" ,", ","),
        (" (", "("),
        ("( ", "("),
        (" )", ")"),
        (" :", ":"),
        ("& ", "&"),
        ("[ ", "["),
        (" ]", "]"),
        (" ;", ";"),
        ("# [", "#["),
        (",)", ")"),
        (", >", ">"),
    ] {
        text = text.replace(from, to);
    }
    text
}

/// What of an item's attributes is part of its API, before the item.
fn marks(attributes: &[Attribute]) -> String {
    let is_part =
        |it: &&Attribute| ["cfg", "derive", "must_use", "non_exhaustive"].iter().any(|name| it.path().is_ident(name));
    attributes.iter().filter(is_part).map(|it| text(it) + " ").collect()
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|it| text(it) == "#[cfg(test)]")
}

fn list(item: &Item, types: &BTreeSet<String>, lines: &mut Vec<String>) {
    match item {
        Item::Const(it) if is_public(&it.vis) => lines.push(format!("const {}: {}", it.ident, text(&it.ty))),
        Item::Enum(it) if is_public(&it.vis) => {
            lines.push(format!("{}enum {}{}", marks(&it.attrs), it.ident, text(&it.generics)));
            for variant in &it.variants {
                lines.push(format!("  {}{}", variant.ident, text(&variant.fields)));
            }
        }
        Item::Fn(it) if is_public(&it.vis) => lines.push(marks(&it.attrs) + &text(&it.sig)),
        Item::Impl(it) if !is_test(&it.attrs) => {
            let Type::Path(ty) = &*it.self_ty else { return };
            if !ty.path.segments.last().is_some_and(|name| types.contains(&name.ident.to_string())) {
                return;
            }
            let (generics, ty) = (text(&it.generics), text(ty));
            if let Some((of, _)) = &it.trait_ {
                lines.push(format!("{}impl{generics} {} for {ty}", marks(&it.attrs), text(of)));
                return;
            }
            for member in &it.items {
                let prefix = format!("{}{ty}: ", marks(&it.attrs));
                match member {
                    ImplItem::Const(it) if is_public(&it.vis) => {
                        lines.push(format!("{prefix}const {}: {}", it.ident, text(&it.ty)));
                    }
                    ImplItem::Fn(it) if is_public(&it.vis) => lines.push(prefix + &marks(&it.attrs) + &text(&it.sig)),
                    _ => {}
                }
            }
        }
        Item::Macro(it) if it.attrs.iter().any(|it| it.path().is_ident("macro_export")) => {
            lines.extend(it.ident.iter().map(|name| format!("macro {name}")));
        }
        Item::Mod(it) if is_public(&it.vis) => lines.push(format!("{}mod {}", marks(&it.attrs), it.ident)),
        Item::Struct(it) if is_public(&it.vis) => {
            lines.push(format!("{}struct {}{}", marks(&it.attrs), it.ident, text(&it.generics)));
            let public = it.fields.iter().filter(|field| is_public(&field.vis));
            lines.extend(public.map(|field| match &field.ident {
                Some(name) => format!("  {name}: {}", text(&field.ty)),
                None => format!("  {}", text(&field.ty)),
            }));
            if !matches!(it.fields, Fields::Unit) && it.fields.iter().any(|field| !is_public(&field.vis)) {
                lines.push("  ..".to_owned());
            }
        }
        Item::Trait(it) if is_public(&it.vis) => {
            let above = if it.supertraits.is_empty() { String::new() } else { format!(": {}", text(&it.supertraits)) };
            lines.push(format!("trait {}{}{above}", it.ident, text(&it.generics)));
            for member in &it.items {
                lines.push(match member {
                    TraitItem::Const(it) => format!("  const {}: {}", it.ident, text(&it.ty)),
                    TraitItem::Fn(it) => format!("  {}", text(&it.sig)),
                    other => format!("  {}", text(other)),
                });
            }
        }
        Item::Type(it) if is_public(&it.vis) => lines.push(text(it)),
        Item::Use(it) if is_public(&it.vis) => lines.push(format!("{}use {}", marks(&it.attrs), text(&it.tree))),
        _ => {}
    }
}
