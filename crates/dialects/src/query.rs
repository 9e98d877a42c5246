//! Ruby's keys: query strings of the labels, `code=200&path=%2F`.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::template::ValueRanges;
use crate::{Damage, Key, KeyText, LabelText};

/// Takes a query string apart as Ruby's `CGI.parse` does.
///
/// Split at `&` or `;`, then at the first `=`; `+` is a space, `%XX` a byte, a malformed `%` stands for itself.
/// Of a name that stands twice the first value counts; a name without any is empty. Values are bytes.
///
/// # Errors
/// Where a label's name is empty or not UTF-8. Ruby's reader would take it, but its client cannot write it, and
/// no reader of the page could understand it.
pub(crate) fn decode(key: &[u8]) -> Result<KeyText<'_>, Damage> {
    let mut labels: Vec<LabelText<'_>> = Vec::new();
    let mut repeated = false;
    for pair in pairs(key) {
        let (name, value) = pair?;
        // The client sorts by name, so that a name can only repeat where the order is another.
        repeated |= labels.last().is_some_and(|last| last.name >= name);
        labels.push(LabelText { name, value: value.unwrap_or_default() });
    }
    if repeated {
        labels = first_values(key)?;
    }
    Ok(KeyText { family: Cow::default(), sample: Cow::default(), labels, help: None })
}

/// Where in a key the values of its labels stand. None where a label has none, or the names do not rise.
pub(crate) fn value_ranges(key: &[u8]) -> Option<ValueRanges> {
    let mut values = Vec::new();
    let mut before: Option<Cow<'_, str>> = None;
    let mut at = key.iter().take_while(|byte| is_stripped(byte)).count();
    if stripped(key).is_empty() {
        return Some(values);
    }
    for pair in stripped(key).split(|byte| matches!(byte, b'&' | b';')) {
        let equals = pair.iter().position(|&byte| byte == b'=')?;
        let name = text(unescaped(pair.get(..equals)?)).filter(|name| !name.is_empty())?;
        if before.is_some_and(|before| before >= name) {
            return None;
        }
        values.push(at + equals + 1..at + pair.len());
        at += pair.len() + 1;
        before = Some(name);
    }
    Some(values)
}

/// The value that stands at the start of `left`, unescaped, and what follows it.
pub(crate) fn split_value(left: &[u8]) -> (Cow<'_, [u8]>, &[u8]) {
    let end = left.iter().position(|byte| matches!(byte, b'&' | b';')).unwrap_or(left.len());
    let (value, behind) = left.split_at(end);
    (unescaped(value), behind)
}

/// Whether Ruby's `strip` takes something off the end of a key.
pub(crate) fn is_stripped_at_end(key: &[u8]) -> bool {
    key.last().is_some_and(is_stripped)
}

/// The labels of a key in which a name may stand more than once.
fn first_values(key: &[u8]) -> Result<Vec<LabelText<'_>>, Damage> {
    let mut labels: Vec<LabelText<'_>> = Vec::new();
    // Where each label stands in `labels`, and whether it has a value: `a&a=1` is 1, `a=&a=1` is empty.
    let mut known: HashMap<Cow<'_, str>, (usize, bool)> = HashMap::new();
    for pair in pairs(key) {
        let (name, value) = pair?;
        match known.get_mut(&name) {
            None => {
                known.insert(name.clone(), (labels.len(), value.is_some()));
                labels.push(LabelText { name, value: value.unwrap_or_default() });
            }
            Some((index, valued)) if !*valued => {
                if let (Some(label), Some(value)) = (labels.get_mut(*index), value) {
                    label.value = value;
                    *valued = true;
                }
            }
            Some(_) => {}
        }
    }
    Ok(labels)
}

/// A name, and its value where there is a `=`.
type Pair<'a> = (Cow<'a, str>, Option<Cow<'a, [u8]>>);

/// The names of a query string in their order, with their values where there is a `=`.
fn pairs(key: &[u8]) -> impl Iterator<Item = Result<Pair<'_>, Damage>> {
    let mut at = key.iter().take_while(|byte| is_stripped(byte)).count();
    stripped(key).split(|byte| matches!(byte, b'&' | b';')).filter_map(move |pair| {
        let start = at;
        at += pair.len() + 1;
        if pair.is_empty() {
            return None;
        }
        let mut sides = pair.splitn(2, |&byte| byte == b'=');
        let name = unescaped(sides.next().unwrap_or_default());
        let value = sides.next().map(unescaped);
        Some(match text(name) {
            Some(name) if !name.is_empty() => Ok((name, value)),
            Some(_) => Err(Damage { at: start, why: "a label has no name" }),
            None => Err(Damage { at: start, why: "the name of a label is not UTF-8" }),
        })
    })
}

/// `bytes` as text, if they are UTF-8.
fn text(bytes: Cow<'_, [u8]>) -> Option<Cow<'_, str>> {
    match bytes {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}

/// `key` without what Ruby's `strip` takes off its ends: white space and NULs.
pub(crate) fn stripped(key: &[u8]) -> &[u8] {
    let end = key.iter().rposition(|byte| !is_stripped(byte)).map_or(0, |last| last + 1);
    let key = key.get(..end).unwrap_or_default();
    let start = key.iter().take_while(|byte| is_stripped(byte)).count();
    key.get(start..).unwrap_or_default()
}

/// Whether Ruby's `strip` takes `byte` off the end of a text.
fn is_stripped(byte: &u8) -> bool {
    matches!(byte, b'\0' | b'\t'..=b'\r' | b' ')
}

/// `text` as `CGI.unescape` reads it: behind a `%` that lacks two bytes nothing is changed any more, not even `+`.
///
/// Source: `optimized_unescape` in Ruby 3.1 `ext/cgi/escape/escape.c`.
fn unescaped(text: &[u8]) -> Cow<'_, [u8]> {
    let Some(plain) = text.iter().position(|byte| matches!(byte, b'+' | b'%')) else {
        return Cow::Borrowed(text);
    };
    let (plain, mut left) = text.split_at(plain);
    let mut out = Vec::with_capacity(text.len());
    out.extend_from_slice(plain);
    while let Some((&byte, rest)) = left.split_first() {
        left = rest;
        match byte {
            b'+' => out.push(b' '),
            b'%' => match rest.split_first_chunk::<2>().map(|(digits, rest)| (digits.map(hex), rest)) {
                Some(([Some(high), Some(low)], rest)) => {
                    out.push(high << 4 | low);
                    left = rest;
                }
                Some(_) => out.push(b'%'),
                None => {
                    out.push(b'%');
                    out.extend(rest);
                    break;
                }
            },
            _ => out.push(byte),
        }
    }
    Cow::Owned(out)
}

/// The value of a hexadecimal digit.
fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// Puts labels into a query string, in the order given.
///
/// Source: `store_key` in client_ruby `direct_file_store.rb`.
pub(crate) fn encode(key: &Key) -> Vec<u8> {
    let mut out = Vec::new();
    for (index, label) in key.labels.iter().enumerate() {
        if index > 0 {
            out.push(b'&');
        }
        push_escaped(&mut out, label.name.as_bytes());
        out.push(b'=');
        push_escaped(&mut out, &label.value);
    }
    out
}

/// Appends `text` as `CGI.escape` writes it (since Ruby 2.5, which first kept `~`).
fn push_escaped(out: &mut Vec<u8>, text: &[u8]) {
    const DIGITS: [u8; 16] = *b"0123456789ABCDEF";
    for &byte in text {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'~' => out.push(byte),
            b' ' => out.push(b'+'),
            _ => out.extend([b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]),
        }
    }
}

#[cfg(test)]
mod tests;
