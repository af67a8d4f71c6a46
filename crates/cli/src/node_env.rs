//! How Node itself reads an environment file (`--env-file`, `process.loadEnvFile`), where it differs from `dotenv`. Node has
//! neither `NAME: value` nor escaped quotes, cuts every bare value at its first `#`, and takes an opening quote to the next
//! one, over lines if need be.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

/// The variables as Node reads them.
pub(crate) fn parse(text: &str) -> BTreeMap<String, Zeroizing<String>> {
    let text = Zeroizing::new(text.replace('\r', ""));
    let mut rest = trimmed(&text);
    let mut variables = BTreeMap::new();
    while !rest.is_empty() {
        let line = rest.split('\n').next().unwrap_or_default();
        let Some((name, _)) = line.split_once('=').filter(|_| !line.starts_with('#')) else {
            rest = trimmed(after_line(rest));
            continue;
        };
        rest = &rest[name.len() + 1..];
        let name = trimmed(name);
        let name = name.strip_prefix("export ").unwrap_or(name);
        if name.is_empty() {
            rest = trimmed(after_line(rest));
            continue;
        }
        // An empty value, and not that of the next line.
        if rest.is_empty() || rest.starts_with('\n') {
            variables.insert(name.to_owned(), Zeroizing::default());
            continue;
        }
        rest = trimmed(rest);
        let value = quoted(rest).unwrap_or_else(|| bare(rest));
        let (value, length) = value;
        variables.insert(name.to_owned(), value);
        rest = trimmed(after_line(&rest[length..]));
    }
    variables
}

/// A value in quotes, and how long it is with them.
fn quoted(text: &str) -> Option<(Zeroizing<String>, usize)> {
    let quote = text.chars().next().filter(|c| ['"', '\'', '`'].contains(c))?;
    let inner = &text[1..][..text[1..].find(quote)?];
    let value = if quote == '"' { inner.replace("\\n", "\n") } else { inner.to_owned() };
    Some((value.into(), inner.len() + 2))
}

/// A value up to the end of its line, or to a `#`; one that opens a quote and closes none keeps its `#`.
fn bare(text: &str) -> (Zeroizing<String>, usize) {
    let line = text.split('\n').next().unwrap_or_default();
    let is_open = line.starts_with(['"', '\'', '`']);
    let value = if is_open { line } else { line.split('#').next().unwrap_or_default() };
    (trimmed(value).to_owned().into(), line.len())
}

fn after_line(text: &str) -> &str {
    text.split_once('\n').map(|(_, rest)| rest).unwrap_or_default()
}

fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\n'])
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// The reader itself decides: Node, where it is installed.
    #[test]
    fn a_file_is_read_as_node_reads_it() {
        let files = [
            "A=1\nB=2\n",
            "export A=1\n  B = two words  # a comment\nC=#x\nD= # y\n",
            "A=p4ss#word\nB='a #b'\nC=\"a#b\" # c\n",
            "A=\"pa\\\"ss\"\nB=2\n",
            "A=\"one\\ntwo\"\nB='one\\ntwo'\nC=`it's \"so\"`\n",
            "A='one\ntwo'\nB=2\n",
            "A=\"open\nB=2\n",
            "A=\"open#x\nB=2\n",
            "A='it's\nB=2\n",
            "A=\nB=2",
            "# A=1\nB=2\n\n\nC=a=b\n",
            "A=\"x\" y\nB=2\n",
            "A=\r\nB=\"x\"\r\nC=y\r\n",
            "A=a\\nb\nC=$A ${A}\n",
        ];
        // Node 20 loses the line after it, too, and keeps tabs.
        for other in ["A: yaml\nB=2\n", "=x\nB=2\n", "B=\t2\t\n"] {
            let read = parse(other);
            assert_eq!((read.len(), read["B"].as_str()), (1, "2"));
        }
        let program = "const { parseEnv } = require('util');\
            console.log(JSON.stringify(JSON.parse(process.argv[1]).map((text) => ({ ...parseEnv(text) }))))";
        let given = serde_json::to_string(&files).unwrap();
        let output = Command::new("node").args(["-e", program, &given]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let expected: Vec<BTreeMap<String, String>> = serde_json::from_slice(&output.stdout).unwrap();
        for (file, expected) in files.iter().zip(expected) {
            let read: BTreeMap<String, String> =
                parse(file).into_iter().map(|(name, value)| (name, value.to_string())).collect();
            assert_eq!(read, expected, "{file:?}");
        }
    }
}
