//! `#[derive(Secret)]` and `#[derive(Group)]`: a struct becomes a definition, which checks, redacts, documents and converts.
//!
//! Each field of the struct is one field of the stored JSON object. Its doc comment is its description, its type says what
//! is stored: `bool`, an integer, text (`String` or `SecretString`), a struct that derives `Group` for an object below, and
//! `Option` of these where it may be absent. A field `extra` of the type `Extra` takes what the struct does not name.
//!
//! `#[secret(id = "service/secret-type")]` names the secret, after the prefix and the environment. `#[field(…)]` takes:
//!
//! | attribute | meaning |
//! |---|---|
//! | `variable = "NAME"` | the environment variable that the field falls back to |
//! | `min_length = 8` | the fewest characters |
//! | `range(1, 65535)` | the bounds of an integer |
//! | `url`, `https_url`, `host`, `email_address`, `certificates`, `password` | what a text is, beyond any text |
//! | `prefixes("a_", "b_")`, `phrase = "must start with a_ or b_"` | how a text starts, and the words where it does not |
//! | `default = 5432`, `default_with(function, "in words")` | what stands where nothing is stored |
//! | `name = "other"` | the name in JSON, where it is not the field's in camelCase |
//! | `alias = "other"` | another name under which AWS stores it |
//! | `visible` | it is no secret: never redacted |
//! | `renewed` | an issuer gives out a new one |
//! | `derived` | made from the other fields, not stored |
//! | `example = "…"` | for templates |
//! | `file = "NAME"` | the environment variable that names a file with the value |
//! | `in_url = "the user"` | its part of the definition's URL variable, in words |
//!
//! Further attributes of the definition: `service = "email"`, the built-in service that it is; `optional`; `url`, the
//! variable with a URL that holds several fields; `stored(name = "value")`, what is stored beside the fields for others;
//! `special`, what cannot be said as data.

mod attributes;
mod expand;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a struct the definition of a secret. The attributes are in the crate's documentation.
#[proc_macro_derive(Secret, attributes(secret, field))]
pub fn secret(input: TokenStream) -> TokenStream {
    derived(expand::secret(&parse_macro_input!(input as DeriveInput)))
}

/// Makes a struct an object below a secret's field.
#[proc_macro_derive(Group, attributes(field))]
pub fn group(input: TokenStream) -> TokenStream {
    derived(expand::group(&parse_macro_input!(input as DeriveInput)))
}

fn derived(expanded: syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    expanded.unwrap_or_else(syn::Error::into_compile_error).into()
}
