//! The entries of a directory, and the files and directories that a command line names.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;

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

    /// The metrics files.
    pub(crate) fn metrics_files(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| {
            entry.sort == Sort::Regular && entry.name.as_deref().is_some_and(dialects::is_metrics_file)
        })
    }
}

fn leads_to_a_file_of(directory: &Path, link: &Path) -> bool {
    link.canonicalize().is_ok_and(|target| target.starts_with(directory) && target.is_file())
}

/// The metrics files that a path means: those of a directory, or itself.
///
/// # Errors
/// When the directory cannot be listed or there is nothing of this name.
pub(crate) fn metrics_files_of(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let about = fs::metadata(path).with_context(|| format!("open {}", path.display()))?;
    if !about.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let folder = Folder::list(path).with_context(|| format!("list {}", path.display()))?;
    Ok(folder.metrics_files().map(|entry| entry.path.clone()).collect())
}
