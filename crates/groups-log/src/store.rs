//! The store: what is decided, written and shown, one after the other.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use push_groups::{Change, Cursor, GroupStore, Outcome, StoreError, Updates};

use crate::aside::keep_aside;
use crate::batch::{Batch, Books};
use crate::damage::{Damage, OpenError};
use crate::disk::{Directory, Disk, Refused};
use crate::frame::Frames;
use crate::groups::Groups;
use crate::journal::{Figures, Journal, lock, timed};
use crate::log::{Failed, chance};
use crate::options::{Clock, Options, Sync};
use crate::record::Record;
use crate::recovery::recover;
use crate::snapshot::Image;
use crate::ticker::Ticker;

/// Groups in memory, behind a log. See the [crate].
pub struct LogStore {
    shared: Arc<Shared>,
    opened: Opened,
    /// Syncs now and then, where that is asked for.
    ticker: Option<Ticker>,
}

/// A push that was made elsewhere: what [`import`](crate::import) reads, worked out as any push.
#[derive(Clone, Debug, PartialEq)]
pub struct TakenOver {
    /// The push.
    pub change: Change,
    /// When a push to its group last succeeded, Unix nanoseconds; 0 for never.
    pub pushed: u64,
    /// When one last failed, Unix nanoseconds; 0 for never.
    pub failed: u64,
}

/// What was found when a store was opened.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Opened {
    /// Groups.
    pub groups: usize,
    /// Changes that were read from logs, behind the snapshot.
    pub changes: u64,
    /// Where the last log ended in a change that was never acknowledged: the power went, or the process was killed.
    pub cut: Option<Damage>,
    /// What was damaged: with [`Options::ignore_corrupt`], or where a snapshot before it made good for it.
    pub damaged: Vec<Damage>,
    /// Copies of the damaged files.
    pub kept: Vec<PathBuf>,
}

/// How a store does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// Groups, expired ones that nobody has deleted among them.
    pub groups: usize,
    /// Series that they claim.
    pub series: usize,
    /// Bytes of log that would be read at a restart.
    pub log_bytes: u64,
    /// Bytes of the last snapshot; 0 for none.
    pub snapshot_bytes: u64,
    /// How old it is.
    pub snapshot_age: Option<Duration>,
    /// Syncs of the log so far.
    pub syncs: u64,
    /// How long the last one took.
    pub last_sync: Duration,
    /// Why the last snapshot, or sync behind the scenes, failed. What was acknowledged is there all the same.
    pub trouble: Option<String>,
}

/// Lock order: `writer`, then `groups`, then the figures.
struct Shared {
    clock: SteadyClock,
    writer: Mutex<Writer>,
    /// What is shown. Only who has the writer changes it.
    groups: RwLock<Groups>,
    figures: Arc<Mutex<Figures>>,
}

/// Held for as long as a batch is decided, written and synced.
struct Writer {
    books: Books,
    journal: Option<Journal>,
    disk: Option<Arc<dyn Disk>>,
}

/// A clock that never goes back.
struct SteadyClock {
    reads: Clock,
    seen: AtomicU64,
}

impl LogStore {
    /// Opens the directory, makes it if need be, and reads what it holds.
    ///
    /// Costs reading all of it once; a snapshot is then made on a thread of its own.
    ///
    /// # Errors
    /// Where another process has it, where the system says no, or where something that was acknowledged cannot be read:
    /// then nothing in it is changed.
    pub fn open(options: Options) -> Result<LogStore, OpenError> {
        let Some(path) = &options.directory else { return LogStore::on(None, options) };
        let directory = Directory::lock(path).map_err(|refused| match refused {
            Refused::InUse => OpenError::InUse(path.clone()),
            Refused::Failed(doing, path, cause) => OpenError::Failed { doing, path, cause },
        })?;
        LogStore::on(Some(Arc::new(directory)), options)
    }

    /// Makes pushes that were made elsewhere, at their times: as [`commit`](GroupStore::commit), all at once.
    ///
    /// # Errors
    /// As there.
    pub fn take_over(&self, pushes: &[TakenOver]) -> Result<Vec<Outcome>, StoreError> {
        self.shared.commit(pushes.iter().map(|push| (&push.change, Some([push.pushed, push.failed]))))
    }

    /// What was found when it was opened.
    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    /// How it does. Never waits for a disk.
    pub fn stats(&self) -> Stats {
        let groups = self.shared.groups.read().unwrap_or_else(PoisonError::into_inner).len();
        let figures = lock(&self.shared.figures);
        let age = |time| Duration::from_nanos(self.shared.clock.now().saturating_sub(time));
        Stats {
            groups,
            series: figures.series,
            log_bytes: figures.log_bytes,
            snapshot_bytes: figures.snapshot_bytes,
            snapshot_age: figures.snapshot_time.map(age),
            syncs: figures.syncs,
            last_sync: figures.last_sync,
            trouble: figures.trouble.clone(),
        }
    }

    /// As [`open`](LogStore::open), of this disk.
    pub(crate) fn on(disk: Option<Arc<dyn Disk>>, options: Options) -> Result<LogStore, OpenError> {
        let reads = options.clock.clone().unwrap_or_else(|| Arc::new(system_time));
        let clock = SteadyClock { reads, seen: AtomicU64::new(0) };
        let has_disk = disk.is_some();
        let mut opened = Opened::default();
        let (mut books, mut groups, mut journal) = (Books::default(), Groups::new(chance(), 0), None);
        if let Some(disk) = &disk {
            let found = recover(&**disk, options.ignore_corrupt)?;
            clock.seen.store(found.state.time, Ordering::SeqCst);
            opened = Opened {
                groups: found.state.groups.len(),
                changes: found.state.changes,
                cut: found.cut,
                damaged: found.damaged.iter().map(|(_, damage)| damage.clone()).collect(),
                kept: Vec::new(),
            };
            for (name, _) in &found.damaged {
                opened.kept.extend(keep_aside(&**disk, name)?);
            }
            let now = clock.now();
            let state = found.state;
            books = Books {
                index: state.index(),
                recent: state.recent,
                ordinals: state.ordinals,
                seq: state.seq,
            };
            groups = state.groups;
            let image = (found.number > 0).then(|| Image::of(&groups, &books.recent, found.number + 1, now));
            let begun = Journal::begin(
                disk.clone(),
                options.sync,
                options.snapshot_after,
                found.number,
                image,
                (state.seq, now),
            );
            journal = Some(begun.map_err(|failed| OpenError::Failed {
                doing: failed.doing,
                path: disk.path(&failed.name),
                cause: failed.cause,
            })?);
        }
        let figures = journal.as_ref().map(|journal| journal.figures.clone()).unwrap_or_default();
        lock(&figures).series = books.index.series();
        let writer = Mutex::new(Writer { books, journal, disk });
        let shared = Arc::new(Shared { clock, writer, groups: RwLock::new(groups), figures });
        let ticker = match options.sync {
            Sync::Interval(every) if has_disk => {
                let shared = shared.clone();
                Some(Ticker::start(every, move || shared.sync()))
            }
            _ => None,
        };
        Ok(LogStore { shared, opened, ticker })
    }
}

impl GroupStore for LogStore {
    fn commit(&self, changes: &[Change]) -> Result<Vec<Outcome>, StoreError> {
        self.shared.commit(changes.iter().map(|change| (change, None)))
    }

    fn follow(&self, after: Option<Cursor>) -> Result<Updates, StoreError> {
        let groups = self.shared.groups.read().unwrap_or_else(PoisonError::into_inner);
        Ok(groups.follow(after, self.shared.clock.now() / 1_000_000))
    }

    fn wipe(&self) -> Result<(), StoreError> {
        self.shared.wipe()
    }
}

impl Shared {
    /// Makes changes, each now or at these times.
    fn commit<'a>(
        &self,
        changes: impl Iterator<Item = (&'a Change, Option<[u64; 2]>)> + Clone,
    ) -> Result<Vec<Outcome>, StoreError> {
        if let Some((change, _)) = changes.clone().find(|(change, _)| !Batch::fits(change)) {
            let what = format!("the group {}: a change of more than 1 GiB is not kept", change.key);
            return Err(StoreError { what, passing: false });
        }
        let mut writer = lock(&self.writer);
        let mut frames = self.ready(&mut writer)?;
        let now = self.clock.now();
        let Writer { books, journal, disk } = &mut *writer;
        let (outcomes, decided) = {
            let groups = self.groups.read().unwrap_or_else(PoisonError::into_inner);
            let mut batch = Batch::new(books, &groups, now);
            let outcomes =
                changes.map(|(change, times)| batch.decide(change, times, frames.as_mut())).collect();
            (outcomes, batch.decided())
        };
        if decided.steps.is_empty() {
            books.undo(decided);
            return Ok(outcomes);
        }
        if let (Some(journal), Some(frames)) = (journal, frames)
            && let Err(failed) = journal.commit(frames)
        {
            books.undo(decided);
            return Err(store_error(&failed, disk));
        }
        books.settle(decided, &mut self.groups.write().unwrap_or_else(PoisonError::into_inner));
        lock(&self.figures).series = books.index.series();
        self.turn_over(&mut writer, now);
        Ok(outcomes)
    }

    fn wipe(&self) -> Result<(), StoreError> {
        let mut writer = lock(&self.writer);
        let frames = self.ready(&mut writer)?;
        let time = self.clock.now();
        let Writer { books, journal, disk } = &mut *writer;
        let seq = books.seq + 1;
        if let (Some(journal), Some(mut frames)) = (journal.as_mut(), frames) {
            frames.push(|out| Record::Wiped { seq, time }.encode(out));
            journal.commit(frames).map_err(|failed| store_error(&failed, disk))?;
        }
        *books = Books { seq, ..Books::default() };
        lock(&self.figures).series = 0;
        let gone = self.groups.write().unwrap_or_else(PoisonError::into_inner).wipe(seq);
        self.turn_over(&mut writer, time);
        drop(writer);
        drop(gone);
        Ok(())
    }

    /// Frames of a log that can be trusted, where there is a log.
    fn ready(&self, writer: &mut Writer) -> Result<Option<Frames>, StoreError> {
        let Writer { books, journal, disk } = writer;
        let Some(journal) = journal else { return Ok(None) };
        let now = self.clock.now();
        let ready = journal.ready(now, |number| self.image(books, number, now));
        ready.map_err(|failed| store_error(&failed, disk))?;
        Ok(journal.frames())
    }

    fn turn_over(&self, writer: &mut Writer, now: u64) {
        let Writer { books, journal, .. } = writer;
        if let Some(journal) = journal {
            journal.turn_over(now, |number| self.image(books, number, now));
        }
    }

    fn image(&self, books: &Books, number: u64, now: u64) -> Image {
        let groups = self.groups.read().unwrap_or_else(PoisonError::into_inner);
        Image::of(&groups, &books.recent, number, now)
    }

    /// Syncs what was written, while others write on.
    fn sync(&self) {
        let to_sync = lock(&self.writer).journal.as_ref().and_then(Journal::to_sync);
        if let Some(log) = to_sync
            && let Err(failed) = timed(&log, &self.figures)
        {
            let mut writer = lock(&self.writer);
            writer.journal.iter_mut().for_each(|journal| journal.distrust(&failed));
            // What was acknowledged is in memory: as soon as there is a snapshot of it, it will last.
            let _ = self.ready(&mut writer);
        }
    }
}

impl Drop for LogStore {
    fn drop(&mut self) {
        drop(self.ticker.take());
        if let Some(journal) = &mut lock(&self.shared.writer).journal {
            journal.close();
        }
    }
}

impl fmt::Debug for LogStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogStore").field("opened", &self.opened).field("stats", &self.stats()).finish()
    }
}

impl SteadyClock {
    /// Unix nanoseconds: never less than before, nor than what a log has seen.
    fn now(&self) -> u64 {
        let now = (self.reads)();
        self.seen.fetch_max(now, Ordering::SeqCst).max(now)
    }
}

fn system_time() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

fn store_error(failed: &Failed, disk: &Option<Arc<dyn Disk>>) -> StoreError {
    let what = disk.as_ref().map_or_else(|| failed.cause.to_string(), |disk| failed.told(&**disk));
    StoreError { what, passing: true }
}

#[cfg(test)]
mod bytes;
#[cfg(test)]
mod power;
#[cfg(test)]
mod tests;
