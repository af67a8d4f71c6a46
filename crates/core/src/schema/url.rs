//! The parts of connection URLs.

use zeroize::Zeroizing;

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

/// Encodes everything but the unreserved characters of RFC 3986, as user and password stand in a config's URL. The
/// answer is the one copy that is made.
pub fn percent_encode(text: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(text, RESERVED).collect::<Vec<_>>().concat()
}
