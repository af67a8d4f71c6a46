//! What a variable that is missing may be called instead: the same words said otherwise, or mistyped.

use std::collections::BTreeSet;

/// Words that stand for each other in the names of variables.
const SAME: [&[&str]; 16] = [
    &["API_KEY", "API_TOKEN", "KEY", "SECRET", "SECRET_KEY", "TOKEN"],
    &["DATADOG", "DD"],
    &["DB", "DATABASE", "PG", "POSTGRES", "POSTGRESQL"],
    &["DSN", "URI", "URL"],
    &["EMAIL", "MAIL", "SES", "SMTP"],
    &["FROM", "FROM_ADDRESS", "FROM_EMAIL", "SENDER"],
    &["GOVT", "GOV", "GOVERNMENT"],
    &["HOST", "HOSTNAME", "SERVER"],
    &["NAME", "DATABASE", "DB", "DBNAME"],
    &["NEW_RELIC", "NEWRELIC"],
    &["PASSWORD", "PASS", "PASSWD", "PWD"],
    &["PRIVATE", "API", "SECRET"],
    &["PUBLIC", "PUBLISHABLE"],
    &["SITE_LOGIN_URL", "LOGIN_URL", "SITE_URL", "URL"],
    &["USER", "LOGIN", "USERNAME"],
    &["WEBHOOK_SECRET", "ENDPOINT_SECRET", "SIGNING_SECRET", "WEBHOOK_SIGNING_SECRET"],
];
/// Those of libpq, which have no underscore.
const LIBPQ: [(&str, &str); 5] = [
    ("DB_HOST", "PGHOST"),
    ("DB_NAME", "PGDATABASE"),
    ("DB_PASSWORD", "PGPASSWORD"),
    ("DB_PORT", "PGPORT"),
    ("DB_USER", "PGUSER"),
];
/// How many words of a name may be said otherwise: `SMTP_PASSWORD` for `EMAIL_PASS`.
const WORDS: usize = 2;
/// How like each other a name and a mistyped one are, of 1.
const MISTYPED: f64 = 0.85;

/// Other names for a variable.
pub(crate) fn synonyms(variable: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::from([variable.to_owned()]);
    for _ in 0..WORDS {
        let said: Vec<String> = names.iter().flat_map(|name| otherwise(name)).collect();
        names.extend(said);
    }
    names.extend(LIBPQ.iter().filter(|(ours, _)| *ours == variable).map(|(_, theirs)| (*theirs).to_owned()));
    names.remove(variable);
    names
}

/// A name with one of its words, or several in a row, said otherwise.
fn otherwise(name: &str) -> Vec<String> {
    let words: Vec<&str> = name.split('_').collect();
    let mut names = vec![];
    for same in SAME {
        for phrase in same {
            let phrase: Vec<&str> = phrase.split('_').collect();
            let places = (0..words.len()).filter(|&at| words[at..].starts_with(&phrase));
            for at in places {
                let after = &words[at + phrase.len()..];
                names.extend(same.iter().map(|other| [&words[..at], &[*other], after].concat().join("_")));
            }
        }
    }
    names
}

/// Of the names that are set, the one that most likely means this variable: a synonym, or a mistyped one.
pub(crate) fn near<'n>(variable: &str, set: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let synonyms = synonyms(variable);
    let mut mistyped = None;
    for name in set {
        if synonyms.contains(name) {
            return Some(name);
        }
        if strsim::normalized_damerau_levenshtein(name, variable) >= MISTYPED {
            mistyped = Some(name);
        }
    }
    mistyped
}

/// Of the names that a payload has besides, the one that most likely means this field: its variable's, or one near to its
/// own.
pub(crate) fn near_field<'n>(field: &str, variable: Option<&str>, names: &[&'n str]) -> Option<&'n str> {
    let wanted = [upper(field)].into_iter().chain(variable.map(str::to_owned));
    let wanted: Vec<String> = wanted.collect();
    let means = |name: &&&str| {
        let said = upper(name);
        let is = |it: &String| *it == said || it.ends_with(&format!("_{said}")) || near(it, [said.as_str()]).is_some();
        wanted.iter().any(is)
    };
    names.iter().find(means).copied()
}

/// A field's name as a variable's: `SMTP_USER` for `smtpUser`.
fn upper(name: &str) -> String {
    let mut upper = String::with_capacity(name.len() + 2);
    let mut is_small = false;
    for c in name.chars() {
        if is_small && c.is_ascii_uppercase() {
            upper.push('_');
        }
        is_small = c.is_ascii_lowercase();
        upper.push(if c == '-' { '_' } else { c.to_ascii_uppercase() });
    }
    upper
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_says_the_same_otherwise_is_near() {
        for (variable, said) in [
            ("DATABASE_URL", "POSTGRES_URL"),
            ("DATABASE_URL", "DATABASE_URI"),
            ("DATADOG_API_KEY", "DD_API_KEY"),
            ("DB_HOST", "POSTGRES_HOST"),
            ("DB_NAME", "POSTGRES_DB"),
            ("DB_NAME", "DB_DATABASE"),
            ("DB_PASSWORD", "PGPASSWORD"),
            ("DB_PASSWORD", "DB_PASS"),
            ("DB_PASSWORD", "POSTGRES_PASSWORD"),
            ("DB_USER", "DATABASE_USERNAME"),
            ("EMAIL_FROM", "SMTP_FROM_ADDRESS"),
            ("EMAIL_HOST", "SMTP_HOST"),
            ("EMAIL_PASS", "EMAIL_PASSWORD"),
            ("EMAIL_PASS", "SMTP_PASSWORD"),
            ("EMAIL_USER", "MAIL_USERNAME"),
            ("GOVT_PASSWORD", "GOVERNMENT_PASS"),
            ("INTERNAL_API_KEY", "INTERNAL_TOKEN"),
            ("JWT_SECRET", "JWT_SECRET_KEY"),
            ("REDIS_PASSWORD", "REDIS_PASS"),
            ("SENTRY_DSN", "SENTRY_URL"),
            ("SESSION_SECRET", "SESSION_KEY"),
            ("STRIPE_PRIVATE_KEY", "STRIPE_SECRET_KEY"),
            ("STRIPE_PRIVATE_KEY", "STRIPE_API_KEY"),
            ("STRIPE_PUBLIC_KEY", "STRIPE_PUBLISHABLE_KEY"),
            ("STRIPE_WEBHOOK_SECRET", "STRIPE_WEBHOOK_SIGNING_SECRET"),
            // Mistyped.
            ("STRIPE_WEBHOOK_SECRET", "STRIPE_WEBHOK_SECRET"),
        ] {
            assert_eq!(near(variable, [said]), Some(said), "{variable}");
        }
    }

    #[test]
    fn a_name_of_something_else_is_not_near() {
        for (variable, other) in [
            ("DB_PASSWORD", "REDIS_PASSWORD"),
            ("STRIPE_PUBLIC_KEY", "STRIPE_SECRET_KEY"),
            ("STRIPE_PRIVATE_KEY", "STRIPE_WEBHOOK_SECRET"),
            ("REDIS_HOST", "DB_HOST"),
            ("EMAIL_USER", "EMAIL_FROM"),
            ("DB_USER", "USER"),
        ] {
            assert_eq!(near(variable, [other]), None, "{variable}");
        }
        let most = ["DB_NAME", "INTERNAL_API_KEY", "STRIPE_WEBHOOK_SECRET"].map(|it| synonyms(it).len());
        assert!(most.iter().all(|count| *count < 250), "{most:?}");
    }
}
