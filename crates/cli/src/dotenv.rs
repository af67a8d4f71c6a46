//! Environment files, read and written by the rules of the `dotenv` package that Node applications use.
//!
//! No crate reads them so: Rust's replace `$NAME` inside values, and a password with a dollar would silently become
//! another one on its way to Secrets Manager.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::LazyLock;

use permisos_secrets_core::{Assignment, Error, ErrorKind};
use regex_lite::Regex;
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use crate::output::{Output, WARN, paint};

/// A name, `=`, and a value: quoted in one of three ways, over several lines if need be, or bare up to a comment.
static LINE: LazyLock<Result<Regex, regex_lite::Error>> = LazyLock::new(|| {
    Regex::new(
        r#"(?m)^\s*(?:export\s+)?([\w.-]+)(?:\s*=\s*?|:\s+?)(\s*'(?:\\'|[^'])*'|\s*"(?:\\"|[^"])*"|\s*`(?:\\`|[^`])*`|[^#\r\n]+)?\s*(?:#.*)?$"#,
    )
});

/// Reads a file. Names that hold what another loader would expand are noted.
pub(crate) fn read(file: &Path, output: &Output) -> Result<Vec<(String, String)>, Error> {
    let wrong = |why: String| Error::new(ErrorKind::ConfigInvalid, format!("{}: {why}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| wrong(format!("cannot be read ({})", error.kind())))?;
    let text = Zeroizing::new(text);
    let variables = parse(&text).map_err(|lines| {
        let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
        wrong(format!("is not understood at line {}: write NAME=value, or # before a comment", lines.join(", ")))
    })?;
    for (name, value) in &variables {
        if value.contains("${") {
            output.note(format_args!("{} {name} holds ${{…}}, which is taken as it stands", paint(WARN, "note")));
        }
    }
    Ok(variables)
}

/// The variables, the last of a name counting; or the numbers of the lines that are none.
fn parse(text: &str) -> Result<Vec<(String, String)>, Vec<usize>> {
    let Ok(line) = &*LINE else { return Err(vec![1]) };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    let text = Zeroizing::new(text);
    let (mut variables, mut wrong, mut end) = (vec![], vec![], 0);
    let mut look = |from: usize, to: usize| {
        let first = text[..from].matches('\n').count() + 1;
        let lines = text[from..to].split('\n').enumerate();
        let stray = lines.filter(|(_, line)| !line.trim().is_empty() && !line.trim().starts_with('#'));
        wrong.extend(stray.map(|(index, _)| first + index));
    };
    for found in line.captures_iter(&text) {
        let (Some(whole), Some(name)) = (found.get(0), found.get(1)) else { continue };
        // A comment is no variable, although the pattern may find one after its sign.
        look(end, whole.start());
        end = whole.end();
        let value = found.get(2).map(|value| value.as_str().trim()).unwrap_or_default();
        variables.retain(|(known, _)| known != name.as_str());
        variables.push((name.as_str().to_owned(), unquoted(value)));
    }
    look(end, text.len());
    if wrong.is_empty() { Ok(variables) } else { Err(wrong) }
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

/// Single quotes leave everything as it is; double ones do not, and come last.
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
            ("PLAIN", "a$b${C}"),
            ("SPACED", "two words"),
            ("SINGLE", "a #b $c \\n"),
            ("DOUBLE", "one\ntwo"),
            ("BACK", "it's \"so\""),
            ("EMPTY", ""),
            ("LINES", "one\ntwo"),
            ("YAML", "value"),
            ("PLAIN2", "a\"b"),
        ];
        let read: Vec<_> = read.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(read, expected);
    }

    #[test]
    fn lines_that_are_no_variable_are_told_by_number() {
        assert_eq!(parse("A=1\nnonsense\n# B\n\n= 2\nC=3\nmore of it"), Err(vec![2, 5, 7]));
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
        assert_eq!(read.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>(), values);
        let all = Assignment { name: "ALL".into(), value: "'`\"".into(), is_secret: true };
        assert!(write(&[all]).is_err());
    }
}
