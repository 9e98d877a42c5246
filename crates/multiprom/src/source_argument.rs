//! `DIR,label=value`: how a source is written on the command line.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, PathBufValueParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, Command};
use collector::Directory;

use crate::database_argument::{Database, database, is_database};

/// A directory or a database, and its labels, as given on the command line.
#[derive(Clone, Debug)]
pub(crate) enum SourceArgument {
    Directory(Directory),
    Database(Box<Database>),
}

/// A file, a directory or a database, as given on the command line: a path as it is, since a comma is a part of it.
#[derive(Clone, Debug)]
pub(crate) enum PlaceArgument {
    Path(PathBuf),
    Database(Box<Database>),
}

/// Reads a [`PlaceArgument`] for clap, and repeats no address either.
#[derive(Clone)]
pub(crate) struct PlaceParser;

impl TypedValueParser for PlaceParser {
    type Value = PlaceArgument;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<PlaceArgument, clap::Error> {
        if !is_database(value.as_encoded_bytes()) {
            return PathBufValueParser::new().parse_ref(command, argument, value).map(PlaceArgument::Path);
        }
        parse_database_for(command, value).map(PlaceArgument::Database)
    }
}

/// Reads a [`SourceArgument`] for clap.
///
/// An address that is wrong is not repeated, as clap does with what is wrong: it may hold a password.
#[derive(Clone)]
pub(crate) struct SourceParser;

impl TypedValueParser for SourceParser {
    type Value = SourceArgument;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<SourceArgument, clap::Error> {
        if !is_database(value.as_encoded_bytes()) {
            return directory_argument().parse_ref(command, argument, value).map(SourceArgument::Directory);
        }
        parse_database_for(command, value).map(SourceArgument::Database)
    }
}

/// Reads a database for clap, and repeats no address either.
#[derive(Clone)]
pub(crate) struct DatabaseParser;

impl TypedValueParser for DatabaseParser {
    type Value = Box<Database>;

    fn parse_ref(
        &self,
        command: &Command,
        _: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Box<Database>, clap::Error> {
        parse_database_for(command, value)
    }
}

fn parse_database_for(command: &Command, value: &OsStr) -> Result<Box<Database>, clap::Error> {
    parse_database(value.to_owned()).map(Box::new).map_err(|why| {
        clap::Error::raw(ErrorKind::ValueValidation, format!("the database: {why}\n")).with_cmd(command)
    })
}

/// Reads a directory and its labels for clap.
pub(crate) fn directory_argument() -> impl TypedValueParser<Value = Directory> {
    OsStringValueParser::new().try_map(parse)
}

/// Reads `DIR,label=value,label=value`. `\,` is a comma and `\\` a backslash; before anything else a
/// backslash stands for itself. The path may be any bytes, names and values are UTF-8.
fn parse(argument: OsString) -> Result<Directory, String> {
    let mut parts = split(&argument.into_vec()).into_iter();
    let path = parts.next().unwrap_or_default();
    if path.is_empty() {
        return Err("the directory is missing".to_owned());
    }
    let labels = labels(parts)?;
    Ok(Directory { path: OsString::from_vec(path).into(), labels })
}

/// Reads `redis://...,label=value`. Commas between the hosts of Sentinels or of a cluster are the address's.
fn parse_database(argument: OsString) -> Result<Database, String> {
    let argument = argument.into_vec();
    let hosts = hosts_end(&argument);
    let (hosts, rest) = argument.split_at(hosts);
    let mut parts = split(rest).into_iter();
    let address = [hosts, &parts.next().unwrap_or_default()].concat();
    let address = String::from_utf8(address).map_err(|_| "it is not UTF-8")?;
    database(&address, labels(parts)?)
}

/// Where the hosts of an address end that may have several: before its path or parameters, or the comma before the first
/// label. An address that has one host has no such end.
fn hosts_end(argument: &[u8]) -> usize {
    let scheme = argument.windows(3).position(|window| window == b"://").unwrap_or(0);
    if !argument[..scheme].ends_with(b"+sentinel") && !argument[..scheme].ends_with(b"+cluster") {
        return 0;
    }
    let begin = scheme + 3;
    let end = argument[begin..].iter().position(|byte| matches!(byte, b'/' | b'?'));
    let end = end.map_or(argument.len(), |end| begin + end);
    // A host has no equals sign, and what is special in a password stands percent-encoded.
    let equals = argument[begin..end].iter().position(|&byte| byte == b'=').map(|at| begin + at);
    let comma = equals.and_then(|equals| argument[begin..equals].iter().rposition(|&byte| byte == b','));
    comma.map_or(end, |comma| begin + comma)
}

/// Reads what follows a source, part by part.
fn labels(parts: impl Iterator<Item = Vec<u8>>) -> Result<Vec<(String, String)>, String> {
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
    Ok(labels)
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
