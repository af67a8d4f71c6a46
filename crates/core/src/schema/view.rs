//! One description of each config serves JSON, redacted JSON and Debug.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{Fields, SecretUrl, Wiped, wipe};

const REDACTED: &str = "[REDACTED]";

/// What a config says of its fields; the view decides what is shown.
pub(crate) trait Describe {
    fn describe(&self, view: &mut View);
}

/// A JSON object under construction, with or without secret values.
pub(crate) struct View {
    exposes: bool,
    object: Map<String, Value>,
}

impl View {
    pub(crate) fn exposed() -> Self {
        Self { exposes: true, object: Map::new() }
    }

    pub(crate) fn redacted() -> Self {
        Self { exposes: false, object: Map::new() }
    }

    /// Host, port, names and flags: shown.
    pub(crate) fn shown(&mut self, name: &str, value: impl Into<Value>) {
        self.object.insert(name.to_owned(), value.into());
    }

    /// Anything else: redacted.
    #[expect(clippy::needless_pass_by_value, reason = "what comes is a reference, of many types")]
    pub(crate) fn secret(&mut self, name: &str, value: impl Secret) {
        let value = if self.exposes { value.expose() } else { value.redact() };
        self.object.insert(name.to_owned(), value);
    }

    /// A field that may be absent.
    pub(crate) fn optional<T>(&mut self, name: &str, value: Option<T>, put: impl FnOnce(&mut Self, &str, T)) {
        if let Some(value) = value {
            put(self, name, value);
        }
    }

    /// An object below.
    pub(crate) fn described(&mut self, name: &str, value: &impl Describe) {
        let mut view = Self { exposes: self.exposes, object: Map::new() };
        value.describe(&mut view);
        self.object.insert(name.to_owned(), Value::Object(std::mem::take(&mut view.object)));
    }

    /// The object as JSON.
    pub(crate) fn into_json(mut self) -> Zeroizing<String> {
        exact_json(&Wiped(Value::Object(std::mem::take(&mut self.object))).0)
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.object.values_mut().for_each(wipe);
    }
}

/// JSON that holds secrets, written into a buffer of its exact size, so that no copy is left behind.
pub(crate) fn exact_json(value: &impl Serialize) -> Zeroizing<String> {
    let mut length = Length(0);
    let _ = serde_json::to_writer(&mut length, value);
    let mut json = Vec::with_capacity(length.0);
    let _ = serde_json::to_writer(&mut json, value);
    Zeroizing::new(String::from_utf8(json).unwrap_or_default())
}

/// Writes a config's redacted shape for Debug.
pub(crate) fn debug(name: &str, config: &impl Describe, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut view = View::redacted();
    config.describe(&mut view);
    write!(f, "{name} {}", &*view.into_json())
}

/// A value that is shown only by request.
pub(crate) trait Secret {
    fn expose(&self) -> Value;

    fn redact(&self) -> Value {
        REDACTED.into()
    }
}

impl Secret for &SecretString {
    fn expose(&self) -> Value {
        self.expose_secret().into()
    }
}

impl Secret for &SecretUrl {
    fn expose(&self) -> Value {
        self.as_str().into()
    }
}

impl Secret for &str {
    fn expose(&self) -> Value {
        (*self).into()
    }
}

impl Secret for &[SecretString] {
    fn expose(&self) -> Value {
        self.iter().map(|secret| Value::from(secret.expose_secret())).collect()
    }

    fn redact(&self) -> Value {
        self.iter().map(|_| REDACTED).collect()
    }
}

impl Secret for &Value {
    fn expose(&self) -> Value {
        (*self).clone()
    }
}

impl Secret for &Extra {
    fn expose(&self) -> Value {
        self.0.0.clone()
    }

    fn redact(&self) -> Value {
        let names = self.names().map(|name| (name.to_owned(), Value::from(REDACTED)));
        Value::Object(names.collect())
    }
}

/// The fields of a payload that its schema does not name. Kept, handed out, redacted.
pub struct Extra(pub(crate) Wiped);

impl Default for Extra {
    /// No fields.
    fn default() -> Self {
        Self(Wiped(Value::Object(Map::new())))
    }
}

impl Extra {
    pub(crate) fn of(fields: &Fields<'_, '_>) -> Self {
        Self(Wiped(Value::Object(fields.rest())))
    }

    /// The fields' names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.0.as_object().into_iter().flat_map(|fields| fields.keys().map(String::as_str))
    }

    /// All fields as a JSON object, **exposed**. Zeroed when dropped.
    pub fn expose_json(&self) -> Zeroizing<String> {
        exact_json(&self.0.0)
    }

    /// A field's value, **exposed**.
    pub fn expose(&self, name: &str) -> Option<&Value> {
        self.0.0.get(name)
    }
}

impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.names().map(|name| (name, REDACTED))).finish()
    }
}

/// Counts what is written.
struct Length(usize);

impl std::io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
