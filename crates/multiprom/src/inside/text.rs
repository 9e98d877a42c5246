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
