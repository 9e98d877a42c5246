//! One walk over the directories: list, read, parse what is new, add.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use dialects::{Damage, Dialect, Era, HEADER_LEN};
use foldhash::{HashMap, HashMapExt};
use metrics_core::{Mode, Process};

use super::ahead::{self, Wanted};
use super::file::{self, Change, Content, File, Nature};
use super::keys::Keys;
use super::{Kept, Known, Shared};
use crate::book::NONE;
use crate::collector::MOST_TOLD;
use crate::{Ask, SeriesId, SourceError, Tally};

/// Bytes that a record which crosses the end of what is in use may have.
const LONGEST_RECORD: usize = 1024 * 1024; // 1 MiB

/// What parsing a file needs besides the file.
struct Walk<'a> {
    directory: &'a Known,
    path: &'a Path,
    keys: &'a mut Keys,
    places: &'a mut Vec<u32>,
    tally: &'a mut Tally,
}

impl Shared {
    /// Adds the numbers of all files.
    pub(super) fn read(&self, ask: &Ask, kept: &mut Kept, tally: &mut Tally) -> Result<(), SourceError> {
        // Evidence only grows, so that this ends; it takes a second round where a file has told more of a Ruby
        // metric than those before it.
        let mut changed = false;
        loop {
            changed |= self.read_once(ask, kept, tally)?;
            let doubtful = kept.keys.drop_doubtful();
            if doubtful.is_empty() {
                break;
            }
            for file in kept.files.iter_mut().flatten() {
                if file.nature.is_some_and(|nature| doubtful.contains(&nature.class)) {
                    file.forget();
                }
            }
            tally.restart();
        }
        if !changed {
            return Ok(());
        }
        for guess in kept.keys.guesses(&self.catalog) {
            let told = format!("{} {} {}", guess.name, guess.kind, guess.aggregation);
            if self.tell_once(told) {
                tracing::info!(
                    metric = &*guess.name,
                    "guessed from its keys: a {} merged by {}; a catalog would tell",
                    guess.kind,
                    guess.aggregation
                );
            }
        }
        Ok(())
    }

    /// Adds the numbers of all files as they are understood now; says whether there was anything new to parse.
    fn read_once(&self, ask: &Ask, kept: &mut Kept, tally: &mut Tally) -> Result<bool, SourceError> {
        let expected = kept
            .expected
            .get_or_insert_with(|| self.catalog.statements().map(|it| tally.family(&it)).collect());
        expected.iter().for_each(|&family| tally.expect(family));
        kept.files.resize_with(self.directories.len(), Vec::new);
        for (directory, files) in self.directories.iter().zip(&mut kept.files) {
            kept.told_apart &= !list(&directory.path, files)?;
            let mut gone = Vec::new();
            let (mut bad, mut records, mut bytes) = (0, 0, 0);
            let wanted = |file: &File| Wanted { path: Arc::clone(&file.path), reach: file.reach };
            let wanted: Vec<Wanted> = files.iter().map(wanted).collect();
            let shared = is_worth_sharing(files);
            ahead::read_in_order(&wanted, shared, &mut kept.spare, |at, content| {
                if ask.is_late() {
                    let operation = format!("read {}", directory.path.display());
                    return Err(SourceError::new(operation, "the deadline passed"));
                }
                let (file, path) = (&mut files[at], &*wanted[at].path);
                let (keys, places) = (&mut kept.keys, &mut kept.places);
                let walk = &mut Walk { directory, path, keys, places, tally };
                let taken = content.and_then(|content| match content {
                    Some(content) => {
                        self.take_file(walk, file, &content, &mut kept.buffer, &mut kept.told_apart)
                    }
                    None => Ok(None),
                });
                match taken.map_err(|error| SourceError::new(format!("read {}", path.display()), error))? {
                    Some(read) => {
                        bytes += read;
                        bad += u64::from(file.damage.is_some());
                        records += file.records.len() as u64;
                    }
                    None => gone.push(at),
                }
                Ok(())
            })?;
            for at in gone.into_iter().rev() {
                files.remove(at);
            }
            directory.files.store(files.len() as u64, Ordering::Relaxed);
            directory.bad_files.store(bad, Ordering::Relaxed);
            directory.records.store(records, Ordering::Relaxed);
            directory.bytes_read.fetch_add(bytes as u64, Ordering::Relaxed);
        }
        let changed = !kept.told_apart;
        if changed {
            self.check_processes(&kept.files)?;
            kept.told_apart = true;
        }
        Ok(changed)
    }

    /// Adds the numbers of a file, having parsed what is new; says how many bytes were read. None where it has
    /// vanished.
    fn take_file(
        &self,
        walk: &mut Walk<'_>,
        file: &mut File,
        content: &Content<'_>,
        buffer: &mut Vec<u8>,
        told_apart: &mut bool,
    ) -> io::Result<Option<usize>> {
        if !self.parse(walk, file, content) {
            return Ok(Some(add(walk, file, content)));
        }
        *told_apart = false;
        if file.damage.is_none() || !content.goes_on() {
            self.tell_damage(walk.path, file);
            return Ok(Some(add(walk, file, content)));
        }
        let reach = content.state.used + LONGEST_RECORD;
        match file::read(walk.path, reach, buffer)? {
            Some(further) if further.state == content.state => {
                self.parse_crossing(walk, file, &further);
                self.tell_damage(walk.path, file);
                Ok(Some(add(walk, file, &further)))
            }
            _ => {
                // It changes under our eyes: it is taken as it is now, without a second look.
                let Some(again) = file::read(walk.path, file.reach, buffer)? else { return Ok(None) };
                self.parse(walk, file, &again);
                self.tell_damage(walk.path, file);
                Ok(Some(add(walk, file, &again)))
            }
        }
    }

    /// Parses what is new in a file; says whether anything was.
    fn parse(&self, walk: &mut Walk<'_>, file: &mut File, content: &Content<'_>) -> bool {
        let change = file.compare(content.state, content.bytes);
        if change == Change::Numbers {
            return false;
        }
        let damage = self.parse_records(walk, file, content.in_use());
        file.damage = damage.or_else(|| content.damage());
        true
    }

    /// Parses the records that are new; says where it had to stop.
    fn parse_records(&self, walk: &mut Walk<'_>, file: &mut File, bytes: &[u8]) -> Option<Damage> {
        if bytes.len() <= HEADER_LEN {
            return None;
        }
        let nature = match file.nature {
            Some(nature) => nature,
            None => match self.nature(walk, &file.name, bytes) {
                Ok(Some(nature)) => nature,
                Ok(None) => return None,
                Err(damage) => return Some(damage),
            },
        };
        let from = file.parsed.max(HEADER_LEN);
        let mut records = dialects::records(nature.dialect, bytes, from);
        walk.keys.learn(nature.class, records.clone().map_while(Result::ok));
        let expected = walk.keys.reserve(nature.class, bytes, records.clone());
        walk.tally.reserve(expected);
        // Of equal keys in one file Ruby reads the last; Python and GitLab read them all.
        let places = &mut *walk.places;
        if nature.dialect == Dialect::Ruby {
            places.clear();
            for (at, place) in file.records.iter().enumerate() {
                enter(places, place.series, at);
            }
        }
        let mut damage = None;
        let mut parsed = from;
        let mut push = |file: &mut File, value_at: usize, series: Option<SeriesId>| {
            let Some(series) = series else { return };
            let before = match nature.dialect {
                Dialect::Ruby => enter(places, series, file.records.len()),
                _ => None,
            };
            match before {
                Some(before) => file.records[before].value_at = value_at as u32,
                None => file.push(value_at, series),
            }
        };
        loop {
            // Processes make their series in much the same order: most records are known by their bytes.
            if let Some((value_at, series)) = walk.keys.pass(nature.class, &mut records) {
                push(file, value_at, series);
                parsed = records.at();
                continue;
            }
            let Some(record) = records.next() else { break };
            let record = match record {
                Ok(record) => record,
                Err(found) => {
                    damage = Some(found);
                    break;
                }
            };
            match walk.keys.resolve(nature.class, &record, bytes, &self.catalog, walk.tally) {
                Ok(series) => push(file, record.value_at, series),
                Err(found) => {
                    damage = Some(Damage { at: record.at + 4 + found.at, ..found });
                    break;
                }
            }
            parsed = record.end(nature.dialect);
        }
        file.parsed_to(parsed, bytes);
        file.nature = Some(self.timed(walk, nature));
        damage
    }

    /// Parses the record that begins before the end of what is in use and goes on behind it, if the file has it
    /// whole: the clients' own readers count it.
    fn parse_crossing(&self, walk: &mut Walk<'_>, file: &mut File, content: &Content<'_>) {
        let Some(nature) =
            file.nature.or_else(|| self.nature(walk, &file.name, content.bytes).ok().flatten())
        else {
            return;
        };
        let from = file.parsed.max(HEADER_LEN);
        let Some(Ok(record)) = dialects::records(nature.dialect, content.bytes, from).next() else { return };
        let end = record.end(nature.dialect);
        if record.at >= content.state.used || end <= content.state.used {
            return;
        }
        walk.keys.learn(nature.class, std::iter::once(record));
        let series = walk.keys.resolve(nature.class, &record, content.bytes, &self.catalog, walk.tally);
        let Ok(Some(series)) = series else { return };
        file.push(record.value_at, series);
        file.parsed_to(end, content.bytes);
        file.nature = Some(self.timed(walk, nature));
        file.reach = end;
        file.damage = Some(Damage { at: record.at, why: "its header ends within this record, which counts" });
    }

    fn timed(&self, walk: &Walk<'_>, nature: Nature) -> Nature {
        let kept = matches!(nature.dialect, Dialect::Python(Era::F3) | Dialect::Ruby);
        let aggregation = walk.keys.aggregation(nature.class, &self.catalog);
        Nature { timed: kept && aggregation.mode == Mode::MostRecent, ..nature }
    }

    fn tell_damage(&self, path: &Path, file: &File) {
        let Some(damage) = &file.damage else { return };
        if self.tell_once(format!("{} {} {}", path.display(), damage.at, damage.why)) {
            tracing::warn!(
                file = %path.display(),
                offset = damage.at,
                "a damaged file counts up to its last whole record: {}",
                damage.why
            );
        }
    }

    /// What a file's records are, by its first ones and its name; none where the name tells no kind.
    fn nature(&self, walk: &mut Walk<'_>, name: &str, bytes: &[u8]) -> Result<Option<Nature>, Damage> {
        let Some(dialect) = dialects::recognise(name, bytes) else {
            let unreadable = Damage { at: HEADER_LEN, why: "its first record is not whole" };
            let first = dialects::records(Dialect::Ruby, bytes, HEADER_LEN).next();
            return Err(first.and_then(Result::err).unwrap_or(unreadable));
        };
        let named = dialects::parse_file_name(dialect, name);
        let class = named.as_ref().and_then(|name| walk.keys.class(dialect, name));
        let (Some(class), Some(named)) = (class, named) else {
            if self.tell_once(walk.path.display().to_string()) {
                tracing::warn!(file = %walk.path.display(), "left out: its name tells no kind of metric");
            }
            return Ok(None);
        };
        let process = Process { id: named.process.into_owned(), labels: walk.directory.labels.clone() };
        let origin = walk.tally.origin(&process, &walk.path.display().to_string());
        Ok(Some(Nature { dialect, class, origin, timed: false }))
    }

    /// Whether two directories cannot be told apart where they should be.
    fn check_processes(&self, files: &[Vec<File>]) -> Result<(), SourceError> {
        let mut seen: HashMap<Process, usize> = HashMap::new();
        for (at, (directory, files)) in self.directories.iter().zip(files).enumerate() {
            if self.directories.iter().filter(|other| other.labels == directory.labels).count() == 1 {
                continue;
            }
            for file in files {
                let named = file.nature.and_then(|it| dialects::parse_file_name(it.dialect, &file.name));
                let Some(named) = named else { continue };
                let process = Process { id: named.process.to_string(), labels: directory.labels.clone() };
                let first = *seen.entry(process).or_insert(at);
                if first != at {
                    let first = self.directories[first].path.display();
                    let operation = format!("read {first} and {}", directory.path.display());
                    let process = &named.process;
                    let cause = format!("both have files of process {process}; labels would tell them apart");
                    return Err(SourceError::new(operation, cause));
                }
            }
        }
        Ok(())
    }

    fn tell_once(&self, message: String) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.len() < MOST_TOLD && told.insert(message)
    }
}

/// Adds the numbers of all records; says how many bytes were read.
fn add(walk: &mut Walk<'_>, file: &File, content: &Content<'_>) -> usize {
    if let Some(nature) = file.nature {
        file.report(nature, content.bytes, walk.tally);
    }
    content.bytes.len()
}

/// Enters that a series stands at `at` of its file; if it stands somewhere already, only says where.
fn enter(places: &mut Vec<u32>, series: SeriesId, at: usize) -> Option<usize> {
    let series = series.0 as usize;
    if places.len() <= series {
        places.resize(series + 1, NONE);
    }
    let place = &mut places[series];
    if *place != NONE {
        return Some(*place as usize);
    }
    *place = at as u32;
    None
}

/// Whether the files hold so much, or so many are new, that a thread more pays off.
fn is_worth_sharing(files: &[File]) -> bool {
    const BYTES_OF_A_CALL: usize = 4 * 1024; // 4 KiB are read in the time that opening a file takes
    let known: usize = files.iter().map(|file| file.parsed + BYTES_OF_A_CALL).sum();
    let new = files.iter().filter(|file| file.parsed == 0).count();
    known > 1024 * 1024 || new > 1
}

/// Brings `files` up to date with the directory, in byte order of the names; says whether that changed them.
fn list(directory: &Path, files: &mut Vec<File>) -> Result<bool, SourceError> {
    let failed = |error| SourceError::new(format!("list {}", directory.display()), error);
    let mut names: Vec<OsString> = Vec::with_capacity(files.len());
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        if !name.to_str().is_some_and(dialects::is_metrics_file) {
            continue;
        }
        let regular = match entry.file_type() {
            Ok(kind) if kind.is_symlink() => fs::metadata(entry.path()).is_ok_and(|about| about.is_file()),
            Ok(kind) => kind.is_file(),
            Err(_) => false,
        };
        if regular {
            names.push(name);
        }
    }
    names.sort_unstable();
    if names.iter().map(|name| name.as_os_str()).eq(files.iter().map(|file| OsStr::new(&*file.name))) {
        return Ok(false);
    }
    let mut before = std::mem::take(files).into_iter().peekable();
    for name in names.iter().filter_map(|name| name.to_str()) {
        while before.next_if(|file| *file.name < *name).is_some() {}
        let known = before.next_if(|file| *file.name == *name);
        files.push(known.unwrap_or_else(|| File::new(directory, name)));
    }
    Ok(true)
}
