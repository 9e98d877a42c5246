//! Texts of files made fit for a terminal. A label's value is anybody's: it may hold what moves the cursor, rings
//! the bell, or turns the line around.

use std::fmt::Write;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// `bytes` with everything escaped that is no visible text: `\n`, `\x1b`, `\u{202e}`; what is not UTF-8 byte by
/// byte, `\xff`. A backslash stays one.
pub(crate) fn visible(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    push(&mut out, bytes, |_| false);
    out
}

/// Appends `bytes` in quotes, as a label's value stands on a page. What is no visible text is escaped as in
/// [`visible`].
pub(crate) fn push_quoted(out: &mut String, bytes: &[u8]) {
    out.push('"');
    push(out, bytes, |letter| matches!(letter, '"' | '\\'));
    out.push('"');
}

fn push(out: &mut String, bytes: &[u8], is_special: impl Fn(char) -> bool) {
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            if is_special(letter) {
                out.push('\\');
                out.push(letter);
            } else if is_invisible(letter) {
                out.extend(letter.escape_default());
            } else {
                out.push(letter);
            }
        }
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
}

/// Whether a terminal may do something else with `letter` than show it where it stands.
pub(crate) fn is_invisible(letter: char) -> bool {
    let turns_or_hides = matches!(letter,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    letter.is_control() || turns_or_hides
}

/// How many columns `text` takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// `text` in at most so many columns: what is too long loses its middle, as names differ at both ends.
///
/// ```text
/// metric_http_requests_total___4711.bin   in 20:   metric_htt…_4711.bin
/// ```
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let left = columns.saturating_sub(1);
    let start: String = within(text.chars(), left.div_ceil(2)).collect();
    let end: Vec<char> = within(text.chars().rev(), left / 2).collect();
    let dots = if columns == 0 { "" } else { "…" };
    format!("{start}{dots}{}", end.into_iter().rev().collect::<String>())
}

/// A series in at most so many columns: what is longest of its name and its labels' values loses its middle first, so
/// that series which differ in one label differ still.
///
/// ```text
/// http_requests_total{code="200",path="/cart"}   in 38:   http_r…_total{code="200",path="/cart"}
/// ```
pub(crate) fn cut_series(text: &str, columns: usize) -> String {
    /// Of a name or a value is left at least so much.
    const LEAST: usize = 3;
    if width(text) <= columns {
        return text.to_owned();
    }
    let pieces = pieces(text);
    let mut wide: Vec<usize> = pieces
        .iter()
        .map(|&(piece, gives)| if gives { width(piece).min(columns) } else { width(piece) })
        .collect();
    while wide.iter().sum::<usize>() > columns {
        let giving = wide.iter_mut().zip(&pieces).filter(|(wide, (_, gives))| *gives && **wide > LEAST);
        match giving.max_by_key(|(wide, _)| **wide) {
            Some((wide, _)) => *wide -= 1,
            None => break,
        }
    }
    let shorter: String = pieces.iter().zip(wide).map(|((piece, _), wide)| cut(piece, wide)).collect();
    cut(&shorter, columns)
}

/// A series in pieces, and of each whether it is the name or a label's value.
fn pieces(series: &str) -> Vec<(&str, bool)> {
    let (name, mut rest) = series.split_at(series.find('{').unwrap_or(series.len()));
    let mut pieces = vec![(name, true)];
    while let Some(at) = rest.find("=\"") {
        let (before, value) = rest.split_at(at + 2);
        let mut escaped = false;
        let is_end = |letter: char| {
            let was_escaped = std::mem::replace(&mut escaped, false);
            escaped = letter == '\\' && !was_escaped;
            letter == '"' && !was_escaped
        };
        let end = value.find(is_end).unwrap_or(value.len());
        let (value, behind) = value.split_at(end);
        pieces.extend([(before, false), (value, true)]);
        rest = behind;
    }
    pieces.push((rest, false));
    pieces
}

/// A sentence in at most so many columns: what is too long loses its end.
pub(crate) fn cut_sentence(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let dots = if columns == 0 { "" } else { "…" };
    within(text.chars(), columns.saturating_sub(1)).chain(dots.chars()).collect()
}

/// The first letters that take no more than so many columns.
fn within(letters: impl Iterator<Item = char>, columns: usize) -> impl Iterator<Item = char> {
    let mut taken = 0;
    letters.take_while(move |letter| {
        taken += letter.width().unwrap_or(0);
        taken <= columns
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_a_terminal_but_visible_text() {
        let table: [(&[u8], &str); 6] = [
            (b"/caf\xc3\xa9", "/café"),
            (b"\x1b[31mred\x07", "\\u{1b}[31mred\\u{7}"),
            ("a\u{9b}2Jb".as_bytes(), "a\\u{9b}2Jb"),
            ("a\u{202e}b".as_bytes(), "a\\u{202e}b"),
            (b"a\nb\tc\r", "a\\nb\\tc\\r"),
            (b"a\xff\xc3b", "a\\xff\\xc3b"),
        ];
        for (bytes, expected) in table {
            assert_eq!(visible(bytes), expected);
        }
    }

    #[test]
    fn a_quoted_value_ends_at_its_own_quote() {
        let mut out = String::new();
        push_quoted(&mut out, br#"a"b\c"#);
        assert_eq!(out, r#""a\"b\\c""#);
    }

    #[test]
    fn a_long_series_keeps_its_labels_apart() {
        let series = r#"http_requests_total{code="200",path="/cart"}"#;
        assert_eq!(cut_series(series, 44), series);
        assert_eq!(cut_series(series, 38), r#"http_r…_total{code="200",path="/cart"}"#);
        assert_eq!(cut_series(series, 30), r#"ht…al{code="200",path="/cart"}"#);
        assert_eq!(
            cut_series(r#"a{b="1",c="long long \" long{x=\"1\"} text"}"#, 30),
            r#"a{b="1",c="long lon…\"} text"}"#
        );
        for columns in 0..60 {
            for series in [series, "no_labels_but_a_very_long_name_of_its_own", r#"broken{a="never ended"#] {
                assert!(width(&cut_series(series, columns)) <= columns, "{columns}: {series}");
            }
        }
    }

    #[test]
    fn a_long_sentence_loses_its_end() {
        assert_eq!(cut_sentence("5 files, 2 damaged", 18), "5 files, 2 damaged");
        assert_eq!(cut_sentence("5 files, 2 damaged", 10), "5 files, …");
        assert_eq!(cut_sentence("5", 0), "");
    }

    #[test]
    fn a_long_text_loses_its_middle_and_never_takes_more_columns() {
        assert_eq!(cut("counter_4711.db", 15), "counter_4711.db");
        assert_eq!(cut("counter_4711.db", 9), "coun…1.db");
        // Each of these takes two columns.
        assert_eq!(cut("你好你好你好", 6), "你…好");
        for columns in 0..20 {
            assert!(width(&cut("counter_你好你好_4711.db", columns)) <= columns);
        }
    }
}
