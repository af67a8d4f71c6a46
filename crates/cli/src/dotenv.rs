//! Environment files, read and written by the rules of the `dotenv` package that Node applications use.
//!
//! Rust's crates replace `$NAME` inside values: a password `pa$word` would become another one on its way into Secrets
//! Manager, valid in form, and be noticed when a login fails.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::LazyLock;

use permisos_secrets_core::{Assignment, Error, ErrorKind};
use regex_lite::Regex;
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

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
    let Parsed { variables, overridden } = parse(text).map_err(|lines| {
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
    Ok(variables)
}

#[derive(Default)]
struct Parsed {
    /// By name; the last value of a name counts.
    variables: BTreeMap<String, String>,
    /// Names whose last value differs from an earlier one.
    overridden: BTreeSet<String>,
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
        number += text[end..whole.end()].matches('\n').count();
        end = whole.end();
        let value = unquoted(found.get(2).map(|value| value.as_str().trim()).unwrap_or_default());
        let name = name.as_str().to_owned();
        if parsed.variables.get(&name).is_some_and(|before| *before != value) {
            parsed.overridden.insert(name.clone());
        }
        parsed.variables.insert(name, value);
    }
    look(end, text.len(), number);
    if wrong.is_empty() { Ok(parsed) } else { Err(wrong) }
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
        let line = Zeroizing::new(quoted(value).ok_or_else(|| {
            let message = format!("{name} holds every kind of quote: an environment file cannot say it; use json");
            Error::new(ErrorKind::Invalid, message)
        })?);
        let _ = writeln!(text, "{name}={}", &*line);
    }
    Ok(text)
}

/// Prefers single quotes, which keep every character; double quotes come last, since `\n` changes inside them.
fn quoted(value: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+,=?&".contains(c);
    if !value.is_empty() && value.chars().all(is_plain) {
        return Some(value.to_owned());
    }
    let quote = ['\'', '`', '"']
        .into_iter()
        .find(|&quote| !value.contains(quote) && !value.ends_with('\\') && (quote != '"' || !value.contains('\\')))?;
    Some(format!("{quote}{value}{quote}"))
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
        let Parsed { variables, overridden } = parse("A=1\rB=2\rA=1\rB=3\r").unwrap();
        assert_eq!(variables.values().collect::<Vec<_>>(), ["1", "3"]);
        assert_eq!(overridden.iter().collect::<Vec<_>>(), ["B"]);
    }

    #[test]
    fn lines_that_are_no_variable_are_told_by_number() {
        let wrong = |text| parse(text).err().unwrap();
        assert_eq!(wrong("A=1\nnonsense\n# B\n\n= 2\nC=3\nmore of it"), [2, 5, 7]);
        assert_eq!(wrong("A='1\n2\n3'\nnonsense\nB=4"), [4], "lines of a value are counted");
    }

    #[test]
    fn what_is_written_is_read_back() {
        let values = ["plain", "two words", "a#b", "it's", "a$b\\n", "it's a `tick`", " edge ", "one\ntwo", "é"];
        let written: Vec<Assignment> = values
            .iter()
            .enumerate()
            .map(|(index, &value)| Assignment { name: format!("V{index}"), value: value.into(), is_secret: true })
            .collect();
        let read = parse(&write(&written).unwrap()).unwrap();
        assert_eq!(read.variables.values().collect::<Vec<_>>(), values);
        let all = Assignment { name: "ALL".into(), value: "'`\"".into(), is_secret: true };
        assert!(write(&[all]).is_err());
    }
}
