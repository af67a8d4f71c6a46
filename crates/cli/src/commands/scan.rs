//! `scan`: where sources read variables that are in secrets, and where values of secrets stand that must not.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use permisos_secrets_core::{Error, ErrorKind, ExposeSecret, SecretString, ServiceId};
use serde::Serialize;

use crate::Exit;
use crate::context::Context;
use crate::global::Global;
use crate::mask::finder::{Finder, Hit, SHORTEST};
use crate::output::{BAD, GOOD, Page, Report, WARN, counted, paint, printable};

/// What is read at once.
const PIECE: usize = 256 * 1024;
/// Standard input, in the place of a path.
const STANDARD_INPUT: &str = "-";

/// Find where sources read variables that are in secrets; with --values, where stored values stand.
///
/// It reads JavaScript and TypeScript, and names for each read what the application reads instead. A comment
/// permisos-secrets-ignore on a line, or on the one above, leaves it out. With --values it searches any file, or standard
/// input: git log -p | permisos-secrets scan --values -
#[derive(Args)]
pub(crate) struct Scan {
    /// Files and folders, without what git ignores and `node_modules`; with --values all but `node_modules` and .git, and
    /// - is standard input
    #[arg(required = true, value_name = "SRC")]
    sources: Vec<PathBuf>,
    /// Look for the values of the secrets, plain and as JSON, URLs and base64 have them; shows none
    #[arg(long)]
    values: bool,
    /// With --values: an environment file with the values, or the word environment for the variables of this process;
    /// without it they come from the usual source
    #[arg(long, value_name = "FILE", requires = "values")]
    from: Option<PathBuf>,
    /// Exit with 65 if a read, or a value, is found
    #[arg(long)]
    fail: bool,
}

impl Scan {
    /// The options that the command itself gives.
    pub(crate) fn adapt(&self, global: Global) -> Global {
        let Some(from) = &self.from else { return global };
        let env_file = (from.as_os_str() != "environment").then(|| from.clone());
        Global { env_file: env_file.or(global.env_file), source: Some("environment".to_owned()), ..global }
    }

    pub(crate) async fn run(self, context: &Context<'_>) -> Exit {
        let is_found = if self.values { self.values(context).await? } else { self.reads(context)? };
        Ok((is_found && self.fail).then_some(ErrorKind::Invalid))
    }

    #[cfg(not(feature = "scan"))]
    fn reads(&self, _context: &Context<'_>) -> Result<bool, Error> {
        let message = "this build cannot read sources: build it with the feature scan";
        Err(Error::new(ErrorKind::ConfigInvalid, message))
    }

    #[cfg(feature = "scan")]
    fn reads(&self, context: &Context<'_>) -> Result<bool, Error> {
        let scanned = reads::Scanned::of(context, &self.sources)?;
        context.output.report(&scanned);
        Ok(scanned.is_found())
    }

    async fn values(&self, context: &Context<'_>) -> Result<bool, Error> {
        let (sought, failed) = Key::all(context).await?;
        super::exec::note(context, &failed);
        if sought.is_empty() {
            let message = "there is no value to look for: no secret that the options ask for could be read";
            return Err(failed.into_iter().next().unwrap_or_else(|| Error::new(ErrorKind::NotFound, message)));
        }
        let finder = Finder::new(sought.iter().map(|it| it.value.expose_secret()));
        let own = context.env_file.as_deref().and_then(|file| file.canonicalize().ok());
        let mut searched = Searched::default();
        for path in &self.sources {
            if path.as_os_str() == STANDARD_INPUT {
                searched.stream(&finder, &sought, Path::new("standard input"), std::io::stdin().lock());
                continue;
            }
            if let Err(error) = std::fs::metadata(path) {
                let message = format!("{}: cannot be read ({})", path.display(), error.kind());
                return Err(Error::new(ErrorKind::ConfigInvalid, message));
            }
            let is_out = |name: &std::ffi::OsStr| name == "node_modules" || name == ".git";
            let mut walk = ignore::WalkBuilder::new(path);
            walk.standard_filters(false).filter_entry(move |entry| entry.depth() == 0 || !is_out(entry.file_name()));
            walk.sort_by_file_path(Path::cmp);
            for entry in walk.build() {
                let Ok(entry) = entry else {
                    searched.unread += 1;
                    continue;
                };
                let is_file = entry.file_type().is_some_and(|it| it.is_file()) || entry.depth() == 0 && path.is_file();
                // The file that the values are from holds them all.
                let is_own = || own.is_some() && entry.path().canonicalize().ok() == own;
                if !is_file || is_own() {
                    continue;
                }
                context.output.progress(format_args!("searching {}", printable(&entry.path().to_string_lossy())));
                match File::open(entry.path()) {
                    Ok(file) => searched.stream(&finder, &sought, entry.path(), file),
                    Err(_) => searched.unread += 1,
                }
            }
        }
        searched.sought = sought.iter().filter(|it| it.is_long()).count();
        let short = sought.iter().filter(|it| !it.is_long());
        searched.too_short = short.map(|it| Named { service: it.service.clone(), field: it.field.clone() }).collect();
        context.output.report(&searched);
        Ok(!searched.found.is_empty())
    }
}

/// A value to look for.
struct Key {
    /// None: a variable of the file that no service reads, and that looks like a secret.
    service: Option<ServiceId>,
    field: String,
    value: SecretString,
}

impl Key {
    /// Those of every secret that can be read, and why others cannot.
    async fn all(context: &Context<'_>) -> Result<(Vec<Self>, Vec<Error>), Error> {
        context.output.progress("reading the secrets");
        let secrets = context.secrets(&[])?;
        // What could not be read is reported beside what was looked for.
        let _ = secrets.ready().await;
        let (mut values, mut failed) = (vec![], vec![]);
        for service in context.options.service_ids() {
            match secrets.read(&service) {
                Ok(read) => values.extend(context.options.sought(&service, &read).into_iter().map(|it| Self {
                    service: Some(it.service),
                    field: it.field,
                    value: it.value,
                })),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => failed.push(error),
            }
        }
        values.extend(context.uncovered_values().map(|(field, value)| Self { service: None, field, value }));
        Ok((values, failed))
    }

    fn is_long(&self) -> bool {
        self.value.expose_secret().len() >= SHORTEST
    }
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Searched {
    found: Vec<Found>,
    /// How many values were looked for.
    sought: usize,
    /// Fields whose values are so short that they would be found by chance.
    too_short: Vec<Named>,
    files: usize,
    bytes: u64,
    /// Files and folders that could not be read.
    unread: usize,
}

#[derive(Serialize)]
struct Named {
    service: Option<ServiceId>,
    field: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    path: String,
    line: usize,
    /// In bytes, from 0.
    offset: u64,
    /// Whether it holds bytes that no text does: then lines mean little.
    is_binary: bool,
    #[serde(flatten)]
    named: Named,
}

impl Searched {
    fn stream(&mut self, finder: &Finder, sought: &[Key], path: &Path, mut from: impl Read) {
        let (mut stream, mut piece) = (finder.stream(), vec![0; PIECE]);
        let (mut hits, mut is_binary) = (vec![], false);
        loop {
            match from.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => {
                    is_binary |= piece[..count].contains(&0);
                    self.bytes += count as u64;
                    hits.extend(stream.push(&piece[..count]));
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => {
                    self.unread += 1;
                    break;
                }
            }
        }
        hits.extend(stream.finish());
        self.files += 1;
        for Hit { value, line, offset } in hits {
            let Key { service, field, .. } = &sought[value];
            let named = Named { service: service.clone(), field: field.clone() };
            let path = path.to_string_lossy().into_owned();
            self.found.push(Found { path, line, offset, is_binary, named });
        }
    }
}

impl Named {
    fn text(&self) -> String {
        match &self.service {
            Some(service) => format!("{service} {}", self.field),
            None => format!("the variable {}", self.field),
        }
    }
}

impl Report for Searched {
    fn page(&self, page: &mut Page) {
        for Found { path, line, offset, is_binary, named } in &self.found {
            let path = printable(path);
            let place = if *is_binary { format!("{path} at byte {offset}") } else { format!("{path}:{line}") };
            page.line(format_args!("{} {place}: {}", paint(BAD, "✗"), named.text()));
        }
        if !self.found.is_empty() {
            page.line("");
        }
        if !self.too_short.is_empty() {
            let names: Vec<String> = self.too_short.iter().map(Named::text).collect();
            page.line(format_args!(
                "{} shorter than {SHORTEST} bytes, and not looked for: {}",
                paint(WARN, "!"),
                names.join(", ")
            ));
        }
        if self.unread > 0 {
            page.line(format_args!("{} {} could not be read", paint(WARN, "!"), counted(self.unread, "file")));
        }
        let of = format!("{} in {}", counted(self.sought, "value"), counted(self.files, "file"));
        if self.found.is_empty() {
            page.line(paint(GOOD, format_args!("looked for {of}: none found")));
        } else {
            let places = counted(self.found.len(), "place");
            page.line(paint(BAD, format_args!("looked for {of}: found in {places}")));
            page.line(
                "Everyone who can read the file has the secret: replace the value (permisos-secrets rotate), and only then remove \
                 it there",
            );
        }
    }
}

#[cfg(feature = "scan")]
mod reads {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use permisos_secrets_core::{Error, ErrorKind, Replacement, looks_secret};
    use serde::Serialize;

    use crate::context::Context;
    use crate::output::{BAD, DIM, GOOD, Page, Report, STRONG, WARN, counted, paint, printable};
    use crate::sources::{Site, Sources, Usage, Way, When};

    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct Scanned {
        files: Vec<Scan>,
        /// What was not read, and why.
        unread: Vec<Unread>,
        /// Places that a comment leaves out.
        ignored: usize,
        summary: Summary,
        /// Variables that look like secrets, and that no service has.
        uncovered: BTreeSet<String>,
    }

    #[derive(Serialize)]
    struct Scan {
        path: String,
        reads: Vec<Read>,
        writes: Vec<Read>,
        /// Reads whose variable is not known.
        computed: Vec<Place>,
        /// Where the environment is handed on as a whole.
        whole: Vec<Place>,
    }

    #[derive(Serialize)]
    struct Place {
        line: usize,
        column: usize,
    }

    #[derive(Serialize)]
    struct Read {
        #[serde(flatten)]
        site: Site,
        /// None: a variable that looks like a secret, and that no service has.
        #[serde(flatten)]
        instead: Option<Replacement>,
    }

    #[derive(Serialize)]
    struct Unread {
        path: String,
        why: String,
    }

    #[derive(Default, Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Summary {
        /// Files that were read.
        scanned: usize,
        reads: usize,
        variables: usize,
        /// Files with a read.
        files: usize,
        at_load: usize,
        writes: usize,
        computed: usize,
        whole: usize,
    }

    impl Scanned {
        pub(super) fn of(context: &Context<'_>, paths: &[PathBuf]) -> Result<Self, Error> {
            let progress = |count| context.output.progress(format_args!("reading {}", counted(count, "file")));
            let sources = Sources::read(paths, progress).map_err(|(path, why)| {
                Error::new(ErrorKind::ConfigInvalid, format!("{}: {why}", printable(&path.to_string_lossy())))
            })?;
            let (mut files, mut unread, mut summary) = (vec![], vec![], Summary::default());
            let (mut variables, mut uncovered) = (BTreeSet::new(), BTreeSet::new());
            for file in sources.files {
                let path = file.path.to_string_lossy().into_owned();
                if let Some(why) = file.unread {
                    unread.push(Unread { path, why });
                    continue;
                }
                summary.scanned += 1;
                let (mut reads, mut writes) = (vec![], vec![]);
                for site in file.sites {
                    let instead = context.options.replacement(&site.variable);
                    if instead.is_none() && !looks_secret(&site.variable, context.of_file(&site.variable)) {
                        continue;
                    }
                    if site.usage == Usage::Write {
                        writes.push(Read { site, instead });
                        continue;
                    }
                    variables.insert(site.variable.clone());
                    if instead.is_none() {
                        uncovered.insert(site.variable.clone());
                    }
                    summary.at_load += usize::from(site.at_load);
                    reads.push(Read { site, instead });
                }
                summary.reads += reads.len();
                summary.files += usize::from(!reads.is_empty());
                summary.writes += writes.len();
                summary.computed += file.computed.len();
                summary.whole += file.whole.len();
                let places = |it: Vec<(usize, usize)>| -> Vec<Place> {
                    it.into_iter().map(|(line, column)| Place { line, column }).collect()
                };
                let (computed, whole) = (places(file.computed), places(file.whole));
                if !(reads.is_empty() && writes.is_empty() && computed.is_empty() && whole.is_empty()) {
                    files.push(Scan { path, reads, writes, computed, whole });
                }
            }
            summary.variables = variables.len();
            Ok(Self { files, unread, ignored: sources.ignored, summary, uncovered })
        }

        pub(super) fn is_found(&self) -> bool {
            self.summary.reads > 0
        }
    }

    impl Read {
        fn row(&self) -> Vec<String> {
            let Site { line, column, variable, way, usage, when, at_load, through } = &self.site;
            let way = match (way, through) {
                (Way::Alias, _) => "alias".to_owned(),
                (Way::Computed, _) => "computed".to_owned(),
                (Way::Destructured, _) => "destructured".to_owned(),
                (Way::Helper, Some(name)) => printable(&format!("{name}()")),
                (Way::Named, Some(name)) => printable(&format!("{name}(), by its name")),
                (Way::Helper | Way::Named, None) => "helper".to_owned(),
                (Way::List, _) => "list".to_owned(),
                (Way::Member, _) => "member".to_owned(),
            };
            let usage = match usage {
                Usage::Comparison => "compared",
                Usage::Default => "default",
                Usage::Presence => "presence",
                Usage::Value => "value",
                Usage::Write => "write",
            };
            let when = match when {
                When::Constructor => "constructor",
                When::Field => "field",
                When::Function => "function",
                When::Load => "load",
                When::Static => "static",
            };
            let when = match (self.site.when, at_load) {
                (When::Load | When::Static, _) | (_, false) => when.to_owned(),
                (_, true) => format!("{when}, at load"),
            };
            let when = if *at_load { paint(WARN, when) } else { when };
            let instead = match &self.instead {
                Some(instead) => printable(&instead.expression),
                None => paint(DIM, "in no service"),
            };
            vec![format!("{line}:{column}"), printable(variable), way, usage.to_owned(), when, instead]
        }
    }

    impl Report for Scanned {
        fn page(&self, page: &mut Page) {
            for Scan { path, reads, writes, computed, whole } in &self.files {
                if reads.is_empty() && writes.is_empty() {
                    continue;
                }
                page.heading(printable(path));
                let titles = ["PLACE", "VARIABLE", "WAY", "USE", "RUNS", "INSTEAD"];
                page.table(&titles, reads.iter().chain(writes).map(Read::row));
                for (what, places) in [("computed name", computed), ("as a whole", whole)] {
                    if !places.is_empty() {
                        page.line(format_args!("{} {}", paint(DIM, what), list(places)));
                    }
                }
            }
            let Summary { scanned, reads, variables, files, at_load, writes, computed, whole } = &self.summary;
            page.line("");
            let elsewhere = |of: fn(&Scan) -> &Vec<Place>| {
                let files = self.files.iter().filter(|it| it.reads.is_empty() && it.writes.is_empty());
                let places = files.filter(|it| !of(it).is_empty());
                places.map(|it| format!("{}:{}", printable(&it.path), list(of(it)))).collect::<Vec<_>>().join(", ")
            };
            let what = [
                (computed, "by a name that is computed: which variable is not known"),
                (whole, "of the environment as a whole, handed on to other code"),
            ];
            let places: [fn(&Scan) -> &Vec<Place>; 2] = [|it| &it.computed, |it| &it.whole];
            for ((count, what), of) in what.into_iter().zip(places) {
                if *count > 0 {
                    let places = elsewhere(of);
                    let also =
                        if places.is_empty() { String::new() } else { format!("; without other reads: {places}") };
                    page.line(format_args!("{} {} {what}{also}", paint(WARN, "!"), counted(*count, "read")));
                }
            }
            for Unread { path, why } in &self.unread {
                page.line(format_args!("{} {}: {why}", paint(WARN, "!"), printable(path)));
            }
            if *writes > 0 {
                page.line(format_args!(
                    "{} {} set or deleted by the application",
                    paint(WARN, "!"),
                    counted(*writes, "variable")
                ));
            }
            if self.ignored > 0 {
                page.line(paint(DIM, format_args!("{} left out by a comment", counted(self.ignored, "place"))));
            }
            if !self.uncovered.is_empty() {
                let names: Vec<&str> = self.uncovered.iter().map(String::as_str).collect();
                page.line(format_args!(
                    "{} {}: by name a secret, and in no service; permisos-secrets init defines one",
                    paint(WARN, "!"),
                    names.join(", ")
                ));
            }
            if *reads == 0 {
                page.line(paint(GOOD, format_args!("no read of a secret in {}", counted(*scanned, "file"))));
                return;
            }
            page.line(paint(
                BAD,
                format_args!(
                    "{} of {} in {files} of {}",
                    counted(*reads, "read"),
                    counted(*variables, "variable"),
                    counted(*scanned, "file")
                ),
            ));
            if *at_load > 0 {
                page.line(format_args!(
                    "{STRONG}{at_load} of them while modules load{STRONG:#}: these need the secrets before the first line, by \
                     node --import @permisos/secrets/register"
                ));
            }
        }
    }

    fn list(places: &[Place]) -> String {
        places.iter().map(|it| format!("{}:{}", it.line, it.column)).collect::<Vec<_>>().join(", ")
    }
}
