//! What is printed: one report on standard output, as text that people like to read or as one JSON document; notes and
//! questions on standard error. Nothing else prints.

use std::fmt::Display;
use std::io::{IsTerminal, Write, stderr, stdout};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use permisos_secrets_core::{Error, Violation};
use serde::Serialize;
use serde_json::Value;
use tabled::builder::Builder;
use tabled::settings::{Padding, Style as Lines};

use crate::context::{Color, Global};

pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const STRONG: Style = Style::new().bold();
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();

/// What a command found: as JSON by `Serialize`, as text by `page`.
pub(crate) trait Report: Serialize {
    /// Writes the text.
    fn page(&self, page: &mut Page);
}

/// Where reports, notes and errors go.
pub(crate) struct Output {
    is_json: bool,
    color: ColorChoice,
}

impl Output {
    pub(crate) fn new(global: &Global) -> Self {
        let color = match global.color {
            Color::Always => ColorChoice::Always,
            Color::Auto => ColorChoice::Auto,
            Color::Never => ColorChoice::Never,
        };
        Self { is_json: global.json, color }
    }

    /// Prints what a command found.
    pub(crate) fn report(&self, report: &impl Report) {
        if self.is_json {
            self.text(&format!("{}\n", serde_json::to_string_pretty(report).unwrap_or_default()));
        } else {
            let mut page = Page::default();
            report.page(&mut page);
            self.text(&page.text);
        }
    }

    /// Prints text as it is: a document that goes into a file, or the one value that was asked for.
    pub(crate) fn text(&self, text: &str) {
        let mut out = AutoStream::new(stdout().lock(), self.color(stdout().is_terminal()));
        // Fails only where nobody reads any more.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
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

    /// Tells a person something that is no part of the report.
    pub(crate) fn note(&self, note: impl Display) {
        let mut err = AutoStream::new(stderr().lock(), self.color(stderr().is_terminal()));
        let _ = writeln!(err, "{note}");
    }

    /// Prints why a command failed.
    pub(crate) fn error(&self, error: &Error) {
        if self.is_json {
            self.note(serde_json::json!({ "error": error }));
        } else {
            self.note(format_args!("{BAD}error{BAD:#} {}\n{error}", error.kind()));
        }
    }

    /// Whether reports are JSON: nobody is asked anything then.
    pub(crate) fn is_json(&self) -> bool {
        self.is_json
    }

    /// The choice of `--color`, with `NO_COLOR` and what is connected where it is left to us.
    fn color(&self, is_terminal: bool) -> ColorChoice {
        match self.color {
            ColorChoice::Auto if !is_terminal => ColorChoice::Never,
            choice => choice,
        }
    }
}

/// The text of a report.
#[derive(Default)]
pub(crate) struct Page {
    text: String,
}

impl Page {
    /// A title, with a free line before it.
    pub(crate) fn heading(&mut self, title: impl Display) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.line(format_args!("{STRONG}{title}{STRONG:#}"));
    }

    /// A line.
    pub(crate) fn line(&mut self, line: impl Display) {
        self.text.push_str(&line.to_string());
        self.text.push('\n');
    }

    /// A table in plain columns, which can be searched and copied.
    pub(crate) fn table(&mut self, titles: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
        let mut builder = Builder::new();
        builder.push_record(titles.iter().map(|title| paint(DIM, title)));
        for row in rows {
            builder.push_record(row);
        }
        let table = builder.build().with(Lines::empty()).with(Padding::new(0, 2, 0, 0)).to_string();
        for line in table.lines() {
            self.line(line.trim_end());
        }
    }

    /// Violations or warnings, one a line.
    pub(crate) fn violations(&mut self, style: Style, mark: &str, violations: &[Violation]) {
        for violation in violations {
            self.line(format_args!("  {} {violation}", paint(style, mark)));
        }
    }
}

/// Text in a colour, or without where colours are off.
pub(crate) fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}
