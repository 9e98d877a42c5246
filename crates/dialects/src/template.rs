//! Templates: what keys have in common that differ in the values of their labels alone.

use std::borrow::Cow;
use std::ops::Range;

use crate::{Dialect, json, query};

/// What keys have in common that differ in the values of their labels alone, as most keys of a file do.
///
/// Taking a key apart by the template of another one costs a fifth of [`read_key`](crate::read_key): family, sample
/// name, label names and help are only compared.
///
/// ```
/// use dialects::{Dialect, Template};
/// let template = Template::of(Dialect::PYTHON, br#"["a", "a", {"b": "1", "c": ""}, "?"]"#).unwrap();
/// let mut values = Vec::new();
/// assert!(template.read(br#"["a", "a", {"b": "22", "c": "\u00e9"}, "?"]"#, &mut values));
/// assert_eq!(values, [&b"22"[..], "é".as_bytes()]);
/// assert!(!template.read(br#"["a", "a", {"b": "22", "d": ""}, "?"]"#, &mut values));
/// ```
#[derive(Clone, Debug)]
pub struct Template {
    ruby: bool,
    /// What stands before, between and behind the values.
    pieces: Box<[Box<[u8]>]>,
}

impl Template {
    /// The template of a key that can be read. None where a label is spelt in an unusual way: its name stands twice,
    /// or its value is not a text.
    pub fn of(dialect: Dialect, key: &[u8]) -> Option<Template> {
        let ruby = dialect == Dialect::Ruby;
        let values = if ruby { query::value_ranges(key)? } else { json::value_ranges(key)? };
        let ends = values.iter().map(|value| value.start).chain([key.len()]);
        let starts = [0].into_iter().chain(values.iter().map(|value| value.end));
        let pieces = starts.zip(ends).map(|(start, end)| key.get(start..end).map(Box::from));
        Some(Template { ruby, pieces: pieces.collect::<Option<_>>()? })
    }

    /// Appends the values of a key's labels, in the order of the key, as [`read_key`](crate::read_key) reads them. False
    /// where the key is not like the template's in all else, or cannot be read; then nothing is appended.
    pub fn read<'a>(&self, key: &'a [u8], values: &mut Vec<Cow<'a, [u8]>>) -> bool {
        let before = values.len();
        let all = self.read_all(key, values).is_some();
        if !all {
            values.truncate(before);
        }
        all
    }

    fn read_all<'a>(&self, key: &'a [u8], values: &mut Vec<Cow<'a, [u8]>>) -> Option<()> {
        let (last, pieces) = self.pieces.split_last()?;
        let mut left = key;
        for piece in pieces {
            left = left.strip_prefix(&**piece)?;
            let (value, behind) = if self.ruby { query::split_value(left) } else { json::split_value(left)? };
            values.push(value);
            left = behind;
        }
        let ends_well = *left == **last && !(self.ruby && query::is_stripped_at_end(key));
        ends_well.then_some(())
    }
}

/// Where in a key the values of its labels stand, in the order of the key.
pub(crate) type ValueRanges = Vec<Range<usize>>;

#[cfg(test)]
mod tests;
