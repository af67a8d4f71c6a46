//! What stands in `#[secret(…)]`, `#[field(…)]` and doc comments.

use quote::ToTokens;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Error, Expr, ExprLit, Ident, Lit, LitInt, LitStr, Meta, Path, Result, Token, parenthesized};

/// `#[secret(…)]`.
pub(crate) struct SecretAttributes {
    /// `{service}/{secret-type}`.
    pub(crate) id: String,
    pub(crate) service: Option<String>,
    pub(crate) optional: bool,
    pub(crate) url: Option<LitStr>,
    pub(crate) special: Option<Path>,
    pub(crate) stored: Vec<(String, LitStr)>,
}

impl SecretAttributes {
    pub(crate) fn of(attributes: &[Attribute], of: &Ident) -> Result<Self> {
        let (mut id, mut service, mut optional, mut url, mut special, mut stored) =
            (None::<LitStr>, None::<LitStr>, false, None, None, vec![]);
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("secret")) {
            attribute.parse_nested_meta(|meta| {
                match name_of(&meta)?.as_str() {
                    "id" => id = Some(meta.value()?.parse()?),
                    "optional" => optional = true,
                    "service" => service = Some(meta.value()?.parse()?),
                    "special" => special = Some(meta.value()?.parse()?),
                    "stored" => meta.parse_nested_meta(|meta| {
                        stored.push((name_of(&meta)?, meta.value()?.parse()?));
                        Ok(())
                    })?,
                    "url" => url = Some(meta.value()?.parse()?),
                    _ => return Err(meta.error("is not an attribute of a secret")),
                }
                Ok(())
            })?;
        }
        let Some(id) = id else {
            return Err(Error::new(of.span(), "name the secret: #[secret(id = \"service/secret-type\")]"));
        };
        let text = id.value();
        let is_segment =
            |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_+=.@-".contains(c));
        if !text.split_once('/').is_some_and(|(service, kind)| is_segment(service) && is_segment(kind)) {
            let message = "must be {service}/{secret-type} of A-Za-z0-9_+=.@-, e.g. whatsapp/api";
            return Err(Error::new(id.span(), message));
        }
        Ok(Self { id: text, service: service.map(|it| it.value()), optional, url, special, stored })
    }
}

/// What stands where nothing is stored.
pub(crate) enum Default {
    Literal(Lit),
    With { function: Path, words: LitStr },
}

/// `#[field(…)]`.
#[derive(Default)]
pub(crate) struct FieldAttributes {
    pub(crate) alias: Option<LitStr>,
    pub(crate) default: Option<Default>,
    pub(crate) derived: bool,
    pub(crate) example: Option<LitStr>,
    pub(crate) file: Option<LitStr>,
    pub(crate) in_url: Option<LitStr>,
    /// A variant of `Text`.
    pub(crate) text: Option<&'static str>,
    pub(crate) min_length: Option<LitInt>,
    pub(crate) name: Option<LitStr>,
    pub(crate) phrase: Option<LitStr>,
    pub(crate) prefixes: Vec<LitStr>,
    pub(crate) range: Option<(Expr, Expr)>,
    pub(crate) renewed: bool,
    pub(crate) visible: bool,
    pub(crate) variable: Option<LitStr>,
}

impl FieldAttributes {
    pub(crate) fn of(attributes: &[Attribute]) -> Result<Self> {
        let mut read = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("field")) {
            attribute.parse_nested_meta(|meta| read.take(&meta))?;
        }
        if read.prefixes.is_empty() != read.phrase.is_none() {
            let span = attributes.first().map_or_else(proc_macro2::Span::call_site, |it| it.pound_token.span);
            return Err(Error::new(span, "`prefixes` and `phrase` go together"));
        }
        Ok(read)
    }

    fn take(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        match name_of(meta)?.as_str() {
            "alias" => self.alias = Some(meta.value()?.parse()?),
            "certificates" => self.text = Some("Certificates"),
            "default" => self.default = Some(Default::Literal(meta.value()?.parse()?)),
            "default_with" => {
                let inside;
                parenthesized!(inside in meta.input);
                let function = inside.parse()?;
                inside.parse::<Token![,]>()?;
                self.default = Some(Default::With { function, words: inside.parse()? });
            }
            "derived" => self.derived = true,
            "email_address" => self.text = Some("EmailAddress"),
            "example" => self.example = Some(meta.value()?.parse()?),
            "file" => self.file = Some(meta.value()?.parse()?),
            "host" => self.text = Some("Host"),
            "https_url" => self.text = Some("HttpsUrl"),
            "in_url" => self.in_url = Some(meta.value()?.parse()?),
            "min_length" => self.min_length = Some(meta.value()?.parse()?),
            "name" => self.name = Some(meta.value()?.parse()?),
            "password" => self.text = Some("Password"),
            "phrase" => self.phrase = Some(meta.value()?.parse()?),
            "prefixes" => {
                let inside;
                parenthesized!(inside in meta.input);
                self.prefixes.extend(inside.parse_terminated(<LitStr as syn::parse::Parse>::parse, Token![,])?);
            }
            "range" => {
                let inside;
                parenthesized!(inside in meta.input);
                let least = inside.parse()?;
                inside.parse::<Token![,]>()?;
                self.range = Some((least, inside.parse()?));
            }
            "renewed" => self.renewed = true,
            "server_name" => self.text = Some("ServerName"),
            "token" => self.text = Some("Token"),
            "visible" => self.visible = true,
            "url" => self.text = Some("Url"),
            "variable" => self.variable = Some(meta.value()?.parse()?),
            _ => return Err(meta.error("is not an attribute of a field")),
        }
        Ok(())
    }
}

fn name_of(meta: &ParseNestedMeta<'_>) -> Result<String> {
    Ok(meta.path.require_ident()?.to_string())
}

/// The lines of a doc comment, as one text.
pub(crate) fn description(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(it) if it.path.is_ident("doc") => match &it.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value().trim().to_owned()),
            _ => None,
        },
        _ => None,
    });
    lines.collect::<Vec<_>>().join(" ").trim().to_owned()
}

/// Whether a type is text that a plain `String` holds.
pub(crate) fn is_string(ty: &syn::Type) -> bool {
    let text = ty.to_token_stream().to_string();
    ["String", "Option < String >"].contains(&text.as_str())
}

/// Whether a type is `Extra`.
pub(crate) fn is_extra(ty: &syn::Type) -> bool {
    matches!(ty, syn::Type::Path(path) if path.path.segments.last().is_some_and(|it| it.ident == "Extra"))
}
