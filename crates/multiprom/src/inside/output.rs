//! Standard output: for people at a terminal or in a pipe, or lines of JSON for programs.

use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

use anyhow::Context;
use serde::{Serialize, Serializer};
use serde_json::ser::{Formatter, Serializer as JsonSerializer};

use super::text::{is_invisible, width};

/// Standard output, written in large pieces.
pub(crate) struct Output {
    out: BufWriter<StdoutLock<'static>>,
    /// Columns of the terminal; none where it is no terminal.
    pub(crate) columns: Option<usize>,
    colour: bool,
}

/// What a piece of text says, as colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tint {
    Plain,
    /// What labels the rest.
    Bold,
    /// What is of less interest.
    Dim,
    Good,
    Odd,
    Bad,
}

impl Output {
    /// Coloured where somebody looks at a terminal and has not asked for no colour.
    pub(crate) fn new() -> Output {
        let terminal = io::stdout().is_terminal();
        let columns = terminal.then(|| {
            let size = ratatui::crossterm::terminal::size();
            // A terminal that does not know its width says 0.
            size.ok().map_or(80, |(columns, _)| if columns == 0 { 80 } else { usize::from(columns) })
        });
        let colour = terminal && std::env::var_os("NO_COLOR").is_none();
        Output { out: BufWriter::with_capacity(64 * 1024, io::stdout().lock()), columns, colour }
    }

    pub(crate) fn line(&mut self, text: &str) -> anyhow::Result<()> {
        self.out.write_all(text.as_bytes()).and_then(|()| self.out.write_all(b"\n")).context(WRITE)
    }

    /// A text of several words, broken between them where it is wider than the terminal. Lines behind the first
    /// begin with four blanks.
    pub(crate) fn paragraph(&mut self, pieces: &[(&str, Tint)]) -> anyhow::Result<()> {
        const INDENT: &str = "    ";
        let columns = self.columns.unwrap_or(usize::MAX);
        let (mut line, mut taken) = (String::new(), 0);
        // Those behind the word before. None stands at the end of a line.
        let mut blanks = String::new();
        for (text, tint) in pieces {
            for word in text.split_inclusive(' ') {
                let (bare, end) = word.split_at(word.trim_end_matches(' ').len());
                if taken > INDENT.len() && !bare.is_empty() && taken + blanks.len() + width(bare) > columns {
                    self.line(&line)?;
                    (line, taken) = (INDENT.to_owned(), INDENT.len());
                    blanks.clear();
                }
                if !bare.is_empty() {
                    taken += blanks.len() + width(bare);
                    line.push_str(&std::mem::take(&mut blanks));
                    line.push_str(&self.tinted(*tint, bare));
                }
                blanks.push_str(end);
            }
        }
        self.line(&line)
    }

    /// `text` in a colour, if there are colours.
    pub(crate) fn tinted(&self, tint: Tint, text: &str) -> String {
        let code = match tint {
            _ if !self.colour || text.is_empty() => None,
            Tint::Plain => None,
            Tint::Bold => Some("1"),
            Tint::Dim => Some("2"),
            Tint::Good => Some("32"),
            Tint::Odd => Some("33"),
            Tint::Bad => Some("31"),
        };
        code.map_or_else(|| text.to_owned(), |code| format!("\x1b[{code}m{text}\x1b[0m"))
    }

    /// One object on one line.
    pub(crate) fn json(&mut self, object: &impl Serialize) -> anyhow::Result<()> {
        object
            .serialize(&mut JsonSerializer::with_formatter(&mut self.out, Visible))
            .map_err(io::Error::from)
            .context(WRITE)?;
        self.line("")
    }

    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        self.out.flush().context(WRITE)
    }
}

const WRITE: &str = "write to standard output";

/// Whether the reader of standard output has seen enough: `multiprom dump DIR | head`.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// JSON that is safe to look at: what is no visible text is escaped, not only what JSON wants to have escaped.
struct Visible;

impl Formatter for Visible {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, letter)) = rest.char_indices().find(|&(_, letter)| is_invisible(letter)) {
            let (before, behind) = rest.split_at(at);
            out.write_all(before.as_bytes())?;
            for unit in letter.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            rest = behind.strip_prefix(letter).unwrap_or_default();
        }
        out.write_all(rest.as_bytes())
    }
}

/// A number as JSON has it; as text where JSON has no such number: `"NaN"`, `"+Inf"`, `"-Inf"`.
pub(crate) fn number<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if value.is_finite() {
        serializer.serialize_f64(*value)
    } else {
        serializer.serialize_str(&number_text(*value))
    }
}

/// A number as a page prints it: `3.0`, `1e+06`, `NaN`.
pub(crate) fn number_text(value: f64) -> String {
    String::from_utf8_lossy(&metrics_core::number(value)).into_owned()
}
