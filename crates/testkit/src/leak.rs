//! The leak probe: a canary goes in as a value, and nothing that is printed may hold a part of it.

/// Forty characters that occur nowhere else.
pub const CANARY: &str = "Zq7Xw9Kv3Jp5Hy8Gf2Dn4Ms6Lb1Rt0Cc9Ea7Ui5O";

/// Whether the text holds four characters of the canary in a row.
#[must_use]
pub fn shows_canary(text: &str) -> bool {
    (0..=CANARY.len() - 4).any(|start| text.contains(&CANARY[start..start + 4]))
}

/// Panics if the text holds four characters of the canary in a row. The message does not repeat them.
///
/// # Panics
///
/// If the text leaks.
pub fn assert_no_leak(text: &str, place: &str) {
    assert!(!shows_canary(text), "{place} shows a part of a secret");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_characters_are_a_leak() {
        assert_no_leak("nothing of it, not even Zq7", "a text");
        let leak = std::panic::catch_unwind(|| assert_no_leak("say Kv3J and enter", "a text"));
        assert!(leak.is_err());
    }
}
