//! Terraform's JSON, for files `*.tf.json`
//! ([its syntax](https://developer.hashicorp.com/terraform/language/syntax/json)).

use serde_json::{Map, Value, json};

/// A document of resources, each with its type, name and attributes.
pub(crate) fn document(comment: &str, resources: impl IntoIterator<Item = (&'static str, String, Value)>) -> Value {
    let mut all = Map::new();
    for (kind, name, attributes) in resources {
        all.entry(kind).or_insert_with(|| json!({}))[name] = escaped(attributes);
    }
    json!({ "//": comment, "resource": all })
}

/// A document within an attribute, as JSON text.
pub(crate) fn encoded(document: &Value) -> String {
    document.to_string()
}

/// Every string is a template to Terraform. Here `${aws_…}` is a reference to another resource; nothing else is meant as one.
fn escaped(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(escaped).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, escaped(value))).collect(),
        Value::String(text) => text.replace("${", "$${").replace("$${aws_", "${aws_").replace("%{", "%%{").into(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_stays_one_and_nothing_else_becomes_one() {
        let attributes =
            json!({ "arn": "${aws_sns_topic.secrets.arn}", "policy": encoded(&json!(["${aws:username}", "%{x}"])) });
        let document = document("c", [("aws_sns_topic_policy", "secrets".to_owned(), attributes)]);
        let resource = &document["resource"]["aws_sns_topic_policy"]["secrets"];
        assert_eq!(resource["arn"], "${aws_sns_topic.secrets.arn}");
        assert_eq!(resource["policy"], r#"["$${aws:username}","%%{x}"]"#);
    }
}
