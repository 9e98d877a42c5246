//! Reading: a parser for these keys and no other JSON.
//!
//! Our own, because a scrape meets every distinct key once: it needs no tree, and takes the lone surrogates that
//! Python writes and `serde_json` refuses. The tests hold it against `serde_json`.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::template::ValueRanges;
use crate::{Damage, KeyText, LabelText};

/// Decodes a key of any of the four spellings:
/// ```text
/// ["family", "sample", ["name"], ["value"]]           Python to 0.3; compact: GitLab
/// ["family", "sample", {"name": "value"}]             Python 0.4 to 0.15
/// ["family", "sample", {"name": "value"}, "help"]     Python from 0.16
/// ```
pub(crate) fn decode(key: &[u8]) -> Result<KeyText<'_>, Damage> {
    let mut reader = Reader::new(key)?;
    reader.take(b'[', "a key is an array")?;
    let family = reader.string("the family is not a text")?;
    reader.take(b',', "no comma behind the family")?;
    let sample = reader.string("the sample name is not a text")?;
    reader.take(b',', "no comma behind the sample name")?;
    let labels = reader.labels()?;
    let help = match reader.peek() {
        Some(b',') => {
            reader.at += 1;
            match reader.peek() {
                Some(b'n') => reader.word("null").map(|_| None)?,
                _ => Some(reader.string("the help is not a text")?),
            }
        }
        _ => None,
    };
    reader.take(b']', "the key's array does not end behind labels and help")?;
    match reader.peek() {
        None => Ok(KeyText { family, sample, labels, help }),
        Some(_) => Err(reader.damage("more text behind the key's array")),
    }
}

/// Where in a key the values of its labels stand. None where one is not a text, or a name stands twice.
pub(crate) fn value_ranges(key: &[u8]) -> Option<ValueRanges> {
    // All is checked here; what follows only looks for places.
    let labels = decode(key).ok()?.labels.len();
    let mut reader = Reader::new(key).ok()?;
    reader.take(b'[', "").ok()?;
    reader.string("").ok()?;
    reader.take(b',', "").ok()?;
    reader.string("").ok()?;
    reader.take(b',', "").ok()?;
    let object = reader.peek() == Some(b'{');
    reader.at += 1;
    let mut values = Vec::with_capacity(labels);
    if !object {
        while reader.peek() != Some(b']') {
            reader.string("").ok()?;
            if reader.peek() == Some(b',') {
                reader.at += 1;
            }
        }
        reader.at += 1;
        reader.take(b',', "").ok()?;
        reader.take(b'[', "").ok()?;
    }
    while !matches!(reader.peek()?, b'}' | b']') {
        if object {
            reader.string("").ok()?;
            reader.take(b':', "").ok()?;
        }
        reader.peek();
        let start = reader.at + 1;
        reader.string("").ok()?;
        values.push(start..reader.at - 1);
        if reader.peek() == Some(b',') {
            reader.at += 1;
        }
    }
    (values.len() == labels).then_some(values)
}

/// The text of a value that stands at the start of `left`, behind its quote, and what follows it, which begins with
/// the other quote. None where it cannot be read.
pub(crate) fn split_value(left: &[u8]) -> Option<(Cow<'_, [u8]>, &[u8])> {
    let (plain, behind) = left.split_at_checked(plain_len(left))?;
    match behind.first()? {
        b'"' => is_utf8(plain).then_some((Cow::Borrowed(plain), behind)),
        b'\\' => {
            // The other quote is the first one that no backslash takes.
            let mut escaped = false;
            let end = left.iter().position(|&byte| {
                let ends = byte == b'"' && !escaped;
                escaped = byte == b'\\' && !escaped;
                ends
            })?;
            let (text, behind) = left.split_at_checked(end)?;
            let mut reader = Reader::new(text).ok()?;
            let value = reader.unquoted()?;
            Some((Cow::Owned(value.into_bytes()), behind))
        }
        _ => None,
    }
}

/// Most texts are ASCII, and short: looking for that takes a few instructions.
fn is_utf8(text: &[u8]) -> bool {
    text.is_ascii() || std::str::from_utf8(text).is_ok()
}

/// `labels` with every name once: where it stood first, with the value that stood last, as in Python's dict.
fn last_values(labels: Vec<LabelText<'_>>) -> Vec<LabelText<'_>> {
    let mut known: HashMap<Cow<'_, str>, usize> = HashMap::new();
    let mut once: Vec<LabelText<'_>> = Vec::with_capacity(labels.len());
    for label in labels {
        match known.get(&label.name).and_then(|&index| once.get_mut(index)) {
            Some(earlier) => earlier.value = label.value,
            None => {
                known.insert(label.name.clone(), once.len());
                once.push(label);
            }
        }
    }
    once
}

/// How a key is spelt, as far as it tells the clients apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spelling {
    /// Labels as two arrays, not as an object.
    pub(crate) arrays: bool,
    /// Something stands behind the labels.
    pub(crate) help: bool,
    /// Whether a blank follows a comma: `None` where commas differ.
    pub(crate) blanks: Option<bool>,
}

/// How `key` is spelt. None where it cannot be read that far.
pub(crate) fn spelling(key: &[u8]) -> Option<Spelling> {
    let mut reader = Reader::new(key).ok()?;
    reader.take(b'[', "").ok()?;
    reader.string("").ok()?;
    reader.take(b',', "").ok()?;
    let first = reader.here() == Some(b' ');
    reader.string("").ok()?;
    reader.take(b',', "").ok()?;
    let second = reader.here() == Some(b' ');
    let arrays = reader.peek()? == b'[';
    let help = !arrays && {
        reader.object().ok()?;
        reader.peek()? == b','
    };
    Some(Spelling { arrays, help, blanks: (first == second).then_some(first) })
}

/// How many bytes stand before the first quote, backslash or control character.
///
/// Eight at a time: this is where the time goes that a first scrape takes for a key.
pub(super) fn plain_len(text: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    // The high bit of every byte that is less than `than`, up to the first one at least: behind it a borrow may
    // mark others.
    let less = |word: u64, than: u8| word.wrapping_sub(ONES * u64::from(than)) & !word & HIGHS;
    let mut at = 0;
    while let Some(word) = text.get(at..).and_then(|left| left.first_chunk()) {
        let word = u64::from_le_bytes(*word);
        let quote = less(word ^ (ONES * u64::from(b'"')), 1);
        let backslash = less(word ^ (ONES * u64::from(b'\\')), 1);
        let found = quote | backslash | less(word, 0x20);
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let left = text.get(at..).unwrap_or_default();
    at + left.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).unwrap_or(left.len())
}

/// The bytes of a text.
fn bytes(text: Cow<'_, str>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

/// A place in a JSON text.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn new(text: &'a [u8]) -> Result<Reader<'a>, Damage> {
        match std::str::from_utf8(text) {
            Ok(text) => Ok(Reader { text, at: 0 }),
            Err(error) => Err(Damage { at: error.valid_up_to(), why: "the key is not UTF-8" }),
        }
    }

    fn damage(&self, why: &'static str) -> Damage {
        Damage { at: self.at.min(self.text.len()), why }
    }

    /// The byte at hand.
    fn here(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next byte that is not white space, which is passed over.
    fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.here() {
            self.at += 1;
        }
        self.here()
    }

    /// Passes over `byte` and white space before it.
    fn take(&mut self, byte: u8, why: &'static str) -> Result<(), Damage> {
        if self.peek() != Some(byte) {
            return Err(self.damage(why));
        }
        self.at += 1;
        Ok(())
    }

    /// The labels in either spelling, every name once.
    fn labels(&mut self) -> Result<Vec<LabelText<'a>>, Damage> {
        let labels = match self.peek() {
            Some(b'{') => self.object()?,
            _ => self.two_arrays()?,
        };
        let once = labels.is_sorted_by(|a, b| a.name < b.name);
        Ok(if once { labels } else { last_values(labels) })
    }

    /// `{"name": "value", ...}`
    fn object(&mut self) -> Result<Vec<LabelText<'a>>, Damage> {
        let mut labels = Vec::new();
        self.take(b'{', "the labels are not an object")?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(labels);
        }
        loop {
            let name = self.string("the name of a label is not a text")?;
            self.take(b':', "no colon behind the name of a label")?;
            let value = self.value()?;
            labels.push(LabelText { name, value: bytes(value) });
            if self.ends(b'}', "the labels' object does not end")? {
                return Ok(labels);
            }
        }
    }

    /// `["name", ...], ["value", ...]`
    fn two_arrays(&mut self) -> Result<Vec<LabelText<'a>>, Damage> {
        let mut labels = Vec::new();
        self.take(b'[', "the labels are neither an object nor an array")?;
        if self.peek() == Some(b']') {
            self.at += 1;
        } else {
            loop {
                let name = self.string("the name of a label is not a text")?;
                labels.push(LabelText { name, value: Cow::default() });
                if self.ends(b']', "the array of label names does not end")? {
                    break;
                }
            }
        }
        self.take(b',', "no comma behind the label names")?;
        self.take(b'[', "the label values are not an array")?;
        let mut unvalued = labels.iter_mut();
        if self.peek() == Some(b']') {
            self.at += 1;
        } else {
            loop {
                let Some(label) = unvalued.next() else {
                    return Err(self.damage("more label values than names"));
                };
                label.value = bytes(self.value()?);
                if self.ends(b']', "the array of label values does not end")? {
                    break;
                }
            }
        }
        match unvalued.next() {
            None => Ok(labels),
            Some(_) => Err(Damage { at: self.at - 1, why: "fewer label values than names" }),
        }
    }

    /// Passes over a comma (false) or `end` (true).
    fn ends(&mut self, end: u8, why: &'static str) -> Result<bool, Damage> {
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(false)
            }
            _ => self.take(end, why).map(|()| true),
        }
    }

    /// The value of a label: a text, or what GitLab's client keeps as it is.
    fn value(&mut self) -> Result<Cow<'a, str>, Damage> {
        match self.peek() {
            Some(b'"') => self.string(""),
            Some(b't') => self.word("true").map(Cow::Borrowed),
            Some(b'f') => self.word("false").map(Cow::Borrowed),
            Some(b'n') => self.word("null").map(|_| Cow::Borrowed("")),
            Some(b'-' | b'0'..=b'9') => self.number().map(Cow::Borrowed),
            _ => Err(self.damage("the value of a label is neither text, number, true, false nor null")),
        }
    }

    /// Exactly `word`.
    fn word(&mut self, word: &'static str) -> Result<&'static str, Damage> {
        if !self.text.get(self.at..).is_some_and(|left| left.starts_with(word)) {
            return Err(self.damage("an unknown word"));
        }
        self.at += word.len();
        Ok(word)
    }

    /// A number as it is spelt: `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`.
    fn number(&mut self) -> Result<&'a str, Damage> {
        let start = self.at;
        self.at += usize::from(self.here() == Some(b'-'));
        match self.here() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.here() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.here() {
            self.at += 1;
            self.at += usize::from(matches!(self.here(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    /// One digit or more.
    fn digits(&mut self) -> Result<(), Damage> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.here() {
            self.at += 1;
        }
        if self.at == start { Err(self.damage("a number lacks a digit")) } else { Ok(()) }
    }

    /// A text between quotes; borrowed if nothing in it is escaped.
    fn string(&mut self, why: &'static str) -> Result<Cow<'a, str>, Damage> {
        self.take(b'"', why)?;
        let plain = self.unescaped_run()?;
        if self.here() == Some(b'"') {
            self.at += 1;
            return Ok(Cow::Borrowed(plain));
        }
        let mut text = plain.to_owned();
        loop {
            match self.here() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(text));
                }
                Some(_) => text.push(self.escape()?),
                None => return Err(self.damage("a text does not end")),
            }
            text.push_str(self.unescaped_run()?);
        }
    }

    /// All that is left, as the inside of a text.
    fn unquoted(&mut self) -> Option<String> {
        let mut text = self.unescaped_run().ok()?.to_owned();
        while self.here().is_some() {
            text.push(self.escape().ok()?);
            text.push_str(self.unescaped_run().ok()?);
        }
        Some(text)
    }

    /// What stands before the next quote or backslash, or the end.
    fn unescaped_run(&mut self) -> Result<&'a str, Damage> {
        let start = self.at;
        let left = self.text.as_bytes().get(start..).unwrap_or_default();
        let len = plain_len(left);
        self.at += len;
        match left.get(len) {
            Some(0..0x20) => Err(self.damage("a control character in a text is not escaped")),
            _ => Ok(self.text.get(start..self.at).unwrap_or_default()),
        }
    }

    /// The character that an escape stands for. A half of a surrogate pair alone is U+FFFD.
    fn escape(&mut self) -> Result<char, Damage> {
        self.at += 1; // the backslash
        let plain = match self.here() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\x08',
            Some(b'f') => '\x0c',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.code_unit().map(|unit| self.character(unit));
            }
            _ => return Err(self.damage("an unknown escape")),
        };
        self.at += 1;
        Ok(plain)
    }

    /// The character that begins with the UTF-16 unit `first`, together with the escape behind it if that is
    /// the other half of the pair.
    fn character(&mut self, first: u16) -> char {
        if let 0xd800..0xdc00 = first {
            let behind = self.at;
            if self.text.get(behind..).is_some_and(|left| left.starts_with("\\u")) {
                self.at += 2;
                if let Ok(second @ 0xdc00..0xe000) = self.code_unit() {
                    let both = 0x1_0000 + (u32::from(first & 0x3ff) << 10) + u32::from(second & 0x3ff);
                    return char::from_u32(both).unwrap_or(char::REPLACEMENT_CHARACTER);
                }
                // Not the other half: an escape of its own, which is read (or refused) next.
                self.at = behind;
            }
        }
        char::from_u32(first.into()).unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    /// Four hexadecimal digits.
    fn code_unit(&mut self) -> Result<u16, Damage> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.here().and_then(|digit| char::from(digit).to_digit(16));
            let Some(digit) = digit else {
                return Err(self.damage("an escape lacks a hexadecimal digit"));
            };
            unit = unit << 4 | digit as u16;
            self.at += 1;
        }
        Ok(unit)
    }
}
