//! What a process still holds: the probe reads its memory through `/proc`.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use crate::leak::CANARY;

/// Where the canary lies in the writable memory of a process, by region (`[heap]`, `[stack]`, a library, `anonymous`).
/// The canary itself is a constant of the program, so read-only memory is not looked at.
///
/// # Panics
///
/// If the process cannot be looked into.
pub fn canaries(pid: u32) -> Vec<String> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("the process is there");
    let memory = File::open(format!("/proc/{pid}/mem")).expect("a child's memory can be read");
    let mut found = vec![];
    for line in maps.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let name = fields.get(5).copied().unwrap_or("anonymous");
        if !fields[1].starts_with("rw") || name == "[vvar]" {
            continue;
        }
        let (start, end) = fields[0].split_once('-').expect("a range");
        let parse = |text: &str| u64::from_str_radix(text, 16).expect("an address");
        let (start, end) = (parse(start), parse(end));
        let mut bytes = vec![0; usize::try_from(end - start).expect("it fits")];
        // What was never touched cannot be read, and holds nothing.
        if memory.read_exact_at(&mut bytes, start).is_ok() {
            let hits = bytes.windows(CANARY.len()).filter(|window| *window == CANARY.as_bytes()).count();
            found.extend(std::iter::repeat_n(name.to_owned(), hits));
        }
    }
    found
}
