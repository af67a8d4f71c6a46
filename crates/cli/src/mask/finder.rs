//! Finds values in a stream without showing them, as `Mask` knows them written. It searches for a run of letters and digits
//! of each value, which every program writes as they are, and looks at what is around it only where that is found: so that a
//! long history takes seconds, and memory does not grow with it.

use aho_corasick::AhoCorasick;
use zeroize::Zeroizing;

use super::Mask;

/// Shorter values occur in sources by chance.
pub(crate) const SHORTEST: usize = 8;
/// A run this long is rare enough.
const RUN: usize = 6;
/// No more of a run is searched for.
const LONGEST_RUN: usize = 12;

/// Looks for values.
pub(crate) struct Finder {
    mask: Mask,
    /// The value of each pattern.
    values: Vec<usize>,
    /// How many values there are.
    count: usize,
    runs: AhoCorasick,
    /// Of each run, its pattern and how many bytes of it may stand before the run.
    leads: Vec<(usize, usize)>,
    /// The most bytes that a pattern fits.
    longest: usize,
}

/// One stream.
pub(crate) struct Stream<'f> {
    finder: &'f Finder,
    held: Zeroizing<Vec<u8>>,
    /// How many bytes of it are searched.
    searched: usize,
    /// Of the first byte held.
    line: usize,
    offset: u64,
    /// The line in which each value was found last.
    found: Vec<usize>,
}

/// Where a value is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Hit {
    /// Which of the values.
    pub(crate) value: usize,
    /// From 1.
    pub(crate) line: usize,
    /// In bytes, from 0.
    pub(crate) offset: u64,
}

impl Finder {
    /// Looks for these values; those that are too short are not looked for.
    pub(crate) fn new<'v>(values: impl IntoIterator<Item = &'v str>) -> Self {
        let (mut mask, mut owners) = (Mask::default(), vec![]);
        for (index, value) in values.into_iter().enumerate().filter(|(_, value)| value.len() >= SHORTEST) {
            mask.add_value(value);
            owners.resize(mask.patterns.len(), index);
        }
        let (mut runs, mut leads) = (Zeroizing::new(vec![]), vec![]);
        for (index, pattern) in mask.patterns.iter().enumerate() {
            let widest = |place: &usize| mask.places[*place].iter().map(Vec::len).max().unwrap_or_default();
            let (start, end) = run(&mask, pattern);
            let lead = pattern[..start].iter().map(widest).sum();
            if start == end {
                for form in pattern.first().into_iter().flat_map(|first| &mask.places[*first]) {
                    runs.push(form.clone());
                    leads.push((index, 0));
                }
                continue;
            }
            runs.push(pattern[start..end.min(start + LONGEST_RUN)].iter().map(|it| mask.places[*it][0][0]).collect());
            leads.push((index, lead));
        }
        let widest = |place: &usize| mask.places[*place].iter().map(Vec::len).max().unwrap_or_default();
        let longest = mask.patterns.iter().map(|it| it.iter().map(widest).sum()).max().unwrap_or_default();
        // Building fails only where the runs together have more than two billion bytes.
        let runs =
            AhoCorasick::new(&*runs).unwrap_or_else(|_| AhoCorasick::new([""; 0]).unwrap_or_else(|_| unreachable!()));
        let count = owners.last().map_or(0, |last| last + 1);
        Self { mask, values: owners, count, runs, leads, longest }
    }

    /// Begins a stream.
    pub(crate) fn stream(&self) -> Stream<'_> {
        Stream { finder: self, held: Zeroizing::default(), searched: 0, line: 1, offset: 0, found: vec![0; self.count] }
    }
}

/// Where a pattern has its first run of single letters and digits that is long enough, or else its longest.
fn run(mask: &Mask, pattern: &[usize]) -> (usize, usize) {
    let is_plain = |place: &usize| matches!(&mask.places[*place][..], [form] if form.len() == 1);
    let (mut best, mut start) = ((0, 0), 0);
    for end in 0..=pattern.len() {
        if end < pattern.len() && is_plain(&pattern[end]) {
            continue;
        }
        if end - start > best.1 - best.0 {
            best = (start, end);
        }
        if best.1 - best.0 >= RUN {
            break;
        }
        start = end + 1;
    }
    best
}

fn newlines(bytes: &[u8]) -> usize {
    bytes.split(|byte| *byte == b'\n').count() - 1
}

impl Stream<'_> {
    /// Takes in bytes, and returns what is found by now: a value once for each line.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<Hit> {
        self.held.extend_from_slice(bytes);
        // A pattern whose run is found here has its end here, too.
        let limit = self.held.len().saturating_sub(self.finder.longest);
        self.search(limit)
    }

    /// At the end of the stream: returns the rest.
    pub(crate) fn finish(mut self) -> Vec<Hit> {
        let limit = self.held.len();
        self.search(limit)
    }

    fn search(&mut self, limit: usize) -> Vec<Hit> {
        let Finder { mask, values, runs, leads, longest, .. } = self.finder;
        let mut hits: Vec<Hit> = vec![];
        if limit <= self.searched {
            return hits;
        }
        let newlines = |from: usize, to: usize| newlines(&self.held[from..to]);
        let (mut counted, mut line) = (0, self.line);
        for found in runs.find_overlapping_iter(&self.held[self.searched..]) {
            let at = self.searched + found.start();
            if at >= limit {
                continue;
            }
            let (pattern, lead) = leads[found.pattern().as_usize()];
            let fits = |start: &usize| {
                let whole = mask.fit(&mask.patterns[pattern], &self.held[*start..]).whole;
                whole.is_some_and(|length| start + length > at)
            };
            let Some(start) = (at.saturating_sub(lead)..=at).rev().find(fits) else { continue };
            line = if start < counted { line - newlines(start, counted) } else { line + newlines(counted, start) };
            counted = start;
            let value = values[pattern];
            if self.found[value] < line {
                self.found[value] = line;
                hits.push(Hit { value, line, offset: self.offset + start as u64 });
            }
        }
        // Of what follows, the start may be here.
        let gone = limit.saturating_sub(*longest);
        self.line += self::newlines(&self.held[..gone]);
        self.offset += gone as u64;
        self.held.drain(..gone);
        self.searched = limit - gone;
        hits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Value and line of each hit, the stream in pieces of this size.
    fn found(values: &[&str], text: &str, size: usize) -> Vec<(usize, usize)> {
        let finder = Finder::new(values.iter().copied());
        let mut stream = finder.stream();
        let mut hits: Vec<Hit> = text.as_bytes().chunks(size).flat_map(|piece| stream.push(piece)).collect();
        hits.extend(stream.finish());
        hits.iter().map(|hit| (hit.value, hit.line)).collect()
    }

    #[test]
    fn a_value_is_found_in_whatever_pieces_it_comes() {
        let text = "\n\nx=hunter22-hunter22 y\nhunter2\n\"!!hunter33\"\n";
        for size in 1..text.len() {
            assert_eq!(found(&["hunter22", "!!hunter33"], text, size), [(0, 3), (1, 5)], "{size}");
        }
    }

    #[test]
    fn a_value_is_found_as_programs_write_it() {
        let value = "p\"ss\\w'rd/\u{f3} \n\u{1f600}&<word12";
        let plain = "!\"/&%$!\"/&";
        for written in [
            r#"p\"ss\\w'rd/ó \n😀&<word12"#,
            "p%22ss%5Cw'rd%2F%C3%B3%20%0A%F0%9F%98%80%26%3Cword12",
            "p&quot;ss\\w&#39;rd/ó \n😀&amp;&lt;word12",
        ] {
            assert_eq!(found(&[value, plain], &format!("\n<{written}>"), 7), [(0, 2)], "{written}");
        }
        assert_eq!(found(&[value, plain], "a %21%22%2F%26%25%24%21%22%2F%26", 3), [(1, 1)]);
        for before in ["", "u", "us", "user:"] {
            use base64::Engine as _;
            let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{before}{value}"));
            assert_eq!(found(&[value], &format!("Basic {encoded}"), 11), [(0, 1)], "{before}");
        }
    }

    #[test]
    fn a_short_value_is_not_looked_for_and_lines_of_a_key_are() {
        let key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2Vw\nBCIEIJ+DYvh6SEqV\n-----END PRIVATE KEY-----";
        assert_eq!(found(&["5432123", key], "5432123\nx\nBCIEIJ+DYvh6SEqV", 64), [(1, 3)]);
    }

    #[test]
    fn memory_does_not_grow_with_the_stream() {
        let finder = Finder::new(["hunter22hunter22"]);
        let mut stream = finder.stream();
        let piece = "hunter2 ".repeat(10_000);
        for _ in 0..100 {
            assert_eq!(stream.push(piece.as_bytes()), []);
        }
        assert!(stream.held.len() < 2 * finder.longest + 1 && stream.held.capacity() < 4 * piece.len());
        assert_eq!(stream.push(b"hunter22hunter22"), []);
        assert_eq!(stream.finish().len(), 1);
    }
}
