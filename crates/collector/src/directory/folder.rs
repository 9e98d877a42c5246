//! One directory as it was found last: its files in order, which runs of them need no reading any more, and which are
//! left out.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::ops::Range;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use liveness::Doubt;

use super::bad::Reason;
use super::content::round;
use super::file::{Died, File};
use super::writers::Writers;
use crate::tally::RunId;
use crate::{Liveness, SourceError, Tally};

/// See the head of this file.
#[derive(Default)]
pub(crate) struct Folder {
    /// In byte order of their names.
    files: Vec<File>,
    listed: Option<Listed>,
    /// What is named as a metrics file and is none.
    strange: Vec<(String, Reason)>,
    /// See [`Folder::has_survivors`].
    survivors: bool,
    writers: Writers,
    /// Whether gauges of the living leave the dead out.
    observed: bool,
    /// When it was last made sure that the dead are dead still.
    reviewed: Option<Instant>,
    /// How the files are grouped below; not as they are now where `stale`.
    runs: Vec<Run>,
    unsettled: Vec<usize>,
    /// See [`Folder::is_exact`].
    exact: bool,
    dead: usize,
    archives: usize,
    stale: bool,
}

/// Consecutive files that are settled.
struct Run {
    id: RunId,
    files: Range<usize>,
    records: u64,
}

/// The state of a directory when it was listed, and when that was. One whose entries change has another state.
#[derive(Clone, Copy)]
struct Listed {
    state: State,
    at: Instant,
    /// Whether every later change shows.
    final_state: bool,
}

#[derive(Clone, Copy, PartialEq)]
struct State {
    place: (u64, u64),
    modified: (i64, i64),
    changed: (i64, i64),
}

/// A file system's clock may stand still for so long: what changed a moment ago may change again unseen.
const CLOCK_STANDS: i64 = 2; // seconds

/// How long a directory is taken for unchanged by its state alone. Local file systems keep to the rules, and this
/// bounds what one costs that does not.
const LISTS_EVERY: Duration = Duration::from_secs(60);

/// How long another client's dead file is taken for one that nobody has gone on in since.
const REVIEWS_EVERY: Duration = Duration::from_secs(60);

impl Folder {
    /// Of a directory of which it may be known that all processes which write there can be seen.
    pub(crate) fn new(in_sight: bool) -> Folder {
        Folder { writers: Writers::new(in_sight), ..Folder::default() }
    }

    pub(crate) fn files(&self) -> &[File] {
        &self.files
    }

    /// Whether some of the files were there before they changed the last time.
    pub(crate) fn has_survivors(&self) -> bool {
        self.survivors
    }

    /// Brings the files up to date with the directory; says whether that changed which there are.
    pub(crate) fn list(&mut self, directory: &Path, now: SystemTime) -> Result<bool, SourceError> {
        let failed = |error| SourceError::new(format!("list {}", directory.display()), error);
        let state = State::of(&fs::metadata(directory).map_err(failed)?);
        let before = self.listed.take();
        if let Some(before) = before.filter(|before| before.shows(state)) {
            self.listed = Some(before);
            return Ok(false);
        }
        let Entries { files: entries, strange, with_links } = entries(directory)?;
        self.strange = strange;
        // What a link points to may change without a trace here.
        let final_state = state.is_old(now) && !with_links;
        if before.is_none_or(|before| before.state.place != state.place) {
            self.writers.forget();
        }
        self.writers.review(directory);
        for file in &mut self.files {
            if matches!(&file.died, Some(Died::Ours(writer)) if !self.writers.is_dead(writer)) {
                file.unsettle();
                self.stale = true;
            }
        }
        let changed = self.take_entries(directory, &entries);
        self.listed = Some(Listed { state, at: Instant::now(), final_state });
        Ok(changed)
    }

    /// Keeps the files that are still there and adds the new ones; says whether there was any difference.
    fn take_entries(&mut self, directory: &Path, entries: &[(OsString, u64)]) -> bool {
        let known = self.files.iter().map(|file| (OsStr::new(&*file.name), file.inode));
        if entries.iter().map(|(name, inode)| (name.as_os_str(), *inode)).eq(known) {
            return false;
        }
        self.stale = true;
        self.survivors = false;
        let mut before = std::mem::take(&mut self.files).into_iter().peekable();
        for (name, inode) in entries {
            let Some(name) = name.to_str() else { continue };
            while before.next_if(|file| *file.name < *name).is_some() {}
            let mut file =
                before.next_if(|file| *file.name == *name).unwrap_or_else(|| File::new(directory, name));
            let known = std::mem::replace(&mut file.inode, *inode) == *inode;
            self.survivors |= known;
            if !known {
                // Files that are not settled are told from their namesakes when they are read.
                file.unsettle();
            }
            self.files.push(file);
        }
        true
    }

    /// Marks those files whose writers have died since, if it is time to ask.
    pub(crate) fn ask(&mut self, directory: &Path, every: Duration, liveness: Liveness) {
        let observed = liveness == Liveness::Observed;
        self.stale |= std::mem::replace(&mut self.observed, observed) != observed;
        if !self.writers.is_due(every, observed) {
            return;
        }
        self.review();
        self.arrange();
        let (files, unsettled) = (&mut self.files, &self.unsettled);
        let died = if unsettled.len() == files.len() {
            self.writers.ask(directory, files.iter_mut())
        } else {
            // Far fewer than there are files.
            let mut rest = &mut files[..];
            let mut passed = 0;
            let unsettled = unsettled.iter().filter_map(|&at| {
                let (file, behind) = std::mem::take(&mut rest).get_mut(at - passed..)?.split_first_mut()?;
                (rest, passed) = (behind, at + 1);
                Some(file)
            });
            self.writers.ask(directory, unsettled)
        };
        // Who has just died counts as that from now on.
        self.stale |= died;
    }

    /// Has files of other clients read again that a later process may have gone on in: those that are another file now
    /// by all that one can see, and once in a while all of them. A word that is stored in a mapped file changes none of
    /// the file's times on a tmpfs.
    fn review(&mut self) {
        let all = self.reviewed.is_none_or(|reviewed| reviewed.elapsed() >= REVIEWS_EVERY);
        if all {
            self.reviewed = Some(Instant::now());
        }
        for file in self.files.iter_mut().filter(|file| file.died == Some(Died::Another)) {
            if all || !file.is_as_read() {
                file.unsettle();
                self.stale = true;
            }
        }
    }

    /// Whether sums are to be exact, so that they do not depend on what is folded or settled: where there is an archive,
    /// or where dead writers of our own stores have files. All else is added up as the clients add it up.
    pub(crate) fn is_exact(&mut self) -> bool {
        self.arrange();
        self.exact
    }

    /// What is named as a metrics file and is none.
    pub(crate) fn strange(&self) -> &[(String, Reason)] {
        &self.strange
    }

    /// Why it is not known of all files whether their writers live.
    pub(crate) fn doubt(&self) -> Option<&Doubt> {
        self.writers.doubt()
    }

    /// Whether somebody has folded since the last listing, so that numbers may have been met twice or not at all. To be
    /// asked where the window could not be locked.
    pub(crate) fn is_disturbed(&mut self, directory: &Path) -> Result<bool, SourceError> {
        self.listed = None;
        let Entries { files: entries, .. } = entries(directory)?;
        let listed = |file: &File| {
            let at = entries.binary_search_by(|(name, _)| name.as_os_str().cmp(OsStr::new(&*file.name)));
            at.is_ok_and(|at| entries[at].1 == file.inode)
        };
        let gone = self.files.iter().any(|file| !listed(file));
        let folded = |name: &str| dialects::is_archive_name(name) || dialects::parse_retired(name).is_some();
        let mut names = entries.iter().filter_map(|(name, _)| name.to_str());
        let known = |name: &str| self.files.binary_search_by(|file| (*file.name).cmp(name)).is_ok();
        Ok(gone || names.any(|name| folded(name) && !known(name)))
    }

    /// The files that are to be read, each with the settled ones before it. Costs nothing for those.
    pub(crate) fn parts(&mut self) -> Parts<'_> {
        self.arrange();
        let mut runs = self.runs.iter();
        let mut settled = |files| runs.next().map(|run| Settled { run, files });
        let mut rest = &mut self.files[..];
        let mut passed = 0;
        let mut stretches = Vec::with_capacity(self.unsettled.len());
        for &number in &self.unsettled {
            let (before, behind) = std::mem::take(&mut rest).split_at_mut(number - passed);
            let Some((file, behind)) = behind.split_first_mut() else { break };
            let settled = if before.is_empty() { None } else { settled(before) };
            stretches.push(Stretch { settled, number, file: Mutex::new(file) });
            (rest, passed) = (behind, number + 1);
        }
        let last = if rest.is_empty() { None } else { settled(rest) };
        Parts { stretches, last, stale: &mut self.stale }
    }

    /// Has files read again from their beginning.
    pub(crate) fn forget_parsed(&mut self, which: impl Fn(&File) -> bool) {
        for file in self.files.iter_mut().filter(|file| which(file)) {
            file.forget();
            self.stale = true;
        }
    }

    /// Takes out files that have vanished since they were listed, by rising number.
    pub(crate) fn remove(&mut self, gone: &[usize]) {
        for &at in gone.iter().rev() {
            self.files.remove(at);
            self.stale = true;
            self.listed = None;
        }
    }

    /// How many files are of the dead, and how many are archives.
    pub(crate) fn dead_and_archives(&self) -> (usize, usize) {
        (self.dead, self.archives)
    }

    /// How many files are not read any more.
    pub(crate) fn settled(&self) -> usize {
        self.runs.iter().map(|run| run.files.len()).sum()
    }

    fn arrange(&mut self) {
        if !std::mem::take(&mut self.stale) {
            return;
        }
        self.runs.clear();
        self.unsettled.clear();
        self.dead = self.files.iter().filter(|file| file.died.is_some()).count();
        self.archives = self.files.iter().filter(|file| file.is_our_archive()).count();
        self.exact =
            self.archives > 0 || self.files.iter().any(|file| matches!(file.died, Some(Died::Ours(_))));
        for (at, file) in self.files.iter_mut().enumerate() {
            file.left_out = self.observed && file.died.is_some() && file.is_of_the_living();
            if !file.is_settled() {
                self.unsettled.push(at);
                continue;
            }
            let records = if file.left_out { 0 } else { file.records.len() as u64 };
            match self.runs.last_mut() {
                Some(run) if run.files.end == at => {
                    run.files.end += 1;
                    run.records += records;
                }
                _ => self.runs.push(Run { id: RunId::new(), files: at..at + 1, records }),
            }
        }
    }
}

/// The files of a directory, for one scrape.
pub(crate) struct Parts<'a> {
    pub(crate) stretches: Vec<Stretch<'a>>,
    /// Those behind the last stretch.
    pub(crate) last: Option<Settled<'a>>,
    /// To be set when a file settles.
    pub(crate) stale: &'a mut bool,
}

/// A file that is to be read, and the settled ones before it.
pub(crate) struct Stretch<'a> {
    pub(crate) settled: Option<Settled<'a>>,
    /// Which of the directory's files it is.
    pub(crate) number: usize,
    /// Locked by whoever reads it, then by whoever takes what it told.
    pub(crate) file: Mutex<&'a mut File>,
}

/// Consecutive files that need no reading.
pub(crate) struct Settled<'a> {
    run: &'a Run,
    files: &'a [File],
}

impl Stretch<'_> {
    pub(crate) fn file(&mut self) -> &File {
        self.file.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Settled<'_> {
    /// Adds their numbers; says how many records they have.
    pub(crate) fn add(&self, tally: &mut Tally) -> u64 {
        tally.again(self.run.id, |tally| self.files.iter().for_each(|file| file.report_again(tally)));
        self.run.records
    }
}

/// What is in a directory under the names of metrics files.
#[derive(Default)]
struct Entries {
    /// Names and inodes, in byte order of the names.
    files: Vec<(OsString, u64)>,
    strange: Vec<(String, Reason)>,
    /// Whether there are symbolic links among them.
    with_links: bool,
}

fn entries(directory: &Path) -> Result<Entries, SourceError> {
    let failed = |error| SourceError::new(format!("list {}", directory.display()), error);
    let mut entries = Entries::default();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let Some(text) = name.to_str() else { continue };
        if !dialects::is_metrics_file(text) && !counts(directory, text) {
            continue;
        }
        let strange = match entry.file_type() {
            Ok(kind) if kind.is_symlink() => {
                entries.with_links = true;
                (!leads_to_a_file_of(directory, &entry.path())).then_some(Reason::Link)
            }
            Ok(kind) => (!kind.is_file()).then_some(Reason::NotAFile),
            // It has gone.
            Err(_) => continue,
        };
        match strange {
            None => entries.files.push((name, entry.ino())),
            Some(reason) => entries.strange.push((text.to_owned(), reason)),
        }
    }
    entries.files.sort_unstable();
    Ok(entries)
}

/// Whether a symbolic link is one to a file of the directory that it is in.
fn leads_to_a_file_of(directory: &Path, link: &Path) -> bool {
    let (Ok(target), Ok(directory)) = (link.canonicalize(), directory.canonicalize()) else { return false };
    target.starts_with(directory) && target.is_file()
}

/// Whether a file of this name is one that is being folded and not in its archive yet.
fn counts(directory: &Path, name: &str) -> bool {
    dialects::parse_retired(name).is_some_and(|retired| {
        round(&directory.join(retired.archive)).is_none_or(|reached| reached < retired.round)
    })
}

impl Listed {
    /// Whether a directory in this state has the same entries still.
    fn shows(&self, state: State) -> bool {
        self.final_state && self.state == state && self.at.elapsed() < LISTS_EVERY
    }
}

impl State {
    fn of(about: &fs::Metadata) -> State {
        State {
            place: (about.dev(), about.ino()),
            modified: (about.mtime(), about.mtime_nsec()),
            changed: (about.ctime(), about.ctime_nsec()),
        }
    }

    /// Whether it has lasted for so long that a change from now on gives it other times.
    fn is_old(&self, now: SystemTime) -> bool {
        let now = now.duration_since(SystemTime::UNIX_EPOCH);
        let now = now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
        self.modified.0.max(self.changed.0) + CLOCK_STANDS < now
    }
}

#[cfg(test)]
impl Folder {
    /// Forgets the files and nothing else.
    pub(crate) fn pretend_empty(&mut self) {
        self.files.clear();
        self.stale = true;
    }
}
