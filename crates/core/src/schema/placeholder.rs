//! Values that examples have in the place of real ones.

use zeroize::Zeroizing;

/// Forms that cannot be meant, whatever the field is.
pub(crate) fn is_placeholder(text: &str) -> bool {
    let bare = bare(text);
    let bracketed = text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    matches!(bare.as_str(), "fixme" | "placeholder")
        || ["changeme", "replaceme"].iter().any(|start| bare.starts_with(start))
        || ["your-", "your_"].iter().any(|start| starts_with(text, start))
        // A sender may be `<name@example.com>`, and a custom text may be HTML.
        || bracketed.is_some_and(|inside| !inside.contains(['<', '>', '@']))
        || (bare.len() > 2 && bare.chars().all(|c| c == 'x'))
}

/// Besides those, words that many an example has for a password or a key. A name may be such a word.
pub(crate) fn is_placeholder_word(text: &str) -> bool {
    const WORDS: [&str; 10] = ["changeit", "dummy", "example", "password", "secret", "tbd", "test", "todo", "x", "xx"];
    let is_word = WORDS.contains(&bare(text).as_str());
    let is_phrase = ["replace-", "replace_"].iter().any(|start| starts_with(text, start));
    (is_word || is_phrase) && !is_placeholder(text)
}

/// Small letters and digits alone.
fn bare(text: &str) -> Zeroizing<String> {
    let mut bare = Zeroizing::new(text.to_ascii_lowercase());
    bare.retain(|c| c.is_ascii_alphanumeric());
    bare
}

fn starts_with(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start))
}
