//! What names need everywhere: the near one of a mistyped one, and their form in a JSON pointer.

/// The known name that a mistyped one most likely means.
pub(crate) fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    known
        .map(|near| (strsim::normalized_damerau_levenshtein(&name.to_lowercase(), &near.to_lowercase()), near))
        .filter(|(similarity, _)| *similarity > 0.6)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, near)| near)
}

/// A name as it stands in a JSON pointer (RFC 6901).
pub(crate) fn escape_pointer(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
