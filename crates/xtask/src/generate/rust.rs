//! Lists of fields and services for conversions between core's types and others of the same shape.

use std::fmt::Write as _;

use super::parts::{Generated, definitions, pascal, records, snake};

pub(super) fn files() -> Vec<Generated> {
    let mut text =
        "//! Written by `cargo xtask generate`: lists for conversions between core's types and others of the same \
                    shape.\n\n"
            .to_owned();
    text.push_str(
        "/// Calls a macro with each record of a config and its fields, as `Record { field field … }`.\n\
         #[macro_export]\nmacro_rules! for_each_record {\n    ($with:ident) => {\n        $with! {\n",
    );
    for (_, definition) in definitions() {
        for (name, _, fields) in records(definition) {
            let mut names: Vec<String> = fields.iter().map(|field| snake(&field.name)).collect();
            if definition.is_open {
                names = vec!["keys".to_owned()];
            } else if name.ends_with("-config") {
                names.push("extra".to_owned());
            }
            let _ = writeln!(text, "            {} {{ {} }}", pascal(&name), names.join(" "));
        }
    }
    text.push_str("        }\n    };\n}\n\n");
    text.push_str(
        "/// Calls a macro with each service: its variant, its config, and the names of getters, as\n\
         /// `Service Config getter get_getter_config \"What it is.\";`.\n\
         #[macro_export]\nmacro_rules! for_each_service {\n    ($with:ident) => {\n        $with! {\n",
    );
    for (service, _) in definitions() {
        let (variant, getter) = (pascal(service.as_str()), service.as_str().replace('-', "_"));
        let title = service.title();
        let _ = writeln!(text, "            {variant} {variant}Config {getter} get_{getter}_config {title:?};");
    }
    text.push_str("        }\n    };\n}\n");
    vec![Generated::file("crates/core/src/schema/records.rs", text)]
}
