//! One directory that is folded, once or again and again.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use dialects::{
    Dialect, is_archive_name, is_metrics_file, original_name, parse_retired, retired_name, writer_of,
};
use liveness::{Life, Watch};

use crate::claims::{release_claims, unused_claims};
use crate::content::{Fate, all_records, fate};
use crate::disk::{self, Disk};
use crate::links::Links;
use crate::sheet::{Merging, Sheet};
use crate::{AllGauges, FoldError, Folded, Kept, Options};

/// One directory that is folded, once or again and again. It remembers who had which file.
#[derive(Debug)]
pub struct Folder {
    directory: PathBuf,
    options: Options,
    watch: Watch,
    /// Which fold this is, counted from 1.
    turn: u64,
    /// When files of mode `all` were first seen to be dead, and in which fold.
    seen_dead: HashMap<String, (u64, SystemTime)>,
}

/// The most that may be in use of a file which is folded.
const LARGEST: u64 = 512 * 1024 * 1024; // 512 MiB

/// In place of an archive, for files that are dropped.
const NO_ARCHIVE: &str = "gauge_dropped_archive.db";

/// After how many archives that could not be written no more are tried: where a disk has a little room left, the
/// others may be smaller.
const MOST_FAILURES: usize = 8;

impl Folder {
    /// Of this directory.
    pub fn new(directory: &Path, options: Options) -> Folder {
        let watch = match options {
            Options { stopped: true, .. } => Watch::of_stopped(),
            Options { in_sight: true, .. } => Watch::of_processes_in_sight(),
            _ => Watch::default(),
        };
        Folder { directory: directory.to_owned(), options, watch, turn: 0, seen_dead: HashMap::new() }
    }

    /// Folds what is dead now.
    ///
    /// Reads the files of the dead twice, and writes an archive for each kind and mode of which there are any.
    ///
    /// On a full disk it folds as far as there is room, which it makes for itself where it can.
    ///
    /// # Errors
    /// When another fold is at work, or something cannot be read, written, renamed or deleted. Nothing is lost by it,
    /// and the next fold goes on where this one ended.
    pub fn fold(&mut self) -> Result<Folded, FoldError> {
        self.fold_in_steps(&mut || true)
    }

    /// [`fold`](Folder::fold), with something called before each change to the directory. Where it says no, the fold
    /// ends at once and cleans nothing up, as if its process had been killed there.
    #[doc(hidden)]
    pub fn fold_in_steps(&mut self, before_each: &mut dyn FnMut() -> bool) -> Result<Folded, FoldError> {
        let (mut files, mut dropped, mut archives) = (0, 0, Vec::new());
        loop {
            let (folded, failure) = self.fold_once(before_each)?;
            let more = folded.files + folded.dropped > 0;
            files += folded.files;
            dropped += folded.dropped;
            archives.extend(folded.archives);
            match failure {
                None => return Ok(Folded { files, dropped, archives, ..folded }),
                // A disk that was full has more room now.
                Some(_) if more => {}
                Some(error) => return Err(error),
            }
        }
    }

    /// Folds what is dead now, as far as there is room; and the first error by which an archive was not written.
    fn fold_once(
        &mut self,
        before_each: &mut dyn FnMut() -> bool,
    ) -> Result<(Folded, Option<FoldError>), FoldError> {
        self.turn += 1;
        let directory = self.directory.clone();
        let mut disk = Disk { directory: &directory, before_each, died: false };
        if let Some(idle) = self.idle(&disk)? {
            return Ok((idle, None));
        }
        let Some(_folding) = disk.lock_folding()? else { return Err(FoldError::Busy { directory }) };
        let names = disk.list()?;
        let mut folded = Folded::default();
        let mut round = now();
        let mut archives: HashMap<&str, u64> = HashMap::new();
        for name in names.iter().filter(|name| is_archive_name(name)) {
            let reached = disk::round(&disk.path(name)).map_err(|error| disk.failed("read", name, error))?;
            if let Some(reached) = reached {
                archives.insert(name, reached);
                round = round.max(reached.saturating_add(1));
            }
        }
        for name in names.iter().filter(|name| name.starts_with(BEING_WRITTEN)) {
            disk.remove(name)?;
        }
        // What a fold that died has left.
        let mut retired: Vec<String> = Vec::new();
        let mut done: Vec<&str> = Vec::new();
        for name in &names {
            let Some(parts) = parse_retired(name) else { continue };
            if archives.get(parts.archive).is_some_and(|&reached| reached >= parts.round) {
                done.push(name);
            } else {
                round = round.max(parts.round.saturating_add(1));
                retired.push(name.clone());
            }
        }
        if !done.is_empty() {
            disk.sync_names()?;
        }
        for name in done {
            disk.remove(name)?;
        }
        let mut plan =
            Plan { first: archives.is_empty(), round, groups: BTreeMap::new(), living: Vec::new() };
        let files: Vec<&str> = names
            .iter()
            .map(String::as_str)
            .filter(|name| is_metrics_file(name) && !archives.contains_key(name))
            .collect();
        let found = self.watch.look(&directory, &files).map_err(|error| disk.failed("list", "", error))?;
        folded.doubt = found.doubt;
        let links = Links::among(&directory, &files);
        for (name, life) in files.iter().zip(&found.lives) {
            match life {
                Life::Dead if let Some(why) = links.keep(name) => {
                    folded.kept.push(Kept { file: (*name).to_owned(), why: why.to_owned() });
                }
                Life::Dead => self.place(&disk, name, false, &archives, &mut plan, &mut folded)?,
                life => {
                    let count = if *life == Life::Alive { &mut folded.alive } else { &mut folded.unknown };
                    *count += 1;
                    plan.living.push((*name).to_owned());
                }
            }
        }
        self.seen_dead.retain(|name, _| files.contains(&name.as_str()));
        for name in &retired {
            self.place(&disk, name, true, &archives, &mut plan, &mut folded)?;
        }
        let Plan { first, round, mut groups, living } = plan;
        // What is only deleted makes room for the others.
        let dropped = groups.remove_entry(NO_ARCHIVE);
        let (mut written, mut failures, mut may_fall) = (Vec::new(), Vec::new(), false);
        for (name, group) in dropped.into_iter().chain(groups) {
            let reached = archives.contains_key(name.as_str());
            let archive = Archive { reached, name, first, round, living: &living };
            match self.write_group(&mut disk, archive, group, &mut folded)? {
                Outcome::Nothing => {}
                Outcome::Written(archive) if first => written.push(archive),
                Outcome::Written(archive) => commit(&mut disk, vec![archive], &mut folded)?,
                Outcome::Failed { error, doubtful } => {
                    failures.push(error);
                    may_fall |= doubtful;
                }
            }
            if failures.len() == MOST_FAILURES {
                may_fall |= first;
                break;
            }
        }
        // With the first archive the directory is added up exactly. A sum that this may make less is in an archive then,
        // which makes up for it, or there is no archive.
        if may_fall {
            for Written { archive, dead } in written {
                self.give_up(&mut disk, &archive, &dead)?;
            }
        } else {
            commit(&mut disk, written, &mut folded)?;
        }
        release_claims(&mut disk)?;
        Ok((folded, failures.into_iter().next()))
    }

    /// What there is to tell of a directory in which nobody is dead and nothing was left: it is not touched.
    fn idle(&mut self, disk: &Disk<'_>) -> Result<Option<Folded>, FoldError> {
        let names = disk.list()?;
        let (files, others): (Vec<&str>, Vec<&str>) = names
            .iter()
            .map(String::as_str)
            .partition(|name| is_metrics_file(name) && !is_archive_name(name));
        let left = |name: &&str| name.starts_with(BEING_WRITTEN) || parse_retired(name).is_some();
        let found =
            self.watch.look(disk.directory, &files).map_err(|error| disk.failed("list", "", error))?;
        let count = |life| found.lives.iter().filter(|&&it| it == life).count();
        let busy =
            found.lives.contains(&Life::Dead) || others.iter().any(left) || !unused_claims(&names).is_empty();
        let idle = Folded {
            alive: count(Life::Alive),
            unknown: count(Life::Unknown),
            doubt: found.doubt,
            ..Folded::default()
        };
        Ok((!busy).then_some(idle))
    }

    /// Finds out what becomes of a dead writer's file.
    fn place(
        &mut self,
        disk: &Disk<'_>,
        name: &str,
        is_retired: bool,
        archives: &HashMap<&str, u64>,
        plan: &mut Plan,
        folded: &mut Folded,
    ) -> Result<(), FoldError> {
        let original = original_name(name);
        let fate = match disk::read(&disk.path(name), LARGEST) {
            Ok(None) => return Ok(()),
            Ok(Some((about, bytes))) => match fate(original, &bytes, &self.options.aggregations) {
                Fate::All => self.fate_of_all(original, &about),
                fate => fate,
            },
            Err(error) => Fate::Keep(error.to_string()),
        };
        let (archive, rest) = match fate {
            Fate::Fold { archive, dialect, merging } => {
                let is_ours = archives.contains_key(archive.as_str());
                if !is_ours && disk.path(&archive).symlink_metadata().is_ok() {
                    let why = format!("{archive} is there and not of our making");
                    folded.kept.push(Kept { file: original.to_owned(), why });
                    return Ok(());
                }
                (archive, Some((dialect, merging)))
            }
            Fate::Drop => (NO_ARCHIVE.to_owned(), None),
            Fate::Keep(_) | Fate::All if is_retired => (NO_ARCHIVE.to_owned(), None),
            Fate::Keep(why) => {
                folded.kept.push(Kept { file: original.to_owned(), why });
                return Ok(());
            }
            Fate::All => return Ok(()),
        };
        let group = plan.groups.entry(archive).or_default();
        group.how = rest.or(group.how);
        group.files.push(name.to_owned());
        Ok(())
    }

    fn fate_of_all(&mut self, name: &str, about: &fs::Metadata) -> Fate {
        let dead_for = |seen: SystemTime| {
            let last = about.modified().unwrap_or(SystemTime::UNIX_EPOCH).max(seen);
            SystemTime::now().duration_since(last).unwrap_or_default()
        };
        match self.options.all {
            AllGauges::Keep => Fate::All,
            AllGauges::Drop => Fate::Drop,
            AllGauges::Age(age) => {
                let known = self.seen_dead.entry(name.to_owned()).or_insert((self.turn, SystemTime::now()));
                // The fold that meets a file first cannot know since when it is dead; its last change must do.
                let seen = if known.0 == self.turn { SystemTime::UNIX_EPOCH } else { known.1 };
                if dead_for(seen) >= age { Fate::Drop } else { Fate::All }
            }
        }
    }

    /// Writes what files and their archive add up to beside the archive, or drops the files.
    fn write_group(
        &mut self,
        disk: &mut Disk<'_>,
        archive: Archive<'_>,
        group: Group,
        folded: &mut Folded,
    ) -> Result<Outcome, FoldError> {
        let mut retired = Vec::new();
        {
            let _window = disk.lock_window()?;
            for name in &group.files {
                if parse_retired(name).is_some() {
                    retired.push(name.clone());
                    continue;
                }
                let Some(new) = retired_name(archive.round, &archive.name, name) else {
                    folded.kept.push(Kept { file: name.clone(), why: "its name is too long".to_owned() });
                    continue;
                };
                if disk.rename_to_free(name, &new)? {
                    retired.push(new);
                }
            }
        }
        // Whoever opened one of them under its old name has it open now, and nobody can any more.
        let names: Vec<&str> = retired.iter().map(String::as_str).collect();
        let found =
            self.watch.look(disk.directory, &names).map_err(|error| disk.failed("list", "", error))?;
        let mut dead = Vec::new();
        for (name, life) in names.iter().zip(found.lives) {
            // Nobody ever opens a file of our own stores again.
            let is_ours = writer_of(original_name(name)).is_some();
            if life == Life::Dead || is_ours {
                dead.push((*name).to_owned());
            } else {
                self.give_back(disk, name)?;
                folded.alive += 1;
            }
        }
        let Some(how) = group.how else {
            self.drop_files(disk, &dead, folded)?;
            return Ok(Outcome::Nothing);
        };
        // Until it is known what the sums are.
        let mut doubtful = archive.first;
        match self.write_archive(disk, &archive, how, &mut dead, &mut doubtful, folded) {
            Ok(true) => Ok(Outcome::Written(Written { archive: archive.name, dead })),
            Ok(false) => Ok(Outcome::Nothing),
            Err(error) if disk.died => Err(error),
            Err(error) => {
                // A disk that is full, most likely.
                self.give_up(disk, &archive.name, &dead)?;
                Ok(Outcome::Failed { error, doubtful })
            }
        }
    }

    /// Leaves an archive as it was; everything gets back to where it was.
    fn give_up(&self, disk: &mut Disk<'_>, archive: &str, dead: &[String]) -> Result<(), FoldError> {
        disk.remove(&format!("{BEING_WRITTEN}{archive}"))?;
        dead.iter().try_for_each(|name| self.give_back(disk, name))
    }

    /// Writes the archive anew, beside the old one; says whether there was anything to write. Takes out of `dead` what
    /// cannot be folded, and says by `doubtful` whether sums depend on the order in which pages added them up.
    fn write_archive(
        &mut self,
        disk: &mut Disk<'_>,
        archive: &Archive<'_>,
        (dialect, merging): (Dialect, Merging),
        dead: &mut Vec<String>,
        doubtful: &mut bool,
        folded: &mut Folded,
    ) -> Result<bool, FoldError> {
        let mut sheet = Sheet::new(dialect, merging);
        let mut like = None;
        if archive.reached {
            let read = disk::read(&disk.path(&archive.name), u64::MAX);
            let read = read.map_err(|error| disk.failed("read", &archive.name, error))?;
            if let Some((about, bytes)) = read {
                let records = all_records(dialect, &bytes)
                    .map_err(|damage| disk.failed("read", &archive.name, io::Error::other(damage)))?;
                sheet.take(&records);
                like = Some(about);
            }
        }
        let mut taken = Vec::new();
        for name in dead.iter() {
            let read = disk::read(&disk.path(name), LARGEST);
            let Some((about, bytes)) = read.map_err(|error| disk.failed("read", name, error))? else {
                continue;
            };
            // As it was found to be before: nobody has written since. Else it is looked at the next time.
            let as_before = match fate(original_name(name), &bytes, &self.options.aggregations) {
                Fate::Fold { archive: to, .. } => to == archive.name,
                Fate::Drop => true,
                Fate::All | Fate::Keep(_) => false,
            };
            match all_records(dialect, &bytes) {
                Ok(records) if as_before => sheet.take(&records),
                _ => {
                    self.give_back(disk, name)?;
                    folded
                        .kept
                        .push(Kept { file: original_name(name).to_owned(), why: "it changed".to_owned() });
                    continue;
                }
            }
            taken.push(name.clone());
            like = like.or(Some(about));
        }
        *dead = taken;
        let Some(like) = like.filter(|_| !dead.is_empty()) else { return Ok(false) };
        if archive.first {
            for name in archive.living {
                self.glance(disk, name, dialect, &archive.name, &mut sheet);
            }
        }
        *doubtful = archive.first && sheet.is_doubtful();
        let records = sheet.into_records(archive.first);
        let Some(bytes) = dialects::finish_archive(records, archive.round) else {
            let why = io::Error::other("it would be larger than 2 GiB");
            return Err(disk.failed("write", &archive.name, why));
        };
        disk.write(&format!("{BEING_WRITTEN}{}", archive.name), &bytes, &like)?;
        Ok(true)
    }

    /// Takes note of what a living file adds to the sums of a page. One that cannot be read adds nothing.
    fn glance(&self, disk: &Disk<'_>, name: &str, dialect: Dialect, archive: &str, sheet: &mut Sheet) {
        let Ok(Some((_, bytes))) = disk::read(&disk.path(name), LARGEST) else { return };
        let is_of_it = match fate(name, &bytes, &self.options.aggregations) {
            Fate::Fold { archive: to, dialect: its, .. } => to == archive && its == dialect,
            _ => false,
        };
        if let (true, Ok(records)) = (is_of_it, all_records(dialect, &bytes)) {
            sheet.glance(&records);
        }
    }

    fn drop_files(
        &mut self,
        disk: &mut Disk<'_>,
        dead: &[String],
        folded: &mut Folded,
    ) -> Result<(), FoldError> {
        for name in dead {
            let read = disk::read(&disk.path(name), LARGEST);
            let fate = match read {
                Ok(None) => continue,
                Ok(Some((about, bytes))) => {
                    match fate(original_name(name), &bytes, &self.options.aggregations) {
                        Fate::All => self.fate_of_all(original_name(name), &about),
                        fate => fate,
                    }
                }
                Err(error) => Fate::Keep(error.to_string()),
            };
            if fate == Fate::Drop {
                let _window = disk.lock_window()?;
                disk.remove(name)?;
                folded.dropped += 1;
            } else {
                self.give_back(disk, name)?;
            }
        }
        Ok(())
    }

    /// Gives a retired file its name back; where that is taken, one that no file has and that tells the same.
    fn give_back(&self, disk: &mut Disk<'_>, name: &str) -> Result<(), FoldError> {
        let _window = disk.lock_window()?;
        let original = original_name(name);
        if disk.rename_to_free(name, original)? {
            return Ok(());
        }
        for ordinal in 1..u32::MAX {
            let gone = disk.path(name).symlink_metadata().is_err();
            if gone || disk.rename_to_free(name, &another_name(original, ordinal))? {
                break;
            }
        }
        Ok(())
    }
}

/// What is to be folded.
struct Plan {
    /// Whether the directory has no archive yet.
    first: bool,
    round: u64,
    /// By archive.
    groups: BTreeMap<String, Group>,
    living: Vec<String>,
}

#[derive(Default)]
struct Group {
    /// None where files are dropped.
    how: Option<(Dialect, Merging)>,
    files: Vec<String>,
}

struct Archive<'a> {
    name: String,
    /// Whether it is there already.
    reached: bool,
    first: bool,
    round: u64,
    living: &'a [String],
}

/// What became of files that were to be folded into an archive.
enum Outcome {
    /// There was nothing to write.
    Nothing,
    Written(Written),
    /// It could not be written; everything is as before.
    Failed {
        error: FoldError,
        /// Whether a sum may be less once the directory has an archive.
        doubtful: bool,
    },
}

/// An archive that is written beside the old one, and the files that are in it.
struct Written {
    archive: String,
    dead: Vec<String>,
}

/// Puts archives in the places of the old ones, all at once for who reads under the lock, and deletes what is in them.
fn commit(disk: &mut Disk<'_>, written: Vec<Written>, folded: &mut Folded) -> Result<(), FoldError> {
    if written.is_empty() {
        return Ok(());
    }
    {
        let _window = disk.lock_window()?;
        for Written { archive, .. } in &written {
            disk.rename_over(&format!("{BEING_WRITTEN}{archive}"), archive)?;
        }
    }
    // From now on they do not count, and nobody opens them; but a disk must not forget the archive and remember this.
    disk.sync_names()?;
    for Written { archive, dead } in written {
        for name in &dead {
            disk.remove(name)?;
        }
        folded.files += dead.len();
        folded.archives.push(archive);
    }
    Ok(())
}

/// How an archive's name begins while it is written.
const BEING_WRITTEN: &str = ".multiprom-fold-new~";

/// A name of the same kind and process as `original`'s, but for a number.
fn another_name(original: &str, ordinal: u32) -> String {
    let (stem, ending) = original.rsplit_once('.').unwrap_or((original, "db"));
    let numbered = stem.rsplit_once('-').filter(|(_, number)| number.parse::<u32>().is_ok());
    match numbered {
        // GitLab's files have a number.
        Some((stem, number)) => {
            let number = number.parse::<u32>().unwrap_or_default().saturating_add(ordinal);
            format!("{stem}-{number}.{ending}")
        }
        None => format!("{stem}-f{ordinal}.{ending}"),
    }
}

/// Microseconds since 1970: a round that is later than any before.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
