//! JSON that holds secrets: zeroed when it is dropped, and written without copies.

use serde::Serialize;
use serde_json::Value;
use zeroize::{Zeroize, Zeroizing};

/// A JSON value that zeroes its text when it is dropped.
pub(crate) struct ZeroizingJson(pub(crate) Value);

impl Drop for ZeroizingJson {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// Zeroes all text in a JSON value.
fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(fields) => fields.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// JSON that holds secrets, written into a buffer of its exact size, so that no copy is left behind.
pub(crate) fn exact_json(value: &impl Serialize) -> Zeroizing<String> {
    // One kind of writer: the code of what is written is there once.
    let write = |writer: &mut dyn std::io::Write| _ = serde_json::to_writer(writer, value);
    let mut length = Length(0);
    write(&mut length);
    let mut json = Vec::with_capacity(length.0);
    write(&mut json);
    Zeroizing::new(String::from_utf8(json).unwrap_or_default())
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
