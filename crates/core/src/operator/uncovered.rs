//! Variables of a file that look like secrets and that no service reads: they would stay behind in a migration, without a
//! word. And the definition that covers them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::options::Options;
use crate::reader::absolute_url;
use crate::schema::near::near;
use crate::schema::{Definition, LIBPQ_OPTIONS};
use crate::variables::Variables;

/// Words of a name that holds a secret.
const SECRETS: [&str; 20] = [
    "APIKEY",
    "AUTHTOKEN",
    "CREDENTIAL",
    "CREDENTIALS",
    "DSN",
    "HMAC",
    "KEY",
    "KEYS",
    "PASS",
    "PASSPHRASE",
    "PASSWD",
    "PASSWORD",
    "PEPPER",
    "PRIVATE",
    "PWD",
    "SALT",
    "SECRET",
    "SECRETS",
    "TOKEN",
    "WEBHOOK",
];
/// Last words of a name that says something about a secret, and holds none.
const ABOUT: [&str; 44] = [
    "AGE",
    "ALG",
    "ALGORITHM",
    "AUDIENCE",
    "BUCKET",
    "COUNT",
    "DAYS",
    "DIR",
    "ENABLED",
    "EXPIRATION",
    "EXPIRES",
    "EXPIRY",
    "FILE",
    "FORMAT",
    "HEADER",
    "HOST",
    "HOURS",
    "ID",
    "IN",
    "ISSUER",
    "LENGTH",
    "LIFETIME",
    "LIMIT",
    "MAX",
    "MIN",
    "MINUTES",
    "MODE",
    "MS",
    "NAME",
    "PATH",
    "PORT",
    "PREFIX",
    "PUBLIC",
    "REGION",
    "REQUIRED",
    "ROUNDS",
    "SECONDS",
    "SIZE",
    "STRENGTH",
    "TIMEOUT",
    "TTL",
    "TYPE",
    "USER",
    "VERSION",
];
/// Words of names that are published: a browser gets them.
const PUBLISHED: [&str; 8] = ["EXPO", "GATSBY", "NEXT", "NUXT", "PUBLIC", "PUBLISHABLE", "REACT", "VITE"];
/// First words that name no vendor.
const GENERAL: [&str; 20] = [
    "ACCESS",
    "ADMIN",
    "API",
    "APP",
    "APPLICATION",
    "AUTH",
    "COOKIE",
    "CSRF",
    "DATA",
    "ENCRYPTION",
    "HASH",
    "HMAC",
    "MASTER",
    "PASSWORD",
    "PRIVATE",
    "SECRET",
    "SIGNING",
    "TOKEN",
    "USER",
    "WEBHOOK",
];
/// How keys and tokens of well-known vendors start.
const STARTS: [&str; 22] = [
    "-----BEGIN ",
    "AIza",
    "AKIA",
    "EAA",
    "SG.",
    "dop_v1_",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "hf_",
    "key-",
    "npm_",
    "pypi-",
    "rk_live_",
    "sk-",
    "sk_live_",
    "sk_test_",
    "shpat_",
    "whsec_",
    "xox",
];
/// Addresses that are a secret as a whole.
const SECRET_HOSTS: [&str; 4] = ["discord.com", "hooks.slack.com", "outlook.office.com", "webhook.office.com"];
/// What a secret of AWS itself is for: the call to Secrets Manager.
const OF_AWS: &str = "AWS_";

/// What a file holds that no service reads.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Uncovered {
    /// Variables that look like secrets.
    pub variables: Vec<String>,
    /// Items of the option `secrets` that cover them.
    pub definitions: Vec<Value>,
    /// Variables whose name is near to one that a service reads, and that is not set.
    pub near: Vec<Near>,
    /// Variables of a service that do not count, since its connection URL is set.
    pub unheard: Vec<Unheard>,
}

/// Variables, and the one that is read in their place.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unheard {
    /// The variables that are set.
    pub variables: Vec<String>,
    /// The connection URL.
    pub url: &'static str,
}

/// A name, and the one that is read.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Near {
    /// The variable that is set.
    pub variable: String,
    /// What it most likely means.
    pub meant: String,
}

impl Uncovered {
    /// Looks through variables by their names, and by their values where they are known: of a file, or of sources that read
    /// them. Shows no value.
    pub fn of<'v>(options: &Options, given: impl IntoIterator<Item = (&'v str, Option<&'v str>)>) -> Self {
        let known = Variables::known(&options.custom);
        let given: BTreeMap<&str, Option<&str>> = given.into_iter().filter(|(_, value)| *value != Some("")).collect();
        // libpq's, as `export` writes them beside the ones that are read.
        let is_read = |definition: &&Definition| definition.variables().iter().any(|name| given.contains_key(name));
        let asked = options.service_ids().filter_map(|service| options.definition(&service));
        let written: Vec<&str> = asked.filter(is_read).flat_map(|it| it.written_variables().iter().copied()).collect();
        let is_option = |name: &str| LIBPQ_OPTIONS.iter().any(|(_, variable)| *variable == name);
        let is_written = |name: &str| written.contains(&name) || (!written.is_empty() && is_option(name));
        let is_other = |name: &&str| !known.contains(name) && !is_written(name) && !name.starts_with(OF_AWS);
        let set = given.keys().copied().filter(is_other);
        let mut found = Self::default();
        for definition in options.service_ids().filter_map(|service| options.definition(&service)) {
            // With a URL set, single variables are not looked at.
            if let Some(url) = definition.url.filter(|url| given.contains_key(url)) {
                // A program may read both, one where the other is not set.
                let set = given.iter().filter(|(_, value)| value.is_some()).map(|(name, _)| (*name, "set"));
                let variables = Variables::new(set, &options.custom);
                let (_, unheard) = variables.heard(definition);
                let variables: Vec<String> = unheard.into_iter().map(str::to_owned).collect();
                if !variables.is_empty() {
                    found.unheard.push(Unheard { variables, url });
                }
                continue;
            }
            for meant in definition.variables().into_iter().filter(|name| !given.contains_key(name)) {
                if let Some(variable) = near(meant, set.clone()) {
                    let is_new = |it: &Near| it.variable != variable;
                    if found.near.iter().all(is_new) {
                        found.near.push(Near { variable: variable.to_owned(), meant: meant.to_owned() });
                    }
                }
            }
        }
        let is_near = |name: &str| found.near.iter().any(|it| it.variable == name);
        let uncovered: Vec<&str> = set.filter(|name| !is_near(name) && looks_secret(name, given[*name])).collect();
        found.definitions = definitions(options, uncovered.iter().map(|name| (*name, given[*name])));
        found.variables = uncovered.into_iter().map(str::to_owned).collect();
        found
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.variables.is_empty() && self.near.is_empty() && self.unheard.is_empty()
    }
}

/// Whether a variable holds a secret, by the words of its name, or by what its value looks like where that is known. AWS's own
/// are none: the call to Secrets Manager needs them.
pub fn looks_secret(name: &str, value: Option<&str>) -> bool {
    let Some(value) = value.map(str::trim) else { return names_secret(name) };
    let words = words(name);
    if name.starts_with(OF_AWS) || words.iter().any(|word| PUBLISHED.contains(&&**word)) || is_plain(value) {
        return false;
    }
    let url = absolute_url(value);
    let holds_password = url.as_ref().is_some_and(|url| url.password().is_some_and(|it| !it.is_empty()));
    let is_address = url.as_ref().and_then(url::Url::host_str).is_some_and(|host| SECRET_HOSTS.contains(&host));
    if holds_password || is_address || STARTS.iter().any(|start| value.starts_with(start)) || is_jwt(value) {
        return true;
    }
    says_secret(&words) && (url.is_none() || is_secret_url(&words))
}

/// The same by its name alone.
pub(crate) fn names_secret(name: &str) -> bool {
    let words = words(name);
    let is_url = words.last().is_some_and(|last| ["ENDPOINT", "URI", "URL"].contains(&&**last));
    let is_published = words.iter().any(|word| PUBLISHED.contains(&&**word));
    !name.starts_with(OF_AWS) && !is_published && says_secret(&words) && (!is_url || is_secret_url(&words))
}

fn words(name: &str) -> Vec<String> {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_uppercase).collect()
}

fn says_secret(words: &[String]) -> bool {
    let last = words.iter().rfind(|word| !word.bytes().all(|byte| byte.is_ascii_digit()));
    let says = |word: &String| {
        SECRETS.contains(&&**word) || ["APIKEY", "PASSWORD", "SECRET", "TOKEN"].iter().any(|end| word.ends_with(end))
    };
    words.iter().any(says) && !last.is_some_and(|last| ABOUT.contains(&&**last))
}

/// Where OAuth's endpoints are, unlike a webhook's address, is no secret.
fn is_secret_url(words: &[String]) -> bool {
    words.iter().any(|word| word == "WEBHOOK" || word == "DSN")
}

/// A flag, a number, a path.
fn is_plain(value: &str) -> bool {
    let is_number = value.len() < 6 && value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let is_path = ["/", "./", "../", "~/"].iter().any(|start| value.starts_with(start)) && !value.contains(['+', '=']);
    crate::reader::boolean_word(value).is_some() || is_number || is_path
}

fn is_jwt(value: &str) -> bool {
    value.starts_with("eyJ") && value.matches('.').count() == 2
}

/// One secret for each vendor, its variables as fields.
fn definitions<'v>(options: &Options, variables: impl Iterator<Item = (&'v str, Option<&'v str>)>) -> Vec<Value> {
    let mut fields: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    // Other names cannot be those of a field's variable.
    for (name, value) in variables.filter(|(name, _)| crate::schema::is_variable(name)) {
        let lower = name.to_ascii_lowercase();
        let words: Vec<&str> = lower.split('_').filter(|word| !word.is_empty()).collect();
        let (vendor, rest) = match &words[..] {
            [first, rest @ ..] if !rest.is_empty() && !GENERAL.contains(&&*first.to_ascii_uppercase()) => {
                (*first, rest)
            }
            all => ("application", all),
        };
        let mut field = json!({ "variable": name });
        if value.is_some_and(|value| absolute_url(value).is_some()) {
            field["type"] = "url".into();
        }
        let fields = fields.entry(vendor.to_owned()).or_default();
        let camel = camel_case(rest);
        let taken = |it: &String| fields.contains_key(it) || crate::schema::RESERVED.contains(&it.as_str());
        let numbered = (2..).map(|number| format!("{camel}{number}"));
        let free = std::iter::once(camel.clone()).chain(numbered).find(|it| !taken(it)).unwrap_or_default();
        fields.insert(free, field);
    }
    let taken = |id: &String| options.custom.iter().any(|it| it.id == *id);
    let item = |(vendor, fields)| {
        let numbered = (2..).map(|number| format!("{vendor}/keys-{number}"));
        let ids = [format!("{vendor}/api"), format!("{vendor}/keys")].into_iter().chain(numbered);
        json!({ "id": ids.into_iter().find(|id| !taken(id)), "fields": fields })
    };
    fields.into_iter().map(item).collect()
}

fn camel_case(words: &[&str]) -> String {
    let mut name = String::new();
    for (index, word) in words.iter().enumerate() {
        let (first, rest) = word.split_at(1);
        name.push_str(&if index == 0 { first.to_owned() } else { first.to_ascii_uppercase() });
        name.push_str(rest);
    }
    name
}

#[cfg(test)]
mod tests {
    use permisos_secrets_testkit::leak::{CANARY, assert_no_leak};

    use super::*;

    fn options(given: &Value) -> Options {
        Options::parse(given.as_object().unwrap(), [("", ""); 0]).unwrap().0
    }

    #[test]
    fn what_looks_like_a_secret_is_told_by_name_or_value() {
        for (name, value) in [
            ("WHATSAPP_ACCESS_TOKEN", CANARY),
            ("SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/T0/B0/x"),
            ("TEAMS_WEBHOOK_URL", "https://example.com/x"),
            ("MONGODB_URI", "mongodb://u:p@db/x"),
            ("AMQP", "amqp://u:p@queue"),
            ("SENDGRID", "SG.abc"),
            ("GOOGLE_MAPS_APIKEY", CANARY),
            ("githubtoken", CANARY),
            ("ENCRYPTION_KEY_2", CANARY),
            ("PASSWORD_SALT", CANARY),
            ("SIGNER", "-----BEGIN PRIVATE KEY-----\nx"),
            ("SERVICE", "eyJhbGciOiJIUzI1NiJ9.e30.x"),
        ] {
            assert!(looks_secret(name, Some(value)), "{name}");
        }
        for (name, value) in [
            ("PORT", "3000"),
            ("LOG_LEVEL", "info"),
            ("TOKEN_TTL", "3600"),
            ("JWT_EXPIRES_IN", "15m"),
            ("PASSWORD_MIN_LENGTH", "12"),
            ("NEXT_PUBLIC_API_KEY", CANARY),
            ("VAPID_PUBLIC_KEY", CANARY),
            ("TLS_KEY_FILE", "/etc/ssl/key.pem"),
            ("GOOGLE_APPLICATION_CREDENTIALS", "/etc/google.json"),
            ("OAUTH_TOKEN_URL", "https://login.example.com/token"),
            ("USE_API_KEY", "true"),
            ("API_KEY_HEADER", "x-api-key"),
            ("TWILIO_KEY_ID", "abc"),
            ("FRONTEND_URL", "https://example.com"),
        ] {
            assert!(!looks_secret(name, Some(value)), "{name}");
        }
    }

    #[test]
    fn what_looks_like_a_secret_is_known_by_its_name_alone() {
        for name in ["DB_PASSWORD", "ENCRYPTION_KEY", "SENTRY_DSN", "SLACK_WEBHOOK_URL", "githubtoken", "PGPASSWORD"] {
            assert!(looks_secret(name, None), "{name}");
        }
        for name in
            ["AWS_SECRET_ACCESS_KEY", "NODE_ENV", "OAUTH_TOKEN_URL", "STRIPE_PUBLIC_KEY", "TOKEN_TTL", "DB_USER"]
        {
            assert!(!looks_secret(name, None), "{name}");
        }
    }

    #[test]
    fn the_definitions_printed_cover_them_and_are_accepted() {
        let custom = json!([{ "id": "twilio/api", "fields": { "sid": { "variable": "TWILIO_SID" } } }]);
        let before = json!({ "environment": "staging", "secrets": custom });
        let given = [
            ("AWS_SECRET_ACCESS_KEY", CANARY),
            ("ENCRYPTION_KEY", CANARY),
            ("REDIS_HOST", "cache"),
            ("REDIS_PASS", CANARY),
            ("SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/x"),
            ("TOKEN", CANARY),
            ("TWILIO_AUTH_TOKEN", CANARY),
            ("WHATSAPP_ACCESS_TOKEN", CANARY),
            ("WHATSAPP_TO_STRING", "sk-abc"),
            ("odd.token", CANARY),
        ];
        let found = Uncovered::of(&options(&before), given.map(|(name, value)| (name, Some(value))));
        let text = serde_json::to_string(&found).unwrap();
        assert_no_leak(&text, "what is uncovered");
        assert_eq!(found.near, [Near { variable: "REDIS_PASS".into(), meant: "REDIS_PASSWORD".into() }]);
        assert_eq!(
            json!(found.definitions),
            json!([
                { "id": "application/api", "fields": {
                    "encryptionKey": { "variable": "ENCRYPTION_KEY" }, "token": { "variable": "TOKEN" } } },
                { "id": "slack/api", "fields": { "webhookUrl": { "variable": "SLACK_WEBHOOK_URL", "type": "url" } } },
                { "id": "twilio/keys", "fields": { "authToken": { "variable": "TWILIO_AUTH_TOKEN" } } },
                { "id": "whatsapp/api", "fields": {
                    "accessToken": { "variable": "WHATSAPP_ACCESS_TOKEN" },
                    "toString2": { "variable": "WHATSAPP_TO_STRING" } } },
            ])
        );
        let mut after = before.clone();
        after["secrets"].as_array_mut().unwrap().extend(found.definitions);
        let again = Uncovered::of(&options(&after), given.map(|(name, value)| (name, Some(value))));
        assert_eq!(again.variables, ["odd.token"], "what cannot be a field's variable is named all the same");
    }
}
