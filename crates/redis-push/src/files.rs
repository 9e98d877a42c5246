//! Which files a directory holds, as far as that tells whether it was wiped.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dialects::{is_archive_name, is_metrics_file, original_name};

use crate::notes::fnv;

/// Which files a directory holds, as far as that tells whether it was wiped.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Files {
    /// Of some of the metrics files, those whose names have the least hashes: what tells each from any other that has or
    /// had its name. Sorted.
    pub(crate) marks: Vec<u64>,
    /// Whether files were folded: those that are missed may be in an archive.
    pub(crate) has_archive: bool,
    /// When and what it was that was listed, if that was old enough to tell a later change.
    as_of: Option<(u64, SystemTime)>,
}

/// So many files are looked at.
const SOME: usize = 64;

/// A change within so long of another may leave the directory's time as it was.
const GRAIN: Duration = Duration::from_secs(2);

impl Files {
    /// Looks anew, if the directory has changed since.
    pub(crate) fn look(&mut self, directory: &Path) -> io::Result<()> {
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
            } else if is_metrics_file(original) {
                names.push((fnv(original.as_bytes()), name));
            }
        }
        names.sort_unstable();
        names.truncate(SOME);
        let mark = |(hash, name): (u64, String)| {
            let about = fs::symlink_metadata(directory.join(name)).ok()?;
            let words = [hash, about.ino(), born(&about)].map(u64::to_le_bytes);
            Some(fnv(words.as_flattened()))
        };
        let mut marks: Vec<u64> = names.into_iter().filter_map(mark).collect();
        marks.sort_unstable();
        *self = Files { marks, has_archive, as_of };
        Ok(())
    }

    /// Whether there are files, and none of those that were there before.
    pub(crate) fn replace(&self, before: &[u64]) -> bool {
        let is_there = |mark: &u64| self.marks.binary_search(mark).is_ok();
        !self.marks.is_empty() && !before.is_empty() && !before.iter().any(is_there)
    }
}

/// When a file was made, in nanoseconds since 1970; 0 where that is not known.
pub(crate) fn born(about: &fs::Metadata) -> u64 {
    let born = about.created().ok().and_then(|born| born.duration_since(UNIX_EPOCH).ok());
    born.and_then(|born| u64::try_from(born.as_nanos()).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_was_wiped_when_it_has_other_files_and_none_of_before() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let look = || {
            let mut files = Files::default();
            files.look(path).unwrap();
            files
        };
        let write = |name: &str| fs::write(path.join(name), name).unwrap();
        assert_eq!(look(), Files { as_of: look().as_of, ..Files::default() });
        write("counter_1.db");
        write(".multiprom-push");
        write("notes.txt");
        let first = look();
        assert_eq!(first.marks.len(), 1);
        write("counter_2.db");
        assert!(!look().replace(&first.marks), "one is left");
        fs::remove_file(path.join("counter_1.db")).unwrap();
        assert!(look().replace(&first.marks));
        // While there are none it is not known what comes.
        fs::remove_file(path.join("counter_2.db")).unwrap();
        assert!(!look().replace(&first.marks));
        // A name that comes again is another file.
        write("counter_1.db");
        assert!(look().replace(&first.marks));
        assert!(!look().replace(&[]));
        // While it is folded it is the same file.
        let last = look();
        let folding = dialects::retired_name(7, "counter_archive.db", "counter_1.db").unwrap();
        fs::rename(path.join("counter_1.db"), path.join(folding)).unwrap();
        assert_eq!((look().replace(&last.marks), look().has_archive), (false, false));
        write("counter_archive.db");
        assert!(look().has_archive);
    }

    #[test]
    fn of_many_files_some_are_looked_at_and_always_the_same() {
        let directory = tempfile::tempdir().unwrap();
        for pid in 0..500 {
            fs::write(directory.path().join(format!("counter_{pid}.db")), "").unwrap();
        }
        let [mut one, mut other] = [Files::default(), Files::default()];
        one.look(directory.path()).unwrap();
        other.look(directory.path()).unwrap();
        assert_eq!((one.marks.len(), &one.marks), (SOME, &other.marks));
    }
}
