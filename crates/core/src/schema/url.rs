//! The parts of connection URLs.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use zeroize::Zeroizing;

use super::values::Extra;

/// `user:password` for a URL, percent-encoded.
pub(crate) fn url_user(username: Option<&str>, password: Option<&str>) -> Zeroizing<String> {
    let user = Zeroizing::new(percent_encode(username.unwrap_or_default()));
    let Some(password) = password else { return user };
    let password = Zeroizing::new(percent_encode(password));
    Zeroizing::new([user.as_str(), ":", &password].concat())
}

/// The host for a URL: an IPv6 address in brackets.
pub(crate) fn url_host(host: &str) -> String {
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() }
}

/// A URL with options behind it. A space is `%20`: no reader of connection URLs but browsers' takes a plus for one.
pub(crate) fn with_options<'o>(url: &str, options: impl IntoIterator<Item = (&'o str, Cow<'o, str>)>) -> String {
    let mut url = url.to_owned();
    for (name, value) in options {
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(&percent_encode(name));
        url.push('=');
        url.push_str(&Zeroizing::new(percent_encode(&value)));
    }
    url
}

/// The options that a URL of a config has: those that were given in one, and those stored that are one.
pub(crate) fn options<'e>(
    extra: &'e Extra,
    given: &'e [String],
    is_known: impl Fn(&str) -> bool,
) -> impl Iterator<Item = (&'e str, Cow<'e, str>)> {
    let is_one = move |name: &&str| given.iter().any(|it| it == name) || is_known(name);
    extra.names().filter(is_one).filter_map(|name| Some((name, plain_text(extra.expose(name)?)?)))
}

/// A stored value as the text of a URL or a variable; none of one that has parts.
pub(crate) fn plain_text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(text.into()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string().into()),
        Value::Array(_) | Value::Null | Value::Object(_) => None,
    }
}

/// The options of a given URL; none where one is not UTF-8. Only `%XX` is decoded: a plus is one, as libpq has it.
pub(crate) fn given_options(url: &url::Url) -> impl Iterator<Item = Option<(String, String)>> {
    let decoded = |text| Some(percent_encoding::percent_decode_str(text).decode_utf8().ok()?.into_owned());
    url.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()).map(move |pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((decoded(name)?, decoded(value)?))
    })
}

/// The value of an option of a given URL.
pub(crate) fn given_option(url: &str, name: &str) -> Option<String> {
    let url = url::Url::parse(url).ok()?;
    given_options(&url).flatten().find(|(it, _)| it == name).map(|(_, value)| value)
}

/// Whether a host is AWS's for such a service, by the labels of its name.
pub(crate) fn is_of_aws(host: &str, services: &[&str]) -> bool {
    let labels: Vec<&str> = host.split('.').collect();
    labels.contains(&"amazonaws") && labels.iter().any(|label| services.contains(label))
}

/// Encodes everything but the unreserved characters of RFC 3986, as user and password stand in a config's URL. The
/// answer is the one copy that is made.
pub fn percent_encode(text: &str) -> String {
    encode(text, RESERVED)
}

/// Encodes a database's name, but for what may stand in a path: pg decodes none of that. An `@` there is taken for a bare
/// `/` in the password when the URL is read again.
pub(crate) fn encode_path(text: &str) -> String {
    const PATH: &AsciiSet = &RESERVED
        .remove(b'!')
        .remove(b'$')
        .remove(b'&')
        .remove(b'\'')
        .remove(b'(')
        .remove(b')')
        .remove(b'*')
        .remove(b'+')
        .remove(b',')
        .remove(b'/')
        .remove(b':')
        .remove(b';')
        .remove(b'=');
    encode(text, PATH)
}

const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn encode(text: &str, reserved: &'static AsciiSet) -> String {
    utf8_percent_encode(text, reserved).collect::<Vec<_>>().concat()
}
