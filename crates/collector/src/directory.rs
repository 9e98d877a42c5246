//! Directories of metrics files, read as one source.

mod ahead;
mod bad;
mod content;
mod distinct;
mod file;
mod folder;
mod keys;
mod limits;
mod odd;
mod places;
mod records;
mod scan;
mod seats;
mod sound;
mod window;
mod writers;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use metrics_core::{FamilySnapshot, Kind, Label, Snapshot};

use crate::readings::NumberList;
use crate::{Ask, Catalog, FamilyId, Source, SourceError, Tally};
use bad::Bad;
use folder::Folder;
use keys::Keys;
use records::Records;
use seats::Seats;

pub use limits::Limits;
pub(crate) use seats::OVERFLOW;

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
/// | a file that cannot be opened or read | is left out; is named in a warning, once, and counted |
/// | what is no file (a directory, a pipe), a symbolic link out of the directory or to nowhere | the same |
/// | no more files may be opened, or there is no memory | the scrape fails |
/// | a file that vanished after it was listed | is left out |
/// | an empty file, or one without records | nothing |
/// | a damaged file | counts up to its last whole record, but no further than 256 MiB; is named in a warning, once, and counted |
/// | a file whose header ends within a record | that record counts, too, if it is whole; else as above |
/// | a file of a kind that does not exist (`foo_1.db`) | is left out; is named in a warning, once, and counted |
/// | more label sets than the [limit](DirSource::limited), if there is one | are added up in one series; are named in a warning, once for each family |
/// | two directories with equal labels and a process of the same name | the scrape fails: give them labels |
///
/// A scrape costs five system calls for each file, one more for each 128 KiB of it, and the copying of the bytes in
/// use. Only records that are new are parsed. Large directories are read by two threads. A directory whose entries
/// have not changed is not listed again.
///
/// Files of our own stores are read once more when their writer has died, and then not again: their numbers are
/// kept for as long as the directory shows the same files. Whether it has died is asked every few seconds, of the
/// lock on the dot-file beside them; where that does not tell, files are read at every scrape.
pub struct DirSource {
    shared: Shared,
}

struct Shared {
    directories: Vec<Known>,
    catalog: Catalog,
    limits: Limits,
    /// Whether all processes that may write there can be seen.
    in_sight: bool,
    /// How often it is asked whether writers have died; never where there is none.
    asks_every: Option<Duration>,
    /// What the log has been told.
    told: Mutex<HashSet<String>>,
}

/// A directory and how reading it went.
struct Known {
    path: PathBuf,
    labels: Vec<(String, String)>,
    files: AtomicU64,
    settled_files: AtomicU64,
    dead_files: AtomicU64,
    archives: AtomicU64,
    bad_files: AtomicU64,
    records: AtomicU64,
    bytes_read: AtomicU64,
    bad: Bad,
    /// Where series are limited. Here and not in the tally, which may be dropped: a series that was shown stays. No other
    /// lock is awaited under it.
    seats: Mutex<Seats>,
}

impl Known {
    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is kept in the tally from scrape to scrape.
#[derive(Default)]
struct Kept {
    /// The families of the catalog.
    expected: Option<Vec<FamilyId>>,
    keys: Keys,
    /// By directory.
    folders: Vec<Folder>,
    /// Whether these files' processes can be told apart.
    told_apart: bool,
    /// Whether all files were ever read.
    walked: bool,
    /// What the threads read with.
    hands: [Hand; 2],
}

/// What a thread reads files with; kept for its memory alone.
#[derive(Default)]
struct Hand {
    /// Through which sound files are read.
    window: Vec<u8>,
    /// For files that must be seen as a whole, and for second looks at them.
    whole: Vec<u8>,
    again: Vec<u8>,
    /// What was read and is not taken yet.
    numbers: NumberList,
    /// Whether records that are new are for this thread to parse.
    parses: bool,
    /// The class of the file that was parsed last, and its records: another one of the class is likely to be like it.
    last: Option<(usize, Records)>,
    /// By number of a series: where it stands in the file that is parsed.
    places: Vec<u32>,
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
                seats: Mutex::new(Seats::new(path.clone())),
                path,
                labels,
                files: AtomicU64::new(0),
                settled_files: AtomicU64::new(0),
                dead_files: AtomicU64::new(0),
                archives: AtomicU64::new(0),
                bad_files: AtomicU64::new(0),
                records: AtomicU64::new(0),
                bytes_read: AtomicU64::new(0),
                bad: Bad::default(),
            });
        }
        let asks_every = Some(writers::ASKS_EVERY);
        let limits = Limits::default();
        let told = Mutex::default();
        let shared = Shared { directories: known, catalog, limits, in_sight: false, asks_every, told };
        Ok(DirSource { shared })
    }

    /// Takes it that all processes which may write there can be seen, as those of a command that one has started: where
    /// no writer was ever seen there is none. To be called before the first scrape.
    pub fn with_processes_in_sight(mut self) -> DirSource {
        self.shared.in_sight = true;
        self
    }

    /// Gives no more label sets of a directory series of their own than this, and adds the others up. To be called
    /// before the first scrape. What is new in files is then parsed by one thread.
    ///
    /// The first ones to be refused in a family are named in a warning, once, with the label that has the most values.
    pub fn limited(mut self, limits: Limits) -> DirSource {
        self.shared.limits = limits;
        for directory in &mut self.shared.directories {
            directory.seats.get_mut().unwrap_or_else(PoisonError::into_inner).limits = limits;
        }
        self
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
        let mut kept: Kept = into.kept();
        let read = self.shared.read(ask, &mut kept, into);
        into.keep(kept);
        read
    }

    fn own(&self) -> Snapshot {
        let by_directory = |count: fn(&Known) -> &AtomicU64| {
            self.shared.directories.iter().map(move |directory| {
                let label = Label::new("directory", &directory.path.display().to_string());
                (vec![label], count(directory).load(Ordering::Relaxed) as f64)
            })
        };
        let faults = self.shared.directories.iter().flat_map(|directory| {
            let path = directory.path.display().to_string();
            directory.bad.counts().map(move |(reason, count)| {
                (vec![Label::new("directory", &path), Label::new("reason", reason)], count as f64)
            })
        });
        let mut own = Snapshot {
            families: vec![
                FamilySnapshot::of_numbers(
                    Kind::Gauge,
                    "multiprom_directory_files",
                    "Metrics files in the directory.",
                    by_directory(|known| &known.files),
                ),
                FamilySnapshot::of_numbers(
                    Kind::Gauge,
                    "multiprom_directory_settled_files",
                    "Metrics files of dead processes whose numbers are known and that are not read any more.",
                    by_directory(|known| &known.settled_files),
                ),
                FamilySnapshot::of_numbers(
                    Kind::Gauge,
                    "multiprom_directory_dead_files",
                    "Metrics files whose process is known to be dead.",
                    by_directory(|known| &known.dead_files),
                ),
                FamilySnapshot::of_numbers(
                    Kind::Gauge,
                    "multiprom_directory_archives",
                    "Files that hold what dead processes counted.",
                    by_directory(|known| &known.archives),
                ),
                FamilySnapshot::of_numbers(
                    Kind::Gauge,
                    "multiprom_directory_bad_files",
                    "Metrics files that are damaged and counted as far as they can be read.",
                    by_directory(|known| &known.bad_files),
                ),
                FamilySnapshot::of_numbers(
                    Kind::Counter,
                    "multiprom_files_bad",
                    "Faults found in metrics files, by reason.",
                    faults,
                ),
                FamilySnapshot::of_numbers(
                    Kind::Gauge,
                    "multiprom_directory_records",
                    "Records in the directory's files.",
                    by_directory(|known| &known.records),
                ),
                FamilySnapshot::of_numbers(
                    Kind::Counter,
                    "multiprom_directory_read_bytes",
                    "Bytes read from the directory's files.",
                    by_directory(|known| &known.bytes_read),
                ),
            ],
        };
        if self.shared.limits.are_set() {
            let refused = self.shared.directories.iter().map(|directory| {
                let label = Label::new("directory", &directory.path.display().to_string());
                (vec![label], directory.seats().refused())
            });
            own.families.push(FamilySnapshot::of_numbers(
                Kind::Counter,
                "multiprom_directory_refused_series",
                "Different label sets without a series of their own, because of a limit; of many about how many.",
                refused,
            ));
        }
        own
    }
}

#[cfg(test)]
mod tests;
