//! One walk over the directories: list, read, parse what is new, add. `sound.rs` reads files in which nothing is odd,
//! `odd.rs` all others.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use dialects::{Damage, Dialect, Era, HEADER_LEN};
use foldhash::{HashMap, HashMapExt};
use liveness::Doubt;
use metrics_core::{Mode, Process};

use super::ahead;
use super::bad::Reason;
use super::content;
use super::file::{File, Nature};
use super::folder::{Folder, Parts, Stretch};
use super::keys::{Keys, Numbering};
use super::window::Window;
use super::{Hand, Kept, Known, Shared};
use crate::collector::MOST_TOLD;
use crate::head_room;
use crate::readings::NumberSpan;
use crate::{Ask, Liveness, SeriesId, SourceError, Tally};

/// What reading a file needs besides the file, shared by all threads that read.
pub(super) struct Walk<'a> {
    pub(super) directory: &'a Known,
    /// Which of the directories it is, where the series of each are limited.
    pub(super) number: Option<usize>,
    /// Held for moments only.
    pub(super) keys: Mutex<&'a mut Keys>,
    pub(super) numbering: Numbering<'a>,
}

/// What became of a walk.
enum Walked {
    /// There was nothing new to parse.
    Known,
    WithNews,
    /// Somebody folded meanwhile: the numbers mean nothing.
    Disturbed,
}

/// How often a walk is begun again that somebody has disturbed.
const MOST_DISTURBANCES: u32 = 50;

/// What is kept of the new keys of a large file, or more.
const ROOM_FOR_KEYS: usize = 4 * 1024 * 1024; // 4 MiB

/// What a file had to say.
pub(super) struct Told {
    /// Bytes read.
    pub(super) read: usize,
    /// Which of the numbers of the thread that has read it are its.
    pub(super) numbers: NumberSpan,
    /// The series that they are of, where that is not what the file's records are of: it was cut while it was read.
    pub(super) cut: Option<Vec<SeriesId>>,
    /// Whether there was anything new to parse.
    pub(super) news: bool,
    /// Whether nothing was read, because there may be something new to parse and this is not for this thread to do.
    pub(super) left: bool,
}

impl Shared {
    /// Adds the numbers of all files.
    pub(super) fn read(&self, ask: &Ask, kept: &mut Kept, tally: &mut Tally) -> Result<(), SourceError> {
        // Evidence only grows, so that this ends; it takes a second round where a file has told more of a Ruby
        // metric than those before it.
        let mut changed = false;
        let mut disturbances = 0;
        loop {
            match self.read_once(ask, kept, tally)? {
                Walked::Known => {}
                Walked::WithNews => changed = true,
                Walked::Disturbed if disturbances < MOST_DISTURBANCES => {
                    disturbances += 1;
                    tally.restart();
                    continue;
                }
                Walked::Disturbed => {
                    let paths: Vec<String> = self
                        .directories
                        .iter()
                        .map(|directory| directory.path.display().to_string())
                        .collect();
                    let why = "one is folded all the time, by somebody who does not let others read";
                    return Err(SourceError::new(format!("read {}", paths.join(", ")), why));
                }
            }
            let doubtful = kept.keys.drop_doubtful();
            if doubtful.is_empty() && !(self.limits.are_set() && self.review_seats(kept, tally)) {
                break;
            }
            self.forget_seats(kept, &doubtful);
            for folder in &mut kept.folders {
                folder.forget_parsed(|file| file.nature.is_some_and(|it| doubtful.contains(&it.class)));
            }
            tally.restart();
        }
        kept.walked = true;
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

    /// Adds the numbers of all files as they are understood now.
    fn read_once(&self, ask: &Ask, kept: &mut Kept, tally: &mut Tally) -> Result<Walked, SourceError> {
        let expected = kept
            .expected
            .get_or_insert_with(|| self.catalog.statements().map(|it| tally.family(&it)).collect());
        expected.iter().for_each(|&family| tally.expect(family));
        kept.folders.resize_with(self.directories.len(), || Folder::new(self.in_sight));
        let mut disturbed = false;
        for (number, (directory, folder)) in self.directories.iter().zip(&mut kept.folders).enumerate() {
            let window = Window::of(&directory.path, ask);
            if folder.list(&directory.path, SystemTime::now())? {
                kept.told_apart = false;
                directory.seats().listed(kept.walked && !folder.has_survivors());
            }
            if let Some(every) = self.asks_every {
                folder.ask(&directory.path, every, ask.liveness);
                if ask.liveness == Liveness::Observed {
                    self.tell_doubt(directory, folder.doubt());
                }
            }
            if folder.is_exact() {
                tally.add_exactly();
            }
            for (name, reason) in folder.strange() {
                directory.tell_bad(
                    &directory.path.join(name),
                    *reason,
                    "left out: it is no file of this directory",
                );
            }
            let strange = folder.strange().len() as u64;
            let Parts { mut stretches, last, stale } = folder.parts();
            let mut gone = Vec::new();
            let (mut bad, mut records, mut bytes) = (strange, 0, 0);
            // Who comes first has a series, in the order of the files: the thread that begins at the last one leaves new
            // records alone then.
            let limited = self.limits.are_set();
            let shared = is_worth_sharing(stretches.iter_mut().map(Stretch::file), limited);
            for (hand, parses) in kept.hands.iter_mut().zip([true, !limited]) {
                hand.numbers.clear();
                hand.parses = parses;
            }
            let walk = Walk {
                directory,
                number: limited.then_some(number),
                keys: Mutex::new(&mut kept.keys),
                numbering: Numbering {
                    catalog: &self.catalog,
                    tally: Mutex::new(&mut *tally),
                    seats: limited.then_some(&directory.seats),
                },
            };
            let read = |hand: &mut Hand, at: usize| {
                let mut file = lock(&stretches[at].file);
                if file.parsed == 0 && hand.parses && shared {
                    head_room::ask_for(ROOM_FOR_KEYS);
                }
                self.read_file(&walk, &mut file, hand)
            };
            ahead::in_order(stretches.len(), shared, &mut kept.hands, read, |hand, at, told| {
                if ask.is_late() {
                    let operation = format!("read {}", directory.path.display());
                    return Err(SourceError::new(operation, "the deadline passed"));
                }
                let Stretch { settled, number, file } = &stretches[at];
                if let Some(settled) = settled {
                    records += settled.add(&mut walk.numbering.tally());
                }
                let mut file = lock(file);
                let told = match told {
                    Ok(Some(Told { left: true, .. })) => {
                        hand.parses = true;
                        let told = self.read_file(&walk, &mut file, hand);
                        hand.parses = false;
                        told
                    }
                    told => told,
                };
                let told = match told {
                    Ok(told) => told,
                    Err(error) if is_for_want(&error) => {
                        let operation = format!("read {}", file.path.display());
                        return Err(SourceError::new(operation, error));
                    }
                    Err(error) => {
                        directory.tell_bad(&file.path, Reason::Unreadable, &format!("left out: {error}"));
                        bad += 1;
                        return Ok(());
                    }
                };
                let Some(Told { read, numbers, cut, news, .. }) = told else {
                    gone.push(*number);
                    return Ok(());
                };
                let of_file = hand.numbers.get(&numbers);
                if let Some(nature) = file.nature {
                    let mut tally = walk.numbering.tally();
                    tally.report(nature.origin);
                    tally.extend(cut.as_deref().unwrap_or(file.records.series()), of_file);
                }
                if cut.is_none() {
                    file.settle(of_file);
                    *stale |= file.is_settled();
                }
                hand.numbers.truncate(&numbers);
                kept.told_apart &= !news;
                bytes += read;
                bad += u64::from(file.damage.is_some());
                records += file.records.len() as u64;
                Ok(())
            })?;
            records += last.map_or(0, |settled| settled.add(tally));
            folder.remove(&gone);
            disturbed |=
                window.may_have_been_open(&directory.path) && folder.is_disturbed(&directory.path)?;
            directory.files.store(folder.files().len() as u64, Ordering::Relaxed);
            directory.settled_files.store(folder.settled() as u64, Ordering::Relaxed);
            let (dead, archives) = folder.dead_and_archives();
            directory.dead_files.store(dead as u64, Ordering::Relaxed);
            directory.archives.store(archives as u64, Ordering::Relaxed);
            directory.bad_files.store(bad, Ordering::Relaxed);
            directory.records.store(records, Ordering::Relaxed);
            directory.bytes_read.fetch_add(bytes as u64, Ordering::Relaxed);
        }
        if disturbed {
            return Ok(Walked::Disturbed);
        }
        let changed = !kept.told_apart;
        if changed {
            self.check_processes(&kept.folders)?;
            kept.told_apart = true;
        }
        Ok(if changed { Walked::WithNews } else { Walked::Known })
    }

    /// Reads the numbers of a file, having parsed what is new. None where it has vanished.
    fn read_file(&self, walk: &Walk<'_>, file: &mut File, hand: &mut Hand) -> io::Result<Option<Told>> {
        let Some(open) = content::open(&file.path)? else { return Ok(None) };
        let parses = hand.parses;
        let is_all_known = file.is_known(open.state) && file.parsed == open.state.used;
        if (parses || is_all_known)
            && let Some(told) = self.read_sound(walk, file, &open, hand)?
        {
            return Ok(Some(told));
        }
        if !parses {
            let numbers = hand.numbers.end();
            return Ok(Some(Told { read: 0, numbers, cut: None, news: false, left: true }));
        }
        let mut buffer = std::mem::take(&mut hand.whole);
        let content = open.read(file.original_name(), file.reach, &mut buffer)?;
        let told = self.read_whole(walk, file, &content, hand);
        hand.whole = buffer;
        told
    }

    fn tell_doubt(&self, directory: &Known, doubt: Option<&Doubt>) {
        let Some(doubt) = doubt else { return };
        let path = directory.path.display();
        if self.tell_once(format!("{path} {doubt}")) {
            tracing::warn!(directory = %path, "whether writers live is not known, and they are taken for alive: {doubt}");
        }
    }

    /// What a file's records are, by its first ones and its name; none where the name tells no kind.
    pub(super) fn nature(
        &self,
        walk: &Walk<'_>,
        file: &File,
        bytes: &[u8],
    ) -> Result<Option<Nature>, Damage> {
        let Some(dialect) = dialects::recognise(file.original_name(), bytes) else {
            let unreadable = Damage { at: HEADER_LEN, why: "its first record is not whole" };
            let first = dialects::records(Dialect::Ruby, bytes, HEADER_LEN).next();
            return Err(first.and_then(Result::err).unwrap_or(unreadable));
        };
        let named = dialects::parse_file_name(dialect, file.original_name());
        let class = named.as_ref().and_then(|name| keys(walk).class(walk.number, dialect, name));
        let (Some(class), Some(named)) = (class, named) else {
            walk.directory.tell_bad(
                &file.path,
                Reason::UnknownKind,
                "left out: its name tells no kind of metric",
            );
            return Ok(None);
        };
        let process = Process { id: named.process.into_owned(), labels: walk.directory.labels.clone() };
        let origin = walk.numbering.tally().origin(&process, &file.path.display().to_string());
        let kept = matches!(dialect, Dialect::Python(Era::F3) | Dialect::Ruby);
        let about = keys(walk).get(class);
        let timed = kept && about.aggregation(&self.catalog).mode == Mode::MostRecent;
        Ok(Some(Nature { dialect, class, origin, timed }))
    }

    /// Whether two directories cannot be told apart where they should be.
    fn check_processes(&self, folders: &[Folder]) -> Result<(), SourceError> {
        let mut seen: HashMap<Process, usize> = HashMap::new();
        for (at, (directory, folder)) in self.directories.iter().zip(folders).enumerate() {
            if self.directories.iter().filter(|other| other.labels == directory.labels).count() == 1 {
                continue;
            }
            // Archives are of many processes, and have nothing that needs to be told apart.
            for file in folder.files().iter().filter(|file| !file.is_archive()) {
                let name = file.original_name();
                let named = file.nature.and_then(|it| dialects::parse_file_name(it.dialect, name));
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

/// Whether it is this process that lacks something, not the file that is bad.
fn is_for_want(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let codes = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS].map(|code| code.raw_os_error());
    error.kind() == io::ErrorKind::OutOfMemory
        || error.raw_os_error().is_some_and(|code| codes.contains(&code))
}

/// The keys, for a moment.
pub(super) fn keys<'a, 'b>(walk: &'a Walk<'b>) -> MutexGuard<'a, &'b mut Keys> {
    lock(&walk.keys)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the files hold so much, or so many are new, that a thread more pays off; one that does not read new records,
/// if so. Always where tests run.
fn is_worth_sharing<'a>(files: impl Iterator<Item = &'a File>, only_known: bool) -> bool {
    const BYTES_OF_A_CALL: usize = 4 * 1024; // 4 KiB are read in the time that opening a file takes
    const ENOUGH: usize = if cfg!(debug_assertions) { 0 } else { 1024 * 1024 }; // 1 MiB
    let (mut known, mut new) = (0, 0);
    for file in files {
        let is_new = file.parsed == 0;
        known += if is_new && only_known { 0 } else { file.parsed + BYTES_OF_A_CALL };
        new += usize::from(is_new && !only_known);
    }
    known > ENOUGH || new > 1
}
