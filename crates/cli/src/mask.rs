//! Replaces secret values in a stream of bytes, also where a value comes in pieces.

use zeroize::Zeroizing;

const MASK: &[u8] = b"[REDACTED]";
/// Shorter values occur in any output by chance.
const SHORTEST: usize = 4;

/// Holds back only what may be the start of a value: a prompt without a line end comes through at once.
pub(crate) struct Mask {
    values: Vec<Zeroizing<Vec<u8>>>,
    held: Zeroizing<Vec<u8>>,
}

impl Mask {
    /// Masks these values; the longest that fits wins.
    pub(crate) fn new<'v>(values: impl IntoIterator<Item = &'v str>) -> Self {
        let values = values.into_iter().filter(|value| value.len() >= SHORTEST);
        let mut values: Vec<_> = values.map(|value| Zeroizing::new(value.as_bytes().to_vec())).collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Self { values, held: Zeroizing::default() }
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
            // The rest may be the start of a longer value: wait for more bytes.
            if !is_end && self.values.iter().any(|value| value.len() > rest.len() && value.starts_with(rest)) {
                break;
            }
            if let Some(value) = self.values.iter().find(|value| rest.starts_with(value)) {
                masked.extend_from_slice(MASK);
                at += value.len();
            } else {
                masked.push(rest[0]);
                at += 1;
            }
        }
        self.held.drain(..at);
        masked
    }
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
}
