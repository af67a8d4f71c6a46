//! Definitions of the application's own secrets, as JSON: read from options, and written for them.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::definition::{Definition, Field, FieldList, Kind, Need, Text};
use super::parse::SIZE_LIMIT;
use super::record::SAFE;
use crate::error::Rule;
use crate::name::SecretName;
use crate::reader::Fields;

/// Names that a field cannot have: what is unknown is handed out under the first, and JavaScript means something by the
/// others.
const RESERVED: [&str; 4] = ["extra", "__proto__", "toJSON", "toString"];
/// The types that options know, and what they mean.
const TYPES: [(&str, Kind); 4] = [
    ("boolean", Kind::Boolean),
    // JavaScript's safe integers: the value must be the same in every runtime.
    ("integer", Kind::Integer { least: -SAFE, most: SAFE }),
    // Not a password: what is none may be a word that examples have for one, such as an OAuth grant type `password`.
    ("string", Kind::Text(Text::Any)),
    ("url", Kind::Text(Text::Url)),
];

impl Definition {
    /// Reads a definition `{ id, fields }`.
    pub(crate) fn read(fields: &mut Fields<'_, '_>, defined: &[Self]) -> Option<Self> {
        let id = fields.required("id");
        if let Some(id) = id {
            let segments: Vec<&str> = id.split('/').collect();
            if segments.len() != 2 || segments.iter().any(|it| it.is_empty()) || SecretName::parse(id).is_err() {
                let phrase = "must be {service}/{secret-type} of A-Za-z0-9_+=.@-, e.g. whatsapp/api";
                fields.violate("id", Rule::Name, phrase);
            } else if defined.iter().any(|it| it.id == id) {
                fields.violate("id", Rule::Unique, "is defined before");
            }
        }
        let read = fields.object("fields", |fields| {
            let mut read = vec![];
            for name in fields.names() {
                if RESERVED.contains(&name) {
                    fields.violate(name, Rule::Unique, "is a name that every config has or means: take another");
                }
                if !fields.has(name) {
                    fields.violate(name, Rule::Type, "must be an object { type?, required?, minLength?, variable? }");
                }
                read.extend(fields.object(name, |fields| read_field(name, fields)));
            }
            read
        });
        if !fields.has("fields") || read.as_ref().is_some_and(Vec::is_empty) {
            fields.violate("fields", Rule::Required, "must be an object of at least one field");
        }
        fields.deny_rest("part of a definition");
        let id: Cow<'static, str> = Cow::Owned(id?.to_owned());
        Some(Self {
            service: id.clone(),
            id,
            description: "",
            fields: FieldList::Given(read?.into()),
            optional: false,
            is_open: false,
            url: None,
            stored: &[],
            special: None,
        })
    }

    /// Whether options can say all of it: then it may define an application's own secret in every runtime.
    pub const fn is_plain(&self) -> bool {
        let FieldList::Known(fields) = &self.fields else { return false };
        let mut index = 0;
        while index < fields.len() {
            let field = &fields[index];
            let is_plain_kind = match field.kind {
                Kind::Boolean | Kind::Text(Text::Any | Text::Url) => true,
                Kind::Integer { least, most } => least == -SAFE && most == SAFE,
                Kind::Group(_) | Kind::Text(_) | Kind::Texts => false,
            };
            let is_plain_need = matches!(field.need, Need::Optional | Need::Required);
            let is_plain_name = field.alias.is_none() && field.file.is_none() && field.in_url.is_none();
            if !is_plain_kind || !is_plain_need || !is_plain_name || field.prefix.is_some() || field.visible {
                return false;
            }
            index += 1;
        }
        self.special.is_none() && self.url.is_none() && self.stored.is_empty() && !self.is_open && !self.optional
    }

    /// The definition as an item of the option `secrets`. What that option cannot say is left out.
    pub fn to_option(&self) -> Value {
        let field = |field: &Field| {
            let is_kind = |kind: &Kind| std::mem::discriminant(kind) == std::mem::discriminant(&field.kind);
            let is_text =
                |kind: &Kind| !matches!((kind, field.kind), (Kind::Text(one), Kind::Text(other)) if *one != other);
            let name = TYPES.iter().find(|(_, kind)| is_kind(kind) && is_text(kind)).map(|(name, _)| *name);
            let mut option = Map::new();
            option.insert("type".to_owned(), name.unwrap_or("string").into());
            option.insert("required".to_owned(), matches!(field.need, Need::Required).into());
            if field.min_length > 0 {
                option.insert("minLength".to_owned(), field.min_length.into());
            }
            option.extend(field.variable.as_deref().map(|variable| ("variable".to_owned(), variable.into())));
            (field.name.clone().into_owned(), Value::Object(option))
        };
        json!({ "id": self.id, "fields": self.fields.iter().map(field).collect::<Map<_, _>>() })
    }
}

fn read_field(name: &str, fields: &mut Fields<'_, '_>) -> Field {
    let given = fields.text("type").unwrap_or("string");
    let kind = TYPES.iter().find(|(name, _)| *name == given).map(|(_, kind)| *kind);
    if kind.is_none() {
        fields.violate("type", Rule::Type, "must be string, integer, boolean or url");
    }
    let kind = kind.unwrap_or(Kind::Text(Text::Any));
    let required = fields.boolean("required").unwrap_or(true);
    let longest = i64::try_from(SIZE_LIMIT).unwrap_or(i64::MAX);
    let min_length = fields.integer("minLength", 0, longest).and_then(|it| usize::try_from(it).ok());
    let min_length = min_length.unwrap_or_default();
    if min_length > 0 && !matches!(kind, Kind::Text(Text::Any)) {
        fields.violate("minLength", Rule::Type, "goes with the type string only");
    }
    let variable = fields.text("variable");
    if variable.is_some_and(|it| !is_variable(it)) {
        fields.violate("variable", Rule::Type, "must be the name of an environment variable: letters, digits and _");
    }
    fields.deny_rest("part of a field");
    Field {
        name: Cow::Owned(name.to_owned()),
        description: "",
        kind,
        need: if required { Need::Required } else { Need::Optional },
        variable: variable.map(|it| Cow::Owned(it.to_owned())),
        min_length,
        prefix: None,
        visible: false,
        renewed: false,
        alias: None,
        file: None,
        in_url: None,
        example: "",
    }
}

fn is_variable(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
