//! TypeScript types of what the engine reports: health, events, metrics, errors. Read from the Rust types and what serde
//! is to do with them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, bail};
use permisos_secrets_core::{ErrorKind, Metric};
use syn::{Attribute, Expr, Field, Fields, GenericArgument, Item, Lit, Meta, PathArguments, Type};

use super::parts::{Generated, camel, kebab};

/// Where the types are, and each with its name in TypeScript.
const TYPES: [(&str, &[(&str, &str)]); 6] = [
    ("engine/state.rs", &[("Origin", "Origin"), ("ReadCounts", "Reads")]),
    ("policy.rs", &[("Freshness", "Freshness")]),
    ("options.rs", &[("SourceKind", "SourceKind")]),
    (
        "engine/health.rs",
        &[("Status", "Status"), ("Health", "Health"), ("ServiceHealth", "ServiceHealth"), ("FetchCount", "FetchCount")],
    ),
    ("source.rs", &[("Operation", "Operation")]),
    ("error.rs", &[("Rule", "Rule"), ("Violation", "Violation")]),
];

pub(super) fn files(root: &Path) -> anyhow::Result<Vec<Generated>> {
    let core = root.join("crates/core/src");
    let mut text =
        "/** What the engine reports. None of it holds a value. Written by `cargo xtask generate`. */\n".to_owned();
    for (file, names) in TYPES {
        let items = parse(&core.join(file))?;
        for (name, as_name) in names {
            text.push_str(&declaration(find(&items, name)?, as_name)?);
        }
    }
    let error = parse(&core.join("error.rs"))?;
    let kinds = variants(find(&error, "ErrorKind")?)?;
    let documented = |metric: &Metric| (metric.name().to_owned(), metric.help().to_owned());
    let codes: Vec<_> =
        ErrorKind::ALL.iter().map(|kind| (kind.code().to_owned(), kinds[&format!("{kind:?}")].clone())).collect();
    let metrics: Vec<_> = Metric::ALL.iter().map(documented).collect();
    text.push_str(&union("ErrorCode", "The stable code of an error.", &codes));
    text.push_str(&union("MetricName", "A metric. Names and units are those that Prometheus asks for.", &metrics));
    let metric = parse(&core.join("engine/metric.rs"))?;
    text.push_str(&declaration(find(&metric, "Sample")?, "Sample")?);
    let event = parse(&core.join("engine/event.rs"))?;
    text.push_str(&events(find(&event, "Event")?, find(&event, "EventKind")?)?);
    Ok(vec![
        Generated::file("npm/secrets/src/generated/documents.ts", text),
        Generated::file("npm/secrets/src/generated/metrics.ts", metric_table()),
        Generated::region("npm/secrets/src/errors.ts", "classes", classes(&kinds)),
        Generated::region("npm/secrets/src/index.ts", "classes", class_exports()),
        Generated::region("npm/secrets/README.md", "errors", error_table(&kinds)),
        Generated::region("docs/monitoring.md", "metrics", documented_metrics()),
    ])
}

fn parse(file: &Path) -> anyhow::Result<Vec<Item>> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    Ok(syn::parse_file(&text)?.items)
}

fn find<'i>(items: &'i [Item], name: &str) -> anyhow::Result<&'i Item> {
    let is_it = |item: &&Item| match item {
        Item::Enum(it) => it.ident == name,
        Item::Struct(it) => it.ident == name,
        _ => false,
    };
    items.iter().find(is_it).with_context(|| format!("the type {name} has moved"))
}

/// What serde is to do.
#[derive(Default)]
struct Serde {
    rename: Option<String>,
    rename_all: Option<String>,
    is_flattened: bool,
}

fn serde(attributes: &[Attribute]) -> anyhow::Result<Serde> {
    let mut serde = Serde::default();
    for attribute in attributes.iter().filter(|it| it.path().is_ident("serde")) {
        attribute.parse_nested_meta(|meta| {
            let name = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
            let value = match meta.value() {
                Ok(value) => Some(value.parse::<Expr>()?),
                Err(_) => None,
            };
            let text = match value {
                Some(Expr::Lit(it)) => match it.lit {
                    Lit::Str(text) => Some(text.value()),
                    _ => None,
                },
                _ => None,
            };
            match &*name {
                "flatten" => serde.is_flattened = true,
                "rename" => serde.rename = text,
                "rename_all" => serde.rename_all = text,
                _ => {}
            }
            Ok(())
        })?;
    }
    Ok(serde)
}

/// The doc comment as one line.
fn doc(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(it) if it.path.is_ident("doc") => match &it.value {
            Expr::Lit(it) => match &it.lit {
                Lit::Str(text) => Some(text.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    lines.collect::<Vec<_>>().join(" ")
}

fn declaration(item: &Item, name: &str) -> anyhow::Result<String> {
    Ok(match item {
        Item::Enum(it) => {
            let all = serde(&it.attrs)?.rename_all;
            let word = |variant: &syn::Variant| match all {
                Some(_) => kebab(&variant.ident.to_string()).trim_start_matches('-').to_owned(),
                None => variant.ident.to_string(),
            };
            let words: Vec<_> = it.variants.iter().map(|variant| (word(variant), doc(&variant.attrs))).collect();
            union(name, &doc(&it.attrs), &words)
        }
        Item::Struct(it) => {
            format!("\n/** {} */\nexport interface {name} {{\n{}}}\n", doc(&it.attrs), members(&it.fields, 1)?)
        }
        _ => bail!("{name} is neither struct nor enum"),
    })
}

/// A type of words, each with what it means.
fn union(name: &str, doc: &str, words: &[(String, String)]) -> String {
    let mut text = format!("\n/** {doc} */\nexport type {name} =");
    for (word, doc) in words {
        let _ = write!(text, "\n  /** {doc} */\n  | '{word}'");
    }
    text + ";\n"
}

fn members(fields: &Fields, depth: usize) -> anyhow::Result<String> {
    let (indent, mut text) = ("  ".repeat(depth), String::new());
    for field in fields {
        let Field { attrs, ident, ty, .. } = field;
        let Serde { rename, is_flattened, .. } = serde(attrs)?;
        if is_flattened {
            continue;
        }
        let snake = ident.as_ref().context("a field has a name")?.to_string();
        let name = rename.unwrap_or_else(|| camel(&snake.replace('_', "-")));
        let _ = writeln!(text, "{indent}/** {} */\n{indent}readonly {name}: {};", doc(attrs), typescript(ty)?);
    }
    Ok(text)
}

fn typescript(ty: &Type) -> anyhow::Result<String> {
    let last = match ty {
        Type::Path(it) => it.path.segments.last().context("a type has a name")?,
        Type::Reference(it) => return typescript(&it.elem),
        _ => bail!("a type that JSON does not know"),
    };
    let inner = || match &last.arguments {
        PathArguments::AngleBracketed(it) => match it.args.first() {
            Some(GenericArgument::Type(ty)) => typescript(ty),
            _ => bail!("{} of what?", last.ident),
        },
        _ => bail!("{} of what?", last.ident),
    };
    Ok(match &*last.ident.to_string() {
        "Duration" | "Timestamp" | "f64" | "u32" | "u64" => "number".to_owned(),
        "Environment" | "SecretId" | "ServiceId" | "String" | "str" => "string".to_owned(),
        "ErrorKind" => "ErrorCode".to_owned(),
        "Metric" => "MetricName".to_owned(),
        "Option" => format!("{} | null", inner()?),
        "ReadCounts" => "Reads".to_owned(),
        "Vec" => format!("readonly {}[]", inner()?),
        "bool" => "boolean".to_owned(),
        other => other.to_owned(),
    })
}

/// The doc comment of each variant.
fn variants(item: &Item) -> anyhow::Result<BTreeMap<String, String>> {
    let Item::Enum(it) = item else { bail!("not an enum") };
    Ok(it.variants.iter().map(|variant| (variant.ident.to_string(), doc(&variant.attrs))).collect())
}

fn events(event: &Item, kind: &Item) -> anyhow::Result<String> {
    let (Item::Struct(event), Item::Enum(kind)) = (event, kind) else { bail!("an event is a struct and its kinds") };
    let (about, common) = (doc(&event.attrs), members(&event.fields, 1)?);
    let mut text = format!("\n/** {about} */\nexport type SecretsEvent = {{\n{common}}} & (");
    for variant in &kind.variants {
        let name = kebab(&variant.ident.to_string()).trim_start_matches('-').to_owned();
        let members = members(&variant.fields, 3)?;
        let _ = write!(
            text,
            "\n  | {{\n      /** {} */\n      readonly type: '{name}';\n{members}    }}",
            doc(&variant.attrs)
        );
    }
    Ok(text + "\n);\n")
}

fn metric_table() -> String {
    let mut text = "/** Every metric, in alphabetical order. Written by `cargo xtask generate`. */\n\n\
                    import type { MetricName } from './documents.js';\n\n\
                    /** A metric. A counter only grows, a gauge goes up and down. */\n\
                    export interface Metric {\n  readonly name: MetricName;\n  readonly help: string;\n  \
                    readonly type: 'counter' | 'gauge';\n  readonly labels: readonly string[];\n}\n\n\
                    export const METRICS: readonly Metric[] = [\n"
        .to_owned();
    for metric in Metric::ALL {
        let labels = metric.labels().iter().map(|label| format!("'{label}'")).collect::<Vec<_>>().join(", ");
        let _ = writeln!(
            text,
            "  {{\n    name: '{}',\n    help: {:?},\n    type: '{}',\n    labels: [{labels}],\n  }},",
            metric.name(),
            metric.help(),
            kind(metric)
        );
    }
    text + "];\n"
}

fn documented_metrics() -> String {
    let mut text = "| metric | kind | labels | |\n|---|---|---|---|\n".to_owned();
    for metric in Metric::ALL {
        let labels = metric.labels().iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(" ");
        let _ = writeln!(text, "| `{}` | {} | {labels} | {} |", metric.name(), kind(metric), metric.help());
    }
    text
}

fn kind(metric: Metric) -> &'static str {
    if metric.is_counter() { "counter" } else { "gauge" }
}

/// The class of an error in JavaScript.
fn class(kind: ErrorKind) -> String {
    match kind {
        ErrorKind::Invalid => "InvalidSecretError".to_owned(),
        other => format!("{other:?}Error"),
    }
}

fn classes(docs: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    for kind in ErrorKind::ALL {
        let doc = &docs[&format!("{kind:?}")];
        let _ = writeln!(text, "/** {doc} */\nexport class {} extends SecretsError {{}}", class(kind));
    }
    text.push_str("\nconst CLASSES: Record<ErrorCode, new (document: ErrorDocument) => SecretsError> = {\n");
    for kind in ErrorKind::ALL {
        let _ = writeln!(text, "  {}: {},", kind.code(), class(kind));
    }
    text + "};\n"
}

fn class_exports() -> String {
    let mut names: Vec<String> = ErrorKind::ALL.into_iter().map(class).collect();
    names.push("SecretsError".to_owned());
    names.sort();
    format!("export {{\n  {},\n}} from './errors.js';\n", names.join(",\n  "))
}

fn error_table(docs: &BTreeMap<String, String>) -> String {
    let mut text = "| class | `code` | what it means, and what to do |\n|---|---|---|\n".to_owned();
    for kind in ErrorKind::ALL {
        let _ = writeln!(text, "| `{}` | `{}` | {} |", class(kind), kind.code(), docs[&format!("{kind:?}")]);
    }
    text
}
