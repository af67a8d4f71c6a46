//! What secrets hold. `definition` says what a definition is, `services` has one file for each built-in one, `check` is the
//! one checker, `values` the one redaction, `environment` the one way from and to variables. Parse, don't validate: a
//! payload becomes a typed config or every violation.

mod assembly;
mod certificate;
mod check;
mod context;
mod custom;
mod definition;
mod environment;
mod exposed;
mod json_schema;
pub(crate) mod near;
mod parse;
mod pattern;
pub(crate) mod placeholder;
mod record;
mod records;
mod reference;
mod secret_url;
mod services;
mod url;
mod values;
mod zeroizing;

#[doc(no_inline)]
pub use zeroize::Zeroize;

pub use context::{DatabaseDefaults, RedisDefaults};
pub use definition::{DefaultValue, Definition, Field, FieldList, Kind, Need, Prefix, Text, documented};
pub use environment::Authorities;
pub use json_schema::{BEYOND_JSON_SCHEMA, json_schema};
pub use parse::SIZE_LIMIT;
pub use permisos_secrets_derive::{Group, Secret};
pub use record::{Entries, FieldValue, Record, Secret};
pub use secret_url::SecretUrl;
pub use services::*;
pub use url::percent_encode;
pub use values::{Entry, Extra, Seen, Value, Values, debug};

use assembly::Assembly;

use crate::reader::Fields;

pub(crate) use certificate::pem;
pub(crate) use context::Context;
pub(crate) use custom::{RESERVED, is_variable};
pub(crate) use parse::{Parsed, assemble, parse_environment, parse_payload};
pub(crate) use url::plain_text;
pub(crate) use zeroizing::{ZeroizingJson, exact_json};

/// What holds values while they are read: `Debug` names the type and shows nothing of them.
macro_rules! opaque {
    ($($type:ident$(<$($lifetime:tt),*>)?)*) => {
        $(impl std::fmt::Debug for $type$(<$($lifetime),*>)? {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($type)).finish_non_exhaustive()
            }
        })*
    };
}

opaque! { Assembly<'_> Authorities<'_> Context<'_> Entries<'_> Entry<'_> Fields<'_, '_> Seen<'_> Value Values }
