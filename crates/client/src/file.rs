//! `permisos.json`: the options of an application in one file, for each program that reads its secrets.

use std::path::{Path, PathBuf};

use permisos_secrets_core::{DRIVER_OPTIONS, Error, ErrorKind, Rule, Violation};
use serde_json::error::Category;
use serde_json::{Map, Value};

const NAME: &str = "permisos.json";

/// The file with the options that are not given in code.
#[derive(Clone, Debug, Default)]
pub enum OptionsFile {
    /// None.
    Absent,
    /// This one.
    At(PathBuf),
    /// The nearest `permisos.json`, from the working directory upwards. It need not exist.
    #[default]
    Nearest,
}

/// Options given in code over those of a file.
#[derive(Debug)]
pub struct MergedOptions {
    /// All of them.
    pub options: Map<String, Value>,
    /// The file, and the options that come from it.
    from_file: Option<(PathBuf, Vec<String>)>,
}

impl OptionsFile {
    /// Reads the file. An option that is `given` replaces the file's, and `region` and `regions` replace each other.
    pub fn under(self, given: Map<String, Value>) -> Result<MergedOptions, Error> {
        let path = match self {
            Self::Absent => None,
            Self::At(path) => Some(path),
            // Without a working directory there is no file in it.
            Self::Nearest => std::env::current_dir().ok().and_then(|folder| nearest(&folder)),
        };
        let Some(path) = path else { return Ok(MergedOptions { options: given, from_file: None }) };
        let mut options = read(&path)?;
        if given.contains_key("region") || given.contains_key("regions") {
            options.retain(|name, _| name != "region" && name != "regions");
        }
        let from_file = options.keys().filter(|name| !given.contains_key(*name)).cloned().collect();
        options.extend(given);
        Ok(MergedOptions { options, from_file: Some((path, from_file)) })
    }
}

impl MergedOptions {
    /// An error of these options, which names the file at each violation that comes from it.
    pub fn explain(&self, error: &Error) -> Error {
        let Some((path, names)) = &self.from_file else { return error.clone() };
        if error.kind() != ErrorKind::ConfigInvalid || error.violations().is_empty() {
            return error.clone();
        }
        let is_from_file = |violation: &Violation| {
            let name = violation.path.split('/').nth(1).unwrap_or_default().replace("~1", "/").replace("~0", "~");
            names.contains(&name)
        };
        let violations = error.violations().iter().cloned().map(|mut violation| {
            if is_from_file(&violation) {
                violation.message = format!("{} (in {})", violation.message, path.display());
            }
            violation
        });
        Error::violating(error.kind(), None, "the options are not valid", violations.collect())
    }
}

fn nearest(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().map(|folder| folder.join(NAME)).find(|path| path.is_file())
}

fn read(path: &Path) -> Result<Map<String, Value>, Error> {
    let wrong = |why: String| Error::new(ErrorKind::ConfigInvalid, format!("{}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(format!("cannot be read ({})", error.kind())))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut options: Map<String, Value> = serde_json::from_str(text).map_err(|error| match error.classify() {
        Category::Data => wrong("must hold one JSON object, the options".to_owned()),
        // The parser's own message may quote the text.
        _ => wrong(format!("is not well-formed JSON (line {}, column {})", error.line(), error.column())),
    })?;
    // An editor's own.
    options.remove("$schema");
    if let Some(name) = DRIVER_OPTIONS.into_iter().find(|name| options.contains_key(*name)) {
        let message = format!("is not an option of a file: each process has its own (in {})", path.display());
        let violation = Violation { path: format!("/{name}"), rule: Rule::UnknownOption, message };
        return Err(Error::violating(ErrorKind::ConfigInvalid, None, "the options are not valid", vec![violation]));
    }
    if let Some(Value::Object(snapshot)) = options.get_mut("snapshot") {
        for file in snapshot.values_mut() {
            // From the file's folder, wherever the program is started. What is empty or not text is refused later.
            if let Some(relative) = file.as_str().filter(|it| !it.is_empty()) {
                *file = path.with_file_name("").join(relative).to_string_lossy().into();
            }
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use permisos_secrets_core::Options;
    use serde_json::json;

    use super::*;

    fn write(folder: &Path, text: &str) -> PathBuf {
        let path = folder.join(NAME);
        fs::write(&path, text).unwrap();
        path
    }

    fn given(options: &Value) -> Map<String, Value> {
        options.as_object().unwrap().clone()
    }

    #[test]
    fn the_nearest_file_upwards_is_taken() {
        let root = tempfile::tempdir().unwrap();
        let below = root.path().join("a/b");
        fs::create_dir_all(below.join(NAME)).unwrap();
        let path = write(root.path(), "{}");
        // A folder of that name is no file.
        assert_eq!(nearest(&below), Some(path));
        let path = write(&root.path().join("a"), "{}");
        assert_eq!(nearest(&below), Some(path));
    }

    #[test]
    fn options_in_code_win_key_by_key() {
        let folder = tempfile::tempdir().unwrap();
        let text = r#"{ "$schema": "x", "ttl": 60, "regions": ["us-east-1"], "secretIds": { "redis": "cache" },
                        "snapshot": { "path": "sealed", "identityFile": "/etc/identity" } }"#;
        let file = OptionsFile::At(write(folder.path(), text));
        let merged = file.clone().under(given(&json!({ "ttl": 5, "region": "us-west-2" }))).unwrap();
        let sealed = folder.path().join("sealed");
        let expected = json!({
            "ttl": 5,
            "region": "us-west-2",
            "secretIds": { "redis": "cache" },
            "snapshot": { "path": sealed.to_str().unwrap(), "identityFile": "/etc/identity" },
        });
        assert_eq!(Value::Object(merged.options), expected);
        assert_eq!(
            Value::Object(OptionsFile::Absent.under(given(&json!({ "ttl": 5 }))).unwrap().options),
            json!({ "ttl": 5 })
        );
    }

    #[test]
    fn what_is_wrong_in_the_file_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = write(folder.path(), r#"{ "regoin": "us-east-1", "secretIds": { "reddis": "a" }, "timeout": 1 }"#);
        let merged = OptionsFile::At(path.clone()).under(given(&json!({ "ttl": 0, "timeout": 600 }))).unwrap();
        let none: [(&str, &str); 0] = [];
        let error = merged.explain(&Options::parse(&merged.options, none).unwrap_err());
        let named: Vec<_> =
            error.violations().iter().map(|it| (&*it.path, it.message.contains(path.to_str().unwrap()))).collect();
        assert_eq!(named, [("/secretIds/reddis", true), ("/ttl", false), ("/timeout", false), ("/regoin", true)]);
        assert!(error.message().contains("did you mean `region`? (in /"), "{error}");
    }

    #[test]
    fn what_is_no_json_is_named_by_line_and_column_and_never_quoted() {
        let folder = tempfile::tempdir().unwrap();
        for (text, why) in [
            ("{\n  canary: 1 }", "is not well-formed JSON (line 2, column 3)"),
            ("{ \"ttl\": 60", "is not well-formed JSON (line 1, column 11)"),
            ("[\"canary\"]", "must hold one JSON object, the options"),
            ("\"canary\"", "must hold one JSON object, the options"),
            ("{ \"seed\": 1 }", "is not an option of a file: each process has its own"),
        ] {
            let path = write(folder.path(), text);
            let error = OptionsFile::At(path.clone()).under(Map::new()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
            let shown = format!("{error} {error:?}");
            let names = shown.contains(path.to_str().unwrap()) && shown.contains(why);
            assert!(names && !shown.contains("canary"), "{text}: {shown}");
        }
        let error = OptionsFile::At(folder.path().join("missing")).under(Map::new()).unwrap_err();
        assert!(error.message().ends_with("missing: cannot be read (entity not found)"), "{error}");
        let bom = OptionsFile::At(write(folder.path(), "\u{feff}{}"));
        assert!(bom.under(Map::new()).unwrap().options.is_empty());
    }
}
