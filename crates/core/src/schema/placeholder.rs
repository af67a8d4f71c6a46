//! Texts that stand where a value should: examples, redacted output, references that nothing resolved, ciphertext of
//! other tools, words for nothing, quotes that a loader kept. What a text merely contains is no reason to refuse it.

use std::borrow::Cow;

use zeroize::Zeroizing;

use super::reference::{Reference, encrypted_by, reference, resembles, starts_with};

/// What a text is instead of a value.
pub(crate) enum Finding {
    /// It may be meant.
    Doubtful(&'static str),
    /// A word that many an example has for a password. Outside production it may be one.
    Word(&'static str),
    /// It cannot be right.
    Wrong(Cow<'static, str>),
}

/// How a field is read.
#[derive(Clone, Copy)]
pub(crate) struct Expected<'a> {
    pub(crate) spaces: Spaces,
    /// Whether it is a password or a key.
    pub(crate) is_secret: bool,
    /// How its value starts.
    pub(crate) starts: &'a [&'a str],
    /// Whether the application defined it: then a word may be one of its own.
    pub(crate) is_custom: bool,
    /// The variable that it falls back to.
    pub(crate) variable: Option<&'a str>,
}

/// White space at the ends of a value.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Spaces {
    /// Is normal.
    Allowed,
    /// May be a part of it.
    Doubtful,
    /// Is in no value of its kind.
    Impossible,
}

const PLACEHOLDER: &str = "is a known placeholder: store the real value";
const QUOTED: &str = "has quotes around it, which some loaders (docker's --env-file) keep as a part of it: remove them";
const TYPOGRAPHIC: &str = "has typographic quotes around it, which no loader removes: remove them";
const INVISIBLE: &str = "holds an invisible or a control character: remove it, unless it is a part of the value";
const SPACED: &str = "starts or ends with white space: remove it, unless it is a part of the value";

/// Examples of documentation, in small letters, and whose they are.
const EXAMPLES: [(&str, &str); 27] = [
    ("a-string-secret-at-least-256-bits-long", "jwt.io's"),
    ("bnqw!xdwgaeet9xgtt29", "AWS's"),
    ("bnqw&xdwgaeet9xgtt29", "AWS's"),
    ("chamberme", "Chamber's"),
    ("correct horse battery staple", "a well-known cartoon's"),
    ("correcthorsebatterystaple", "a well-known cartoon's"),
    ("example-password", "AWS's"),
    ("examplepublickey", "Sentry's"),
    ("i29wwx!%9wfv", "AWS's"),
    ("keyboard cat", "express-session's"),
    ("minioadmin", "MinIO's"),
    ("pk_test_6prnascoboktishfeqd4xmuh", "Stripe's"),
    ("pk_test_tyoomqauvdedq54nitphi7jx", "Stripe's"),
    ("randompassword", "Prisma's"),
    ("s3cur3", "Express's"),
    ("shhhhh", "jsonwebtoken's"),
    ("shhhhhared-secret", "jsonwebtoken's"),
    ("sk_test_26phem9ahjzvu623dfe1x4sd", "Stripe's"),
    ("sk_test_4ec39hqlyjwdarjtt1zdp7dc", "Stripe's"),
    ("sk_test_bqokikjovbii2hlwgh4olfq2", "Stripe's"),
    ("sk_test_tr3pybcvnzz796th88s4vq2u", "Stripe's"),
    ("sk_test_vephdqktyqjkninc7u56jbrq", "Stripe's"),
    ("somerandomstring", "Laravel's"),
    ("thistokenisnotsosecretchangeit", "Symfony's"),
    ("whsec_mfkqq9r8gkyqrwu8gj4vugxw", "Svix's"),
    ("whsec_plhn7tgvj1tdsj0uetyksaif", "Svix's"),
    ("whsec_test_secret", "Stripe's"),
];

/// What is odd about a text, if anything is.
pub(crate) fn recognise(text: &str, expected: Expected<'_>) -> Option<Finding> {
    let trimmed = text.trim_matches(is_space);
    let bare = unquoted(trimmed);
    if let Some(phrase) = wrong(bare.unwrap_or(trimmed), expected) {
        return Some(Finding::Wrong(phrase));
    }
    // A text of the application may be a quotation.
    let is_free = expected.is_custom && !expected.is_secret;
    if let Some(phrase) = quotes(text) {
        return Some(if is_free { Finding::Doubtful(phrase) } else { Finding::Wrong(phrase.into()) });
    }
    if trimmed.len() < text.len() {
        match expected.spaces {
            Spaces::Doubtful if !is_free => return Some(Finding::Doubtful(SPACED)),
            Spaces::Impossible => {
                return Some(Finding::Wrong(
                    "starts or ends with white space, which no such key has: remove it".into(),
                ));
            }
            Spaces::Allowed | Spaces::Doubtful => {}
        }
    }
    if expected.is_secret && is_placeholder_word(trimmed) {
        return Some(Finding::Word(PLACEHOLDER));
    }
    if reference(trimmed, is_free).is_some() {
        return Some(Finding::Doubtful("may be a reference that nothing resolved: store the value that it stands for"));
    }
    if expected.spaces == Spaces::Impossible && !expected.starts.is_empty() && trimmed.contains(char::is_whitespace) {
        return Some(Finding::Wrong("has white space in it, which no such key has: remove it".into()));
    }
    doubt(text, expected).map(Finding::Doubtful)
}

/// What a text may not be meant to hold.
fn doubt(text: &str, expected: Expected<'_>) -> Option<&'static str> {
    if text.contains("[REDACTED]") {
        return Some("holds [REDACTED], which redacted output has for a value");
    }
    if expected.spaces == Spaces::Allowed {
        return None;
    }
    let is_hidden = |c: char| is_invisible(c) || (c.is_control() && !(expected.is_custom && c.is_whitespace()));
    if text.contains(is_hidden) {
        return Some(INVISIBLE);
    }
    if text.contains(char::REPLACEMENT_CHARACTER) {
        return Some("holds a replacement character: it was read in another encoding than it was written in");
    }
    if !expected.is_secret {
        return None;
    }
    if ["\\n", "\\r", "%0A", "%0a"].iter().any(|end| text.ends_with(end)) {
        return Some("ends with the code of a line break: remove it, unless it is a part of the value");
    }
    let is_comment = |rest: &str| rest.starts_with(' ') && text.contains(" #");
    if text.split_once(" #").is_some_and(|(_, rest)| is_comment(rest)) {
        return Some(
            "ends like a comment, which docker's --env-file keeps: remove it, unless it is a part of the value",
        );
    }
    if is_shortened(text) {
        return Some("looks shortened, as programs show a key: store the whole");
    }
    resembles(text).filter(|_| expected.spaces == Spaces::Doubtful)
}

/// What a text that is no value of its kind most likely is, such as a quoted number.
pub(crate) fn quotes(text: &str) -> Option<&'static str> {
    let trimmed = text.trim_matches(is_space);
    let is_typographic = || trimmed.starts_with(['“', '”', '„', '‘', '’', '‚', '«', '»']);
    unquoted(trimmed).map(|_| if is_typographic() { TYPOGRAPHIC } else { QUOTED })
}

/// What a text is instead of a connection URL or JSON.
pub(crate) fn instead(text: &str, variable: Option<&str>) -> Option<Cow<'static, str>> {
    let trimmed = text.trim_matches(is_space);
    let expected = Expected { spaces: Spaces::Allowed, is_secret: true, starts: &[], is_custom: false, variable };
    wrong(unquoted(trimmed).unwrap_or(trimmed), expected).or_else(|| quotes(text).map(Cow::Borrowed))
}

/// What a text most likely is that is no JSON.
pub(crate) fn instead_of_json(text: &str) -> Option<Cow<'static, str>> {
    let trimmed = text.trim();
    // Windows' tools write one.
    if trimmed.starts_with('\u{feff}') {
        return Some("starts with a byte order mark: store it without".into());
    }
    if trimmed.starts_with("{'") {
        return Some("has single quotes, and JSON has double ones".into());
    }
    // The code of a brace, and of what may follow it.
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=\r\n".contains(&byte);
    if ["ew", "ey"].iter().any(|start| trimmed.starts_with(start)) && trimmed.bytes().all(is_base64) {
        return Some("is base64 of an object: store the object as text".into());
    }
    if trimmed.lines().next().is_some_and(|line| is_assignment(line, None)) {
        return Some("is a file of variables, which `permisos-secrets migrate` stores as JSON".into());
    }
    if ["postgres://", "postgresql://", "redis://", "rediss://"].iter().any(|scheme| trimmed.starts_with(scheme)) {
        return Some("is a connection URL: store its parts as fields".into());
    }
    instead(trimmed, None)
}

fn wrong(text: &str, expected: Expected<'_>) -> Option<Cow<'static, str>> {
    // What follows `sk_live_` is looked at as well.
    let start = expected.starts.iter().filter(|start| text.starts_with(**start)).max_by_key(|start| start.len());
    let rest = start.map(|start| &text[start.len()..]);
    if let Some(whose) = encrypted_by(text) {
        return Some(format!("is encrypted by {whose}: decrypt it first, and store what it is then").into());
    }
    if is_redacted(text)
        || rest.is_some_and(|rest| is_redacted(rest) || rest.contains(['*', '…', '•']) || rest.contains("..."))
    {
        return Some("is redacted output and not the value: store the real value".into());
    }
    if is_nothing(text, expected) {
        return Some("is a program's word for no value: store the real value".into());
    }
    let is_free = expected.is_custom && !expected.is_secret;
    if let Some(Reference { whose, is_certain: true }) = reference(text, is_free) {
        return Some(
            format!("is a reference that nothing resolved ({whose}): store the value that it stands for").into(),
        );
    }
    if !is_free && is_output(text) {
        return Some("is what a program printed instead of the value: store the real value".into());
    }
    if let Some(whose) = example(text) {
        return Some(format!("is an example of {whose} documentation: store the real value").into());
    }
    if is_placeholder(text)
        || (!is_free && is_request(text))
        || rest.is_some_and(|rest| rest.is_empty() || is_placeholder(rest))
    {
        return Some(PLACEHOLDER.into());
    }
    if expected.variable.is_some_and(|name| text == name) {
        return Some("is the variable's own name: store the real value".into());
    }
    if expected.is_secret && is_assignment(text, expected.variable) {
        return Some("begins with a variable's name and `=`: store what follows alone".into());
    }
    if !is_free && is_object(text) {
        return Some("is JSON with fields of its own: store the one that is meant alone".into());
    }
    // Of a URL, such as Sentry's, what stands for the user.
    let (_, after) = text.split_once("://")?;
    let (user, _) = after.split(['/', '?', '#']).next()?.rsplit_once('@')?;
    let inner = Expected { starts: &[], ..expected };
    user.split(':').filter(|part| !part.contains("://")).find_map(|part| wrong(part, inner))
}

/// Whether a text is `NAME=value`.
fn is_assignment(text: &str, variable: Option<&str>) -> bool {
    let line = text.strip_prefix("export ").unwrap_or(text);
    let Some((name, value)) = line.split_once('=') else { return false };
    let is_upper = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let is_name = name.len() > 4 && name.contains('_') && name.bytes().all(is_upper);
    // Base64 may end with two.
    !value.trim_start_matches('=').is_empty() && (variable == Some(name) || is_name)
}

/// Whether a text is a JSON object, such as a whole secret where one of its fields is meant.
fn is_object(text: &str) -> bool {
    text.starts_with('{') && text.ends_with('}') && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// Whether a text is an error's message, or what a program writes for a value that it cannot write.
fn is_output(text: &str) -> bool {
    const STARTS: [&str; 12] = [
        "<!doctype",
        "<html",
        "[Ljava.",
        "An error occurred (",
        "Calling [toString]",
        "Calling [toJSON]",
        "Error: ",
        "Promise {",
        "System.Collections.",
        "System.Security.SecureString",
        "function ()",
        "java.lang.",
    ];
    STARTS.iter().any(|start| starts_with(text, start))
        || text.ends_with("command not found")
        || text.ends_with("No such file or directory")
        || text == "System.Object[]"
}

/// Output of a program that redacts.
fn is_redacted(text: &str) -> bool {
    const WORDS: [&str; 20] = [
        "censored",
        "concealed",
        "encrypted",
        "filtered",
        "hidden",
        "known after apply",
        "masked",
        "obfuscated",
        "omitted",
        "protected",
        "redacted",
        "removed",
        "scrubbed",
        "secure",
        "secured",
        "sensitive",
        "sensitive value",
        "sensitive, known after apply",
        "snip",
        "stripped",
    ];
    /// Words that redact with more words beside them.
    const AMONG: [&str; 5] = ["censored", "concealed", "masked", "redacted", "reveal"];
    let is_mask = |c: char| matches!(c, '*' | '•' | '●' | '·' | '∗' | '█' | '■' | '▪');
    let is = |word: &str, words: &[&str]| words.iter().any(|it| it.eq_ignore_ascii_case(word));
    let count = text.chars().filter(|c| is_mask(*c)).count();
    let others = text.chars().count() - count;
    // A console shows the first or the last characters: `****************ABCD`.
    let is_masked = count > 2 && (others == 0 || (count > 3 && others <= 8 && is_in_one_row(text, is_mask)));
    let word = text.trim_matches(|c: char| is_mask(c) || "[](){}<>#-_ ".contains(c));
    let is_word = is(word, &WORDS) && (word.len() < text.len() || word.eq_ignore_ascii_case("redacted"));
    let is_among = |text: &str| text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| is(word, &AMONG));
    // REDACTED_BY_SCRIPT, XXXREDACTEDXXX.
    let is_shouted = text.contains("REDACTED") && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    // Secret([REDACTED alloc::string::String]), SecretStr('**********').
    let is_wrapped = || {
        let (head, inside) = text.strip_suffix(')')?.split_once('(')?;
        let is_type = !head.is_empty() && head.chars().all(|c| c.is_ascii_alphanumeric() || ":<>_.".contains(c));
        Some(is_type && is_redacted(unquoted(inside).unwrap_or(inside)))
    };
    is_masked
        || is_word
        || is_shouted
        || inside(text).is_some_and(is_among)
        || is_wrapped() == Some(true)
        || (!text.is_empty() && text.replace("[REDACTED]", "").is_empty())
}

/// Whether a row of such characters has letters and digits around it at most.
fn is_in_one_row(text: &str, is_mask: impl Fn(char) -> bool + Copy) -> bool {
    let Some(start) = text.find(is_mask) else { return false };
    let (before, row) = text.split_at(start);
    let after = row.trim_start_matches(is_mask);
    [before, after].iter().all(|part| part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)))
}

/// `sk-...abcd`, `abcd…wxyz`.
fn is_shortened(text: &str) -> bool {
    let Some((before, after)) = text.split_once("...").or_else(|| text.split_once('…')) else { return false };
    let is_short = |part: &str| part.len() <= 8 && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    is_short(before) && is_short(after)
}

/// What brackets are around.
fn inside(text: &str) -> Option<&str> {
    let is_around = |(open, close)| text.strip_prefix(open)?.strip_suffix(close);
    [('[', ']'), ('(', ')'), ('<', '>'), ('{', '}')].into_iter().find_map(is_around)
}

/// What programs write for nothing.
fn is_nothing(text: &str, expected: Expected<'_>) -> bool {
    const ANYWHERE: [&str; 3] = ["null", "undefined", "\\N"];
    const NO_WORDS_OF_AN_APPLICATION: [&str; 8] = ["n/a", "#n/a", "#name?", "#ref!", "#value!", "nan", "nil", "none"];
    const IN_BRACKETS: [&str; 13] = [
        "blank",
        "empty",
        "missing",
        "n/a",
        "nil",
        "no value",
        "none",
        "not available",
        "not set",
        "null",
        "undefined",
        "unknown",
        "unset",
    ];
    let is_in = |text: &str, words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    let is_word = !expected.is_custom || expected.is_secret;
    // `--`, `????`: a row of what stands for something that is left out.
    let is_row = |text: &str| ["-", ".", "?", "…", "_", "~", "#", "="].iter().any(|it| text.replace(it, "").is_empty());
    is_in(text, &ANYWHERE)
        || inside(text).is_some_and(|inside| is_in(inside, &IN_BRACKETS) || (is_word && is_row(inside)))
        || (is_word && (is_in(text, &NO_WORDS_OF_AN_APPLICATION) || (!text.is_empty() && is_row(text))))
        || ["%!", "[object "].iter().any(|start| starts_with(text, start))
        || text == "NaN"
}

/// Whose example it is.
fn example(text: &str) -> Option<&'static str> {
    // AWS's keys, e.g. AKIAIOSFODNN7EXAMPLE.
    let is_aws = (text.len() == 20 && text.ends_with("EXAMPLE") && text.starts_with('A'))
        || (text.len() == 40 && text.ends_with("EXAMPLEKEY"));
    let known = EXAMPLES.iter().find(|(example, _)| example.eq_ignore_ascii_case(text)).map(|(_, whose)| *whose);
    known.or_else(|| is_aws.then_some("AWS's"))
}

/// Forms that cannot be meant, whatever the field is.
fn is_placeholder(text: &str) -> bool {
    let bare = letters(text);
    let bracketed = text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    matches!(bare.as_str(), "fixme" | "placeholder")
        || ["changeme", "djangoinsecure", "replaceme"].iter().any(|start| bare.starts_with(start))
        || ["your-", "your_"].iter().any(|start| starts_with(inside(text).unwrap_or(text), start))
        // A sender may be `<name@example.com>`, and a custom text may be HTML.
        || bracketed.is_some_and(|inside| !inside.contains(['<', '>', '@']))
        || (bare.len() > 2 && bare.chars().all(|c| c == 'x'))
        || is_crossed_out(text)
}

/// `put your unique phrase here`, `INSERT_KEY_HERE`.
fn is_request(text: &str) -> bool {
    const VERBS: [&str; 9] = ["add", "change", "enter", "fill", "insert", "paste", "put", "replace", "set"];
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let is = |word: Option<&str>, words: &[&str]| {
        word.is_some_and(|word| words.iter().any(|it| it.eq_ignore_ascii_case(word)))
    };
    let begins = is(words.next(), &VERBS);
    let next = words.next();
    let ends = is(words.next_back().or(next), &["here"]);
    begins && (ends || is(next, &["your"]))
}

/// `ghp_xxxxxxxxxxxx`, `AKIAXXXXXXXXXXXXXXXX`.
fn is_crossed_out(text: &str) -> bool {
    let head = text.trim_end_matches(['x', 'X']);
    let is_start = head.ends_with(['_', '-', '.']) || ["AC", "AKIA", "ASIA", "EAA", "SK"].contains(&head);
    text.len() - head.len() >= 8 && head.len() <= 12 && is_start
}

/// Besides those, words that many an example has for a password or a key. A name may be such a word.
fn is_placeholder_word(text: &str) -> bool {
    const WORDS: [&str; 34] = [
        "apikey",
        "apikeyhere",
        "changeit",
        "changethis",
        "dbpassword",
        "dummy",
        "empty",
        "example",
        "foobared",
        "missing",
        "mypassword",
        "mysecret",
        "mysecretkey",
        "mysecretpassword",
        "mysecretpw",
        "mystrongpassword",
        "notfound",
        "notset",
        "nullptr",
        "novalue",
        "password",
        "secret",
        "secretkey",
        "supersecret",
        "tbd",
        "test",
        "todo",
        "unset",
        "x",
        "xx",
        "yourapikey",
        "yourpassword",
        "yoursecret",
        "yourtoken",
    ];
    let is_word = WORDS.contains(&letters(text).as_str());
    is_word || is_name(text) || ["replace-", "replace_"].iter().any(|start| starts_with(text, start))
}

/// Whether a text is a name such as `DATADOG_API_KEY`.
fn is_name(text: &str) -> bool {
    const LAST: [&str; 9] = ["DSN", "HERE", "KEY", "PASS", "PASSWORD", "SECRET", "TOKEN", "URL", "VALUE"];
    let is_upper = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
    text.bytes().all(is_upper) && text.rsplit_once('_').is_some_and(|(_, last)| LAST.contains(&last))
}

/// Small letters and digits alone.
fn letters(text: &str) -> Zeroizing<String> {
    let mut letters = Zeroizing::new(text.to_ascii_lowercase());
    letters.retain(|c| c.is_ascii_alphanumeric());
    letters
}

/// What quotes are around.
fn unquoted(text: &str) -> Option<&str> {
    const QUOTES: [(&str, &str); 12] = [
        ("\\\"", "\\\""),
        ("\"", "\""),
        ("'", "'"),
        ("`", "`"),
        ("“", "”"),
        ("”", "”"),
        ("„", "“"),
        ("‘", "’"),
        ("’", "’"),
        ("‚", "‘"),
        ("«", "»"),
        ("»", "«"),
    ];
    let inside = |(open, close): &(&str, &str)| text.strip_prefix(open)?.strip_suffix(close);
    QUOTES.iter().find_map(inside).filter(|inside| !inside.is_empty())
}

/// White space, and what looks like none at all.
fn is_space(c: char) -> bool {
    c.is_whitespace() || is_invisible(c)
}

/// Characters without a width, and marks of the direction.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}
