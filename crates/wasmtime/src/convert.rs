//! From core's configs and errors to the types that guests import.

use std::collections::BTreeMap;

use permisos_secrets_core::{Error, Violation, schema};
use secrecy::{ExposeSecret, SecretString};

use crate::bindings::permisos::secrets::config as wit;

/// To the type of `wit/`.
pub(crate) trait ToWit {
    type Wit;

    fn to_wit(&self) -> Self::Wit;
}

/// Each a type, the type that crosses, and how.
macro_rules! to_wit {
    ($($type:ty => $wit:ty: |$it:ident| $convert:expr;)*) => {
        $(impl ToWit for $type {
            type Wit = $wit;

            fn to_wit(&self) -> $wit {
                let $it = self;
                $convert
            }
        })*
    };
}

to_wit! {
    bool => bool: |it| *it;
    u16 => u16: |it| *it;
    u32 => u32: |it| *it;
    String => String: |it| it.clone();
    SecretString => String: |it| it.expose_secret().to_owned();
    schema::SecretUrl => String: |it| it.as_str().to_owned();
    schema::Extra => String: |it| it.expose_json().as_str().to_owned();
    BTreeMap<String, SecretString> => Vec<(String, String)>:
        |it| it.iter().map(|(name, key)| (name.clone(), key.to_wit())).collect();
    Violation => wit::Violation:
        |it| wit::Violation { path: it.path.clone(), rule: it.rule.to_string(), message: it.message.clone() };
    Error => wit::Error: |it| wit::Error {
        code: it.kind().code().to_owned(),
        retryable: it.is_retryable(),
        service: it.service().map(ToString::to_string),
        message: it.message().to_owned(),
        violations: it.violations().iter().map(ToWit::to_wit).collect(),
    };
}

impl<T: ToWit> ToWit for Option<T> {
    type Wit = Option<T::Wit>;

    fn to_wit(&self) -> Self::Wit {
        self.as_ref().map(ToWit::to_wit)
    }
}

impl<T: ToWit> ToWit for Vec<T> {
    type Wit = Vec<T::Wit>;

    fn to_wit(&self) -> Self::Wit {
        self.iter().map(ToWit::to_wit).collect()
    }
}

/// No `..`: a new field does not compile before it crosses.
macro_rules! records {
    ($($record:ident { $($field:ident)* })*) => {
        $(impl ToWit for schema::$record {
            type Wit = wit::$record;

            fn to_wit(&self) -> Self::Wit {
                let Self { $($field),* } = self;
                wit::$record { $($field: $field.to_wit()),* }
            }
        })*
    };
}

permisos_secrets_core::for_each_record!(records);
