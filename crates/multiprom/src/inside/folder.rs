//! The entries of a directory, and the files and directories that a command line names.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use dialects::{ARCHIVE_TAIL_LEN, archive_round, original_name, parse_retired};
use rustix::fs::OFlags;

/// What lies in a directory.
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    /// In byte order of their names, as the collector takes them.
    pub(crate) entries: Vec<Entry>,
}

/// One entry of a directory.
pub(crate) struct Entry {
    /// None where it is not UTF-8: then nobody reads it.
    pub(crate) name: Option<String>,
    /// For people.
    pub(crate) path: PathBuf,
    /// What it is. Links to files of the directory are followed, as the collector does.
    pub(crate) sort: Sort,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    Regular,
    Directory,
    /// A FIFO, a socket, a device, or a link that leads elsewhere or nowhere.
    Other,
}

impl Folder {
    /// Lists a directory.
    pub(crate) fn list(path: &Path) -> io::Result<Folder> {
        let mut found = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            found.push((entry.file_name(), entry.path()));
        }
        found.sort_unstable();
        let real = path.canonicalize()?;
        let entry = |(name, path): (std::ffi::OsString, PathBuf)| Entry {
            sort: match fs::symlink_metadata(&path) {
                Ok(about) if about.is_file() => Sort::Regular,
                Ok(about) if about.is_dir() => Sort::Directory,
                Ok(about) if about.is_symlink() && leads_to_a_file_of(&real, &path) => Sort::Regular,
                _ => Sort::Other,
            },
            name: name.into_string().ok(),
            path,
        };
        Ok(Folder { path: path.to_owned(), entries: found.into_iter().map(entry).collect() })
    }

    /// The files whose numbers count: metrics files, and those that are being folded and not in their archive yet.
    pub(crate) fn metrics_files(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| self.counts(entry))
    }

    /// Whether it is one of these.
    pub(crate) fn counts(&self, entry: &Entry) -> bool {
        let Some(name) = entry.name.as_deref().filter(|_| entry.sort == Sort::Regular) else { return false };
        dialects::is_metrics_file(name)
            || parse_retired(name).is_some_and(|retired| {
                let reached = round(&self.path.join(retired.archive));
                reached.is_none_or(|reached| reached < retired.round)
            })
    }
}

/// The round of the last fold into an archive; none where there is no such file, or none of our making.
fn round(archive: &Path) -> Option<u64> {
    let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
    let file: File = OpenOptions::new().read(true).custom_flags(nonblocking).open(archive).ok()?;
    let about = file.metadata().ok().filter(fs::Metadata::is_file)?;
    let mut tail = [0; ARCHIVE_TAIL_LEN];
    file.read_exact_at(&mut tail, about.len().checked_sub(ARCHIVE_TAIL_LEN as u64)?).ok()?;
    archive_round(&tail)
}

/// The name that a file's writer gave it, for people: whether it is being folded they are told elsewhere.
pub(crate) fn shown_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    original_name(&name).to_owned()
}

fn leads_to_a_file_of(directory: &Path, link: &Path) -> bool {
    link.canonicalize().is_ok_and(|target| target.starts_with(directory) && target.is_file())
}

/// What a path of the command line means.
pub(crate) enum Named {
    File(PathBuf),
    Directory(Folder),
}

impl Named {
    /// Looks what there is of this name, and lists it if it is a directory.
    ///
    /// # Errors
    /// When the directory cannot be listed or there is nothing of this name.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Named> {
        let about = fs::metadata(path).with_context(|| format!("open {}", path.display()))?;
        if !about.is_dir() {
            return Ok(Named::File(path.to_owned()));
        }
        let folder = Folder::list(path).with_context(|| format!("list {}", path.display()))?;
        Ok(Named::Directory(folder))
    }

    /// The file, or those of the directory, by the names that their writers gave them.
    pub(crate) fn metrics_files(&self) -> Vec<PathBuf> {
        let folder = match self {
            Named::File(path) => return vec![path.clone()],
            Named::Directory(folder) => folder,
        };
        let mut files: Vec<PathBuf> = folder.metrics_files().map(|entry| entry.path.clone()).collect();
        files.sort_by_cached_key(|file| shown_name(file));
        files
    }
}
