//! Replaces secret values in a stream of bytes, also where a value comes in pieces, and as programs write it: escaped in
//! JSON or by Node's `util.inspect`, percent-encoded in a URL, in base64.

pub(crate) mod finder;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use zeroize::Zeroizing;

const MASK: &[u8] = b"[REDACTED]";
/// Shorter values occur in any output by chance.
const SHORTEST: usize = 4;
/// Shorter lines of a value too: `}`, or `-----END`.
const SHORTEST_LINE: usize = 16;
/// The same for base64, in characters: what is whole of four bytes.
const SHORTEST_BASE64: usize = 5;
/// How often a text is escaped when JSON stands in JSON in a line of a log.
const LEVELS: usize = 3;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Holds back only what may be the start of a value: a prompt without a line end comes through at once.
#[derive(Default)]
pub(crate) struct Mask {
    /// What may be written in one place: the forms of a character.
    places: Vec<Vec<Vec<u8>>>,
    /// The values, as places.
    patterns: Vec<Zeroizing<Vec<usize>>>,
    /// By the first byte, the patterns that may start with it.
    starts: BTreeMap<u8, Vec<usize>>,
    held: Zeroizing<Vec<u8>>,
}

/// How a pattern fits to the start of what is held.
#[derive(Default)]
struct Fit {
    /// How many bytes fit.
    whole: Option<usize>,
    /// More bytes may make it fit, or fit more.
    is_open: bool,
}

impl Mask {
    /// Masks these values; the longest that fits wins.
    pub(crate) fn new<'v>(values: impl IntoIterator<Item = &'v str>) -> Self {
        let mut mask = Self::default();
        for value in values.into_iter().filter(|value| value.len() >= SHORTEST) {
            mask.add_value(value);
        }
        mask
    }

    fn add_value(&mut self, value: &str) {
        self.add(value.chars().map(forms));
        // Printed alone, or each in quotes.
        let lines = value.lines().filter(|line| line.len() >= SHORTEST_LINE && line.len() < value.len());
        for line in lines.filter(|line| !line.starts_with("-----")) {
            self.add(line.chars().map(forms));
        }
        for before in 0..3 {
            self.add(base64(value.as_bytes(), before).into_iter());
        }
    }

    fn add(&mut self, pattern: impl Iterator<Item = Vec<Vec<u8>>>) {
        let mut places = Zeroizing::new(vec![]);
        for forms in pattern {
            let known = self.places.iter().position(|known| *known == forms);
            places.push(known.unwrap_or(self.places.len()));
            if known.is_none() {
                self.places.push(forms);
            }
        }
        let Some(&first) = places.first() else { return };
        let mut bytes: Vec<u8> = self.places[first].iter().map(|form| form[0]).collect();
        bytes.sort_unstable();
        bytes.dedup();
        for byte in bytes {
            self.starts.entry(byte).or_default().push(self.patterns.len());
        }
        self.patterns.push(places);
    }

    /// Takes in bytes and returns those that may be masked now.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(bytes);
        self.masked(false)
    }

    /// At the end of the stream: returns the bytes still held back.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        self.masked(true)
    }

    fn masked(&mut self, is_end: bool) -> Vec<u8> {
        let (mut masked, mut at) = (vec![], 0);
        while at < self.held.len() {
            let rest = &self.held[at..];
            let patterns = self.starts.get(&rest[0]).into_iter().flatten();
            let fits: Vec<Fit> = patterns.map(|&index| self.fit(&self.patterns[index], rest)).collect();
            // The rest may be the start of a longer value: wait for more bytes.
            if !is_end && fits.iter().any(|fit| fit.is_open) {
                break;
            }
            if let Some(length) = fits.iter().filter_map(|fit| fit.whole).max() {
                masked.extend_from_slice(MASK);
                at += length;
            } else {
                masked.push(rest[0]);
                at += 1;
            }
        }
        self.held.drain(..at);
        masked
    }

    fn fit(&self, pattern: &[usize], rest: &[u8]) -> Fit {
        let mut fit = Fit::default();
        // Where the places so far may end: forms differ in length.
        let mut ends = vec![0];
        for &place in pattern {
            let mut next = vec![];
            for end in ends {
                let left = &rest[end..];
                for form in &self.places[place] {
                    if left.starts_with(form) {
                        next.push(end + form.len());
                    }
                    fit.is_open |= left.len() < form.len() && form.starts_with(left);
                }
            }
            next.sort_unstable();
            next.dedup();
            ends = next;
            if ends.is_empty() {
                return fit;
            }
        }
        fit.whole = ends.last().copied();
        fit
    }
}

/// How a character may be written.
fn forms(c: char) -> Vec<Vec<u8>> {
    let mut forms = vec![c.to_string()];
    if !c.is_ascii_alphanumeric() {
        let bytes: Vec<u8> = c.to_string().into_bytes();
        let each = |escape: fn(u8) -> String| bytes.iter().map(|&byte| escape(byte)).collect::<Vec<_>>().concat();
        forms.extend([each(|byte| format!("%{byte:02X}")), each(|byte| format!("%{byte:02x}"))]);
        // A language's text of bytes, and a shell's.
        if !c.is_ascii() {
            forms.extend([each(|byte| format!("\\x{byte:02x}")), each(|byte| format!("\\{byte:03o}"))]);
        }
        // Encoded twice.
        forms.extend([each(|byte| format!("%25{byte:02X}")), each(|byte| format!("%25{byte:02x}"))]);
        let units: Vec<u16> = c.encode_utf16(&mut [0; 2]).to_vec();
        let each = |escape: fn(u16) -> String| units.iter().map(|&unit| escape(unit)).collect::<Vec<_>>().concat();
        forms.extend([each(|unit| format!("\\u{unit:04x}")), each(|unit| format!("\\u{unit:04X}"))]);
        let code = u32::from(c);
        if code < 0x100 {
            forms.extend([format!("\\x{code:02x}"), format!("\\x{code:02X}"), format!("&#{code};")]);
        }
        let named: &[&str] = match c {
            ' ' => &["+"],
            '"' => &["\\\"", "&quot;"],
            '&' => &["&amp;"],
            '\'' => &["\\'", "'\\''", "&apos;"],
            '/' => &["\\/"],
            '<' => &["&lt;"],
            '>' => &["&gt;"],
            '\\' => &["\\\\"],
            '`' => &["\\`"],
            '\u{8}' => &["\\b"],
            '\t' => &["\\t"],
            '\n' => &["\\n"],
            '\u{b}' => &["\\v"],
            '\u{c}' => &["\\f"],
            '\r' => &["\\r"],
            _ => &[],
        };
        forms.extend(named.iter().map(|&form| form.to_owned()));
    }
    let mut level = forms.clone();
    for _ in 1..LEVELS {
        level = level.iter().map(|form| form.replace('\\', "\\\\").replace('"', "\\\"")).collect();
        forms.extend_from_slice(&level);
    }
    forms.sort_unstable();
    forms.dedup();
    forms.into_iter().map(String::into_bytes).collect()
}

/// What stays the same of a value's base64 wherever it stands in a text, with so many bytes before it (of three). The last
/// character has a part of what follows.
fn base64(value: &[u8], before: usize) -> Vec<Vec<Vec<u8>>> {
    let mut bytes = Zeroizing::new(vec![0; before]);
    bytes.extend_from_slice(value);
    let encoded = Zeroizing::new(STANDARD_NO_PAD.encode(&*bytes).into_bytes());
    let (start, bits) = ((before * 8).div_ceil(6), bytes.len() * 8);
    let whole = bits / 6;
    if whole < start + SHORTEST_BASE64 {
        return vec![];
    }
    let written = |byte: &u8| match byte {
        b'+' => vec![b"+".to_vec(), b"-".to_vec(), b"%2B".to_vec(), b"%2b".to_vec()],
        b'/' => vec![b"/".to_vec(), b"_".to_vec(), b"\\/".to_vec(), b"%2F".to_vec(), b"%2f".to_vec()],
        byte => vec![vec![*byte]],
    };
    let mut places: Vec<_> = encoded[start..whole].iter().map(written).collect();
    if let Some(last) = encoded.get(whole) {
        let known = ALPHABET.iter().position(|byte| byte == last).unwrap_or_default();
        let open = 1 << (6 - bits % 6);
        places.push(ALPHABET[known..known + open].iter().flat_map(written).collect());
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(values: &[&str], pieces: &[&str]) -> String {
        let mut mask = Mask::new(values.iter().copied());
        let mut masked: Vec<u8> = pieces.iter().flat_map(|piece| mask.push(piece.as_bytes())).collect();
        masked.extend(mask.finish());
        String::from_utf8(masked).unwrap()
    }

    #[test]
    fn a_value_is_masked_in_whatever_pieces_it_comes() {
        let text = "password=hunter22, again hunter22.";
        for size in 1..text.len() {
            let pieces: Vec<&str> =
                text.as_bytes().chunks(size).map(|piece| std::str::from_utf8(piece).unwrap()).collect();
            assert_eq!(masked(&["hunter22"], &pieces), "password=[REDACTED], again [REDACTED].", "{size}");
        }
    }

    #[test]
    fn the_longest_value_wins_and_what_only_starts_like_one_is_shown() {
        assert_eq!(masked(&["abcd", "abcdef"], &["abcd", "ef abcd abc"]), "[REDACTED] [REDACTED] abc");
        assert_eq!(masked(&["aabaab"], &["aabaaabaab"]), "aaba[REDACTED]");
        assert_eq!(masked(&["2"], &["port 5432"]), "port 5432");
    }

    #[test]
    fn a_prompt_without_a_line_end_is_shown_at_once() {
        assert_eq!(Mask::new(["hunter22"]).push(b"Continue? "), b"Continue? ");
    }

    /// As `JSON.stringify`, Python's `json.dumps`, `util.inspect`, `encodeURIComponent`, a form and a shell write it.
    #[test]
    fn a_value_is_masked_as_programs_write_it() {
        let value = "p\"ss\\w'rd/\u{f3} \n\u{1f600}&<";
        for written in [
            r#"p\"ss\\w'rd/ó \n😀&<"#,
            r#"p\"ss\\w'rd\/\u00f3 \n\ud83d\ude00&<"#,
            r#"p\"ss\\w'rd/\u00F3 \n\uD83D\uDE00\u0026\u003C"#,
            r#"p\\\"ss\\\\w'rd/ó \\n😀&<"#,
            r#"p"ss\\w\'rd/ó \n😀&<"#,
            "p%22ss%5Cw'rd%2F%C3%B3%20%0A%F0%9F%98%80%26%3C",
            "p%22ss%5cw%27rd/%c3%b3+%0a%f0%9f%98%80%26%3c",
            "p%2522ss%255Cw%2527rd%252F%25C3%25B3%2520%250A%25F0%259F%2598%2580%2526%253C",
            "p&quot;ss\\w&#39;rd/ó \n😀&amp;&lt;",
            "p\"ss\\w'\\''rd/ó \n😀&<",
            r#"p"ss\\w\'rd/\xc3\xb3 \n\xf0\x9f\x98\x80&<"#,
            r#"p"ss\\w\'rd/\303\263 \n\360\237\230\200&<"#,
        ] {
            assert_eq!(masked(&[value], &["<", written, ">"]), "<[REDACTED]>", "{written}");
        }
    }

    #[test]
    fn a_value_is_masked_in_base64_wherever_it_stands() {
        let value = "hunter2>?hunter2";
        for before in ["", "u", "us", "user:", "another:"] {
            for after in ["", "a", "ab", "\u{ff}\u{ff}"] {
                let text = format!("{before}{value}{after}");
                let encoded = base64::engine::general_purpose::STANDARD.encode(&text);
                let url_safe = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&text);
                for encoded in [encoded, url_safe] {
                    let shown = masked(&[value], &["Basic ", &encoded, "\n"]);
                    let left = shown.replace("Basic ", "").replace("[REDACTED]", "");
                    assert!(shown.contains("[REDACTED]"), "{shown}");
                    // What is left holds what stood around it, and at its start four bits of the value at most.
                    assert!(left.trim().len() <= (before.len() + after.len()) * 8 / 6 + 5, "{shown}");
                }
            }
        }
    }

    #[test]
    fn each_line_of_a_value_is_masked_but_what_every_key_has() {
        let key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2Vw\nBCIEIJ+DYvh6SEqV\n-----END PRIVATE KEY-----";
        let shown = "'-----BEGIN PRIVATE KEY-----\\n' +\n  '[REDACTED]\\n' +\n  '[REDACTED]\\n'";
        let inspected =
            shown.replacen("[REDACTED]", "MC4CAQAwBQYDK2Vw", 1).replacen("[REDACTED]", "BCIEIJ+DYvh6SEqV", 1);
        assert_eq!(masked(&[key], &[&inspected]), shown);
    }
}
