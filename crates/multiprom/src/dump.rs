//! `multiprom dump`: every record of metrics files and every number of databases, as it is stored.

mod database;

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use dialects::{Damage, parse_retired};
use metrics_core::Kind;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::cli::inside::Dump;
use crate::inside::file::MetricsFile;
use crate::inside::folder::{Named, shown_name};
use crate::inside::nature::Nature;
use crate::inside::output::{Output, is_broken_pipe, number, number_text};
use crate::inside::series::{family_name, labels_of, sample_name, series_text};
use crate::inside::text::visible;
use crate::inside::walk::{Entry, Met, walk};
use crate::sources::places_or_environment;

use database::dump_database;

/// Prints the records of all files, file by file as they are read.
pub(crate) fn dump(command: Dump) -> anyhow::Result<ExitCode> {
    let mut out = Output::new();
    let mut trouble = false;
    let places = places_or_environment(command.places, command.catalog.as_deref())?;
    for path in places.paths {
        let dumped = Named::open(&path).map(|named| {
            for file in named.metrics_files() {
                let dumped = dump_file(&file, command.json, &mut out);
                // It is gone since it was listed.
                if dumped.as_ref().is_err_and(is_not_found) {
                    continue;
                }
                if let Err(error) = dumped.with_context(|| format!("read {}", file.display())) {
                    if is_broken_pipe(&error) {
                        return Err(error);
                    }
                    trouble = true;
                    crate::complain(&error);
                }
            }
            Ok(())
        });
        match dumped {
            Ok(written) => written?,
            Err(error) => {
                trouble = true;
                crate::complain(&error);
            }
        }
    }
    for database in &places.databases {
        let address = &database.foreign.address;
        let dumped = dump_database(database, command.json, &mut out);
        if let Err(error) = dumped.with_context(|| format!("read {address}")) {
            if is_broken_pipe(&error) {
                return Err(error);
            }
            trouble = true;
            crate::complain(&error);
        }
    }
    out.flush()?;
    Ok(if trouble { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn dump_file(path: &Path, json: bool, out: &mut Output) -> anyhow::Result<()> {
    let file = MetricsFile::open(path)?;
    let nature = Nature::of(&file)?;
    let folding = path.file_name().and_then(OsStr::to_str).is_some_and(|name| parse_retired(name).is_some());
    let place = Place { path, folding, nature: &nature };
    walk(&file, &nature, |met| match (met, json) {
        (Met::Record(entry), false) => out.line(&place.record_text(&entry)),
        (Met::Record(entry), true) => out.json(&place.record_json(&entry)),
        (Met::Damage(damage), false) => out.line(&place.damage_text(&damage)),
        (Met::Damage(damage), true) => out.json(&place.damage_json(&damage)),
    })
}

fn is_not_found(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Where records are from.
struct Place<'a> {
    path: &'a Path,
    /// Whether the file is being folded.
    folding: bool,
    nature: &'a Nature,
}

/// A record, as `--json` prints it: names of fields are promised in `--help`.
#[derive(Default, Serialize)]
struct RecordLine<'a> {
    path: String,
    offset: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_offset: Option<usize>,
    client: Option<&'static str>,
    kind: Option<&'static str>,
    mode: Option<&'static str>,
    process: Option<&'a str>,
    /// Whether a fold has taken the file away, and it is not in its archive yet.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    folding: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    family: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<Labels<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Number>,
    /// None where the dialect has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<Number>,
    /// Of a record whose key cannot be read: the key as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_key: Option<String>,
    /// Whether pages have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    counts: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    damage: Option<DamageLine>,
}

#[derive(Serialize)]
struct DamageLine {
    offset: usize,
    why: &'static str,
}

struct Number(f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        number(&self.0, serializer)
    }
}

/// Labels as an object, in the order of the key.
struct Labels<'a>(Vec<(&'a str, &'a [u8])>);

impl Serialize for Labels<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, &String::from_utf8_lossy(value))?;
        }
        map.end()
    }
}

impl Place<'_> {
    /// `served_total{code="200"} 7.0 # counter_4711.db@8 python counter process 4711`.
    fn record_text(&self, entry: &Entry<'_>) -> String {
        let subject = match &entry.key {
            Ok(key) => series_text(sample_name(self.nature, key), labels_of(key)),
            Err(_) => format!("# key {}", visible(entry.raw_key)),
        };
        let mut line = format!("{subject} {} # {}", number_text(entry.value), self.name_at(entry.at));
        let mut add = |word: &str| {
            line.push(' ');
            line.push_str(word);
        };
        self.nature.client().into_iter().for_each(&mut add);
        self.nature.kind.map(Kind::as_str).into_iter().for_each(&mut add);
        self.nature.mode.map(|mode| mode.as_str()).into_iter().for_each(&mut add);
        if let Some(process) = &self.nature.process {
            add(&format!("process {}", visible(process.as_bytes())));
        }
        if self.folding {
            add("being folded");
        }
        if entry.time != 0.0 {
            add(&format!("time {}", entry.time));
        }
        match &entry.key {
            Err(damage) => add(&format!("is no key: {damage}; pages end before it")),
            Ok(_) if !entry.counts => add("not on pages: behind damage"),
            Ok(_) => {}
        }
        line
    }

    fn damage_text(&self, damage: &Damage) -> String {
        format!("# {} damaged: {}", self.name_at(damage.at), damage.why)
    }

    fn name_at(&self, offset: usize) -> String {
        format!("{}@{offset}", visible(shown_name(self.path).as_bytes()))
    }

    fn record_json<'b>(&'b self, entry: &'b Entry<'_>) -> RecordLine<'b> {
        let key = entry.key.as_ref().ok();
        RecordLine {
            offset: entry.at,
            value_offset: Some(entry.value_at),
            family: key.map(|key| family_name(self.nature, key)),
            name: key.map(|key| sample_name(self.nature, key)),
            labels: key.map(|key| Labels(labels_of(key).collect())),
            help: key.and_then(|key| key.help.as_deref()),
            value: Some(Number(entry.value)),
            time: self
                .nature
                .dialect
                .filter(|dialect| dialect.number_len() == 16)
                .map(|_| Number(entry.time)),
            raw_key: key.is_none().then(|| visible(entry.raw_key)),
            counts: Some(entry.counts && !self.nature.is_kindless()),
            damage: entry.key.as_ref().err().map(DamageLine::of),
            ..self.line()
        }
    }

    fn damage_json(&self, damage: &Damage) -> RecordLine<'_> {
        RecordLine { offset: damage.at, damage: Some(DamageLine::of(damage)), ..self.line() }
    }

    fn line(&self) -> RecordLine<'_> {
        RecordLine {
            path: self.path.to_string_lossy().into_owned(),
            client: self.nature.client(),
            kind: self.nature.kind.map(Kind::as_str),
            mode: self.nature.mode.map(|mode| mode.as_str()),
            process: self.nature.process.as_deref(),
            folding: self.folding,
            ..RecordLine::default()
        }
    }
}

impl DamageLine {
    fn of(damage: &Damage) -> DamageLine {
        DamageLine { offset: damage.at, why: damage.why }
    }
}
