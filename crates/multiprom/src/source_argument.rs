//! `DIR,label=value`: how a source is written on the command line.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use clap::builder::{OsStringValueParser, TypedValueParser};
use collector::Directory;

/// A directory and its labels, as given on the command line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SourceArgument(pub(crate) Directory);

/// Reads a [`SourceArgument`] for clap.
pub(crate) fn source_argument() -> impl TypedValueParser<Value = SourceArgument> {
    OsStringValueParser::new().try_map(parse)
}

/// Reads `DIR,label=value,label=value`. `\,` is a comma and `\\` a backslash; before anything else a
/// backslash stands for itself. The path may be any bytes, names and values are UTF-8.
fn parse(argument: OsString) -> Result<SourceArgument, String> {
    let mut parts = split(&argument.into_vec()).into_iter();
    let path = parts.next().unwrap_or_default();
    if path.is_empty() {
        return Err("the directory is missing".to_owned());
    }
    let mut labels: Vec<(String, String)> = Vec::new();
    for part in parts {
        let part = String::from_utf8(part)
            .map_err(|error| format!("label {:?} is not UTF-8", String::from_utf8_lossy(error.as_bytes())))?;
        let Some((name, value)) = part.split_once('=') else {
            return Err(format!("{part:?} is no label=value (a comma in a path is written \\,)"));
        };
        check_name(name)?;
        if labels.iter().any(|(other, _)| other == name) {
            return Err(format!("label {name:?} is given twice"));
        }
        labels.push((name.to_owned(), value.to_owned()));
    }
    Ok(SourceArgument(Directory { path: OsString::from_vec(path).into(), labels }))
}

/// The parts of `argument` between commas, without their backslashes.
fn split(argument: &[u8]) -> Vec<Vec<u8>> {
    let mut parts = vec![];
    let mut part = vec![];
    let mut bytes = argument.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b',' => parts.push(std::mem::take(&mut part)),
            b'\\' => part.push(bytes.next_if(|next| matches!(next, b',' | b'\\')).unwrap_or(b'\\')),
            other => part.push(other),
        }
    }
    parts.push(part);
    parts
}

/// Whether everything of a source may have a label of this name.
fn check_name(name: &str) -> Result<(), String> {
    let mut characters = name.chars();
    let starts_well = characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
    if !starts_well || !characters.all(|other| other.is_ascii_alphanumeric() || other == '_') {
        return Err(format!("label name {name:?} is not [a-zA-Z_][a-zA-Z0-9_]*"));
    }
    if name.starts_with("__") || matches!(name, "le" | "quantile" | "pid") {
        return Err(format!("label name {name:?} is reserved"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
