//! Backslashes: how help texts and label values stand on a page.

use std::borrow::Cow;

/// Appends a label value, quoted name or OpenMetrics help: `\`, line feed and `"` get a backslash, all other
/// bytes stay as they are.
pub fn push_quotable(out: &mut Vec<u8>, mut text: &[u8]) {
    while let Some(at) = first_quotable(text) {
        text = push_up_to_escape(out, text, at);
    }
    out.extend_from_slice(text);
}

/// Where the first `\`, line feed or `"` is.
fn first_quotable(text: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    const WORD: usize = size_of::<u64>();
    // Most label values are shorter than it takes to begin a search that is fast in long ones.
    let (words, rest) = text.as_chunks::<WORD>();
    if words.len() > 4 {
        return memchr::memchr3(b'\\', b'\n', b'"', text);
    }
    // The high bit of every byte that is zero, up to the first one at least: behind it a borrow may mark others.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let is = |byte: u8| zeros(word ^ (ONES * u64::from(byte)));
        let found = is(b'\\') | is(b'\n') | is(b'"');
        if found != 0 {
            return Some(at * WORD + found.trailing_zeros() as usize / 8);
        }
    }
    let found = rest.iter().position(|byte| matches!(byte, b'\\' | b'\n' | b'"'));
    found.map(|at| words.len() * WORD + at)
}

/// Appends a help text of the text format: `\` and line feed get a backslash, quotes do not.
pub fn push_help(out: &mut Vec<u8>, mut text: &[u8]) {
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

#[cfg(test)]
mod tests {
    use super::first_quotable;

    #[test]
    fn the_first_quotable_byte_is_found_wherever_it_stands() {
        for len in 0..70 {
            for other in [b'a', 0, 0x0b, b'!', b'#', b'[', b']', 0x80, 0xff, 0x8a, 0xa2, 0xdc] {
                let mut text = vec![other; len];
                assert_eq!(first_quotable(&text), None, "{other} {len}");
                for at in (0..len).rev() {
                    text[at] = [b'\\', b'\n', b'"'][at % 3];
                    assert_eq!(first_quotable(&text), Some(at), "{other} {len}");
                }
            }
        }
    }
}
