//! What the records of a file are, and whose: told by its first records and its name.

use std::io;

use dialects::{Damage, Dialect, Era, HEADER_LEN, parse_file_name, recognise, records};
use metrics_core::{Aggregation, Kind};

use super::file::MetricsFile;
use super::walk::{LONGEST_CROSSING, WINDOW};

/// See the head of this file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Nature {
    /// None: there is no record to tell it by.
    pub(crate) dialect: Option<Dialect>,
    /// Ruby's names do not tell it.
    pub(crate) kind: Option<Kind>,
    /// Of gauges that are not Ruby's.
    pub(crate) mode: Option<Aggregation>,
    /// Ruby's: the metric.
    pub(crate) metric: Option<String>,
    /// Who wrote it. None where the name does not tell.
    pub(crate) process: Option<String>,
    /// Why the first record cannot be read, where it cannot.
    pub(crate) damage: Option<Damage>,
}

impl Nature {
    /// Finds out what a file is.
    pub(crate) fn of(file: &MetricsFile) -> io::Result<Nature> {
        let (dialect, damage) = recognised(file)?;
        Ok(Nature { damage, ..Nature::named(&file.name, dialect) })
    }

    /// What the name alone tells, of a file that cannot be read.
    pub(crate) fn of_name(file: &str) -> Nature {
        Nature::named(file, None)
    }

    fn named(file: &str, dialect: Option<Dialect>) -> Nature {
        let mut nature = Nature { dialect, ..Nature::default() };
        // Without a record the ending tells most of it.
        if let Some(named) = parse_file_name(dialect.unwrap_or_else(|| by_ending(file)), file) {
            nature.kind = named.kind;
            nature.mode = named.aggregation;
            nature.metric = named.metric.map(str::to_owned);
            nature.process = Some(named.process.into_owned());
        }
        nature
    }

    /// Whether files like it are left out of pages because their name tells no kind of metric.
    pub(crate) fn is_kindless(&self) -> bool {
        self.dialect.is_some() && self.kind.is_none() && self.metric.is_none()
    }

    /// The client that writes such files: `python`, `ruby`, `gitlab`.
    pub(crate) fn client(&self) -> Option<&'static str> {
        self.dialect.map(|dialect| match dialect {
            Dialect::Python(_) => "python",
            Dialect::Ruby => "ruby",
            Dialect::Gitlab => "gitlab",
            _ => "other",
        })
    }

    /// Which versions of the client lay records out so, where only some do.
    pub(crate) fn versions(&self) -> Option<&'static str> {
        match self.dialect? {
            Dialect::Python(Era::F0) => Some("0.0.16-0.3"),
            Dialect::Python(Era::F1) => Some("0.4-0.15"),
            Dialect::Python(Era::F2) => Some("0.16-0.17"),
            _ => None,
        }
    }
}

/// Whose file it is by the ending of its name: `.bin` Ruby's, `-0.db` GitLab's, else Python's.
fn by_ending(name: &str) -> Dialect {
    let number = name.strip_suffix(".db").and_then(|stem| stem.rsplit_once('-')).map(|(_, number)| number);
    let numbered = number.is_some_and(|it| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit()));
    match name.ends_with(".bin") {
        true => Dialect::Ruby,
        false if numbered => Dialect::Gitlab,
        false => Dialect::PYTHON,
    }
}

/// The dialect of a file, or why its first record cannot be read; neither where it has no records.
fn recognised(file: &MetricsFile) -> io::Result<(Option<Dialect>, Option<Damage>)> {
    let in_use = file.in_use();
    if in_use <= HEADER_LEN {
        return Ok((None, None));
    }
    let mut bytes = Vec::new();
    file.read(0, in_use.min(WINDOW), &mut bytes)?;
    if let Some(length) = bytes.get(HEADER_LEN..).and_then(<[u8]>::first_chunk) {
        // One longer than the window, and something behind it.
        let first = HEADER_LEN + u32::from_le_bytes(*length) as usize;
        if bytes.len() < first.saturating_add(WINDOW / 2) && first <= in_use && bytes.len() < in_use {
            file.read(0, in_use.min(first + WINDOW), &mut bytes)?;
        }
    }
    if let Some(dialect) = recognise(&file.name, &bytes) {
        return Ok((Some(dialect), None));
    }
    // The first record may go on behind what is in use.
    if in_use < WINDOW {
        let mut further = Vec::new();
        file.read(0, in_use + LONGEST_CROSSING, &mut further)?;
        if let Some(dialect) = recognise(&file.name, &further) {
            return Ok((Some(dialect), None));
        }
    }
    let first = records(Dialect::Ruby, &bytes, HEADER_LEN).next();
    let unreadable = Damage { at: HEADER_LEN, why: "its first record is not whole" };
    Ok((None, Some(first.and_then(Result::err).unwrap_or(unreadable))))
}
