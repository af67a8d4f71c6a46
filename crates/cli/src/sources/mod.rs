//! Where sources in JavaScript and TypeScript read the environment: `facts` reads one file, with `names` and `values`; this
//! follows helpers and aliases from file to file.

mod facts;
mod names;
mod site;
mod values;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Component, Path, PathBuf};

use facts::{Call, Facts, Found, Names, Target, Unknown, Value, WHOLE};
use oxc_allocator::Allocator;
pub(crate) use site::{Site, Usage, Way, When};

/// The endings of files that are read.
const ENDINGS: [&str; 8] = ["js", "cjs", "mjs", "jsx", "ts", "cts", "mts", "tsx"];
/// A larger file is written by a program.
const LARGEST: u64 = 16 * 1024 * 1024;
/// Methods of a text, which may be called `env` or `configName`, too.
const OF_TEXTS: [&str; 7] = ["endsWith", "includes", "indexOf", "replace", "replaceAll", "split", "startsWith"];
/// How often a name is followed from an export to an import.
const DEPTH: usize = 16;

/// What the sources say.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    pub(crate) files: Vec<File>,
    /// Places that a comment leaves out.
    pub(crate) ignored: usize,
}

/// What one file says.
#[derive(Debug, Default)]
pub(crate) struct File {
    pub(crate) path: PathBuf,
    /// By line and column.
    pub(crate) sites: Vec<Site>,
    /// Reads by a name that is computed, by line and column.
    pub(crate) computed: Vec<(usize, usize)>,
    /// Where the environment is handed on as a whole.
    pub(crate) whole: Vec<(usize, usize)>,
    /// Why it was not read: the line that cannot be parsed, or what the system says.
    pub(crate) unread: Option<String>,
}

impl Sources {
    /// Reads these files, and those in these folders that git does not ignore. The error: a path, and why it cannot be
    /// read.
    pub(crate) fn read(paths: &[PathBuf], progress: impl Fn(usize)) -> Result<Self, (PathBuf, String)> {
        let found = find(paths)?;
        let mut allocator = Allocator::default();
        let (mut files, mut facts, mut ignored) = (vec![], vec![], 0);
        for path in found {
            progress(files.len());
            let (read, unread) = match read(&allocator, &path) {
                Ok(facts) => (facts, None),
                Err(why) => (Facts::default(), Some(why)),
            };
            allocator.reset();
            ignored += read.ignored;
            files.push(File { path, unread, ..File::default() });
            facts.push(read);
        }
        let names: Vec<PathBuf> = files.iter().map(|file| normal(&file.path)).collect();
        let by_name = names.iter().cloned().enumerate().map(|(at, name)| (name, at)).collect();
        let project = Project { facts, names, by_name };
        for (file, sites) in files.iter_mut().zip(project.sites()) {
            let Seen { mut sites, unknown } = sites;
            sites.sort();
            // A name in a list that is gone through twice stands there once.
            sites.dedup_by_key(|it| (it.line, it.column, it.variable.clone()));
            file.sites = sites;
            let (whole, computed): (Vec<_>, Vec<_>) = unknown.into_iter().partition(|it| it.is_whole);
            let places = |unknown: Vec<Unknown>| {
                let places: BTreeSet<_> = unknown.into_iter().map(|it| (it.line, it.column)).collect();
                places.into_iter().collect()
            };
            (file.computed, file.whole) = (places(computed), places(whole));
        }
        Ok(Self { files, ignored })
    }
}

fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>, (PathBuf, String)> {
    let mut found = BTreeSet::new();
    for path in paths {
        let why = |error: &std::io::Error| (path.clone(), format!("cannot be read ({})", error.kind()));
        if std::fs::metadata(path).map_err(|error| why(&error))?.is_file() {
            // What is named is read whatever its name is.
            found.insert(path.clone());
            continue;
        }
        let mut walk = ignore::WalkBuilder::new(path);
        // `.gitignore` counts outside of a repository, too.
        walk.require_git(false).filter_entry(|entry| entry.file_name() != "node_modules");
        for entry in walk.build() {
            // What cannot be entered is not read by the application either.
            let Ok(entry) = entry else { continue };
            let is_source = entry.path().extension().is_some_and(|ending| ENDINGS.iter().any(|it| ending == *it));
            if is_source && entry.file_type().is_some_and(|it| it.is_file()) {
                found.insert(entry.into_path());
            }
        }
    }
    Ok(found.into_iter().collect())
}

fn read(allocator: &Allocator, path: &Path) -> Result<Facts, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read ({})", error.kind());
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > LARGEST {
        return Err(format!("is larger than {} MiB", LARGEST / 1024 / 1024));
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    let text = String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned())?;
    // Most files do not speak of the environment; but one may import or hand on the function that does.
    facts::read(allocator, path, &text).map_err(|line| format!("cannot be parsed (line {line})"))
}

/// A path without `.` and `..`, to compare.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if normal.file_name().is_some() => {
                normal.pop();
            }
            part => normal.push(part),
        }
    }
    normal
}

/// All files, and how they hang together.
struct Project {
    facts: Vec<Facts>,
    names: Vec<PathBuf>,
    by_name: HashMap<PathBuf, usize>,
}

/// What is found in one file.
#[derive(Default)]
struct Seen {
    sites: Vec<Site>,
    unknown: Vec<Unknown>,
}

/// A function: its file, and its place there.
type Id = (usize, usize);

impl Project {
    fn sites(self) -> Vec<Seen> {
        let calls = self.resolved();
        let helpers = self.helpers(&calls);
        let at_load = self.at_load(&calls);
        let called: BTreeSet<Id> = calls.iter().flatten().copied().flatten().collect();
        let mut seen = vec![];
        for (file, facts) in self.facts.iter().enumerate() {
            let place = |found: &Found| {
                let is_called = found.function.is_some_and(|it| at_load.contains(&(file, it)));
                Site { at_load: found.site.at_load || is_called, ..found.site.clone() }
            };
            let mut sites: Vec<Site> = facts.sites.iter().map(place).collect();
            let mut unknown = facts.unknown.clone();
            let uncalled = facts.functions.iter().enumerate().filter(|(at, _)| !called.contains(&(file, *at)));
            unknown.extend(uncalled.flat_map(|(_, it)| it.places.iter().copied()));
            for (from, path, found) in &facts.members {
                if let Some((_, Value::Environment)) = self.imported(file, from, path, DEPTH) {
                    sites.push(place(found));
                }
            }
            for (call, target) in facts.calls.iter().zip(&calls[file]) {
                let base = place(&call.found);
                let read = target.and_then(|it| helpers.get(&it));
                let Some(read) = read else {
                    // A function that is here, and does not read the environment, does not read it.
                    if target.is_none() && call.sounds_like_env {
                        sites.extend(named(call, &base));
                    }
                    continue;
                };
                for (parameter, (names, places)) in
                    read.iter().flat_map(|it| taken(call, *it).iter().map(move |of| (it, of)))
                {
                    // A further argument stands where the variable does not.
                    let has_default = !parameter.1 && call.arguments.len() > parameter.0 + 1;
                    let usage = if has_default { Usage::Default } else { base.usage };
                    match names {
                        Names::Known(names) => sites.extend(names.iter().zip(places).map(|((name, _), at)| {
                            let through = Some(call.name.clone()).filter(|it| !it.is_empty());
                            // Of several, where the name is written.
                            let (line, column) = if names.len() > 1 { *at } else { (base.line, base.column) };
                            Site { variable: name.clone(), through, line, column, usage, ..base.clone() }
                        })),
                        Names::Parameter(..) => {}
                        Names::Unknown => {
                            unknown.push(Unknown { line: base.line, column: base.column, is_whole: false });
                        }
                    }
                }
            }
            seen.push(Seen { sites, unknown });
        }
        seen
    }

    /// The function of each call, where it is known.
    fn resolved(&self) -> Vec<Vec<Option<Id>>> {
        let of = |file: usize, call: &Call| match call.target.as_ref()? {
            Target::Local(function) => Some((file, *function)),
            Target::Imported(from, path) => self.function(file, from, path),
        };
        let facts = self.facts.iter().enumerate();
        facts.map(|(file, facts)| facts.calls.iter().map(|call| of(file, call)).collect()).collect()
    }

    fn function(&self, file: usize, from: &str, path: &[String]) -> Option<Id> {
        match self.imported(file, from, path, DEPTH)? {
            (file, Value::Function(function)) => Some((file, function)),
            (file, value @ Value::Members(_)) => match value.member("constructor")? {
                Value::Function(function) => Some((file, function)),
                _ => None,
            },
            _ => None,
        }
    }

    /// What a file imports, and the file that it is of.
    fn imported(&self, file: usize, from: &str, path: &[String], depth: usize) -> Option<(usize, Value)> {
        self.exported(self.file(file, from)?, path, depth.checked_sub(1)?)
    }

    fn exported(&self, file: usize, path: &[String], depth: usize) -> Option<(usize, Value)> {
        let exports = &self.facts[file].exports;
        let value = match path.split_first() {
            None => {
                let value = exports.get(WHOLE).or_else(|| exports.get("default"))?;
                return self.followed(file, value.clone(), &[], depth);
            }
            Some((name, rest)) => exports.get(name).map(|value| (value, rest)),
        };
        if let Some((value, rest)) = value {
            return self.followed(file, value.clone(), rest, depth);
        }
        // `import config from` a module that assigned `module.exports`, or a member of what it assigned.
        if let Some(value) = exports.get(WHOLE) {
            let path = path.strip_prefix(&["default".to_owned()]).unwrap_or(path);
            return self.followed(file, value.clone(), path, depth);
        }
        self.facts[file].stars.iter().find_map(|from| self.imported(file, from, path, depth))
    }

    fn followed(&self, file: usize, value: Value, path: &[String], depth: usize) -> Option<(usize, Value)> {
        let mut value = value;
        for (at, name) in path.iter().enumerate() {
            if let Value::Imported(from, before) = &value {
                let path: Vec<String> = before.iter().chain(&path[at..]).cloned().collect();
                return self.imported(file, from, &path, depth);
            }
            value = value.member(name)?;
        }
        match value {
            Value::Imported(from, path) => self.imported(file, &from, &path, depth),
            value => Some((file, value)),
        }
    }

    /// The file that a relative import means, as Node and compilers of TypeScript look for it.
    fn file(&self, file: usize, from: &str) -> Option<usize> {
        if !from.starts_with('.') {
            return None;
        }
        let path = normal(&self.names[file].parent()?.join(from));
        let exact = self.by_name.get(&path).copied();
        let with = |path: &Path| {
            ENDINGS.iter().find_map(|ending| {
                let mut name = path.as_os_str().to_owned();
                name.push(".");
                name.push(ending);
                self.by_name.get(Path::new(&name)).copied()
            })
        };
        exact
            .or_else(|| with(&path))
            .or_else(|| with(&path.join("index")))
            // TypeScript imports `./a.ts` as `./a.js`.
            .or_else(|| with(&path.with_extension("")))
    }

    /// The functions that read variables by their parameters, also through one another.
    fn helpers(&self, calls: &[Vec<Option<Id>>]) -> BTreeMap<Id, BTreeSet<(usize, bool)>> {
        let mut helpers: BTreeMap<Id, BTreeSet<(usize, bool)>> = BTreeMap::new();
        for (file, facts) in self.facts.iter().enumerate() {
            for (at, function) in facts.functions.iter().enumerate().filter(|(_, it)| !it.names.is_empty()) {
                helpers.entry((file, at)).or_default().extend(&function.names);
            }
        }
        loop {
            let mut more = vec![];
            for (file, facts) in self.facts.iter().enumerate() {
                for (call, target) in facts.calls.iter().zip(&calls[file]) {
                    let read = target.and_then(|it| helpers.get(&it)).into_iter().flatten();
                    for (names, _) in read.flat_map(|it| taken(call, *it)) {
                        if let Names::Parameter(function, at, is_rest) = names {
                            more.push(((file, *function), (*at, *is_rest)));
                        }
                    }
                }
            }
            let mut is_new = false;
            for (helper, parameter) in more {
                is_new |= helpers.entry(helper).or_default().insert(parameter);
            }
            if !is_new {
                return helpers;
            }
        }
    }

    /// The functions that run while modules load, because what is at their top level calls them. What an asynchronous
    /// function does may come later.
    fn at_load(&self, calls: &[Vec<Option<Id>>]) -> BTreeSet<Id> {
        let mut at_load = BTreeSet::new();
        loop {
            let mut is_new = false;
            for (file, facts) in self.facts.iter().enumerate() {
                for (call, target) in facts.calls.iter().zip(&calls[file]) {
                    let is_run = match call.found.function {
                        None => call.found.site.at_load,
                        Some(function) => at_load.contains(&(file, function)),
                    };
                    let target = target.filter(|(file, at)| is_run && !self.facts[*file].functions[*at].is_async);
                    is_new |= target.is_some_and(|it| at_load.insert(it));
                }
            }
            if !is_new {
                return at_load;
            }
        }
    }
}

/// The arguments of a call that a parameter takes.
fn taken(call: &Call, (at, is_rest): (usize, bool)) -> &[(Names, Vec<(usize, usize)>)] {
    let end = if is_rest { call.arguments.len() } else { at + 1 };
    call.arguments.get(at..end).unwrap_or_default()
}

/// The variable that a call names whose function is elsewhere.
fn named(call: &Call, base: &Site) -> Option<Site> {
    let Some((Names::Known(names), _)) = call.arguments.first() else { return None };
    let [(name, _)] = &names[..] else { return None };
    let usage = if call.name == "set" { Usage::Write } else { base.usage };
    let is_read = facts::is_variable(name) && !OF_TEXTS.contains(&&*call.name);
    let through = Some(call.name.clone());
    is_read.then(|| Site { variable: name.clone(), way: Way::Named, usage, through, ..base.clone() })
}

#[cfg(test)]
mod tests;
