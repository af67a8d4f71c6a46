//! All output: one report on standard output, as text for people or as one JSON document; notes and questions on standard
//! error. Nothing else prints.

use std::cell::Cell;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write, stderr, stdout};

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use permisos_secrets_core::{Error, ErrorKind, Violation};
use rustix::termios::tcgetwinsize;
use serde::Serialize;
use serde_json::Value;

use crate::global::{Color, Global};

pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const STRONG: Style = Style::new().bold();
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();

/// Between two columns.
const GAP: usize = 2;
/// A wrapped table row continues below the second column, if that starts no further right than this.
const LARGEST_INDENT: usize = 24;
/// Moves to the start of the line and clears it.
const FRESH_LINE: &str = "\r\u{1b}[K";

/// What a command found: as JSON by `Serialize`, as text by `page`.
pub(crate) trait Report: Serialize {
    /// Writes the text.
    fn page(&self, page: &mut Page);
}

/// Where reports, notes and errors go.
pub(crate) struct Output {
    is_json: bool,
    color: ColorChoice,
    /// Whether the last line on standard error is a progress message, for the next output to replace.
    in_progress: Cell<bool>,
    unwritten: Cell<Option<io::ErrorKind>>,
}

impl Output {
    pub(crate) fn new(global: &Global) -> Self {
        let color = match global.color {
            Color::Always => ColorChoice::Always,
            Color::Auto => ColorChoice::Auto,
            Color::Never => ColorChoice::Never,
        };
        Self { is_json: global.json, color, in_progress: Cell::default(), unwritten: Cell::default() }
    }

    /// Prints what a command found.
    pub(crate) fn report(&self, report: &impl Report) {
        if self.is_json {
            self.text(&format!("{}\n", serde_json::to_string_pretty(report).unwrap_or_default()));
        } else {
            let mut page = Page { text: String::new(), width: width() };
            report.page(&mut page);
            let mut out = AutoStream::new(stdout().lock(), self.color(stdout().is_terminal()));
            self.write(&mut out, &page.text);
        }
    }

    /// Prints text as it is: a document that goes into a file, or the one value that was asked for.
    pub(crate) fn text(&self, text: &str) {
        self.write(&mut stdout().lock(), text);
    }

    fn write(&self, out: &mut impl Write, text: &str) {
        self.clear();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            // A reader such as `head` closes the pipe when it has read enough: that is fine.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => self.unwritten.set(Some(error.kind())),
            _ => {}
        }
    }

    /// Why the report could not be written, such as a full disk: a cut-off file must not pass for the whole report.
    pub(crate) fn unwritten(&self) -> Option<Error> {
        let why = self.unwritten.get()?;
        Some(Error::new(ErrorKind::Unavailable, format!("standard output cannot be written ({why})")))
    }

    /// Shows a person at a terminal what is under way, until the next output replaces it.
    pub(crate) fn progress(&self, what: impl Display) {
        let is_dumb = std::env::var_os("TERM").is_none_or(|kind| kind == "dumb");
        if self.is_json || is_dumb || !stderr().is_terminal() {
            return;
        }
        let _ = write!(stderr().lock(), "{FRESH_LINE}{what}");
        self.in_progress.set(true);
    }

    /// Takes the progress away.
    pub(crate) fn clear(&self) {
        if self.in_progress.take() {
            let _ = write!(stderr().lock(), "{FRESH_LINE}");
        }
    }

    /// Prints a JSON document that is meant for another program.
    pub(crate) fn document(&self, document: &Value) {
        self.text(&format!("{document:#}\n"));
    }

    /// Prints a document in a language of its own; with `--json` as JSON text.
    pub(crate) fn foreign(&self, document: &str) {
        if self.is_json {
            self.document(&serde_json::json!({ "document": document }));
        } else {
            self.text(document);
        }
    }

    /// Prints a remark beside the report, on standard error.
    pub(crate) fn note(&self, note: impl Display) {
        self.clear();
        let mut err = AutoStream::new(stderr().lock(), self.color(stderr().is_terminal()));
        let _ = writeln!(err, "{}", tame(&note.to_string()));
    }

    /// Prints why a command failed.
    pub(crate) fn error(&self, error: &Error) {
        if self.is_json {
            self.note(serde_json::json!({ "error": error }));
        } else {
            self.note(format_args!("{BAD}error{BAD:#} {}\n{error}", error.kind()));
        }
    }

    /// Whether reports are JSON: then commands must not prompt.
    pub(crate) fn is_json(&self) -> bool {
        self.is_json
    }

    /// The choice of `--color`; on `auto`, colours depend on `NO_COLOR` and on whether this is a terminal.
    fn color(&self, is_terminal: bool) -> ColorChoice {
        match self.color {
            ColorChoice::Auto if !is_terminal => ColorChoice::Never,
            choice => choice,
        }
    }
}

/// The text of a report.
pub(crate) struct Page {
    text: String,
    /// The terminal's columns; none without a terminal: tables are as wide as they need to be.
    width: Option<usize>,
}

impl Page {
    /// A title, with an empty line before it.
    pub(crate) fn heading(&mut self, title: impl Display) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.line(format_args!("{STRONG}{title}{STRONG:#}"));
    }

    /// A line.
    pub(crate) fn line(&mut self, line: impl Display) {
        self.text.push_str(&tame(&line.to_string()));
        self.text.push('\n');
    }

    /// A table in plain columns, easy to search and copy. On a narrow terminal the last columns wrap to the next line, below
    /// the second column; no cell is broken or cut.
    pub(crate) fn table(&mut self, titles: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
        let mut table: Vec<Vec<String>> = vec![titles.iter().map(|title| paint(DIM, title)).collect()];
        let plain = |row: Vec<String>| -> Vec<String> { row.iter().map(|cell| tame(cell).replace('\n', "")).collect() };
        table.extend(rows.into_iter().map(plain));
        let widths: Vec<usize> =
            (0..titles.len()).map(|at| table.iter().map(|row| columns(&row[at])).max().unwrap_or_default()).collect();
        let indent = widths.first().map(|first| first + GAP).filter(|it| *it <= LARGEST_INDENT).unwrap_or(GAP);
        let mut used = 0;
        let breaks: Vec<bool> = (widths.iter().enumerate())
            .map(|(at, column)| {
                let is_break = at > 0 && self.width.is_some_and(|width| used + column > width);
                used = if is_break { indent } else { used } + column + GAP;
                is_break
            })
            .collect();
        for row in table {
            let mut line = String::new();
            for (at, cell) in row.iter().enumerate() {
                if breaks[at] {
                    self.line(line.trim_end());
                    line = " ".repeat(indent);
                }
                let padding = " ".repeat(widths[at] + GAP - columns(cell));
                line.extend([cell, padding.as_str()]);
            }
            if !line.trim().is_empty() {
                self.line(line.trim_end());
            }
        }
    }

    /// Words in as many lines as they need, indented.
    pub(crate) fn words<'w>(&mut self, words: impl IntoIterator<Item = &'w str>) {
        let mut line = String::new();
        for word in words {
            if self.width.is_some_and(|width| !line.is_empty() && GAP + line.len() + 1 + word.len() > width) {
                self.line(format_args!("  {line}"));
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.line(format_args!("  {line}"));
    }

    /// Violations or warnings, one a line.
    pub(crate) fn violations(&mut self, style: Style, mark: &str, violations: &[Violation]) {
        for violation in violations {
            self.line(format_args!("  {} {violation}", paint(style, mark)));
        }
    }
}

/// The columns of the terminal on standard output.
fn width() -> Option<usize> {
    let size = tcgetwinsize(stdout()).ok()?;
    (size.ws_col > 0).then(|| size.ws_col.into())
}

/// Foreign text without characters that control a terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// The same for text with colours: keeps what `paint` writes and line ends. The text may quote a server.
fn tame(text: &str) -> String {
    const PAINTS: [&str; 6] = ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[2m", "\u{1b}[31m", "\u{1b}[32m", "\u{1b}[33m"];
    let (mut tamed, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(c) = rest.chars().next() {
        let paint = PAINTS.into_iter().find(|paint| rest.starts_with(paint));
        let (kept, length) = match paint {
            Some(paint) => (paint, paint.len()),
            None if c.is_control() && c != '\n' => ("", c.len_utf8()),
            None => (&rest[..c.len_utf8()], c.len_utf8()),
        };
        tamed.push_str(kept);
        rest = &rest[length..];
    }
    tamed
}

/// The columns that a cell takes on a terminal, its colours not counted.
fn columns(cell: &str) -> usize {
    strip_str(cell).map(|part| part.chars().count()).sum()
}

/// `1 secret`, `2 secrets`.
pub(crate) fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Text in a colour, or without where colours are off.
pub(crate) fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_does_not_steer_the_terminal() {
        let hostile = "a\u{1b}[2J\u{1b}[8mb\u{9b}2Jc\u{7}\rd\u{1b}]0;title\u{7}";
        assert_eq!(printable(&format!("{hostile}\n")), "a[2J[8mb2Jcd]0;title");
        for style in [BAD, DIM, GOOD, STRONG, WARN] {
            let painted = paint(style, "text\nmore");
            assert_eq!(tame(&painted), painted);
        }
        let mut page = Page { text: String::new(), width: None };
        page.heading(hostile);
        page.line(hostile);
        page.table(&["ONE", "TWO"], [vec![hostile.to_owned(), "x\ny".to_owned()]]);
        let plain = strip_str(&page.text).to_string();
        assert!(!plain.chars().any(|c| c.is_control() && c != '\n'), "{plain:?}");
        assert!(!page.text.contains("[2J\u{1b}") && page.text.contains("xy"), "{:?}", page.text);
    }
}
