//! Allocates until its host ends it.

use guest::{Guest, export};

struct Allocate;

impl Guest for Allocate {
    fn run(_: String) -> Result<String, String> {
        let mut hoard = vec![];
        loop {
            hoard.push(std::hint::black_box(vec![1_u8; 1 << 20]));
        }
    }
}

export!(Allocate);
