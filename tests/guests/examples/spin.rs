//! Loops until its host ends it.

use guest::{Guest, export};

struct Spin;

impl Guest for Spin {
    fn run(_: String) -> Result<String, String> {
        loop {
            std::hint::black_box(());
        }
    }
}

export!(Spin);
