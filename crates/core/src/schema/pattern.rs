//! Patterns of texts: the part of ECMAScript's regular expressions that JSON Schema advises, which every runtime reads the
//! same. Matched in time linear in the text, whatever the pattern, by following all ways at once.
//!
//! A crate for it would be a quarter of the component.

/// A pattern, ready to be matched.
#[derive(Debug)]
pub(crate) struct Pattern(Vec<Step>);

/// More steps than this are a mistake, or an attack on the program that reads the options.
const LONGEST: usize = 1000;

#[derive(Clone, Debug)]
enum Step {
    Either(usize, usize),
    End,
    Go(usize),
    One(Set),
    Start,
}

/// The characters of these ranges, or all others.
#[derive(Clone, Debug, Default)]
struct Set {
    is_negated: bool,
    ranges: Vec<(char, char)>,
}

#[derive(Clone)]
enum Node {
    Either(Vec<Node>),
    End,
    One(Set),
    Repeat(Box<Node>, usize, Option<usize>),
    Row(Vec<Node>),
    Start,
}

const DIGITS: &[(char, char)] = &[('0', '9')];
const LINE_ENDS: &[(char, char)] = &[('\n', '\n'), ('\r', '\r'), ('\u{2028}', '\u{2029}')];
const SPACES: &[(char, char)] = &[
    ('\t', '\r'),
    (' ', ' '),
    ('\u{a0}', '\u{a0}'),
    ('\u{1680}', '\u{1680}'),
    ('\u{2000}', '\u{200a}'),
    ('\u{2028}', '\u{2029}'),
    ('\u{202f}', '\u{202f}'),
    ('\u{205f}', '\u{205f}'),
    ('\u{3000}', '\u{3000}'),
    ('\u{feff}', '\u{feff}'),
];
const WORDS: &[(char, char)] = &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];

impl Pattern {
    /// Reads a pattern; the error says what of it is not known.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let mut parser = Parser { rest: text, depth: 0 };
        let node = parser.either()?;
        if !parser.rest.is_empty() {
            return Err("has a ) without a (");
        }
        let mut steps = vec![];
        emit(&node, &mut steps)?;
        Ok(Self(steps))
    }

    /// Whether any part of the text matches.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let mut ways = Ways::new(self.0.len());
        let mut characters = text.chars();
        let mut is_start = true;
        loop {
            let next = characters.next();
            // It may match from here on.
            if self.follow(&mut ways, 0, is_start, next.is_none()) {
                return true;
            }
            let Some(next) = next else { return false };
            let reached = std::mem::replace(&mut ways, Ways::new(self.0.len()));
            is_start = false;
            let is_last = characters.as_str().is_empty();
            for at in reached.list {
                if let Step::One(set) = &self.0[at]
                    && set.has(next)
                    && self.follow(&mut ways, at + 1, false, is_last)
                {
                    return true;
                }
            }
        }
    }

    /// Adds every step that is reached from one without a character; true at the pattern's end.
    fn follow(&self, ways: &mut Ways, from: usize, is_start: bool, is_end: bool) -> bool {
        let mut open = vec![from];
        while let Some(at) = open.pop() {
            let Some(step) = self.0.get(at) else { return true };
            if std::mem::replace(&mut ways.is_reached[at], true) {
                continue;
            }
            match step {
                Step::Either(one, other) => open.extend([*other, *one]),
                Step::End if is_end => open.push(at + 1),
                Step::Go(to) => open.push(*to),
                Step::One(_) => ways.list.push(at),
                Step::Start if is_start => open.push(at + 1),
                Step::End | Step::Start => {}
            }
        }
        false
    }
}

/// The steps that are waiting for a character.
struct Ways {
    list: Vec<usize>,
    is_reached: Vec<bool>,
}

impl Ways {
    fn new(steps: usize) -> Self {
        Self { list: vec![], is_reached: vec![false; steps] }
    }
}

impl Set {
    fn of(ranges: &[(char, char)], is_negated: bool) -> Self {
        Self { is_negated, ranges: ranges.to_vec() }
    }

    fn has(&self, character: char) -> bool {
        self.ranges.iter().any(|(first, last)| (*first..=*last).contains(&character)) != self.is_negated
    }
}

fn emit(node: &Node, steps: &mut Vec<Step>) -> Result<(), &'static str> {
    if steps.len() > LONGEST {
        return Err("is too large: repeat less");
    }
    match node {
        Node::Either(ways) => {
            let mut ends = vec![];
            for (index, way) in ways.iter().enumerate() {
                let is_last = index + 1 == ways.len();
                let fork = steps.len();
                if !is_last {
                    steps.push(Step::Either(fork + 1, 0));
                }
                emit(way, steps)?;
                if !is_last {
                    ends.push(steps.len());
                    steps.push(Step::Go(0));
                    steps[fork] = Step::Either(fork + 1, steps.len());
                }
            }
            let end = steps.len();
            for at in ends {
                steps[at] = Step::Go(end);
            }
        }
        Node::End => steps.push(Step::End),
        Node::One(set) => steps.push(Step::One(set.clone())),
        Node::Repeat(node, least, most) => {
            for _ in 0..*least {
                emit(node, steps)?;
            }
            match most {
                None => {
                    let fork = steps.len();
                    steps.push(Step::Either(fork + 1, 0));
                    emit(node, steps)?;
                    steps.push(Step::Go(fork));
                    steps[fork] = Step::Either(fork + 1, steps.len());
                }
                Some(most) => {
                    let mut forks = vec![];
                    for _ in *least..*most {
                        forks.push(steps.len());
                        steps.push(Step::Either(0, 0));
                        emit(node, steps)?;
                    }
                    let end = steps.len();
                    for at in forks {
                        steps[at] = Step::Either(at + 1, end);
                    }
                }
            }
        }
        Node::Row(nodes) => nodes.iter().try_for_each(|node| emit(node, steps))?,
        Node::Start => steps.push(Step::Start),
    }
    Ok(())
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl Parser<'_> {
    fn take(&mut self, start: &str) -> bool {
        let rest = self.rest.strip_prefix(start);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.rest.chars().next()?;
        self.rest = &self.rest[next.len_utf8()..];
        Some(next)
    }

    fn either(&mut self) -> Result<Node, &'static str> {
        let mut ways = vec![self.row()?];
        while self.take("|") {
            ways.push(self.row()?);
        }
        Ok(Node::Either(ways))
    }

    fn row(&mut self) -> Result<Node, &'static str> {
        let mut nodes = vec![];
        while !self.rest.is_empty() && !self.rest.starts_with(['|', ')']) {
            let node = self.one()?;
            nodes.push(self.repeated(node)?);
        }
        Ok(Node::Row(nodes))
    }

    fn one(&mut self) -> Result<Node, &'static str> {
        Ok(match self.next() {
            Some('^') => Node::Start,
            Some('$') => Node::End,
            Some('.') => Node::One(Set::of(LINE_ENDS, true)),
            Some('[') => Node::One(self.set()?),
            Some('\\') => Node::One(self.escaped()?),
            Some('(') => {
                if !self.take("?:") && self.rest.starts_with('?') {
                    return Err("has a group that looks around or has a name, which is not supported");
                }
                self.depth += 1;
                if self.depth > 50 {
                    return Err("has too many groups in groups");
                }
                let node = self.either()?;
                self.depth -= 1;
                if !self.take(")") {
                    return Err("has a ( without a )");
                }
                node
            }
            Some('*' | '+' | '?' | '{' | '}' | ']') => {
                return Err("repeats nothing, or has a bracket without a backslash");
            }
            Some(character) => Node::One(Set::of(&[(character, character)], false)),
            None => return Err("ends too early"),
        })
    }

    fn repeated(&mut self, node: Node) -> Result<Node, &'static str> {
        let (least, most) = if self.take("*") {
            (0, None)
        } else if self.take("+") {
            (1, None)
        } else if self.take("?") {
            (0, Some(1))
        } else if self.take("{") {
            let (bounds, rest) = self.rest.split_once('}').ok_or("has a { without a }")?;
            self.rest = rest;
            let number = |text: &str| text.parse().map_err(|_| "has bounds that are no numbers");
            match bounds.split_once(',') {
                None => (number(bounds)?, Some(number(bounds)?)),
                Some((least, "")) => (number(least)?, None),
                Some((least, most)) => (number(least)?, Some(number(most)?)),
            }
        } else {
            return Ok(node);
        };
        if most.is_some_and(|most| most < least) || least > LONGEST || most.is_some_and(|most| most > LONGEST) {
            return Err("has bounds in the wrong order, or too large");
        }
        // Whether it takes much or little first makes no difference to whether it matches.
        self.take("?");
        if self.rest.starts_with(['*', '+', '?', '{']) {
            return Err("repeats what is repeated: put it in a group");
        }
        Ok(Node::Repeat(Box::new(node), least, most))
    }

    fn set(&mut self) -> Result<Set, &'static str> {
        let mut set = Set { is_negated: self.take("^"), ranges: vec![] };
        loop {
            let first = match self.next().ok_or("has a [ without a ]")? {
                ']' => return Ok(set),
                '\\' => match self.escaped()? {
                    Set { is_negated: false, ranges } => ranges,
                    Set { .. } => return Err("has \\D, \\S or \\W inside of [], which is not supported"),
                },
                character => vec![(character, character)],
            };
            let is_range = self.rest.starts_with('-') && !self.rest.starts_with("-]");
            if let ([(first, last)], true) = (first.as_slice(), is_range)
                && first == last
            {
                self.take("-");
                let to = match self.next().ok_or("has a [ without a ]")? {
                    '\\' => match self.escaped()?.ranges.as_slice() {
                        [(one, other)] if one == other => *one,
                        _ => return Err("has a range that ends in a class"),
                    },
                    character => character,
                };
                if to < *first {
                    return Err("has a range in the wrong order");
                }
                set.ranges.push((*first, to));
            } else {
                set.ranges.extend(first);
            }
        }
    }

    fn escaped(&mut self) -> Result<Set, &'static str> {
        let one = |character| Ok(Set::of(&[(character, character)], false));
        match self.next().ok_or("ends in a backslash")? {
            'd' => Ok(Set::of(DIGITS, false)),
            'D' => Ok(Set::of(DIGITS, true)),
            's' => Ok(Set::of(SPACES, false)),
            'S' => Ok(Set::of(SPACES, true)),
            'w' => Ok(Set::of(WORDS, false)),
            'W' => Ok(Set::of(WORDS, true)),
            'f' => one('\u{c}'),
            'n' => one('\n'),
            'r' => one('\r'),
            't' => one('\t'),
            'v' => one('\u{b}'),
            letter @ ('u' | 'x') => {
                let length = if letter == 'u' { 4 } else { 2 };
                let digits = self.rest.get(..length).ok_or("has \\u or \\x without its digits")?;
                let number = u32::from_str_radix(digits, 16).map_err(|_| "has \\u or \\x without its digits")?;
                self.rest = &self.rest[length..];
                one(char::from_u32(number).ok_or("has half of a character")?)
            }
            character if character.is_ascii_punctuation() => one(character),
            _ => Err("has an escape that is not supported"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_javascript() {
        for (pattern, yes, no) in [
            ("", &["", "a"][..], &[][..]),
            ("b", &["abc"], &["ac"]),
            ("^EAA[A-Za-z0-9]+$", &["EAAb1"], &["EAA", "xEAAb", "EAAb!", "EAAb\n"]),
            (r"^\d{4}-\d{2}$", &["2026-11"], &["2026-1", "2026-111", "٢٠٢٦-11"]),
            ("^(?:a|bc)*$", &["", "abca"], &["ab"]),
            ("^(a|b)?c{2,}$", &["cc", "bccc"], &["c", "abcc"]),
            (r"^[^\s/]+/\S*$", &["a/", "a/b"], &["/", "a b/"]),
            (r"^[\w.-]{1,3}$", &["a.-"], &["", "a.-b", "a b"]),
            (r"\.$|^\u00e9\x41", &["a.", "éA"], &["a"]),
            ("^.$", &["é", "😀"], &["\n", "ab"]),
            ("^a*?b", &["aab"], &["aac"]),
            ("^(a+)+$", &["aaaa"], &["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"]),
            ("[]-]", &[], &["a"]),
        ] {
            let Ok(read) = Pattern::parse(pattern) else {
                assert_eq!(pattern, "[]-]");
                continue;
            };
            assert!(yes.iter().all(|text| read.matches(text)), "{pattern}");
            assert!(!no.iter().any(|text| read.matches(text)), "{pattern}");
        }
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let deep = "(".repeat(60) + &")".repeat(60);
        for pattern in [
            "(",
            ")",
            "[a",
            "a{2",
            "a{3,2}",
            "*",
            "a**",
            r"\b",
            r"\1",
            "(?=a)",
            "(?<n>a)",
            r"[\D]",
            "[b-a]",
            "a{2000}",
            "(a{500}){500}",
            &deep,
            r"\u12",
        ] {
            assert!(Pattern::parse(pattern).is_err(), "{pattern}");
        }
    }
}
