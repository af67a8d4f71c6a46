//! The payload that environment variables make, under construction.

use serde_json::{Map, Value, json};

use super::placeholder;
use super::url::given_options;
use super::zeroizing::ZeroizingJson;
use crate::error::{Rule, Violation};
use crate::reader::boolean_word;
use crate::variables::Variables;

/// A payload in the stored shape, and what is wrong before its definition is asked.
pub struct Assembly<'a> {
    pub(crate) variables: &'a Variables,
    pub(crate) payload: Map<String, Value>,
    pub(crate) violations: Vec<Violation>,
    /// The names of the connection URL's options.
    pub(crate) url_options: Vec<String>,
}

/// The payload may hold secrets.
impl Drop for Assembly<'_> {
    fn drop(&mut self) {
        drop(self.take_payload());
    }
}

/// Where certificates are.
pub(crate) enum Place<'a> {
    /// In the file that this variable or option names.
    File(&'a str),
    /// In this variable.
    Text(&'a str),
}

impl Place<'_> {
    fn name(&self) -> &str {
        match self {
            Self::File(name) | Self::Text(name) => name,
        }
    }
}

/// What a variable or a URL says of TLS.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Tls {
    Off,
    Unverified,
    Verified,
}

impl Tls {
    pub(crate) fn word(text: &str) -> Option<Self> {
        match text {
            "no-verify" => Some(Self::Unverified),
            "prefer" | "verify-ca" | "verify-full" => Some(Self::Verified),
            _ => boolean_word(text).map(|is_on| if is_on { Self::Verified } else { Self::Off }),
        }
    }

    /// As it is stored.
    pub(crate) fn value(self) -> Value {
        match self {
            Self::Off => Value::Bool(false),
            Self::Unverified => json!({ "rejectUnauthorized": false }),
            Self::Verified => json!({}),
        }
    }
}

impl<'a> Assembly<'a> {
    pub(crate) fn new(variables: &'a Variables) -> Self {
        Self { variables, payload: Map::new(), violations: vec![], url_options: vec![] }
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
            let message = match placeholder::instead(text, Some(variable)) {
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

    /// The text of the file that a variable or an option names; where it could not be read, that is a violation.
    pub(crate) fn file(&mut self, name: &str, path: &str) -> Option<String> {
        self.variables.get(name)?;
        let text = self.variables.file(name).map(str::to_owned);
        if text.is_none() {
            let place = if name.contains('.') { "the option " } else { "" };
            self.violate(path, Rule::FileReadable, &format!("the file that {place}{name} names cannot be read"));
        }
        text
    }

    /// The options of a connection URL.
    pub(crate) fn options(&mut self, variable: &str, url: &url::Url) -> Vec<(String, String)> {
        let mut options = vec![];
        for option in given_options(url) {
            if option.is_none() {
                let message = format!("an option of {variable} is not UTF-8: percent-encode its UTF-8 bytes");
                self.violate("", Rule::Url, &message);
            }
            options.extend(option);
        }
        options
    }

    /// An option of the connection URL that is none of TLS.
    pub(crate) fn put_option(&mut self, name: String, value: String) {
        self.put(&name, value);
        self.url_options.push(name);
    }

    /// Whether TLS is asked for, and the certificate verified: true, false, or `no-verify`.
    pub(crate) fn tls(&mut self, variable: &str, path: &str) -> Option<Tls> {
        let text = self.variables.get(variable)?;
        let tls = Tls::word(text);
        if tls.is_none() {
            let quotes = placeholder::quotes(text).map(|quotes| format!("; it {quotes}")).unwrap_or_default();
            let message = format!("{variable} must be true, false or no-verify{quotes}");
            self.violate(path, Rule::Type, &message);
        }
        tls
    }

    /// The certificates to trust: of the first of these that is there, a variable that holds them or what names a file.
    pub(crate) fn ca(&mut self, tls: Option<Tls>, places: &[Place<'_>], path: &str) -> Option<String> {
        let is_set = |place: &&Place<'_>| self.variables.get(place.name()).is_some();
        match (tls, places.iter().find(is_set)?) {
            (Some(Tls::Off), _) => None,
            (_, Place::File(name)) => self.file(name, path),
            (_, Place::Text(name)) => self.variables.get(name).map(str::to_owned),
        }
    }

    /// TLS as it is stored. Certificates to trust ask for it, where nothing switches it off.
    pub(crate) fn put_tls(&mut self, field: &str, tls: Option<Tls>, ca: Option<String>) {
        let tls = tls.or_else(|| ca.as_ref().map(|_| Tls::Verified));
        let Some(mut value) = tls.map(Tls::value) else { return };
        if let (Some(ca), true) = (ca, value.is_object()) {
            value["ca"] = ca.into();
        }
        self.payload.insert(field.to_owned(), value);
    }

    /// Completes what a stored secret says of TLS: all of it where it is silent and the variables are asked, else the
    /// certificates to trust. Answers what is wrong with what is taken.
    pub(crate) fn complete_tls(
        &mut self,
        field: &str,
        payload: &mut Map<String, Value>,
        is_asked: bool,
    ) -> Vec<Violation> {
        let stored = payload.get(field).filter(|stored| !Self::is_absent(Some(stored)));
        let is_on = stored
            .map(|it| it.is_object() || it.as_bool().or_else(|| it.as_str().and_then(boolean_word)) == Some(true));
        let has_ca = stored.is_some_and(|it| !Self::is_absent(it.get("ca")));
        let mut own = self.payload.remove(field);
        match (is_on, &mut own) {
            (None, _) if !is_asked => return vec![],
            (None, own) => payload.extend(own.take().map(|own| (field.to_owned(), own))),
            (Some(true), _) if has_ca => return vec![],
            (Some(true), Some(Value::Object(own))) => {
                if let Some(ca) = own.get_mut("ca").map(Value::take) {
                    let stored = payload.entry(field).or_insert(Value::Null);
                    if !stored.is_object() {
                        *stored = json!({});
                    }
                    stored["ca"] = ca;
                }
            }
            (Some(true), _) => {}
            (Some(false), _) => return vec![],
        }
        let path = format!("/{field}");
        self.violations.iter().filter(|violation| violation.path.starts_with(&path)).cloned().collect()
    }

    /// Null and the empty text are absent.
    pub(crate) fn is_absent(value: Option<&Value>) -> bool {
        value.is_none_or(|value| value.is_null() || value == "")
    }

    pub(crate) fn violate(&mut self, path: &str, rule: Rule, message: &str) {
        self.violations.push(Violation { path: path.to_owned(), rule, message: message.to_owned() });
    }
}
