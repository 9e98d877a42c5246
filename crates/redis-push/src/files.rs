//! Which files a directory holds, as far as that tells whether it was wiped.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dialects::{FOLD_WINDOW, is_archive_name, is_metrics_file, original_name};

use crate::notes::fnv;

/// Which files a directory holds, as far as that tells whether it was wiped: those that hold what was counted. Gauges of
/// workers that have ended are deleted every day.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Files {
    /// Hash and name of each. Sorted.
    names: Vec<(u64, String)>,
    /// Whether files were folded: those that are missed may be in an archive.
    pub(crate) has_archive: bool,
    /// When and what it was that was listed, if that was old enough to tell a later change.
    as_of: Option<(u64, SystemTime)>,
}

/// What tells a file from any other that has or had its name; the hash of the name stands before it.
pub(crate) type Mark = (u64, u64);

/// So many files are remembered: those whose names have the least hashes.
const SOME: usize = 64;

/// So often it is looked where somebody has begun to fold, and so long he is waited for.
const ATTEMPTS: usize = 3;
const PATIENCE: Duration = Duration::from_secs(1);

/// A change within so long of another may leave the directory's time as it was.
const GRAIN: Duration = Duration::from_secs(2);

impl Files {
    /// Looks anew. Says some of the files, by which they can be told from those of another time, and whether none of those
    /// is there that were there before.
    ///
    /// Nobody folds meanwhile: who is seen under one name and looked for when he has another would be missed.
    pub(crate) fn look(&mut self, directory: &Path, before: &[Mark]) -> io::Result<(Vec<Mark>, bool)> {
        for _ in 0..ATTEMPTS {
            let window = lock_window(directory)?;
            self.list(directory)?;
            let found = (self.marks(directory), self.replace(directory, before));
            // Where there was nothing to lock, somebody may have begun to fold.
            if window.is_some() || !directory.join(FOLD_WINDOW).exists() {
                return Ok(found);
            }
        }
        Err(io::Error::other("somebody begins to fold all the time"))
    }

    /// Lists them anew, if the directory has changed since.
    fn list(&mut self, directory: &Path) -> io::Result<()> {
        let about = fs::metadata(directory)?;
        let changed = about.modified()?;
        let is_old = SystemTime::now().duration_since(changed).is_ok_and(|age| age > GRAIN);
        let as_of = is_old.then_some((about.ino(), changed));
        if as_of.is_some() && as_of == self.as_of {
            return Ok(());
        }
        let mut names: Vec<(u64, String)> = Vec::new();
        let mut has_archive = false;
        for entry in fs::read_dir(directory)? {
            let Ok(name) = entry?.file_name().into_string() else { continue };
            // One that is being folded counts as before.
            let original = original_name(&name);
            if is_archive_name(original) {
                has_archive = true;
            } else if is_metrics_file(original) && !original.starts_with("gauge_") {
                names.push((fnv(original.as_bytes()), name));
            }
        }
        names.sort_unstable();
        *self = Files { names, has_archive, as_of };
        Ok(())
    }

    fn marks(&self, directory: &Path) -> Vec<Mark> {
        let some = self.names.iter().take(SOME);
        some.filter_map(|(hash, name)| Some((*hash, mark(&directory.join(name))?))).collect()
    }

    /// Whether there are files, and none of those that were there before.
    fn replace(&self, directory: &Path, before: &[Mark]) -> bool {
        let is_there = |(hash, known): &Mark| {
            let first = self.names.partition_point(|(other, _)| other < hash);
            let same = self.names[first..].iter().take_while(|(other, _)| other == hash);
            same.into_iter().any(|(_, name)| mark(&directory.join(name)) == Some(*known))
        };
        !self.names.is_empty() && !before.is_empty() && !before.iter().any(is_there)
    }
}

/// Keeps others from folding until it is dropped; none where nobody ever has.
fn lock_window(directory: &Path) -> io::Result<Option<File>> {
    let file = match File::open(directory.join(FOLD_WINDOW)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let begun = Instant::now();
    loop {
        match file.try_lock_shared() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::TimedOut.into()),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// What tells the file at a path from others; none where there is none.
fn mark(path: &Path) -> Option<u64> {
    let about = fs::symlink_metadata(path).ok()?;
    Some(fnv([about.ino(), born(&about)].map(u64::to_le_bytes).as_flattened()))
}

/// When a file was made, in nanoseconds since 1970; 0 where that is not known.
pub(crate) fn born(about: &fs::Metadata) -> u64 {
    let born = about.created().ok().and_then(|born| born.duration_since(UNIX_EPOCH).ok());
    born.and_then(|born| u64::try_from(born.as_nanos()).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(path: &Path) -> Files {
        let mut files = Files::default();
        files.look(path, &[]).unwrap();
        files
    }

    #[test]
    fn a_directory_was_wiped_when_it_has_other_files_and_none_of_before() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let write = |name: &str| fs::write(path.join(name), name).unwrap();
        let remove = |name: &str| fs::remove_file(path.join(name)).unwrap();
        let replaces = |before: &[Mark]| look(path).replace(path, before);
        assert_eq!(look(path).marks(path), []);
        for name in ["counter_1.db", "gauge_liveall_1.db", ".multiprom-push", "notes.txt"] {
            write(name);
        }
        let first = look(path).marks(path);
        assert_eq!(first.len(), 1);
        write("counter_2.db");
        remove("gauge_liveall_1.db");
        assert!(!replaces(&first), "one is left");
        remove("counter_1.db");
        assert!(replaces(&first));
        // While there are none it is not known what comes.
        remove("counter_2.db");
        assert!(!replaces(&first));
        // A name that comes again is another file.
        write("counter_1.db");
        assert!(replaces(&first) && !replaces(&[]));
        // While it is folded it is the same file.
        let last = look(path).marks(path);
        let folding = dialects::retired_name(7, "counter_archive.db", "counter_1.db").unwrap();
        fs::rename(path.join("counter_1.db"), path.join(folding)).unwrap();
        assert!(!replaces(&last) && !look(path).has_archive);
        write("counter_archive.db");
        assert!(look(path).has_archive);
    }

    #[test]
    fn however_many_files_come_one_of_before_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let write = |pid: u32| fs::write(path.join(format!("counter_{pid}.db")), "").unwrap();
        (0..100).for_each(write);
        let before = look(path).marks(path);
        assert_eq!(before.len(), SOME);
        (100..2_000).for_each(write);
        let now = look(path);
        assert!(!now.replace(path, &before) && now.marks(path) != before);
        // But for one all are deleted, and that one is among those that are remembered.
        let last = now.names.iter().find(|(hash, _)| *hash == before[0].0).unwrap().1.clone();
        for (_, name) in now.names.iter().filter(|(_, name)| *name != last) {
            fs::remove_file(path.join(name)).unwrap();
        }
        assert!(!look(path).replace(path, &before));
        fs::remove_file(path.join(last)).unwrap();
        write(5_000);
        assert!(look(path).replace(path, &before));
    }

    #[test]
    fn a_directory_that_is_folded_looks_wiped_at_no_moment() {
        for _ in 0..40 {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path();
            let file = |pid: u32| {
                let mut file = vec![0; dialects::HEADER_LEN];
                let key = br#"["a", "a_total", {}, ""]"#;
                dialects::push_record(dialects::Dialect::PYTHON, key, 1.0, 0.0, &mut file);
                let used = u32::try_from(file.len()).unwrap();
                file[..4].copy_from_slice(&used.to_ne_bytes());
                fs::write(path.join(format!("counter_{pid}.db")), file).unwrap();
            };
            (0..20).for_each(file);
            let before = look(path).marks(path);
            std::thread::scope(|scope| {
                let folding = scope.spawn(|| {
                    let stopped = folding::Options { stopped: true, ..folding::Options::default() };
                    folding::Folder::new(path, stopped).fold().unwrap();
                    // Somebody counts on, so that there are files.
                    file(100);
                });
                while !folding.is_finished() {
                    let mut files = Files::default();
                    let (_, replaced) = files.look(path, &before).unwrap();
                    assert!(!replaced || files.has_archive);
                }
            });
            let mut files = Files::default();
            assert!(files.look(path, &before).unwrap().1 && files.has_archive);
        }
    }
}
