//! The npm package's config types are those of `wit/`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use wit_parser::{Record, Resolve, Type, TypeDefKind};

use crate::cache::Workspace;

/// Fails where a config of either is not in the other, or a field differs in name, order, type or optionality.
pub(crate) fn check(workspace: &Workspace) -> anyhow::Result<()> {
    let source = workspace.shell.read_file(workspace.root.join("npm/secrets/src/configs.ts"))?;
    let count = compare(&workspace.root.join("wit"), &source)?;
    println!("{count} configs in configs.ts are those of wit/");
    Ok(())
}

/// Answers how many configs are the same.
fn compare(wit: &Path, source: &str) -> anyhow::Result<usize> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit)?;
    let types = resolve.packages[package].interfaces.get("types").context("wit/ has an interface types")?;
    let mut expected = BTreeMap::new();
    for (name, id) in &resolve.interfaces[*types].types {
        // Their fields are the application's, or the providers': TypeScript has them by name, WIT as a list.
        if !name.ends_with("-config") || ["custom-config", "monitoring-config"].contains(&name.as_str()) {
            continue;
        }
        let TypeDefKind::Record(record) = &resolve.types[*id].kind else { bail!("{name} is no record") };
        expected.insert(pascal_case(name), fields(&resolve, record)?);
    }
    let mut declared = interfaces(source);
    ensure!(declared.remove("MonitoringConfig").is_some(), "configs.ts has no MonitoringConfig");
    for (name, fields) in &expected {
        let found = declared.remove(name).with_context(|| format!("configs.ts has no {name}, which wit/ has"))?;
        ensure!(found == *fields, "{name} differs:\n  wit/:       {fields}\n  configs.ts: {found}");
    }
    ensure!(declared.is_empty(), "wit/ has no {:?}, which configs.ts has", declared.keys().collect::<Vec<_>>());
    Ok(expected.len())
}

/// A record's fields as TypeScript declares them.
fn fields(resolve: &Resolve, record: &Record) -> anyhow::Result<String> {
    let mut text = String::new();
    for field in &record.fields {
        let (mark, ty) = match option(resolve, &field.ty) {
            Some(inner) => ("?", inner),
            None => ("", &field.ty),
        };
        write!(text, "readonly {}{mark}: {}; ", camel_case(&field.name), type_name(resolve, ty)?)?;
    }
    Ok(text.trim_end().to_owned())
}

fn option<'r>(resolve: &'r Resolve, ty: &Type) -> Option<&'r Type> {
    match ty {
        Type::Id(id) => match &resolve.types[*id].kind {
            TypeDefKind::Option(inner) => Some(inner),
            _ => None,
        },
        _ => None,
    }
}

fn type_name(resolve: &Resolve, ty: &Type) -> anyhow::Result<String> {
    Ok(match ty {
        Type::String => "string".to_owned(),
        Type::Bool => "boolean".to_owned(),
        Type::U16 | Type::U32 => "number".to_owned(),
        Type::Id(id) => match (&resolve.types[*id].kind, resolve.types[*id].name.as_deref()) {
            (TypeDefKind::Type(_), Some("json")) => "Extra".to_owned(),
            (TypeDefKind::List(inner), _) => format!("readonly {}[]", type_name(resolve, inner)?),
            (TypeDefKind::Record(record), _) => format!("{{ {} }}", fields(resolve, record)?),
            (other, _) => bail!("no TypeScript for {other:?}"),
        },
        other => bail!("no TypeScript for {other:?}"),
    })
}

/// Every interface `…Config` of the source: its fields without comments.
fn interfaces(source: &str) -> BTreeMap<String, String> {
    let declarations = source.split("export interface ").skip(1).filter_map(|rest| {
        let (name, rest) = rest.split_once(" {\n")?;
        let (body, _) = rest.split_once("\n}\n")?;
        let lines = body.lines().map(str::trim).filter(|line| !line.starts_with("/**") && !line.starts_with('*'));
        name.ends_with("Config").then(|| (name.to_owned(), lines.collect::<Vec<_>>().join(" ")))
    });
    declarations.collect()
}

fn pascal_case(kebab: &str) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    kebab.split('-').map(capital).collect()
}

fn camel_case(kebab: &str) -> String {
    let pascal = pascal_case(kebab);
    pascal[..1].to_lowercase() + &pascal[1..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_that_differs_is_told() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let source = std::fs::read_to_string(root.join("npm/secrets/src/configs.ts")).unwrap();
        assert_eq!(compare(&root.join("wit"), &source).unwrap(), 6);
        for (from, to) in [
            ("readonly db?: number;", "readonly db: number;"),
            ("readonly db?: number;", "readonly index?: number;"),
            ("readonly db?: number;", ""),
            ("readonly port: number;", "readonly port: string;"),
            ("readonly port: number;", "port: number;"),
            ("readonly ca?: string;", "readonly ca: string;"),
            ("readonly jwtSecrets: readonly string[];", "readonly jwtSecrets: string[];"),
            ("interface EmailConfig", "interface MailConfig"),
            ("interface MonitoringConfig", "interface Monitoring"),
            ("interface Configs {", "interface OtherConfig {\n  readonly a: string;\n}\n\nexport interface Configs {"),
        ] {
            assert!(source.contains(from), "{from}");
            assert!(compare(&root.join("wit"), &source.replace(from, to)).is_err(), "{from} to {to} is not told");
        }
    }
}
