//! Calls itself until its stack ends.

use guest::{Guest, export};

struct Recurse;

impl Guest for Recurse {
    fn run(argument: String) -> Result<String, String> {
        Ok(format!("{}", descend(argument.len())))
    }
}

/// What is added after the call keeps the compiler from making it a loop.
fn descend(depth: usize) -> usize {
    if depth == usize::MAX { depth } else { std::hint::black_box(descend(std::hint::black_box(depth + 1))) - 1 }
}

export!(Recurse);
