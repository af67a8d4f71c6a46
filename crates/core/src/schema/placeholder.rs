//! Texts that stand where a value should: examples, redacted output, references that nothing resolved, ciphertext of
//! other tools, words for nothing, quotes that a loader kept. What a text merely contains is no reason to refuse it.

use std::borrow::Cow;

use zeroize::Zeroizing;

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
const SPACED: &str = "starts or ends with white space: remove it, unless it is a part of the value";

/// What stands around a reference, and whose it is.
const AROUND: [(&str, &str, &str); 13] = [
    ("{{resolve:", "}}", "CloudFormation's {{resolve:…}}"),
    ("${{", "}}", "GitHub's or Railway's ${{…}}"),
    ("{{", "}}", "a template's {{…}}"),
    ("${", "}", "${…} of a shell, Compose, Doppler, Infisical or Serverless"),
    ("$(", ")", "$(…) of Kubernetes, a shell or Azure Pipelines"),
    ("#{", "}", "#{…} of Octopus or Spring"),
    ("((", "))", "((…)) of Concourse or CredHub"),
    ("<%", "%>", "a template's <%…%>"),
    ("%env(", ")%", "Symfony's %env(…)%"),
    ("env(", ")", "env(…)"),
    ("@Microsoft.KeyVault(", ")", "Azure's @Microsoft.KeyVault(…)"),
    ("@AzureKeyVault(", ")", "Azure's @AzureKeyVault(…)"),
    ("[[", "]]", "a template's [[…]]"),
];

/// How a reference starts, and whose it is.
const BEFORE: [(&str, &str); 18] = [
    ("ref+", "vals"),
    ("secretref+", "vals"),
    ("secretref:", "Azure Container Apps"),
    ("vault:/", "Vault"),
    ("vault:secret/", "Vault"),
    (">>vault:", "Vault"),
    ("ssm:/", "SSM Parameter Store"),
    ("aws:ssm:", "SSM Parameter Store"),
    ("aws:secretsmanager:", "Secrets Manager"),
    ("secretsmanager:", "Secrets Manager"),
    ("keyvault:", "Azure Key Vault"),
    ("secretKeyRef:", "Kubernetes"),
    ("valueFrom:", "Kubernetes"),
    ("!Ref ", "CloudFormation"),
    ("!Sub ", "CloudFormation"),
    ("!var ", "Conjur"),
    ("process.env.", "JavaScript"),
    ("file:/", "a file"),
];

/// Schemes of references, and whose they are.
const SCHEMES: [(&str, &str); 31] = [
    ("akeyless", "Akeyless"),
    ("akv", "Azure Key Vault"),
    ("akvs", "Azure Key Vault"),
    ("aws-sm", "Secrets Manager"),
    ("aws-ssm", "SSM Parameter Store"),
    ("awssecret", "Secrets Manager"),
    ("awssm", "Secrets Manager"),
    ("awsssm", "SSM Parameter Store"),
    ("azurekeyvault", "Azure Key Vault"),
    ("berglas", "Berglas"),
    ("bw", "Bitwarden"),
    ("bws", "Bitwarden"),
    ("conjur", "Conjur"),
    ("dl", "Dashlane"),
    ("doppler", "Doppler"),
    ("dotenv", "dotenv-vault"),
    ("env", "a variable"),
    ("gcpsm", "Google Secret Manager"),
    ("gsm", "Google Secret Manager"),
    ("infisical", "Infisical"),
    ("k8s", "Kubernetes"),
    ("keeper", "Keeper"),
    ("keychain", "a keychain"),
    ("keyring", "a keyring"),
    ("keyvault", "Azure Key Vault"),
    ("op", "1Password"),
    ("pass", "Proton Pass"),
    ("secretsmanager", "Secrets Manager"),
    ("sm", "Google Secret Manager"),
    ("ssm", "SSM Parameter Store"),
    ("vault", "Vault"),
];

/// How ciphertext starts, how long it is at least, and whose it is.
const CIPHERTEXT: [(&str, usize, &str); 16] = [
    ("$ANSIBLE_VAULT;", 0, "ansible-vault (ansible-vault decrypt)"),
    ("!vault |", 0, "ansible-vault (ansible-vault decrypt)"),
    ("-----BEGIN AGE ENCRYPTED FILE-----", 0, "age (age --decrypt)"),
    ("-----BEGIN PGP MESSAGE-----", 0, "PGP (gpg --decrypt)"),
    ("\0GITCRYPT", 0, "git-crypt (git-crypt unlock)"),
    ("AQECAH", 100, "AWS KMS (aws kms decrypt)"),
    ("AQICAH", 100, "AWS KMS (aws kms decrypt)"),
    ("ENC(", 8, "Jasypt"),
    ("ENC[", 8, "sops (sops decrypt) or eyaml (eyaml decrypt)"),
    ("U2FsdGVkX1", 24, "openssl enc (openssl enc -d)"),
    ("age-encryption.org/v1", 0, "age (age --decrypt)"),
    ("encrypted:", 26, "dotenvx (dotenvx get)"),
    ("gAAAAA", 100, "Fernet"),
    ("vault:v1:", 16, "Vault's transit engine (vault write transit/decrypt)"),
    ("vault:v2:", 16, "Vault's transit engine (vault write transit/decrypt)"),
    ("{cipher}", 8, "Spring Cloud Config"),
];

/// Examples of documentation, in small letters, and whose it is.
const EXAMPLES: [(&str, &str); 10] = [
    ("a-string-secret-at-least-256-bits-long", "jwt.io's"),
    ("examplepublickey", "Sentry's"),
    ("keyboard cat", "express-session's"),
    ("pk_test_6prnascoboktishfeqd4xmuh", "Stripe's"),
    ("pk_test_tyoomqauvdedq54nitphi7jx", "Stripe's"),
    ("s3cur3", "Express's"),
    ("shhhhh", "jsonwebtoken's"),
    ("shhhhhared-secret", "jsonwebtoken's"),
    ("sk_test_4ec39hqlyjwdarjtt1zdp7dc", "Stripe's"),
    ("sk_test_bqokikjovbii2hlwgh4olfq2", "Stripe's"),
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
    if bare.is_some() {
        return Some(if is_free { Finding::Doubtful(QUOTED) } else { Finding::Wrong(QUOTED.into()) });
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
    text.contains("[REDACTED]").then_some(Finding::Doubtful("holds [REDACTED], which redacted output has for a value"))
}

/// What a text that is no value of its kind most likely is, such as a quoted number.
pub(crate) fn quotes(text: &str) -> Option<&'static str> {
    unquoted(text.trim_matches(is_space)).map(|_| QUOTED)
}

/// What a connection URL is instead of one.
pub(crate) fn no_url(text: &str) -> Option<Cow<'static, str>> {
    let trimmed = text.trim_matches(is_space);
    let expected = Expected { spaces: Spaces::Allowed, is_secret: true, starts: &[], is_custom: false };
    wrong(unquoted(trimmed).unwrap_or(trimmed), expected).or_else(|| quotes(text).map(Cow::Borrowed))
}

fn wrong(text: &str, expected: Expected<'_>) -> Option<Cow<'static, str>> {
    // What follows `sk_live_` is looked at as well.
    let start = expected.starts.iter().filter(|start| text.starts_with(**start)).max_by_key(|start| start.len());
    let rest = start.map(|start| &text[start.len()..]);
    if let Some((_, _, whose)) = CIPHERTEXT.iter().find(|(start, least, _)| is_ciphertext(text, start, *least)) {
        return Some(format!("is encrypted by {whose}: decrypt it first, and store what it is then").into());
    }
    if let Some(whose) = reference(text, expected) {
        return Some(
            format!("is a reference that nothing resolved ({whose}): store the value that it stands for").into(),
        );
    }
    if is_redacted(text)
        || rest.is_some_and(|rest| is_redacted(rest) || rest.contains(['*', '…', '•']) || rest.contains("..."))
    {
        return Some("is redacted output and not the value: store the real value".into());
    }
    if is_nothing(text, expected) {
        return Some("is a program's word for no value: store the real value".into());
    }
    if let Some(whose) = example(text) {
        return Some(format!("is an example of {whose} documentation: store the real value").into());
    }
    if is_placeholder(text) || rest.is_some_and(|rest| rest.is_empty() || is_placeholder(rest)) {
        return Some(PLACEHOLDER.into());
    }
    // Of a URL, such as Sentry's, what stands for the user.
    let (_, after) = text.split_once("://")?;
    let (user, _) = after.split(['/', '?', '#']).next()?.rsplit_once('@')?;
    let inner = Expected { starts: &[], ..expected };
    user.split(':').filter(|part| !part.contains("://")).find_map(|part| wrong(part, inner))
}

fn is_ciphertext(text: &str, start: &str, least: usize) -> bool {
    // A password may start so; base64 has no other characters.
    let is_base64 = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte));
    starts_with(text, start) && text.len() >= least && (start != "encrypted:" || is_base64(&text[start.len()..]))
}

fn reference(text: &str, expected: Expected<'_>) -> Option<&'static str> {
    let is_around = |(open, close, _): &&(&str, &str, &str)| {
        starts_with(text, open) && text.ends_with(close) && text.len() > open.len() + close.len()
    };
    if let Some((_, _, whose)) = AROUND.iter().find(is_around) {
        return Some(whose);
    }
    if text.contains(char::is_whitespace) && !text.starts_with('!') {
        return None;
    }
    if let Some((_, whose)) = BEFORE.iter().find(|(start, _)| starts_with(text, start) && text.len() > start.len()) {
        return Some(whose);
    }
    if let Some((scheme, rest)) = text.split_once("://")
        && !rest.is_empty()
        && let Some((_, whose)) = SCHEMES.iter().find(|(it, _)| it.eq_ignore_ascii_case(scheme))
    {
        return Some(whose);
    }
    if starts_with(text, "vault:") && text.contains('/') && text.contains('#') {
        return Some("Vault");
    }
    if text.starts_with("projects/") && text.contains("/secrets/") {
        return Some("Google Secret Manager");
    }
    if text.contains(".vault.azure.net/secrets/") {
        return Some("Azure Key Vault");
    }
    if ["/run/secrets/", "/var/run/secrets/", "/mnt/secrets-store/"].iter().any(|folder| text.starts_with(folder)) {
        return Some("a file");
    }
    // An application may keep an ARN of its own.
    if text.starts_with("arn:") && text.matches(':').count() >= 5 && !expected.is_custom {
        return Some("an ARN");
    }
    let named = [("%", "%"), ("__", "__"), ("@@", "@@"), ("$env:", ""), ("env:", ""), ("secrets.", ""), ("$", "")];
    let is_name = |(open, close): &(&str, &str)| {
        let name = text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)).unwrap_or_default();
        // `$` and capitals alone may be a password.
        let is_long = name.len() > 2 && (*open != "$" || name.contains('_'));
        let is_upper = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        is_long && name.starts_with(|c: char| c.is_ascii_uppercase()) && name.bytes().all(is_upper)
    };
    named.iter().any(is_name).then_some("a variable's name")
}

/// Output of a program that redacts.
fn is_redacted(text: &str) -> bool {
    const WORDS: [&str; 10] = [
        "redacted",
        "filtered",
        "hidden",
        "masked",
        "sensitive",
        "sensitive value",
        "known after apply",
        "removed",
        "omitted",
        "scrubbed",
    ];
    let is_mask = |c: char| matches!(c, '*' | '•' | '●' | '·' | '∗' | '█' | '■' | '▪');
    let count = text.chars().filter(|c| is_mask(*c)).count();
    let total = text.chars().count();
    // A console shows the last characters: `****************ABCD`.
    let is_masked = count > 2 && (count == total || (count > 3 && total - count <= 6 && is_at_one_end(text, is_mask)));
    let word = text.trim_matches(|c: char| is_mask(c) || "[](){}<>#-_ ".contains(c));
    let is_word = WORDS.iter().any(|it| it.eq_ignore_ascii_case(word));
    is_masked
        || (is_word && (word.len() < text.len() || word.len() == "redacted".len()))
        || (!text.is_empty() && text.replace("[REDACTED]", "").is_empty())
}

fn is_at_one_end(text: &str, is_mask: impl Fn(char) -> bool + Copy) -> bool {
    !text.trim_start_matches(is_mask).contains(is_mask) || !text.trim_end_matches(is_mask).contains(is_mask)
}

/// What programs write for nothing.
fn is_nothing(text: &str, expected: Expected<'_>) -> bool {
    const ANYWHERE: [&str; 6] = ["(null)", "[object null]", "[object object]", "[object promise]", "null", "undefined"];
    const NO_WORDS_OF_AN_APPLICATION: [&str; 5] = ["n/a", "#n/a", "nan", "nil", "none"];
    let is_in = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    let is_word = !expected.is_custom || expected.is_secret;
    is_in(&ANYWHERE) || text.starts_with("%!s(") || (is_word && is_in(&NO_WORDS_OF_AN_APPLICATION)) || text == "NaN"
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
        || ["changeme", "replaceme"].iter().any(|start| bare.starts_with(start))
        || ["your-", "your_"].iter().any(|start| starts_with(text, start))
        // A sender may be `<name@example.com>`, and a custom text may be HTML.
        || bracketed.is_some_and(|inside| !inside.contains(['<', '>', '@']))
        || (bare.len() > 2 && bare.chars().all(|c| c == 'x'))
        || is_crossed_out(text)
}

/// `ghp_xxxxxxxxxxxx`, `AKIAXXXXXXXXXXXXXXXX`.
fn is_crossed_out(text: &str) -> bool {
    let head = text.trim_end_matches(['x', 'X']);
    let is_start = head.ends_with(['_', '-', '.']) || ["AC", "AKIA", "ASIA", "EAA", "SK"].contains(&head);
    text.len() - head.len() >= 8 && head.len() <= 12 && is_start
}

/// Besides those, words that many an example has for a password or a key. A name may be such a word.
fn is_placeholder_word(text: &str) -> bool {
    const WORDS: [&str; 13] = [
        "changeit",
        "dummy",
        "example",
        "foobared",
        "mysecretpassword",
        "mysecretpw",
        "password",
        "secret",
        "tbd",
        "test",
        "todo",
        "x",
        "xx",
    ];
    let is_word = WORDS.contains(&letters(text).as_str());
    is_word || ["replace-", "replace_"].iter().any(|start| starts_with(text, start))
}

/// Small letters and digits alone.
fn letters(text: &str) -> Zeroizing<String> {
    let mut letters = Zeroizing::new(text.to_ascii_lowercase());
    letters.retain(|c| c.is_ascii_alphanumeric());
    letters
}

/// What quotes are around.
fn unquoted(text: &str) -> Option<&str> {
    let inside = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    ['"', '\'', '`'].into_iter().find_map(inside).filter(|inside| !inside.is_empty())
}

/// White space, and what looks like none at all.
fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}

fn starts_with(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start))
}
