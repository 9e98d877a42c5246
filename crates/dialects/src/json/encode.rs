//! Writing: exactly the text that the clients' JSON encoders make.

use metrics_core::Label;

use crate::{Era, Key};

/// Writes a key as Python's `json.dumps(..., sort_keys=True)` does: ASCII, with blanks behind `,` and `:`.
///
/// Source: `mmap_key` in client_python `mmap_dict.py`; before 0.4 `_mmap_key` in `core.py`.
pub(crate) fn encode_python(era: Era, key: &Key) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    out.push(b'[');
    push_ascii(&mut out, &key.family);
    out.extend(b", ");
    push_ascii(&mut out, &key.sample);
    out.extend(b", ");
    if era == Era::F0 {
        push_list(&mut out, *b"[]", ", ", &key.labels, |out, label| push_ascii(out, &label.name));
        out.extend(b", ");
        push_list(&mut out, *b"[]", ", ", &key.labels, |out, label| push_ascii(out, &label.value_text()));
    } else {
        push_list(&mut out, *b"{}", ", ", &key.labels, |out, label| {
            push_ascii(out, &label.name);
            out.extend(b": ");
            push_ascii(out, &label.value_text());
        });
    }
    if let Era::F2 | Era::F3 = era {
        out.extend(b", ");
        match &key.help {
            Some(help) => push_ascii(&mut out, help),
            None => out.extend(b"null"),
        }
    }
    out.push(b']');
    out
}

/// Writes a key as GitLab's client does: compact, UTF-8.
///
/// Source: `MmapedValue` in prometheus-client-mmap; Ruby's `JSON.generate`.
pub(crate) fn encode_gitlab(key: &Key) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    out.push(b'[');
    push_utf8(&mut out, &key.family);
    out.push(b',');
    push_utf8(&mut out, &key.sample);
    out.push(b',');
    push_list(&mut out, *b"[]", ",", &key.labels, |out, label| push_utf8(out, &label.name));
    out.push(b',');
    push_list(&mut out, *b"[]", ",", &key.labels, |out, label| push_utf8(out, &label.value_text()));
    out.push(b']');
    out
}

/// Appends the `labels` between two brackets.
fn push_list(
    out: &mut Vec<u8>,
    brackets: [u8; 2],
    comma: &str,
    labels: &[Label],
    push: impl Fn(&mut Vec<u8>, &Label),
) {
    out.push(brackets[0]);
    for (index, label) in labels.iter().enumerate() {
        if index > 0 {
            out.extend(comma.as_bytes());
        }
        push(out, label);
    }
    out.push(brackets[1]);
}

/// Appends `text` in quotes, everything beyond ASCII as `\uXXXX`, as Python writes it.
fn push_ascii(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for character in text.chars() {
        match character {
            ' '..='!' | '#'..='[' | ']'..='~' => out.push(character as u8),
            _ if character.is_ascii() => push_escape(out, character), // DEL is escaped too
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    out.extend(format!("\\u{unit:04x}").as_bytes());
                }
            }
        }
    }
    out.push(b'"');
}

/// Appends `text` in quotes, as Ruby's JSON writes it.
fn push_utf8(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for character in text.chars() {
        match character {
            '"' | '\\' | '\0'..='\x1f' => push_escape(out, character),
            _ => out.extend(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

/// Appends the escape of a character that both clients escape alike.
fn push_escape(out: &mut Vec<u8>, character: char) {
    match character {
        '"' => out.extend(b"\\\""),
        '\\' => out.extend(b"\\\\"),
        '\x08' => out.extend(b"\\b"),
        '\x0c' => out.extend(b"\\f"),
        '\n' => out.extend(b"\\n"),
        '\r' => out.extend(b"\\r"),
        '\t' => out.extend(b"\\t"),
        _ => out.extend(format!("\\u{:04x}", u32::from(character)).as_bytes()),
    }
}
