//! Reads the fields of a JSON object and collects every violation, never the first one only.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::error::{Rule, Violation};
use crate::schema::placeholder;
use crate::text::{escape_pointer, nearest};

/// Everything found wrong, or worth a warning, with the words in which the reader knows the field.
pub(crate) struct Problems<'a> {
    pub(crate) violations: Vec<Violation>,
    pub(crate) warnings: Vec<Violation>,
    /// The variable behind a path, where the payload came from the environment.
    pub(crate) variable: &'a dyn Fn(&str) -> Option<String>,
    /// Whether a value that cannot be right is an error.
    pub(crate) forbids_placeholders: bool,
    /// Whether the application defined the secret.
    pub(crate) is_custom: bool,
}

impl Problems<'_> {
    /// Those of the options, which no variable fills.
    pub(crate) fn of_options() -> Self {
        Self {
            violations: vec![],
            warnings: vec![],
            variable: &|_| None,
            forbids_placeholders: false,
            is_custom: false,
        }
    }

    pub(crate) fn violate(&mut self, path: &str, rule: Rule, phrase: &str) {
        let violation = self.finding(path, rule, phrase);
        self.violations.push(violation);
    }

    pub(crate) fn warn(&mut self, path: &str, rule: Rule, phrase: &str) {
        let warning = self.finding(path, rule, phrase);
        self.warnings.push(warning);
    }

    fn finding(&self, path: &str, rule: Rule, phrase: &str) -> Violation {
        let message = (self.variable)(path).map_or_else(|| phrase.to_owned(), |name| format!("{name} {phrase}"));
        Violation { path: path.to_owned(), rule, message }
    }
}

static NOTHING: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

/// The fields of one object. `null` and, for text, the empty string count as absent.
pub struct Fields<'a, 'f> {
    object: &'a Map<String, Value>,
    path: String,
    taken: Vec<String>,
    /// The unknown fields of the objects below.
    below: Vec<(String, Vec<(&'a String, &'a Value)>)>,
    pub(crate) problems: &'f mut Problems<'a>,
}

impl<'a, 'f> Fields<'a, 'f> {
    pub(crate) fn new(object: &'a Map<String, Value>, problems: &'f mut Problems<'a>) -> Self {
        Self::at(String::new(), object, problems)
    }

    /// The fields of an object somewhere below.
    pub(crate) fn at(path: String, object: &'a Map<String, Value>, problems: &'f mut Problems<'a>) -> Self {
        Self { object, path, taken: vec![], below: vec![], problems }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.object.get(name).is_some_and(|value| !value.is_null() && value.as_str() != Some(""))
    }

    pub(crate) fn path(&self, name: &str) -> String {
        format!("{}/{}", self.path, escape_pointer(name))
    }

    pub(crate) fn violate(&mut self, name: &str, rule: Rule, phrase: &str) {
        let path = self.path(name);
        self.problems.violate(&path, rule, phrase);
    }

    pub(crate) fn warn(&mut self, name: &str, rule: Rule, phrase: &str) {
        let path = self.path(name);
        self.problems.warn(&path, rule, phrase);
    }

    fn value(&mut self, name: &str) -> Option<&'a Value> {
        self.taken.push(name.to_owned());
        self.object.get(name).filter(|value| !value.is_null() && value.as_str() != Some(""))
    }

    /// Text, if there is any.
    pub(crate) fn text(&mut self, name: &str) -> Option<&'a str> {
        let value = self.value(name)?;
        let Some(text) = value.as_str() else {
            self.violate(name, Rule::Type, "must be a string");
            return None;
        };
        Some(text)
    }

    /// The digits of a whole number that stands where an application's own secret has text, such as an id.
    pub(crate) fn digits(&mut self, name: &str) -> Option<String> {
        let number = self.object.get(name).and_then(Value::as_number).filter(|_| self.problems.is_custom)?;
        let is_whole = number.is_i64() || number.is_u64();
        self.taken.push(name.to_owned());
        is_whole.then(|| number.to_string())
    }

    /// A text is no value of its type, for quotes around it perhaps.
    fn mistyped(&mut self, name: &str, rule: Rule, text: &str, phrase: &str) {
        match placeholder::quotes(text) {
            Some(quotes) => self.violate(name, rule, &format!("{phrase}; it {quotes}")),
            None => self.violate(name, rule, phrase),
        }
    }

    /// Text that has to be there.
    pub(crate) fn required(&mut self, name: &str) -> Option<&'a str> {
        if !self.has(name) {
            self.require(name);
            return None;
        }
        self.text(name)
    }

    /// What has to be there is not.
    pub(crate) fn require(&mut self, name: &str) {
        self.taken.push(name.to_owned());
        self.violate(name, Rule::Required, "is required and must not be empty");
    }

    /// The same, of what an option or a variable may say as well.
    pub(crate) fn require_or(&mut self, name: &str, option: &str, variable: &str) {
        if (self.problems.variable)(&self.path(name)).is_some() {
            return self.require(name);
        }
        self.taken.push(name.to_owned());
        let phrase =
            format!("is required and must not be empty: store it, or give the option `{option}` or {variable}");
        self.violate(name, Rule::Required, &phrase);
    }

    /// A host name or address, if there is one.
    pub(crate) fn host(&mut self, name: &str) -> Option<&'a str> {
        let host = self.text(name)?;
        self.check_host(name, host)
    }

    pub(crate) fn check_host<'t>(&mut self, name: &str, host: &'t str) -> Option<&'t str> {
        if is_host(host) {
            return Some(host);
        }
        self.mistyped(name, Rule::Host, host, "must be a host name or IP address, without scheme, port or path");
        None
    }

    /// A whole number within bounds, as a number or as digits.
    pub(crate) fn integer(&mut self, name: &str, low: i64, high: i64) -> Option<i64> {
        let value = self.value(name)?;
        let Some(number) = whole(value) else {
            self.mistyped(name, Rule::Type, value.as_str().unwrap_or_default(), "must be a whole number");
            return None;
        };
        if !(low..=high).contains(&number) {
            self.violate(name, Rule::Range, &format!("must be from {low} to {high}"));
            return None;
        }
        Some(number)
    }

    /// True or false, or a word for it.
    pub(crate) fn boolean(&mut self, name: &str) -> Option<bool> {
        let value = self.value(name)?;
        let flag = value.as_bool().or_else(|| value.as_str().and_then(boolean_word));
        if flag.is_none() {
            self.mistyped(name, Rule::Type, value.as_str().unwrap_or_default(), "must be true or false");
        }
        flag
    }

    /// An absolute URL.
    pub(crate) fn url(&mut self, name: &str) -> Option<&'a str> {
        let text = self.text(name)?;
        self.check_url(name, text)
    }

    pub(crate) fn check_url<'t>(&mut self, name: &str, text: &'t str) -> Option<&'t str> {
        if absolute_url(text).is_some() {
            return Some(text);
        }
        self.violate(name, Rule::Url, "must be an absolute URL");
        None
    }

    /// A list, if there is one.
    pub(crate) fn list(&mut self, name: &str) -> Option<&'a [Value]> {
        let value = self.value(name)?;
        if value.as_array().is_none() {
            self.violate(name, Rule::Type, "must be a list");
        }
        value.as_array().map(Vec::as_slice)
    }

    /// The object below, if there is one.
    pub(crate) fn object<T>(&mut self, name: &str, read: impl FnOnce(&mut Fields<'a, '_>) -> T) -> Option<T> {
        let object = self.value(name)?.as_object();
        if object.is_none() {
            self.violate(name, Rule::Type, "must be an object");
        }
        Some(self.read_below(name, object?, read))
    }

    /// The object below, if there is one. `true`, or a word for it, stands for an empty one, `false` for none.
    pub(crate) fn switch<T>(&mut self, name: &str, read: impl FnOnce(&mut Fields<'a, '_>) -> T) -> Option<T> {
        let value = self.value(name)?;
        match value.as_bool().or_else(|| value.as_str().and_then(boolean_word)) {
            Some(true) => Some(self.read_below(name, &NOTHING, read)),
            Some(false) => None,
            None => self.object(name, read),
        }
    }

    fn read_below<T>(
        &mut self,
        name: &str,
        object: &'a Map<String, Value>,
        read: impl FnOnce(&mut Fields<'a, '_>) -> T,
    ) -> T {
        let mut fields = Fields::at(self.path(name), object, self.problems);
        let answer = read(&mut fields);
        let rest: Vec<_> = fields.unasked().collect();
        if !rest.is_empty() {
            self.below.push((name.to_owned(), rest));
        }
        answer
    }

    /// The names of all fields.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.object.keys().map(String::as_str)
    }

    fn unasked(&self) -> impl Iterator<Item = (&'a String, &'a Value)> {
        self.object.iter().filter(|(name, _)| !self.taken.contains(name))
    }

    /// The unknown fields, those in the objects below under the object's name.
    pub(crate) fn rest(&self) -> Map<String, Value> {
        let owned = |(name, value): (&String, &Value)| (name.clone(), value.clone());
        let below = self.below.iter().map(|(name, rest)| (name.clone(), rest.iter().copied().map(owned).collect()));
        self.unasked().map(owned).chain(below).collect()
    }

    /// Ends with a violation for each unknown field, with the near name.
    pub(crate) fn deny_rest(&mut self, what: &str) {
        let unknown: Vec<&str> = self.unasked().map(|(name, _)| name.as_str()).collect();
        for name in unknown {
            let near = nearest(name, self.taken.iter().map(String::as_str));
            let hint = near.map_or_else(
                || format!("known are {}", self.taken.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            self.violate(name, Rule::UnknownOption, &format!("is not {what}: {hint}"));
        }
    }
}

/// A whole number, or digits; beyond 64 bits the nearest.
#[expect(clippy::cast_possible_truncation, reason = "saturates, as it should")]
fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => {
            let float = || number.as_f64().filter(|number| number.fract() == 0.0).map(|number| number as i64);
            number.as_i64().or_else(float)
        }
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The words that people write for true in an environment file.
pub(crate) const TRUE: [&str; 5] = ["1", "on", "require", "true", "yes"];
/// The words for false.
pub(crate) const FALSE: [&str; 5] = ["0", "disable", "false", "no", "off"];

/// True or false by a word for it, in any case.
pub(crate) fn boolean_word(text: &str) -> Option<bool> {
    let is_in = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is_in(&TRUE) { Some(true) } else { is_in(&FALSE).then_some(false) }
}

/// An absolute URL, as it is written: the parser would leave out line breaks, and spaces at the ends.
pub(crate) fn absolute_url(text: &str) -> Option<url::Url> {
    let is_clean = !text.contains(|c: char| c.is_whitespace() || c.is_control());
    url::Url::parse(text).ok().filter(|url| is_clean && url.has_host())
}

/// Whether a host is an address and no name.
pub(crate) fn is_address(text: &str) -> bool {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse::<std::net::IpAddr>().is_ok()
}

fn is_host(text: &str) -> bool {
    is_address(text)
        || (text.len() <= 253 && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')))
}
