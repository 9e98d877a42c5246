//! Foreign text in messages, quoted as Go quotes it: `%q` of the official push gateway.

use std::fmt::Write;

/// Bytes in double quotes.
///
/// ```
/// use push_groups::quoted;
/// assert_eq!(quoted(b"a\"b\n\x00\xff \xc2\xa0"), r#""a\"b\n\x00\xff \u00a0""#);
/// ```
pub fn quoted(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for chunk in text.utf8_chunks() {
        chunk.valid().chars().for_each(|character| push(&mut out, character, '"'));
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out.push('"');
    out
}

/// One byte in single quotes, as the character of this number.
///
/// ```
/// use push_groups::quoted_byte;
/// assert_eq!((quoted_byte(b'\''), quoted_byte(0xE9)), (r"'\''".to_owned(), "'é'".to_owned()));
/// ```
pub fn quoted_byte(byte: u8) -> String {
    let mut out = String::from("'");
    push(&mut out, char::from(byte), '\'');
    out.push('\'');
    out
}

fn push(out: &mut String, character: char, quote: char) {
    let _ = match character {
        '\x07' => out.write_str("\\a"),
        '\x08' => out.write_str("\\b"),
        '\x0b' => out.write_str("\\v"),
        '\x0c' => out.write_str("\\f"),
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        '\\' => out.write_str("\\\\"),
        _ if character == quote => write!(out, "\\{quote}"),
        '\'' | '"' => out.write_char(character),
        '\0'..' ' | '\x7f' => write!(out, "\\x{:02x}", u32::from(character)),
        _ if is_printable(character) => out.write_char(character),
        ..='\u{ffff}' => write!(out, "\\u{:04x}", u32::from(character)),
        _ => write!(out, "\\U{:08x}", u32::from(character)),
    };
}

/// Whether the standard library prints it as it is. Marks that join the character before it prints only behind one.
fn is_printable(character: char) -> bool {
    let mut bytes = [b'x', 0, 0, 0, 0];
    let Some((_, room)) = bytes.split_first_mut() else { return false };
    let end = 1 + character.encode_utf8(room).len();
    let text = bytes.get(..end).and_then(|bytes| std::str::from_utf8(bytes).ok());
    text.is_some_and(|text| text.escape_debug().count() == 2)
}
