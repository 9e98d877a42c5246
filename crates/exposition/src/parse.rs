//! A page, read: which reader, and what it says when a page is wrong.

mod line;
mod openmetrics;
mod text;

use metrics_core::Snapshot;

use crate::format::Syntax;

/// Reads a page.
///
/// Any bytes give a snapshot or an error; nothing is guessed. Families and samples come in the order of the
/// page, labels too (`le` with the text it has there). A counter `x_total` becomes the family `x`, unless the
/// page has another family of that name. Names that an [`Escaping`](crate::Escaping) has changed stay as they
/// are; quoted ones are read in every syntax.
///
/// The text format is read as Prometheus' Go library reads it (common `expfmt`): families may interleave, blanks
/// are free, every line ends in a line feed (a page without the last one may have been cut), and a `# TYPE` must
/// not follow its samples. Three things are less strict: comments other than `# HELP` and `# TYPE` say nothing,
/// help keeps all its blanks and unknown escapes, and label values may be any bytes. `_created` and other
/// suffixes of OpenMetrics are families of their own here.
///
/// OpenMetrics is read as strictly as by client_python 0.26.0 in its form: blanks, order of the comments, one
/// place for each family, clashing names, labels that a type requires, exemplars. Its rules about values (no
/// `NaN` counters, rising buckets, `_count` equal to the last of them, series of one label set together) are
/// left to the reader of the snapshot, as pages of real clients break them.
///
/// # Errors
/// At the first line that the format does not allow.
///
/// ```
/// use exposition::{Syntax, parse};
/// let error = parse(Syntax::Text0, b"# TYPE up gauge\nup one\n").unwrap_err();
/// assert_eq!(error.to_string(), "line 2: expected a number, found \"one\"");
/// ```
pub fn parse(syntax: Syntax, page: &[u8]) -> Result<Snapshot, ParseError> {
    match syntax {
        Syntax::Text0 | Syntax::Text1 => text::parse(page),
        Syntax::OpenMetrics1 => openmetrics::parse(page),
    }
}

/// Where a page is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct ParseError {
    /// Line, counted from 1.
    pub line: usize,
    /// Why.
    pub why: String,
}

impl ParseError {
    /// Names in the reason come from the page and may be as long as it; what is too long for a message is cut.
    fn at(line: usize, mut why: String) -> ParseError {
        const LONGEST: usize = 300; // characters
        if let Some((end, _)) = why.char_indices().nth(LONGEST) {
            why.truncate(end);
            why.push_str("...");
        }
        ParseError { line, why }
    }
}

impl std::fmt::Display for ParseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

impl std::error::Error for ParseError {}

/// The lines of a page, each with its number and its line feed, which the last one may lack.
fn lines(page: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut rest = page;
    (1..).map_while(move |number| {
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        let (line, after) = rest.split_at(end);
        rest = after;
        (!line.is_empty()).then_some((number, line))
    })
}

/// A piece of the page for an error message: quoted, and not too long.
fn excerpt(piece: &[u8]) -> String {
    const LONGEST: usize = 60; // bytes
    let text = String::from_utf8_lossy(piece.get(..LONGEST).unwrap_or(piece));
    if piece.len() > LONGEST { format!("{text:?}...") } else { format!("{text:?}") }
}

#[cfg(test)]
mod tests;
