//! Backslashes: how help texts and label values stand on a page.

use std::borrow::Cow;

/// Appends a label value, quoted name or OpenMetrics help: `\`, line feed and `"` get a backslash, all other
/// bytes stay as they are.
pub(crate) fn push_quotable(out: &mut Vec<u8>, mut text: &[u8]) {
    while let Some(at) = memchr::memchr3(b'\\', b'\n', b'"', text) {
        text = push_up_to_escape(out, text, at);
    }
    out.extend_from_slice(text);
}

/// Appends a help text of the text format: `\` and line feed get a backslash, quotes do not.
pub(crate) fn push_help(out: &mut Vec<u8>, mut text: &[u8]) {
    while let Some(at) = memchr::memchr2(b'\\', b'\n', text) {
        text = push_up_to_escape(out, text, at);
    }
    out.extend_from_slice(text);
}

/// Appends what stands before the byte at `at` and that byte escaped; gives what follows.
fn push_up_to_escape<'a>(out: &mut Vec<u8>, text: &'a [u8], at: usize) -> &'a [u8] {
    let (before, rest) = text.split_at(at);
    out.extend_from_slice(before);
    let Some((&byte, rest)) = rest.split_first() else { return rest };
    out.extend_from_slice(&[b'\\', if byte == b'\n' { b'n' } else { byte }]);
    rest
}

/// A help text as it was before [`push_help`], or before [`push_quotable`] where `quotes` have a backslash too.
///
/// A backslash before anything else stays: Prometheus and client_python read it so.
pub(crate) fn unescape_help(text: &[u8], quotes: bool) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', text).is_none() {
        return Cow::Borrowed(text);
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            plain.push(byte);
            continue;
        }
        match bytes.next() {
            Some(b'n') => plain.push(b'\n'),
            Some(b'\\') => plain.push(b'\\'),
            Some(b'"') if quotes => plain.push(b'"'),
            Some(other) => plain.extend_from_slice(&[b'\\', other]),
            None => plain.push(b'\\'),
        }
    }
    Cow::Owned(plain)
}
