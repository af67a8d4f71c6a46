//! From a struct to its definition and its conversions.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields, Ident, Lit, Result};

use crate::attributes::{Default, FieldAttributes, SecretAttributes, description, is_extra, is_string};

/// A field that is stored or derived.
struct Member<'i> {
    ident: &'i Ident,
    ty: &'i syn::Type,
    /// Its name in JSON.
    name: String,
    attributes: FieldAttributes,
    description: String,
}

/// The struct taken apart.
struct Record<'i> {
    ident: &'i Ident,
    members: Vec<Member<'i>>,
    extra: Option<&'i Ident>,
}

impl<'i> Record<'i> {
    fn of(input: &'i DeriveInput) -> Result<Self> {
        let named = match &input.data {
            Data::Struct(it) => match &it.fields {
                Fields::Named(named) if input.generics.params.is_empty() => named,
                _ => return Err(Error::new(input.ident.span(), "must be a struct with named fields and no generics")),
            },
            _ => return Err(Error::new(input.ident.span(), "must be a struct")),
        };
        let (mut members, mut extra) = (vec![], None);
        for field in &named.named {
            let Some(ident) = &field.ident else { continue };
            if is_extra(&field.ty) {
                extra = Some(ident);
                continue;
            }
            let attributes = FieldAttributes::of(&field.attrs)?;
            let name = attributes.name.as_ref().map_or_else(|| camel_case(&ident.to_string()), syn::LitStr::value);
            if ["extra", "__proto__", "toJSON", "toString"].contains(&name.as_str()) {
                return Err(Error::new(ident.span(), "is a name that every config has or means: take another"));
            }
            members.push(Member { ident, ty: &field.ty, name, attributes, description: description(&field.attrs) });
        }
        Ok(Self { ident: &input.ident, members, extra })
    }

    /// `Record`, redacted `Debug`, and zeroing of the text that `secrecy` does not zero.
    fn expand(&self) -> TokenStream {
        let Self { ident, members, extra } = self;
        let (fields, count) = (members.iter().map(Member::expand), members.len());
        let taken = members.iter().map(|Member { ident, name, .. }| {
            quote! { #ident: ::permisos_secrets::schema::FieldValue::take(values, #name) }
        });
        let extra_taken = extra.map(|ident| quote! { #ident: values.take_extra(), });
        let seen = members.iter().map(|Member { ident, .. }| {
            quote! { ::permisos_secrets::schema::FieldValue::seen(&self.#ident) }
        });
        let extra_seen = extra.map_or_else(|| quote! { None }, |ident| quote! { Some(&self.#ident) });
        let name = ident.to_string();
        let wiped = members.iter().filter(|it| is_string(it.ty) && !it.attributes.visible);
        let wiped: Vec<_> = wiped.map(|Member { ident, .. }| ident).collect();
        let zeroed = (!wiped.is_empty()).then(|| {
            quote! {
                impl ::core::ops::Drop for #ident {
                    fn drop(&mut self) {
                        #(::permisos_secrets::schema::Zeroize::zeroize(&mut self.#wiped);)*
                    }
                }
            }
        });
        quote! {
            impl ::permisos_secrets::schema::Record for #ident {
                const FIELDS: &'static [::permisos_secrets::schema::Field] = {
                    // One place in memory, wherever it is used.
                    static FIELDS: [::permisos_secrets::schema::Field; #count] = [#(#fields),*];
                    &FIELDS
                };

                fn from_values(values: &mut ::permisos_secrets::schema::Values) -> Self {
                    Self { #(#taken,)* #extra_taken }
                }

                fn entries(&self) -> Vec<::permisos_secrets::schema::Entry<'_>> {
                    let mut entries = ::permisos_secrets::schema::Entries::of(Self::FIELDS);
                    #(entries.put(#seen);)*
                    entries.end(#extra_seen)
                }
            }

            impl ::core::fmt::Debug for #ident {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    ::permisos_secrets::schema::debug(#name, &::permisos_secrets::schema::Record::entries(self), f)
                }
            }

            #zeroed
        }
    }
}

impl Member<'_> {
    fn expand(&self) -> TokenStream {
        let Self { ty, name, attributes, description, .. } = self;
        let FieldAttributes { derived, renewed, visible, prefixes, .. } = attributes;
        let field = quote! { <#ty as ::permisos_secrets::schema::FieldValue> };
        let kind = match (attributes.text, &attributes.range) {
            (Some(text), _) => {
                let text = Ident::new(text, proc_macro2::Span::call_site());
                quote! { ::permisos_secrets::schema::Kind::Text(::permisos_secrets::schema::Text::#text) }
            }
            (None, Some((least, most))) => {
                quote! { ::permisos_secrets::schema::Kind::Integer { least: #least, most: #most } }
            }
            (None, None) => quote! { #field::KIND },
        };
        let need = quote! { ::permisos_secrets::schema::Need };
        let default = quote! { ::permisos_secrets::schema::DefaultValue };
        let need = match &attributes.default {
            _ if *derived => quote! { #need::Derived },
            Some(Default::Literal(Lit::Bool(it))) => quote! { #need::Default(#default::Boolean(#it)) },
            Some(Default::Literal(Lit::Int(it))) => quote! { #need::Default(#default::Integer(#it)) },
            Some(Default::Literal(it)) => quote! { #need::Default(#default::Text(#it)) },
            Some(Default::With { function, words }) => {
                quote! {
                    #need::Default(#default::With {
                        words: ::permisos_secrets::schema::documented(#words),
                        make: #function,
                    })
                }
            }
            None => quote! { if #field::IS_OPTIONAL { #need::Optional } else { #need::Required } },
        };
        let optional =
            |it: &Option<syn::LitStr>| it.as_ref().map_or_else(|| quote! { None }, |it| quote! { Some(#it) });
        let (alias, file, in_url) =
            (optional(&attributes.alias), optional(&attributes.file), optional(&attributes.in_url));
        let variable = borrowed(attributes.variable.as_ref());
        let min_length = attributes.min_length.as_ref().map_or_else(|| quote! { 0 }, |it| quote! { #it });
        let example = attributes.example.as_ref().map_or_else(|| quote! { "" }, |it| quote! { #it });
        let prefix = attributes.phrase.as_ref().map_or_else(
            || quote! { None },
            |phrase| quote! { Some(&::permisos_secrets::schema::Prefix { starts: &[#(#prefixes),*], phrase: #phrase }) },
        );
        quote! {
            ::permisos_secrets::schema::Field {
                name: ::std::borrow::Cow::Borrowed(#name),
                description: ::permisos_secrets::schema::documented(#description),
                kind: #kind,
                need: #need,
                variable: #variable,
                min_length: #min_length,
                prefix: #prefix,
                visible: #visible,
                renewed: #renewed,
                alias: #alias,
                file: #file,
                in_url: #in_url,
                example: ::permisos_secrets::schema::documented(#example),
            }
        }
    }
}

pub(crate) fn group(input: &DeriveInput) -> Result<TokenStream> {
    let record = Record::of(input)?;
    let (ident, expanded) = (record.ident, record.expand());
    if let Some(extra) = record.extra {
        return Err(Error::new(extra.span(), "what a group does not name is in the secret's own `extra`"));
    }
    Ok(quote! {
        #expanded

        impl ::permisos_secrets::schema::FieldValue for #ident {
            const KIND: ::permisos_secrets::schema::Kind =
                ::permisos_secrets::schema::Kind::Group(<Self as ::permisos_secrets::schema::Record>::FIELDS);

            fn take(values: &mut ::permisos_secrets::schema::Values, name: &str) -> Self {
                values.take_group(name, ::permisos_secrets::schema::Record::from_values)
            }

            fn seen(&self) -> Option<::permisos_secrets::schema::Seen<'_>> {
                Some(::permisos_secrets::schema::Seen::Group(::permisos_secrets::schema::Record::entries(self)))
            }
        }
    })
}

pub(crate) fn secret(input: &DeriveInput) -> Result<TokenStream> {
    let record = Record::of(input)?;
    let SecretAttributes { id, service, optional, url, special, stored } =
        SecretAttributes::of(&input.attrs, &input.ident)?;
    let (ident, expanded, description) = (record.ident, record.expand(), description(&input.attrs));
    let service = service.unwrap_or_else(|| id.clone());
    let url = url.map_or_else(|| quote! { None }, |it| quote! { Some(#it) });
    let special = special.map_or_else(|| quote! { None }, |it| quote! { Some(&#it) });
    let stored = stored.iter().map(|(name, value)| quote! { (#name, #value) });
    Ok(quote! {
        #expanded

        impl ::permisos_secrets::schema::Secret for #ident {
            const DEFINITION: &'static ::permisos_secrets::schema::Definition = {
                static DEFINITION: ::permisos_secrets::schema::Definition = ::permisos_secrets::schema::Definition {
                    service: ::std::borrow::Cow::Borrowed(#service),
                    id: ::std::borrow::Cow::Borrowed(#id),
                    description: ::permisos_secrets::schema::documented(#description),
                    fields: ::permisos_secrets::schema::FieldList::Known(
                        <#ident as ::permisos_secrets::schema::Record>::FIELDS,
                    ),
                    optional: #optional,
                    is_open: false,
                    url: #url,
                    stored: &[#(#stored),*],
                    special: #special,
                };
                &DEFINITION
            };
        }
    })
}

fn borrowed(text: Option<&syn::LitStr>) -> TokenStream {
    text.map_or_else(|| quote! { None }, |it| quote! { Some(::std::borrow::Cow::Borrowed(#it)) })
}

fn camel_case(snake: &str) -> String {
    let mut words = snake.trim_start_matches("r#").split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let mut letters = word.chars();
        name + &letters.next().map(|it| it.to_uppercase().collect::<String>()).unwrap_or_default() + letters.as_str()
    })
}
