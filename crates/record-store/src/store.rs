//! A store whose children are records, and what happens off the fast path.

use std::fmt;
use std::fs;
use std::hash::RandomState;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use dialects::{Dialect, Era};
use forked::{PerProcess, Reference, Sole};
use metrics_core::{Child, Desc, Lane, Store, StoreError};

use crate::child::{Numbers, RecordChild, index};
use crate::label_sets::LabelSets;
use crate::own::{FileIdentity, Files, Own};
use crate::placed::Placed;
use crate::record_file::NewRecord;
use crate::shards::{Shard, Shards};
use crate::{Medium, Options};

/// A store whose children are records in files of one directory, reached through the medium `M`.
///
/// Cheap to clone; clones are one store. Opening the same directory twice makes two stores, which write under
/// two identifiers as two processes would. Dropping a store closes nothing: its children live as long as the
/// process, and so do their files and locks.
///
/// # The dot-file
/// `.multiprom-<pid>-r<n>` stands beside the files that carry `<pid>-r<n>` in their names. It is locked
/// (`flock`) while the process lives, and holds lines of a word, a blank and a value; readers skip words that
/// they do not know:
///
/// | word | value |
/// |---|---|
/// | `format` | `1` |
/// | `pid` | of the process, in its own pid namespace |
/// | `start` | when the process started, in clock ticks since boot (field 22 of `/proc/PID/stat`) |
/// | `boot` | `/proc/sys/kernel/random/boot_id` |
/// | `pid_namespace` | inode of `/proc/self/ns/pid` |
/// | `created` | Unix seconds |
/// | `unit` | a family, a blank, and its unit; once for each family that has one, as families appear |
pub struct RecordStore<M: Medium> {
    shared: Arc<Shared<M>>,
}

impl<M: Medium> RecordStore<M> {
    /// A store in `directory`, which is made if it does not exist. Files are made when the first label set is.
    ///
    /// # Errors
    /// When `directory` cannot be made or is something else, or the dialect is one that is only read.
    pub fn open(directory: impl Into<PathBuf>, options: Options) -> Result<RecordStore<M>, StoreError> {
        let directory = directory.into();
        if !matches!(options.dialect, Dialect::Python(Era::F3) | Dialect::Ruby) {
            let why = "only the dialects of today's Python client and of Ruby's are written";
            return Err(StoreError::new(
                format!("open {} with {:?}", directory.display(), options.dialect),
                why,
            ));
        }
        fs::create_dir_all(&directory)
            .map_err(|error| StoreError::new(format!("create directory {}", directory.display()), error))?;
        Sole::prepare();
        Ok(RecordStore {
            shared: Arc::new(Shared {
                directory,
                options,
                label_sets: LabelSets::new(),
                hash: RandomState::new(),
                own: PerProcess::new(),
            }),
        })
    }

    /// Where the files are.
    pub fn directory(&self) -> &Path {
        &self.shared.directory
    }

    /// Deletes this process's files of the families that `is_meant` accepts, with all that stands in them, and lets the
    /// others be. What is done to their label sets from then on is seen by nobody; a label set that is new gets a new
    /// file. Files of a parent and of a forked child stay.
    ///
    /// A file may hold several families, those of one kind or aggregation: `is_meant` must accept all of them or none.
    ///
    /// # Errors
    /// When a file cannot be deleted, which stays then, as do those after it; one that is not there any more is none.
    pub fn delete(&self, is_meant: impl Fn(&Desc) -> bool) -> Result<(), StoreError> {
        let Some(own) = self.shared.own.get() else { return Ok(()) };
        let mut files = own.files();
        for child in self.shared.label_sets.all().filter(|child| is_meant(&child.desc)) {
            files.delete(self.shared.options.dialect, &child.desc)?;
        }
        Ok(())
    }

    /// How it goes, in this process. Looks at every label set; for a page about ourselves.
    pub fn figures(&self) -> Figures {
        let label_sets =
            || self.shared.label_sets.all().filter_map(|child| Some((child, child.numbers.get()?)));
        Figures {
            label_sets: label_sets().count(),
            homeless: label_sets()
                .filter(|(child, numbers)| !child.unplaced(numbers, None).is_empty())
                .count(),
            failed_writes: self.shared.own.get().map_or(0, |own| own.failed.load(Ordering::Relaxed)),
        }
    }
}

/// How it goes with a store, in this process.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Label sets that this process has touched.
    pub label_sets: usize,
    /// Those of them that count in memory because they could not be written. Lost if the process ends now.
    pub homeless: usize,
    /// Writes that have failed so far.
    pub failed_writes: u64,
}

impl<M: Medium> Store for RecordStore<M> {
    fn child(&self, desc: &Arc<Desc>, labels: &[&str]) -> Result<&'static dyn Child, StoreError> {
        let shared = &self.shared;
        let hash = RecordChild::<M>::hash(&shared.hash, desc, labels);
        let is_it = |child: &RecordChild<M>| child.is(desc, labels);
        let child = match shared.label_sets.find(hash, is_it) {
            Some(child) => child,
            None => {
                shared.check(desc, labels)?;
                let make = || RecordChild::new(shared.clone(), desc.clone(), labels);
                shared.label_sets.find_or_insert(hash, is_it, make)
            }
        };
        if child.numbers.get().is_none() {
            shared.settle(child, None);
        }
        Ok(child)
    }
}

impl<M: Medium> Clone for RecordStore<M> {
    fn clone(&self) -> RecordStore<M> {
        RecordStore { shared: self.shared.clone() }
    }
}

impl<M: Medium> fmt::Debug for RecordStore<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { directory, options, .. } = &*self.shared;
        f.debug_struct("RecordStore")
            .field("directory", directory)
            .field("options", options)
            .finish_non_exhaustive()
    }
}

/// What a store and its children share.
pub(crate) struct Shared<M: Medium> {
    directory: PathBuf,
    pub(crate) options: Options,
    label_sets: LabelSets<RecordChild<M>>,
    hash: RandomState,
    own: PerProcess<Own<M>>,
}

impl<M: Medium> Shared<M> {
    /// Refuses what no file can hold.
    fn check(&self, desc: &Desc, labels: &[&str]) -> Result<(), StoreError> {
        let failed = |why: String| StoreError::new(format!("keep a label set of {desc}"), why);
        if labels.len() != desc.labels().len() {
            return Err(failed(format!("{} label values were given", labels.len())));
        }
        // A file ends at 2 GiB. Two bounds spare nearly all label sets the look at their keys: escaping makes a
        // byte no shorter, and into six at most.
        const MOST: usize = i32::MAX as usize;
        let names = desc.labels().iter().map(|name| name.len()).sum::<usize>();
        let values = labels.iter().map(|value| value.len()).sum::<usize>();
        let records = desc.buckets().bounds().len() + 1;
        let longest = 6 * (2 * desc.name().len() + desc.help().len() + names + values) + 1024;
        if longest.saturating_mul(records + 1) <= MOST {
            return Ok(());
        }
        let mut len = values.saturating_mul(records);
        if len <= MOST {
            let dialect = self.options.dialect;
            let keys = dialects::keys(dialect, desc, labels, "4294967295-r4294967295");
            len = keys.iter().map(|(_, key)| dialects::record_len(dialect, key)).sum();
        }
        match dialects::header(dialects::HEADER_LEN.saturating_add(len)) {
            Some(_) => Ok(()),
            None => Err(failed(format!("its records take {len} bytes or more, a file holds 2 GiB"))),
        }
    }

    /// The number of `child` at `index` in this process, in a file if that can be. None where the label set has
    /// no such number.
    pub(crate) fn number(&self, child: &RecordChild<M>, index: usize) -> Option<&'static M::Number> {
        let own = self.own();
        if index >= child.len() {
            return None;
        }
        loop {
            // While the trouble lasts, one try a second, and else what is in memory.
            let in_memory = child.numbers.get().and_then(|numbers| numbers.in_memory(index));
            if let Some(number) = in_memory
                && own.homeless.load(Ordering::Relaxed)
                && !own.may_retry()
            {
                return Some(number);
            }
            self.settle(child, Some(index));
            // Not there when the label set has moved meanwhile, and this number had not counted anything yet.
            if let Some(number) = child.numbers.get().and_then(|numbers| numbers.placed.to_change(index)) {
                return Some(number);
            }
        }
    }

    /// What this process owns. The first time after a fork it also lets go of what an ancestor owned.
    fn own(&self) -> &'static Own<M> {
        if let Some(own) = self.own.get() {
            return own;
        }
        let abandoned = self.own.inherited().map_or(Ok(()), |ancestors| ancestors.descriptors.abandon());
        let own = self.own.get_or_init(Own::new);
        if let Err(error) = abandoned {
            let what = format!("let go of the parent's files in {}", self.directory.display());
            self.warn(own, &StoreError::new(what, error));
        }
        own
    }

    /// Finds the numbers of `child` that are due, and the one at `touched`, a place in this process's files;
    /// in memory where that fails. Also moves what stood in files that have been deleted, and what is in
    /// memory if there is room again.
    pub(crate) fn settle(&self, child: &RecordChild<M>, touched: Option<usize>) {
        let own = self.own();
        let outcome = {
            let mut files = own.files();
            let wiped = files.forget_wiped(self.options.dialect, &child.desc);
            let moved = self.move_from(&wiped, &mut files, own);
            let numbers = match child.numbers.get() {
                Some(numbers) => numbers,
                None => child.numbers.get_or_init(|| Numbers::new(child)),
            };
            let placed = moved.and(self.place(child, numbers, touched, &mut files, own));
            placed.and_then(|()| self.place_homeless(&mut files, own))
        };
        // Warns without the lock: the application's function may do what it likes.
        if let Err(error) = outcome {
            self.failed(own, &error);
        }
    }

    /// Places every label set that counts in memory. Gives up after some failures: a disk without a single block
    /// would fail once for each of a million label sets, one with a few blocks left has room for the small ones.
    fn place_homeless(&self, files: &mut Files<M>, own: &Own<M>) -> Result<(), StoreError> {
        const FAILURES: usize = 8;

        if !own.homeless.load(Ordering::Relaxed) {
            return Ok(());
        }
        let mut failures = 0;
        for child in self.label_sets.all() {
            let Some(numbers) = child.numbers.get() else { continue };
            if let Err(error) = self.place(child, numbers, None, files, own) {
                failures += 1;
                if failures == FAILURES {
                    return Err(error);
                }
            }
        }
        if failures == 0 {
            own.homeless.store(false, Ordering::Relaxed);
            own.warned.store(false, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Moves every label set that stands in one of the files `wiped`, numbers and all.
    fn move_from(
        &self,
        wiped: &[FileIdentity],
        files: &mut Files<M>,
        own: &Own<M>,
    ) -> Result<(), StoreError> {
        if wiped.is_empty() {
            return Ok(());
        }
        let mut outcome = Ok(());
        let with_numbers = self.label_sets.all().filter_map(|child| Some((child, child.numbers.get()?)));
        let moving: Vec<_> = with_numbers
            .filter(|(_, old)| {
                let file = old.file.load(Ordering::Relaxed);
                wiped.iter().any(|wiped| wiped.as_u64() == file)
            })
            .collect();
        // Whoever has a number to itself does not look whether it has been closed.
        Sole::share_all(moving.iter().flat_map(|(_, old)| old.soles()));
        for (child, old) in moving {
            // Written with their values, so that no page shows the label set at 0; published; and only then are
            // the old ones closed, and what came in meanwhile added. Shards are not made again before threads
            // meet again: what they have counted goes on in the first record.
            let fresh = Numbers::new(child);
            // Until all is there: what comes in later is added with a compare-and-swap.
            fresh.placed.sole.claim_or_share();
            let before: Vec<Vec<_>> = (0..child.len())
                .map(|at| old.all(at).map(|number| (number, M::read(number))).collect())
                .collect();
            // Only a counter has lanes, and it has one number.
            let lanes: Vec<_> = old.lanes.iter().map(|lane| (lane, lane.get())).collect();
            let stand_ins = before.iter().map(|records| {
                let read = records.iter().filter_map(|&(_, read)| read);
                let read = read.chain(lanes.iter().map(|&(_, value)| (value, 0.0)));
                // Which of them had which time does not matter: only a number with one record has times.
                read.reduce(|(sum, time), (value, _)| (sum + value, time)).unwrap_or((0.0, 0.0))
            });
            let stand_ins = stand_ins.map(|(value, time)| M::in_memory(value, time)).collect();
            let _ = fresh.stand_ins.set(stand_ins);
            let placed = self.place(child, &fresh, None, files, own);
            let fresh = child.numbers.replace(fresh);
            for (at, records) in before.into_iter().enumerate() {
                for (number, read) in records {
                    let (last, time) = M::close(number);
                    let (value, _) = read.unwrap_or((0.0, 0.0));
                    if last.to_bits() != value.to_bits()
                        && let Some(number) = fresh.now(at)
                    {
                        let _ = M::add(number, last - value, Some(time));
                    }
                }
            }
            for (lane, value) in lanes {
                let rest = lane.close(value);
                if rest != 0.0
                    && let Some(number) = fresh.now(0)
                {
                    let _ = M::add(number, rest, None);
                }
            }
            fresh.placed.sole.leave();
            outcome = outcome.and(placed);
        }
        outcome
    }

    /// Appends the records of `child` that are due and not placed yet. Where that fails they count in memory.
    fn place(
        &self,
        child: &RecordChild<M>,
        numbers: &Numbers<M>,
        touched: Option<usize>,
        files: &mut Files<M>,
        own: &Own<M>,
    ) -> Result<(), StoreError> {
        let due = child.unplaced(numbers, touched);
        if due.is_empty() {
            return Ok(());
        }
        let dialect = self.options.dialect;
        // Where each record of the file belongs, and what it was written with.
        let mut written = Vec::with_capacity(due.len());
        let appended = files.append(&self.directory, dialect, &child.desc, &own.descriptors, |process| {
            let labels: Vec<&str> = child.labels.iter().map(|value| &**value).collect();
            let keys = dialects::keys(dialect, &child.desc, &labels, process);
            let mut records = Vec::with_capacity(due.len());
            for (part, key) in keys {
                let Some(at) = index(child.desc.kind(), part).filter(|at| due.contains(at)) else { continue };
                let stand_in = numbers.stand_ins.get().and_then(|all| all.get(at));
                let (value, time) = stand_in.and_then(M::read).unwrap_or((0.0, child.first_time()));
                records.push(NewRecord { key, value, time });
                written.push((at, value));
            }
            records
        });
        let (file, placed) = match appended {
            Ok(appended) => appended,
            Err(error) => {
                numbers.make_stand_ins();
                own.homeless.store(true, Ordering::Relaxed);
                return Err(error);
            }
        };
        numbers.file.store(file.as_u64(), Ordering::Relaxed);
        for ((at, value), number) in written.into_iter().zip(placed) {
            let Some(number) = numbers.placed.put(at, number) else { continue };
            if let Some(stand_in) = numbers.stand_ins.get().and_then(|all| all.get(at)) {
                let (last, time) = M::close(stand_in);
                if last.to_bits() != value.to_bits() {
                    let _ = M::add(number, last - value, Some(time));
                }
            }
        }
        Ok(())
    }

    /// Makes `shard`, one more record of each number of `child`, if there is room.
    ///
    /// Nobody is warned where there is none: the child goes on in its first record, and nothing is lost.
    pub(crate) fn make_shard(&self, child: &RecordChild<M>, shard: &Shard<M>) {
        let own = self.own();
        if own.crowded.load(Ordering::Relaxed) && !own.may_retry() {
            return;
        }
        let mut files = own.files();
        // Looked at again behind the lock, which whoever moves a label set holds: the shard of a label set that has
        // moved would never be read.
        let Some(numbers) = child.numbers.get() else { return };
        let still = numbers.shards.get().and_then(Shards::of_this_thread);
        if still.is_some_and(|still| ptr::eq(still, shard))
            && shard.get().is_none()
            && let Some(made) = self.append_again(child, numbers, &mut files, own)
        {
            shard.get_or_set(|| made);
        }
    }

    /// A lane of `child` that nobody has, taken for this process; `None` where there is no room for one.
    pub(crate) fn lane(&self, child: &'static RecordChild<M>) -> Option<&'static Lane> {
        if child.numbers.get().is_none() {
            self.settle(child, None);
        }
        let own = self.own();
        let mut files = own.files();
        let numbers = child.numbers.get()?;
        let free = || numbers.lanes.iter().find(|lane| lane.take(forked::generation()));
        if let Some(lane) = free() {
            return Some(lane);
        }
        M::word(numbers.placed.get(0)?)?;
        let open = Reference::wiped()?;
        let made = self.append_again(child, numbers, &mut files, own)?;
        numbers.lanes.push(Lane::new(M::word(made.get(0)?)?, open));
        free()
    }

    /// Appends one more record of each number of `child`, at 0, to the file of `numbers`, if that has room.
    fn append_again(
        &self,
        child: &RecordChild<M>,
        numbers: &Numbers<M>,
        files: &mut Files<M>,
        own: &Own<M>,
    ) -> Option<Placed<M>> {
        // A label set that counts in memory has no file.
        if (0..child.len()).any(|at| numbers.placed.get(at).is_none()) {
            return None;
        }
        // Otherwise its file is open: a child leaves a deleted file in the moment in which that is noticed.
        let dialect = self.options.dialect;
        let mut order = Vec::with_capacity(child.len());
        let appended = files.append(&self.directory, dialect, &child.desc, &own.descriptors, |process| {
            let labels: Vec<&str> = child.labels.iter().map(|value| &**value).collect();
            let keys = dialects::keys(dialect, &child.desc, &labels, process);
            let records = keys.into_iter().filter_map(|(part, key)| {
                order.push(index(child.desc.kind(), part)?);
                Some(NewRecord { key, value: 0.0, time: 0.0 })
            });
            records.collect()
        });
        own.crowded.store(appended.is_err(), Ordering::Relaxed);
        let Ok((_, made)) = appended else {
            own.may_retry(); // the next attempt is a second from now
            return None;
        };
        let mut made: Vec<_> = order.into_iter().zip(made).collect();
        made.sort_by_key(|&(at, _)| at);
        Some(Placed::made(made.into_iter().map(|(_, number)| number)))
    }

    /// A number's new value is not in its file.
    pub(crate) fn unwritten(&self, desc: &Desc, error: std::io::Error) {
        let own = self.own();
        let what = format!("write a number of {desc} in {}", self.directory.display());
        self.failed(own, &StoreError::new(what, error));
    }

    fn failed(&self, own: &Own<M>, error: &StoreError) {
        own.failed.fetch_add(1, Ordering::Relaxed);
        // The next attempt is a second from now.
        own.may_retry();
        self.warn(own, error);
    }

    fn warn(&self, own: &Own<M>, error: &StoreError) {
        if !own.warned.swap(true, Ordering::Relaxed) {
            (self.options.warn)(error);
        }
    }
}

impl<M: Medium> RecordChild<M> {
    /// Which numbers should stand in a file and do not: those that exist from the start, the one at `touched`,
    /// and those that have counted something in memory.
    fn unplaced(&self, numbers: &Numbers<M>, touched: Option<usize>) -> Vec<usize> {
        let counted = |at| {
            let number = numbers.stand_ins.get().and_then(|all| all.get(at));
            number.and_then(M::read).is_some_and(|(value, _)| value.to_bits() != 0)
        };
        (0..numbers.placed.len())
            .filter(|&at| numbers.placed.get(at).is_none())
            .filter(|&at| self.is_initial() || Some(at) == touched || counted(at))
            .collect()
    }
}
