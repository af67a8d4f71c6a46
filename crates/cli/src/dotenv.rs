//! Environment files, read and written by the rules of the `dotenv` package that Node applications use.
//!
//! Rust's crates replace `$NAME` inside values: a password `pa$word` would become another one on its way into Secrets
//! Manager, valid in form, and be noticed when a login fails.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::LazyLock;

use permisos_secrets_core::{Assignment, Error, ErrorKind};
use regex_lite::Regex;
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use crate::node_env;
use crate::output::{Output, WARN, paint};

/// Twice the size of seven secrets at Secrets Manager's limit: a larger file is not an environment file.
const SIZE_LIMIT: u64 = 1024 * 1024;

/// A name, `=`, and a value: quoted in one of three ways, over several lines if need be, or bare up to a comment.
static LINE: LazyLock<Result<Regex, regex_lite::Error>> = LazyLock::new(|| {
    Regex::new(
        r#"(?m)^\s*(?:export\s+)?([\w.-]+)(?:\s*=\s*?|:\s+?)(\s*'(?:\\'|[^'])*'|\s*"(?:\\"|[^"])*"|\s*`(?:\\`|[^`])*`|[^#\r\n]+)?\s*(?:#.*)?$"#,
    )
});

/// Reads a file. Notes values that another loader would expand, and names that are set to two values.
pub(crate) fn read(file: &Path, output: &Output) -> Result<BTreeMap<String, String>, Error> {
    let wrong = |why: String| Error::new(ErrorKind::ConfigInvalid, format!("{}: {why}", file.display()));
    let mut bytes = Zeroizing::new(vec![]);
    let read = File::open(file).and_then(|file| file.take(SIZE_LIMIT + 1).read_to_end(&mut bytes));
    match read {
        Err(error) => return Err(wrong(format!("cannot be read ({})", error.kind()))),
        Ok(size) if size as u64 > SIZE_LIMIT => {
            return Err(wrong("is larger than 1 MiB: is it the right file?".into()));
        }
        Ok(_) => {}
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong("is not UTF-8 text".into()))?;
    let Parsed { variables, overridden, lines, cut, open } = parse(text).map_err(|lines| {
        let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
        wrong(format!(
            "cannot be understood at line {}: write NAME=value, with quotes around a value of several lines, or # before \
             a comment",
            lines.join(", ")
        ))
    })?;
    let note = |what: String| output.note(format_args!("{} {what}", paint(WARN, "note")));
    for (name, value) in &variables {
        if value.contains("${") {
            note(format!("{name} holds ${{…}}, which is taken as it stands"));
        }
    }
    for name in overridden {
        note(format!("{name} is set more than once: the last value counts"));
    }
    let by_node = node_env::parse(text);
    for (name, value) in &variables {
        let line = lines.get(name).copied().unwrap_or_default();
        if cut.contains(name) {
            note(format!(
                "{name}, line {line}: what follows # is left out, as dotenv does; put quotes around the value if it \
                 belongs to it"
            ));
        }
        if open.contains(name) {
            note(format!("{name}, line {line}: the quote at its start is never closed, and belongs to the value"));
        }
        if by_node.get(name).map(|by_node| by_node.as_str()) != Some(value) {
            note(format!(
                "{name}, line {line}: node --env-file reads it otherwise than dotenv, whose reading is taken; put single \
                 quotes around a value that has none in it"
            ));
        }
    }
    Ok(variables)
}

#[derive(Default)]
struct Parsed {
    /// By name; the last value of a name counts.
    variables: BTreeMap<String, String>,
    /// Names whose last value differs from an earlier one.
    overridden: BTreeSet<String>,
    /// The line in which a name is set, for the last time.
    lines: BTreeMap<String, usize>,
    /// Names whose value a `#` ends that may belong to it.
    cut: BTreeSet<String>,
    /// Names whose value starts with a quote that nothing closes.
    open: BTreeSet<String>,
}

/// The variables, or the numbers of the lines that hold none.
fn parse(text: &str) -> Result<Parsed, Vec<usize>> {
    let Ok(line) = &*LINE else { return Err(vec![1]) };
    let text = Zeroizing::new(text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n"));
    let text = Zeroizing::new(text.replace('\r', "\n"));
    let (mut parsed, mut wrong) = (Parsed::default(), vec![]);
    // Where the last match ended, and in which line.
    let (mut end, mut number) = (0, 1);
    let mut look = |from: usize, to: usize, number: usize| {
        let lines = text[from..to].split('\n').enumerate();
        let stray = lines.filter(|(_, line)| !line.trim().is_empty() && !line.trim().starts_with('#'));
        wrong.extend(stray.map(|(index, _)| number + index));
    };
    for found in line.captures_iter(&text) {
        let (Some(whole), Some(name)) = (found.get(0), found.get(1)) else { continue };
        // The pattern may find a variable inside a comment: skip it.
        look(end, whole.start(), number);
        let line = number + text[end..name.start()].matches('\n').count();
        number += text[end..whole.end()].matches('\n').count();
        end = whole.end();
        let raw = found.get(2).map(|value| value.as_str().trim()).unwrap_or_default();
        let value = unquoted(raw);
        let is_open = value == raw && raw.starts_with(['\'', '"', '`']);
        let is_cut = is_cut(whole.as_str(), found.get(2).map(|value| value.end() - whole.start()), &value);
        let name = name.as_str().to_owned();
        parsed.lines.insert(name.clone(), line);
        parsed.cut.remove(&name);
        parsed.open.remove(&name);
        parsed.open.extend(is_open.then(|| name.clone()));
        parsed.cut.extend(is_cut.then(|| name.clone()));
        if parsed.variables.get(&name).is_some_and(|before| *before != value) {
            parsed.overridden.insert(name.clone());
        }
        parsed.variables.insert(name, value);
    }
    look(end, text.len(), number);
    if wrong.is_empty() { Ok(parsed) } else { Err(wrong) }
}

/// Whether what looks like a comment may be a part of the value: no space is before the `#`, or no value and no space after
/// it.
fn is_cut(line: &str, value_end: Option<usize>, value: &str) -> bool {
    let Some(start) = value_end.or_else(|| line.find('#')) else { return false };
    let Some(hash) = line[start..].find('#').map(|at| start + at) else { return false };
    let is_spaced = line[..hash].ends_with(char::is_whitespace);
    !is_spaced || (value.is_empty() && line[hash + 1..].starts_with(|c: char| !c.is_whitespace()))
}

fn unquoted(value: &str) -> String {
    for quote in ['\'', '"', '`'] {
        if let Some(inner) = value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return if quote == '"' { inner.replace("\\n", "\n").replace("\\r", "\r") } else { inner.to_owned() };
        }
    }
    value.to_owned()
}

/// A file that reads back as these variables.
pub(crate) fn write(variables: &[Assignment]) -> Result<Zeroizing<String>, Error> {
    let mut text = Zeroizing::new(String::new());
    for Assignment { name, value, .. } in variables {
        let value = value.expose_secret();
        let line = line(name, value).ok_or_else(|| {
            let message = format!("{name} {}: an environment file cannot say it; use --format json", unsayable(value));
            Error::new(ErrorKind::Invalid, message)
        })?;
        text.push_str(&line);
    }
    Ok(text)
}

/// The first way to write a value that dotenv and Node read back, else the first that dotenv does: bare where nothing is
/// special; then in single quotes, which keep every character. Double quotes come before backticks where a shell takes the
/// value as it stands: in backticks it runs it.
fn line(name: &str, value: &str) -> Option<Zeroizing<String>> {
    // Beside others, whose quotes would close one that is left open. No variable has a name with a point.
    const OTHERS: &str = ".a='#'\n.b=\"#\"\n.c=`#`\n";
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+,=?&".contains(c);
    let bare = (!value.is_empty() && value.chars().all(is_plain)).then_some("");
    let double = (!value.contains(['$', '`', '\\'])).then_some("\"");
    let quotes = bare.into_iter().chain(["'"]).chain(double).chain(["`", "\"", ""]);
    let lines: Vec<_> = quotes.map(|quote| Zeroizing::new(format!("{name}={quote}{value}{quote}\n"))).collect();
    let beside = |line: &str| Zeroizing::new(format!("{line}{OTHERS}"));
    let by_dotenv = |line: &&Zeroizing<String>| {
        parse(&beside(line))
            .is_ok_and(|read| read.variables.len() == 4 && read.variables.get(name).is_some_and(|it| it == value))
    };
    let by_node = |line: &&Zeroizing<String>| {
        let read = node_env::parse(&beside(line));
        read.len() == 4 && read.get(name).is_some_and(|it| **it == value)
    };
    lines.iter().filter(by_dotenv).find(by_node).or_else(|| lines.iter().find(by_dotenv)).cloned()
}

/// Why no line says it, without the value.
fn unsayable(value: &str) -> &'static str {
    if value.contains('\r') {
        "holds a carriage return, which is read as the end of a line"
    } else if value.ends_with('\\') {
        "needs quotes and ends with a backslash, which escapes the closing one"
    } else {
        "needs quotes and holds every kind of them"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_nodes_dotenv_reads_them() {
        let text = "\u{feff}# a comment\nPLAIN=a$b${C}\r\nexport SPACED =  two words  # a comment\nSINGLE='a #b $c \\n'\n\
                    DOUBLE=\"one\\ntwo\"\nBACK=`it's \"so\"`\n\nEMPTY=\nLINES='one\ntwo'\nYAML: value\nPLAIN2=a\"b\n";
        let read = parse(text).unwrap();
        let expected = [
            ("BACK", "it's \"so\""),
            ("DOUBLE", "one\ntwo"),
            ("EMPTY", ""),
            ("LINES", "one\ntwo"),
            ("PLAIN", "a$b${C}"),
            ("PLAIN2", "a\"b"),
            ("SINGLE", "a #b $c \\n"),
            ("SPACED", "two words"),
            ("YAML", "value"),
        ];
        let read: Vec<_> = read.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(read, expected);
    }

    #[test]
    fn the_last_value_of_a_name_counts_and_the_other_is_reported() {
        let Parsed { variables, overridden, .. } = parse("A=1\rB=2\rA=1\rB=3\r").unwrap();
        assert_eq!(variables.values().collect::<Vec<_>>(), ["1", "3"]);
        assert_eq!(overridden.iter().collect::<Vec<_>>(), ["B"]);
    }

    #[test]
    fn what_a_hash_may_have_cut_off_is_told_with_its_line() {
        let text = "A=1 # comment\n\n\nB=p4ss#word\nC=#a1b2\nD= #a1b2\nE= # comment\nF='a#b'\nG='a'#b\nH=a#b\nH=c\nI='x\ny#z'\nJ=a#b";
        let Parsed { cut, lines, .. } = parse(text).unwrap();
        assert_eq!(
            cut.iter().map(|name| (name.as_str(), lines[name])).collect::<Vec<_>>(),
            [("B", 4), ("C", 5), ("D", 6), ("G", 9), ("J", 14),]
        );
    }

    #[test]
    fn lines_that_are_no_variable_are_told_by_number() {
        let wrong = |text| parse(text).err().unwrap();
        assert_eq!(wrong("A=1\nnonsense\n# B\n\n= 2\nC=3\nmore of it"), [2, 5, 7]);
        assert_eq!(wrong("A='1\n2\n3'\nnonsense\nB=4"), [4], "lines of a value are counted");
    }

    fn assignment(name: &str, value: &str) -> Assignment {
        Assignment { name: name.into(), value: value.into(), is_secret: true }
    }

    #[test]
    fn what_is_written_is_read_back_or_refused_with_the_reason() {
        let parts = ["a", " ", "#", "'", "\"", "`", "\\", "\n", "\\n", "$", "${A}", "=", "é", "'\"`", "\r", "export "];
        let pairs = parts.iter().flat_map(|first| parts.map(|second| [*first, second].concat()));
        let triples: Vec<String> = pairs.flat_map(|pair| parts.map(|third| [&pair, third].concat())).collect();
        let mut refused = 0;
        for value in triples.iter().map(String::as_str).chain(parts).chain([""]) {
            match write(&[assignment("BEFORE", "x"), assignment("VALUE", value), assignment("AFTER", "#y")]) {
                Ok(text) => {
                    let read = parse(&text).unwrap().variables;
                    assert_eq!(read["VALUE"], value);
                    assert_eq!(
                        (read.len(), read["BEFORE"].as_str(), read["AFTER"].as_str()),
                        (3, "x", "#y"),
                        "{value:?}"
                    );
                }
                Err(error) => {
                    refused += 1;
                    let is_right = match error.message() {
                        why if why.contains("carriage return") => value.contains('\r'),
                        why if why.contains("backslash") => value.ends_with('\\'),
                        _ => ['\'', '"', '`'].iter().all(|quote| value.contains(*quote)),
                    };
                    assert!(is_right && error.message().starts_with("VALUE "), "{error} {value:?}");
                }
            }
        }
        assert!(refused < triples.len() / 3, "{refused}");
    }

    #[test]
    fn quotes_that_a_shell_takes_as_they_stand_come_first() {
        let text = write(&[assignment("A", "it's $(x)"), assignment("B", "it's"), assignment("C", "a b\\")]).unwrap();
        assert_eq!(*text, "A=`it's $(x)`\nB=\"it's\"\nC=a b\\\n");
    }
}
