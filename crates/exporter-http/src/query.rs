//! The query string of a scrape: which samples are wanted.

use std::sync::Arc;

/// The sample names in `query` (`name[]=a&name[]=b`), sorted, each once; none where there is no name, which
/// asks for everything.
///
/// Forgiving as Python's `parse_qs`, whose client serves the same filter: blank names are dropped, other
/// parameters are ignored, a `%` without two digits stands for itself, bytes that are not UTF-8 become
/// U+FFFD.
pub(crate) fn wanted_names(query: &str) -> Option<Arc<[String]>> {
    let mut names: Vec<String> = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .filter(|(key, _)| decode(key) == "name[]")
        .map(|(_, value)| decode(value))
        .filter(|name| !name.is_empty())
        .collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() { None } else { Some(names.into()) }
}

/// `text` without its percent-encoding; `+` is a space.
fn decode(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => match escaped_byte(behind) {
                Some((value, behind)) => {
                    rest = behind;
                    value
                }
                None => b'%',
            },
            other => other,
        });
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// The byte that two hexadecimal digits at the start of `text` stand for, and what follows them.
fn escaped_byte(text: &[u8]) -> Option<(u8, &[u8])> {
    let (&[high, low], behind) = text.split_first_chunk()?;
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let value = digit(high)? * 16 + digit(low)?;
    Some((u8::try_from(value).ok()?, behind))
}

#[cfg(test)]
mod tests;
