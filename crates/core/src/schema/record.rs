//! Structs that hold a secret's fields: what `#[derive(Secret)]` and `#[derive(Group)]` implement.

use secrecy::{ExposeSecret, SecretString};

use super::definition::{Definition, Field, Kind, Text};
use super::secret_url::SecretUrl;
use super::values::{Entry, Extra, Seen, Values};

/// A struct whose fields are those of a JSON object.
pub trait Record: Sized {
    /// The fields, in the order of the struct.
    const FIELDS: &'static [Field];

    /// The struct from what the checker read. Where a field is missing or does not fit, the values are marked so.
    fn from_values(values: &mut Values) -> Self;

    /// The fields that are there.
    fn entries(&self) -> Vec<Entry<'_>>;
}

/// A struct that holds a secret: one of the seven, or an application's own. Derive it.
pub trait Secret: Record + Send + Sync + 'static {
    /// What the secret is called and what it holds.
    const DEFINITION: &'static Definition;
}

/// A type that a field of such a struct may have.
pub trait FieldValue: Sized {
    /// What is stored, unless an attribute says more.
    const KIND: Kind;
    /// Whether it may be absent.
    const IS_OPTIONAL: bool = false;

    /// Takes the field from what the checker read.
    fn take(values: &mut Values, name: &str) -> Self;

    /// The field's value, if there is one.
    fn seen(&self) -> Option<Seen<'_>>;
}

/// Makes the entries of a struct, field by field.
pub struct Entries<'a> {
    fields: std::slice::Iter<'static, Field>,
    entries: Vec<Entry<'a>>,
}

impl<'a> Entries<'a> {
    /// Of these fields, in their order.
    pub fn of(fields: &'static [Field]) -> Self {
        Self { fields: fields.iter(), entries: Vec::with_capacity(fields.len() + 1) }
    }

    /// The next field's value, if there is one.
    #[inline(never)]
    pub fn put(&mut self, seen: Option<Seen<'a>>) {
        if let (Some(field), Some(seen)) = (self.fields.next(), seen) {
            self.entries.push(Entry { name: &field.name, visible: field.visible, seen });
        }
    }

    /// All of them, with what the definition does not name.
    pub fn end(mut self, extra: Option<&'a Extra>) -> Vec<Entry<'a>> {
        self.entries.extend(extra.map(|extra| Entry::secret("extra", Seen::Extra(extra))));
        self.entries
    }
}

impl FieldValue for bool {
    const KIND: Kind = Kind::Boolean;

    fn take(values: &mut Values, name: &str) -> Self {
        values.take_boolean(name)
    }

    fn seen(&self) -> Option<Seen<'_>> {
        Some(Seen::Boolean(*self))
    }
}

macro_rules! integers {
    ($($integer:ty: $least:expr, $most:expr;)*) => {
        $(impl FieldValue for $integer {
            const KIND: Kind = Kind::Integer { least: $least, most: $most };

            fn take(values: &mut Values, name: &str) -> Self {
                let number = values.take_integer(name);
                Self::try_from(number).unwrap_or_else(|_| {
                    values.is_broken = true;
                    0
                })
            }

            fn seen(&self) -> Option<Seen<'_>> {
                Some(Seen::Integer((*self).into()))
            }
        })*
    };
}

integers! {
    // JavaScript's safe integers: the value must be the same in every runtime.
    i64: -SAFE, SAFE;
    u16: 0, 0xffff;
    u32: 0, 0xffff_ffff;
}

/// The largest whole number that JavaScript holds exactly.
pub(crate) const SAFE: i64 = (1 << 53) - 1;

impl FieldValue for String {
    const KIND: Kind = Kind::Text(Text::Any);

    fn take(values: &mut Values, name: &str) -> Self {
        values.take_string(name)
    }

    fn seen(&self) -> Option<Seen<'_>> {
        Some(Seen::Text(self))
    }
}

impl FieldValue for SecretString {
    const KIND: Kind = Kind::Text(Text::Any);

    fn take(values: &mut Values, name: &str) -> Self {
        values.take_text(name)
    }

    fn seen(&self) -> Option<Seen<'_>> {
        Some(Seen::Text(self.expose_secret()))
    }
}

impl FieldValue for SecretUrl {
    const KIND: Kind = Kind::Text(Text::Any);

    fn take(values: &mut Values, name: &str) -> Self {
        SecretString::take(values, name).into()
    }

    fn seen(&self) -> Option<Seen<'_>> {
        Some(Seen::Text(self.as_str()))
    }
}

impl FieldValue for Vec<SecretString> {
    const KIND: Kind = Kind::Texts;

    fn take(values: &mut Values, name: &str) -> Self {
        values.take_texts(name)
    }

    fn seen(&self) -> Option<Seen<'_>> {
        Some(Seen::Texts(self))
    }
}

impl<T: FieldValue> FieldValue for Option<T> {
    const KIND: Kind = T::KIND;
    const IS_OPTIONAL: bool = true;

    fn take(values: &mut Values, name: &str) -> Self {
        values.get(name).is_some().then(|| T::take(values, name))
    }

    fn seen(&self) -> Option<Seen<'_>> {
        self.as_ref()?.seen()
    }
}
