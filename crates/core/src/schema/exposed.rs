//! A config that was written with its values, read again.

use serde_json::{Map, Value as Json};

use super::definition::{Definition, Field, Kind};
use super::values::{Extra, Value, Values};
use super::zeroizing::ZeroizingJson;

impl Values {
    /// The values of a config that was written with them: `exposed_json` in reverse. Nothing is checked but the kinds;
    /// none where they differ.
    pub(crate) fn from_config(definition: &Definition, json: &str) -> Option<Self> {
        let mut config = serde_json::from_str(json).map(ZeroizingJson).ok()?;
        let Json::Object(fields) = &mut config.0 else { return None };
        let mut values = Self::default();
        if !definition.is_open {
            let Some(Json::Object(extra)) = fields.remove("extra") else { return None };
            values.extra = Extra::new(extra);
        }
        values.take_json(&definition.fields, fields)?;
        for (name, value) in fields {
            match value {
                Json::String(text) if definition.is_open => {
                    values.put(name.clone().into(), Value::Text(std::mem::take(text).into()));
                }
                _ => return None,
            }
        }
        Some(values)
    }

    fn take_json(&mut self, fields: &[Field], json: &mut Map<String, Json>) -> Option<()> {
        for field in fields {
            let Some(mut found) = json.remove(&*field.name).map(ZeroizingJson) else { continue };
            let value = match (field.kind, &mut found.0) {
                (Kind::Boolean, Json::Bool(flag)) => Value::Boolean(*flag),
                (Kind::Group(below), Json::Object(json)) => {
                    let mut group = Self::default();
                    group.take_json(below, json)?;
                    Value::Group(group)
                }
                (Kind::Integer { .. }, Json::Number(number)) => Value::Integer(number.as_i64()?),
                (Kind::Text(_), Json::String(text)) => Value::Text(std::mem::take(text).into()),
                (Kind::Texts, Json::Array(items)) => {
                    let text = |item: &mut Json| match item {
                        Json::String(text) => Some(std::mem::take(text).into()),
                        _ => None,
                    };
                    Value::Texts(items.iter_mut().map(text).collect::<Option<_>>()?)
                }
                _ => return None,
            };
            self.put(field.name.clone(), value);
        }
        Some(())
    }
}
