//! Directories of metrics files, read as one source.

mod file;
mod keys;

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use dialects::{Damage, Dialect, Era};
use foldhash::{HashMap, HashMapExt};
use metrics_core::{Kind, Label, Mode, Process, Snapshot};

use crate::collector::MOST_TOLD;
use crate::own::family;
use crate::{Ask, Catalog, FamilyId, SeriesId, Source, SourceError, Tally};
use file::{Change, Content, File, Nature};
use keys::Keys;

/// A directory and the labels that everything in it gets.
#[derive(Clone, Debug, PartialEq)]
pub struct Directory {
    /// Where it is.
    pub path: PathBuf,
    /// Labels on every series of it. They replace labels of the same name.
    pub labels: Vec<(String, String)>,
}

/// Directories of metrics files, read as one source.
///
/// Files of all dialects may lie in one directory; each is recognised by itself. Dot-files and files of other
/// names are left alone. Files are taken in byte order of their names, directories in the order given.
///
/// | what it meets | what becomes of it |
/// |---|---|
/// | a missing directory | the scrape fails |
/// | a file that cannot be opened or read | the scrape fails: its numbers would be missing in sums |
/// | a file that vanished after it was listed | is left out |
/// | an empty file, or one without records | nothing |
/// | a damaged file | counts up to its last whole record; is named in a warning, once, and counted |
/// | a file of a kind that does not exist (`foo_1.db`) | is left out; is named in a warning, once |
/// | two directories with equal labels and a process of the same name | the scrape fails: give them labels |
///
/// A scrape costs three to five system calls for each file, and the copying of the bytes in use. Only records
/// that are new are parsed.
pub struct DirSource {
    shared: Arc<Shared>,
}

struct Shared {
    directories: Vec<Known>,
    catalog: Catalog,
    /// What the log has been told.
    told: Mutex<HashSet<String>>,
}

/// A directory and how reading it went.
struct Known {
    path: PathBuf,
    labels: Vec<(String, String)>,
    files: AtomicU64,
    bad_files: AtomicU64,
    records: AtomicU64,
    bytes_read: AtomicU64,
}

/// What is kept in the tally from scrape to scrape.
#[derive(Default)]
struct Kept {
    /// The families of the catalog.
    expected: Option<Vec<FamilyId>>,
    keys: Keys,
    /// The files of each directory, by name.
    files: Vec<Vec<File>>,
    /// Whether these files' processes can be told apart.
    told_apart: bool,
    buffer: Vec<u8>,
}

impl DirSource {
    /// Reads these directories; they may appear later.
    ///
    /// # Errors
    /// When one of them is given twice, or a label cannot be put on series: its name is malformed, is `le`,
    /// `quantile` or `pid`, begins with `__`, or stands twice.
    pub fn new(directories: Vec<Directory>, catalog: Catalog) -> Result<DirSource, SourceError> {
        let mut known: Vec<Known> = Vec::with_capacity(directories.len());
        for Directory { path, mut labels } in directories {
            let operation = || format!("take directory {}", path.display());
            labels.sort();
            for (at, (name, _)) in labels.iter().enumerate() {
                if let Some(why) = refusal(name) {
                    return Err(SourceError::new(operation(), format!("label {name:?} {why}")));
                }
                if at > 0 && labels[at - 1].0 == *name {
                    return Err(SourceError::new(operation(), format!("label {name:?} stands twice")));
                }
            }
            // Directories may appear later; those that exist are compared by what they are.
            let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
            if known.iter().any(|before| real(&before.path) == real(&path)) {
                return Err(SourceError::new(operation(), "it is given twice"));
            }
            known.push(Known {
                path,
                labels,
                files: AtomicU64::new(0),
                bad_files: AtomicU64::new(0),
                records: AtomicU64::new(0),
                bytes_read: AtomicU64::new(0),
            });
        }
        let shared = Shared { directories: known, catalog, told: Mutex::default() };
        Ok(DirSource { shared: Arc::new(shared) })
    }
}

/// Why a label cannot be put on everything of a directory.
fn refusal(name: &str) -> Option<&'static str> {
    let letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let well_formed = name.bytes().next().is_some_and(letter)
        && name.bytes().all(|byte| letter(byte) || byte.is_ascii_digit());
    match name {
        "le" | "quantile" | "pid" => Some("is reserved"),
        _ if name.starts_with("__") => Some("is reserved"),
        _ if !well_formed => Some("does not match [a-zA-Z_][a-zA-Z0-9_]*"),
        _ => None,
    }
}

#[async_trait]
impl Source for DirSource {
    fn name(&self) -> String {
        let paths: Vec<String> =
            self.shared.directories.iter().map(|directory| directory.path.display().to_string()).collect();
        let noun = if paths.len() == 1 { "directory" } else { "directories" };
        format!("{noun} {}", paths.join(", "))
    }

    async fn read(&self, ask: &Ask, into: &mut Tally) -> Result<(), SourceError> {
        let (shared, ask) = (Arc::clone(&self.shared), ask.clone());
        let mut tally = into.take();
        let done = tokio::task::spawn_blocking(move || {
            let mut kept: Kept = tally.kept();
            let read = shared.read(&ask, &mut kept, &mut tally);
            tally.keep(kept);
            (tally, read)
        });
        let (tally, read) = done.await.map_err(|error| SourceError::new("read files", error))?;
        *into = tally;
        read
    }

    fn own(&self) -> Snapshot {
        let by_directory = |count: fn(&Known) -> &AtomicU64| {
            self.shared.directories.iter().map(move |directory| {
                let label = Label::new("directory", &directory.path.display().to_string());
                (vec![label], count(directory).load(Ordering::Relaxed) as f64)
            })
        };
        Snapshot {
            families: vec![
                family(
                    Kind::Gauge,
                    "multiprom_directory_files",
                    "Metrics files in the directory.",
                    by_directory(|known| &known.files),
                ),
                family(
                    Kind::Gauge,
                    "multiprom_directory_bad_files",
                    "Metrics files that are damaged and counted as far as they can be read.",
                    by_directory(|known| &known.bad_files),
                ),
                family(
                    Kind::Gauge,
                    "multiprom_directory_records",
                    "Records in the directory's files.",
                    by_directory(|known| &known.records),
                ),
                family(
                    Kind::Counter,
                    "multiprom_directory_read_bytes",
                    "Bytes read from the directory's files.",
                    by_directory(|known| &known.bytes_read),
                ),
            ],
        }
    }
}

impl Shared {
    fn read(&self, ask: &Ask, kept: &mut Kept, tally: &mut Tally) -> Result<(), SourceError> {
        // Evidence only grows, so that this ends; it takes a second round where a file has told more of a Ruby
        // metric than those before it.
        loop {
            self.read_once(ask, kept, tally)?;
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

    fn read_once(&self, ask: &Ask, kept: &mut Kept, tally: &mut Tally) -> Result<(), SourceError> {
        let expected = kept
            .expected
            .get_or_insert_with(|| self.catalog.statements().map(|it| tally.family(&it)).collect());
        expected.iter().for_each(|&family| tally.expect(family));
        kept.files.resize_with(self.directories.len(), Vec::new);
        for (directory, files) in self.directories.iter().zip(&mut kept.files) {
            kept.told_apart &= !list(&directory.path, files)?;
            let mut gone = Vec::new();
            let (mut bad, mut records, mut bytes) = (0, 0, 0);
            for (at, file) in files.iter_mut().enumerate() {
                if ask.is_late() {
                    return Err(SourceError::new(
                        format!("read {}", directory.path.display()),
                        "the deadline passed",
                    ));
                }
                let path = directory.path.join(&*file.name);
                let content = file::read(&path, &mut kept.buffer)
                    .map_err(|error| SourceError::new(format!("read {}", path.display()), error))?;
                let Some(content) = content else {
                    gone.push(at);
                    continue;
                };
                kept.told_apart &= !self.parse(directory, &path, file, &content, &mut kept.keys, tally);
                bytes += content.bytes.len();
                bad += u64::from(file.damage.is_some());
                records += file.records.len() as u64;
                if let Some(nature) = file.nature {
                    file.report(nature, content.bytes, tally);
                }
            }
            for at in gone.into_iter().rev() {
                files.remove(at);
            }
            directory.files.store(files.len() as u64, Ordering::Relaxed);
            directory.bad_files.store(bad, Ordering::Relaxed);
            directory.records.store(records, Ordering::Relaxed);
            directory.bytes_read.fetch_add(bytes as u64, Ordering::Relaxed);
        }
        if !kept.told_apart {
            self.check_processes(&kept.files)?;
            kept.told_apart = true;
        }
        Ok(())
    }

    /// Parses what is new in a file; says whether anything was.
    fn parse(
        &self,
        directory: &Known,
        path: &Path,
        file: &mut File,
        content: &Content<'_>,
        keys: &mut Keys,
        tally: &mut Tally,
    ) -> bool {
        let change = file.compare(content.state, content.bytes);
        if change == Change::Numbers {
            return false;
        }
        let damage = self.parse_records(directory, path, file, content.bytes, keys, tally);
        file.damage = damage.or_else(|| content.damage());
        if let Some(damage) = &file.damage {
            let told = format!("{} {} {}", path.display(), damage.at, damage.why);
            if self.tell_once(told) {
                tracing::warn!(
                    file = %path.display(),
                    offset = damage.at,
                    "a damaged file counts up to its last whole record: {}",
                    damage.why
                );
            }
        }
        true
    }

    fn parse_records(
        &self,
        directory: &Known,
        path: &Path,
        file: &mut File,
        bytes: &[u8],
        keys: &mut Keys,
        tally: &mut Tally,
    ) -> Option<Damage> {
        if bytes.len() <= dialects::HEADER_LEN {
            return None;
        }
        let mut nature = match file.nature {
            Some(nature) => nature,
            None => {
                let Some(dialect) = dialects::recognise(&file.name, bytes) else {
                    let first = dialects::records(Dialect::Ruby, bytes, dialects::HEADER_LEN).next();
                    let unreadable =
                        Damage { at: dialects::HEADER_LEN, why: "its first record is not whole" };
                    return Some(first.and_then(Result::err).unwrap_or(unreadable));
                };
                let named = dialects::parse_file_name(dialect, &file.name);
                let class = named.as_ref().and_then(|name| keys.class(dialect, name));
                let (Some(class), Some(named)) = (class, named) else {
                    if self.tell_once(path.display().to_string()) {
                        tracing::warn!(file = %path.display(), "left out: its name tells no kind of metric");
                    }
                    return None;
                };
                let process = Process { id: named.process.to_string(), labels: directory.labels.clone() };
                let origin = tally.origin(&process, &path.display().to_string());
                Nature { dialect, class, origin, timed: false }
            }
        };
        let from = file.parsed.max(dialects::HEADER_LEN);
        let records = || dialects::records(nature.dialect, bytes, from);
        keys.learn(nature.class, records().map_while(Result::ok));
        // Of equal keys in one file Ruby reads the last; Python and GitLab read them all.
        let mut places: HashMap<SeriesId, usize> = HashMap::new();
        if nature.dialect == Dialect::Ruby {
            places.extend(file.records.iter().enumerate().map(|(at, place)| (place.series, at)));
        }
        let mut damage = None;
        let mut parsed = from;
        for record in records() {
            let record = match record {
                Ok(record) => record,
                Err(found) => {
                    damage = Some(found);
                    break;
                }
            };
            match keys.resolve(nature.class, record.key, &self.catalog, tally) {
                Ok(Some(series)) => {
                    if nature.dialect == Dialect::Ruby
                        && let Some(before) = places.insert(series, file.records.len())
                    {
                        places.insert(series, before);
                        file.records[before].value_at = record.value_at as u32;
                    } else {
                        file.push(&record, series);
                    }
                }
                Ok(None) => {}
                Err(found) => {
                    damage = Some(Damage { at: record.at + 4 + found.at, ..found });
                    break;
                }
            }
            parsed = record.end(nature.dialect);
        }
        file.parsed_to(parsed, bytes);
        nature.timed = matches!(nature.dialect, Dialect::Python(Era::F3) | Dialect::Ruby)
            && keys.aggregation(nature.class, &self.catalog).mode == Mode::MostRecent;
        file.nature = Some(nature);
        damage
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
    if names
        .iter()
        .map(|name| name.as_os_str())
        .eq(files.iter().map(|file| std::ffi::OsStr::new(&*file.name)))
    {
        return Ok(false);
    }
    let mut before = std::mem::take(files).into_iter().peekable();
    for name in names.iter().filter_map(|name| name.to_str()) {
        while before.next_if(|file| *file.name < *name).is_some() {}
        let known = before.next_if(|file| *file.name == *name);
        files.push(known.unwrap_or_else(|| File::new(name)));
    }
    Ok(true)
}
