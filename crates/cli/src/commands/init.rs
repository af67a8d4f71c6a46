//! `init`: the first `permisos.json`, from what a file sets and sources read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use permisos_secrets_core::{Error, ErrorKind, Near, Options, Service, Uncovered};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::Exit;
use crate::dotenv;
use crate::global::Global;
use crate::output::{GOOD, Output, Page, Report, WARN, counted, paint, printable};
use crate::sources::{Sources, Usage};

/// Where the npm package has the schema, from the application's folder.
const SCHEMA: &str = "./node_modules/@permisos/secrets/schemas/permisos.json";

/// Write permisos.json from the variables that a file sets and sources read.
///
/// It asks for the services that are used, and defines a secret for variables that look like one and that no service has. It
/// writes no value. --config names another file than permisos.json in this folder.
#[derive(Args)]
#[command(group(clap::ArgGroup::new("given").args(["from", "src"]).required(true).multiple(true)))]
pub(crate) struct Init {
    /// An environment file
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Files and folders with sources in JavaScript or TypeScript; repeat it for several
    #[arg(long, value_name = "SRC")]
    src: Vec<PathBuf>,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Initialised {
    path: String,
    services: Vec<Service>,
    /// Ids of the custom secrets.
    secrets: Vec<String>,
    /// Variables that most likely mean one that a service reads.
    near: Vec<Near>,
    /// Reads that run while modules load.
    at_load: usize,
    #[serde(skip)]
    from: Option<String>,
    #[serde(skip)]
    src: Vec<String>,
}

/// What is known of a variable.
#[derive(Default)]
struct Known<'v> {
    value: Option<&'v str>,
    /// The application reads it somewhere without anything to stand in for it.
    is_needed: bool,
}

impl Init {
    pub(crate) fn run(self, global: &Global, output: &Output) -> Exit {
        let path = global.config.clone().unwrap_or_else(|| PathBuf::from("permisos.json"));
        if path.exists() && !self.force {
            let message = format!("{} is there: pass --force to replace it", path.display());
            return Err(Error::new(ErrorKind::ConfigInvalid, message));
        }
        let set = self.from.as_deref().map(|file| dotenv::read(file, output)).transpose()?.unwrap_or_default();
        let progress = |count| output.progress(format_args!("reading {}", counted(count, "file")));
        let sources = Sources::read(&self.src, progress).map_err(|(path, why)| {
            Error::new(ErrorKind::ConfigInvalid, format!("{}: {why}", printable(&path.to_string_lossy())))
        })?;
        let mut known: BTreeMap<&str, Known<'_>> = BTreeMap::new();
        for (name, value) in set.iter().filter(|(_, value)| !value.is_empty()) {
            *known.entry(name).or_default() = Known { value: Some(value), is_needed: true };
        }
        let reads = sources.files.iter().flat_map(|file| &file.sites).filter(|site| site.usage != Usage::Write);
        let mut at_load = 0;
        for site in reads {
            let is_needed = matches!(site.usage, Usage::Value | Usage::Comparison) && self.from.is_none();
            known.entry(&site.variable).or_default().is_needed |= is_needed;
            at_load += usize::from(site.at_load && replaced(&site.variable));
        }
        let is_used = |service: &Service| service.definition().variables().iter().any(|it| known.contains_key(it));
        let services: Vec<Service> = Service::ALL.into_iter().filter(is_used).collect();
        let none: [(&str, &str); 0] = [];
        let (asked, _) = Options::parse(&object(json!({ "services": services })), none)?;
        let Uncovered { definitions, near, .. } =
            Uncovered::of(&asked, known.iter().map(|(name, known)| (*name, known.value)));
        let secrets: Vec<Value> = definitions.into_iter().map(|it| with_needs(it, &known)).collect();
        if services.is_empty() && secrets.is_empty() {
            let message = "no variable of a service and none that looks like a secret is set or read: nothing to write";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let ids = secrets.iter().filter_map(|it| it["id"].as_str()).map(str::to_owned).collect();
        let mut options = object(json!({ "services": services }));
        if !secrets.is_empty() {
            options.insert("secrets".to_owned(), secrets.into());
        }
        // What is written is what the application accepts.
        Options::parse(&options, none)?;
        let mut document = object(json!({ "$schema": SCHEMA }));
        document.extend(options);
        write(&path, &format!("{:#}\n", Value::Object(document)), self.force)?;
        let text = |path: &Path| printable(&path.to_string_lossy());
        let src = self.src.iter().map(|it| text(it)).collect();
        let from = self.from.as_deref().map(text);
        output.report(&Initialised { path: text(&path), services, secrets: ids, near, at_load, from, src });
        Ok(None)
    }
}

/// Whether a service has the variable.
fn replaced(variable: &str) -> bool {
    Service::ALL.iter().any(|it| it.definition().variables().contains(&variable))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// What the application runs well without is optional: a field that it need not have, a secret all of whose fields are.
fn with_needs(mut definition: Value, known: &BTreeMap<&str, Known<'_>>) -> Value {
    let mut needed = BTreeSet::new();
    for field in definition["fields"].as_object_mut().into_iter().flat_map(|it| it.values_mut()) {
        let is_needed = field["variable"].as_str().and_then(|it| known.get(it)).is_some_and(|it| it.is_needed);
        if !is_needed {
            field["required"] = false.into();
        }
        needed.insert(is_needed);
    }
    if !needed.contains(&true) {
        definition["optional"] = true.into();
    }
    definition
}

fn write(path: &Path, text: &str, replaces: bool) -> Result<(), Error> {
    let mut options = OpenOptions::new();
    // A file that another program made meanwhile stays.
    options.write(true).create(true).truncate(true).create_new(!replaces);
    options.open(path).and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| {
        Error::new(ErrorKind::ConfigInvalid, format!("{}: cannot be written ({})", path.display(), error.kind()))
    })
}

impl Report for Initialised {
    fn page(&self, page: &mut Page) {
        let Self { path, services, secrets, near, at_load, from, src } = self;
        page.line(format_args!("{} wrote {path}", paint(GOOD, "✓")));
        if !services.is_empty() {
            let names: Vec<&str> = services.iter().map(|it| it.as_str()).collect();
            page.line(format_args!("  services: {}", names.join(", ")));
        }
        if !secrets.is_empty() {
            page.line(format_args!("  the application's own secrets: {}", secrets.join(", ")));
        }
        for Near { variable, meant } in near {
            page.line(format_args!("{} {variable}: is {meant} meant?", paint(WARN, "!")));
        }
        page.heading("Next");
        page.line("Read the file: ids, fields and what is optional are a proposal. Then:");
        let config = if path == "permisos.json" { String::new() } else { format!(" --config {path}") };
        if let Some(from) = from {
            page.line(format_args!("  permisos-secrets check --source environment --env-file {from}{config}"));
            page.line(format_args!("  permisos-secrets migrate --from {from} --to production --dry-run{config}"));
        }
        if !src.is_empty() {
            page.line(format_args!("  permisos-secrets scan {}{config}", src.join(" ")));
        }
        if *at_load > 0 {
            page.line("  node --import @permisos/secrets/register …");
            page.line(format_args!(
                "The last starts the application with its secrets loaded, for {} while modules load",
                counted(*at_load, "read")
            ));
        }
        page.line(
            "The environment is not in the file: PERMISOS_ENVIRONMENT or NODE_ENV names it where the application runs",
        );
    }
}
