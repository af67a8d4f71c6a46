//! The payload that environment variables make, under construction.

use serde_json::{Map, Value};

use super::placeholder;
use super::zeroizing::ZeroizingJson;
use crate::error::{Rule, Violation};
use crate::reader::boolean_word;
use crate::variables::Variables;

/// A payload in the stored shape, and what is wrong before its definition is asked.
pub struct Assembly<'a> {
    pub(crate) variables: &'a Variables,
    pub(crate) payload: Map<String, Value>,
    pub(crate) violations: Vec<Violation>,
}

/// The payload may hold secrets.
impl Drop for Assembly<'_> {
    fn drop(&mut self) {
        drop(self.take_payload());
    }
}

impl<'a> Assembly<'a> {
    pub(crate) fn new(variables: &'a Variables) -> Self {
        Self { variables, payload: Map::new(), violations: vec![] }
    }

    /// Takes what is made so far.
    pub(crate) fn take_payload(&mut self) -> ZeroizingJson {
        ZeroizingJson(Value::Object(std::mem::take(&mut self.payload)))
    }

    pub(crate) fn put(&mut self, field: &str, value: String) {
        self.payload.insert(field.to_owned(), Value::String(value));
    }

    /// Host, port, user and password of a connection URL; the rest is left to the caller.
    pub(crate) fn connection_url(&mut self, variable: &str, schemes: [&str; 2]) -> Option<url::Url> {
        let text = self.variables.get(variable)?;
        // A bare `/`, `?` or `#` in the password ends the host; then the password's rest would be a name, which is shown.
        let is_cut = |url: &url::Url| url[url::Position::BeforePath..].contains(['@', '#']);
        let is_ours = |url: &url::Url| schemes.contains(&url.scheme()) && url.host_str().is_some() && !is_cut(url);
        let Some(url) = url::Url::parse(text).ok().filter(is_ours) else {
            let [first, second] = schemes;
            let message = match placeholder::no_url(text) {
                Some(phrase) => format!("{variable} {phrase}"),
                None => format!(
                    "{variable} must be a URL like {first}://user:password@host:port/name (or {second}://), with special \
                     characters in user and password percent-encoded"
                ),
            };
            self.violate("", Rule::Url, &message);
            return None;
        };
        self.put("host", url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned());
        if let Some(port) = url.port() {
            self.payload.insert("port".into(), port.into());
        }
        for (field, value) in [("username", url.username()), ("password", url.password().unwrap_or_default())] {
            if !value.is_empty() {
                self.put_decoded(variable, field, value);
            }
        }
        Some(url)
    }

    /// A part of a connection URL.
    pub(crate) fn put_decoded(&mut self, variable: &str, field: &str, text: &str) {
        let bytes = percent_encoding::percent_decode_str(text);
        if bytes.clone().decode_utf8().is_err() {
            let message = format!("the {field} in {variable} is not UTF-8: percent-encode its UTF-8 bytes");
            self.violate(&format!("/{field}"), Rule::Url, &message);
        }
        self.put(field, bytes.decode_utf8_lossy().into_owned());
    }

    /// The text of the file that a variable names; where it could not be read, that is a violation.
    pub(crate) fn file(&mut self, variable: &str, path: &str) -> Option<String> {
        self.variables.get(variable)?;
        let text = self.variables.file(variable).map(str::to_owned);
        if text.is_none() {
            self.violate(path, Rule::FileReadable, &format!("the file that {variable} names cannot be read"));
        }
        text
    }

    pub(crate) fn flag(&mut self, variable: &str, path: &str) -> Option<bool> {
        let text = self.variables.get(variable)?;
        let flag = boolean_word(text);
        if flag.is_none() {
            self.violate(path, Rule::Type, &format!("{variable} must be true or false"));
        }
        flag
    }

    pub(crate) fn violate(&mut self, path: &str, rule: Rule, message: &str) {
        self.violations.push(Violation { path: path.to_owned(), rule, message: message.to_owned() });
    }
}
