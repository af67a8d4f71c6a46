//! Terraform's language, written as `terraform fmt` would.

use std::fmt::Write;

use serde_json::Value;

/// A value.
pub(crate) enum Hcl {
    /// JSON, through `jsonencode`.
    Encoded(Value),
    /// As it is. A string that is `${...}` as a whole is that expression; elsewhere nothing is a template.
    Literal(Value),
}

/// A document of resources.
#[derive(Default)]
pub(crate) struct Document {
    text: String,
}

impl Document {
    /// Starts with a comment.
    pub(crate) fn new(comment: &str) -> Self {
        Self { text: format!("# {comment}\n") }
    }

    /// Adds a block such as `resource "aws_sns_topic" "alarms"`.
    pub(crate) fn block(&mut self, labels: &[&str], attributes: &[(&str, Hcl)]) {
        let (kind, rest) = labels.split_first().unwrap_or((&"", &[]));
        let labels: Vec<String> = rest.iter().map(|label| quoted(label)).collect();
        let _ = writeln!(self.text, "\n{kind} {} {{", labels.join(" "));
        let lines: Vec<_> = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.text(1))).collect();
        self.text.push_str(&aligned(&lines, 1));
        self.text.push_str("}\n");
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }
}

impl Hcl {
    fn text(&self, depth: usize) -> String {
        match self {
            Self::Encoded(value) => format!("jsonencode({})", literal(value, depth)),
            Self::Literal(value) => literal(value, depth),
        }
    }
}

impl<T: Into<Value>> From<T> for Hcl {
    fn from(value: T) -> Self {
        Self::Literal(value.into())
    }
}

fn literal(value: &Value, depth: usize) -> String {
    let (inside, outside) = ("  ".repeat(depth + 1), "  ".repeat(depth));
    match value {
        Value::Array(items) if items.iter().all(|item| !item.is_object()) && items.len() < 2 => {
            format!("[{}]", items.iter().map(|item| literal(item, depth)).collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => {
            let lines: Vec<_> = items.iter().map(|item| format!("{inside}{},", literal(item, depth + 1))).collect();
            format!("[\n{}\n{outside}]", lines.join("\n"))
        }
        Value::Object(fields) if fields.is_empty() => "{}".to_owned(),
        Value::Object(fields) => {
            let lines: Vec<_> = fields.iter().map(|(name, value)| (key(name), literal(value, depth + 1))).collect();
            format!("{{\n{}{outside}}}", aligned(&lines, depth + 1))
        }
        Value::String(text) => {
            let expression = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
            expression.map_or_else(|| quoted(text), str::to_owned)
        }
        other => other.to_string(),
    }
}

/// `name = value` lines: the equals signs of neighbouring one-line values are aligned.
fn aligned(lines: &[(String, String)], depth: usize) -> String {
    let is_single = |(_, value): &(String, String)| !value.contains('\n');
    let mut text = String::new();
    for run in lines.chunk_by(|one, other| is_single(one) && is_single(other)) {
        let width = run.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
        for (name, value) in run {
            let _ = writeln!(text, "{}{name:width$} = {value}", "  ".repeat(depth));
        }
    }
    text
}

fn key(name: &str) -> String {
    let is_identifier =
        !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if is_identifier { name.to_owned() } else { quoted(name) }
}

/// A string in which nothing is a template.
fn quoted(text: &str) -> String {
    Value::from(text).to_string().replace("${", "$${").replace("%{", "%%{")
}
