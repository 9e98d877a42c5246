//! Which dialect a file is in: by the shape of its first key, then its name.

use crate::json::{Spelling, spelling};
use crate::{Dialect, Era, HEADER_LEN, records};

/// Which dialect a file is in: by the shape of its first key, then its name. `bytes` is the file from its
/// start up to `used` (or as far as it goes). None: no whole record to tell by.
///
/// * A key that begins `["` is JSON. Labels as two arrays: Python's first layout where blanks follow the commas,
///   GitLab's where none do. Labels as an object: Python's later layouts.
/// * Python's last two layouts have the same keys and differ only in the timestamp. They are told apart by
///   walking the records both ways: the layout is the one whose records go further. Walking the wrong way stops
///   at the second record, so that this reads a record or two of a sound file. Files of `mostrecent` gauges need
///   no walk: the former layout had none.
/// * Any other key whose length ends on a multiple of 8 is Ruby's, if it looks like a query string or the file
///   is named like Ruby's.
///
/// ```
/// use dialects::{Dialect, HEADER_LEN, push_record, recognise};
/// let mut file = vec![0; HEADER_LEN];
/// assert_eq!(recognise("counter_1.db", &file), None);
/// push_record(Dialect::PYTHON, br#"["g", "g", {}, "help"]"#, 1.0, 0.0, &mut file);
/// assert_eq!(recognise("counter_1.db", &file), Some(Dialect::PYTHON));
/// ```
pub fn recognise(name: &str, bytes: &[u8]) -> Option<Dialect> {
    // The three shapes of a record, from outside: GitLab's is that of Python's older layouts.
    if let Some(Ok(first)) = records(Dialect::Gitlab, bytes, HEADER_LEN).next() {
        return Some(match spelling(first.key) {
            Some(Spelling { arrays: true, blanks: Some(true), .. }) => Dialect::Python(Era::F0),
            Some(Spelling { arrays: true, blanks: Some(false), .. }) => Dialect::Gitlab,
            Some(Spelling { arrays: true, blanks: None, .. }) if has_number(name) => Dialect::Gitlab,
            Some(Spelling { arrays: true, .. }) => Dialect::Python(Era::F0),
            Some(Spelling { help: false, .. }) => Dialect::Python(Era::F1),
            Some(_) if names_most_recent(name) => Dialect::PYTHON,
            // A key that cannot be read leaves no record; whose it is decides nothing but the message.
            Some(Spelling { help: true, .. }) | None => Dialect::Python(era_by_length(bytes)),
        });
    }
    match records(Dialect::Ruby, bytes, HEADER_LEN).next() {
        Some(Ok(first)) if name.ends_with(".bin") || is_query_string(first.key) => Some(Dialect::Ruby),
        _ => None,
    }
}

/// Whether a name ends in `-N.db`, as GitLab's do.
fn has_number(name: &str) -> bool {
    let number = name.strip_suffix(".db").and_then(|stem| stem.rsplit_once('-')).map(|(_, number)| number);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a name is that of a file of `mostrecent` gauges, a mode that came with the timestamps.
fn names_most_recent(name: &str) -> bool {
    ["gauge_mostrecent_", "gauge_livemostrecent_"].iter().any(|mode| name.starts_with(mode))
}

/// Whether a key consists of what `CGI.escape` lets through, `&` and `=`.
fn is_query_string(key: &[u8]) -> bool {
    key.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-.~+%&=".contains(byte))
}

/// The era of a Python file whose keys have help: with timestamps if its records go at least as far so.
fn era_by_length(bytes: &[u8]) -> Era {
    let (mut with, mut without) = (Walk::new(Era::F3), Walk::new(Era::F2));
    loop {
        let (behind, ahead) =
            if with.at <= without.at { (&mut with, &mut without) } else { (&mut without, &mut with) };
        if !behind.step(bytes) {
            // The other has come further, unless they are abreast: then one more step of it tells.
            if behind.at == ahead.at {
                ahead.step(bytes);
            }
            break;
        }
    }
    if with.at >= without.at { Era::F3 } else { Era::F2 }
}

/// A walk over the records of a file as one era lays them out.
struct Walk {
    dialect: Dialect,
    at: usize,
}

impl Walk {
    fn new(era: Era) -> Walk {
        Walk { dialect: Dialect::Python(era), at: HEADER_LEN }
    }

    /// Goes to the end of the record at hand, if that is whole and what lies between key and value are blanks.
    fn step(&mut self, bytes: &[u8]) -> bool {
        let Some(Ok(record)) = records(self.dialect, bytes, self.at).next() else {
            return false;
        };
        let end = record.end(self.dialect);
        let padding = bytes.get(self.at + 4 + record.key.len()..record.value_at);
        let whole =
            end <= bytes.len() && padding.is_some_and(|padding| padding.iter().all(|&byte| byte == b' '));
        if whole {
            self.at = end;
        }
        whole
    }
}

#[cfg(test)]
mod tests;
