//! Which writers of files live.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use dialects::{is_archive_name, parse_retired};
use liveness::{Life, Watch};

use super::output::Tint;

/// What is known of a file's writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Writer {
    Alive,
    /// To be taken for alive.
    Unknown,
    Dead,
    /// Dead, and a fold that is going on or was interrupted has taken the file away. It counts until it is in its
    /// archive.
    Folding,
    /// There is none: the file is an archive, of what processes counted that are dead.
    Archive,
}

impl Writer {
    /// Of a file of this name whose writer lives or not.
    pub(crate) fn of(file: &str, life: Life) -> Writer {
        match life {
            _ if is_archive_name(file) => Writer::Archive,
            _ if parse_retired(file).is_some() => Writer::Folding,
            Life::Alive => Writer::Alive,
            Life::Dead => Writer::Dead,
            Life::Unknown => Writer::Unknown,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Writer::Alive => "alive",
            Writer::Unknown => "unknown",
            Writer::Dead => "dead",
            Writer::Folding => "folding",
            Writer::Archive => "archive",
        }
    }

    pub(crate) fn tint(self) -> Tint {
        match self {
            Writer::Alive => Tint::Good,
            Writer::Unknown => Tint::Plain,
            Writer::Dead | Writer::Folding | Writer::Archive => Tint::Dim,
        }
    }

    /// What is known of a process that has this writer's file: where that is folded the process is dead.
    pub(crate) fn as_process(self) -> Writer {
        if self == Writer::Folding { Writer::Dead } else { self }
    }
}

/// `4 alive, 1 dead`: how many there are of each sort. Archives are nobody.
pub(crate) fn count_text(writers: impl Iterator<Item = Writer> + Clone) -> String {
    let each = [Writer::Alive, Writer::Dead, Writer::Unknown].into_iter().filter_map(|sort| {
        let count = writers.clone().filter(|writer| writer.as_process() == sort).count();
        (count > 0).then(|| format!("{count} {}", sort.as_str()))
    });
    each.collect::<Vec<_>>().join(", ")
}

/// See the head of this file.
#[derive(Default)]
pub(crate) struct Lives {
    lives: HashMap<PathBuf, Writer>,
    /// Why some are unknown, directory by directory.
    pub(crate) doubts: Vec<String>,
}

impl Lives {
    /// Looks at the writers of these files, whatever directories they are in.
    pub(crate) fn of(files: &[PathBuf]) -> Lives {
        let mut found = Lives::default();
        let mut rest = files;
        // Files of one directory stand together.
        while let Some(directory) = rest.first().map(|file| directory_of(file)) {
            let end = rest.iter().position(|file| directory_of(file) != directory).unwrap_or(rest.len());
            let (together, behind) = rest.split_at(end);
            found.look(directory, together);
            rest = behind;
        }
        found
    }

    fn look(&mut self, directory: &Path, files: &[PathBuf]) {
        let named = |file: &PathBuf| file.file_name()?.to_str().map(str::to_owned);
        let known: Vec<(&PathBuf, String)> =
            files.iter().filter_map(|file| named(file).map(|name| (file, name))).collect();
        let names: Vec<&str> = known.iter().map(|(_, name)| &**name).collect();
        match Watch::default().look(directory, &names) {
            Ok(examined) => {
                let mut doubtful = false;
                for ((file, name), life) in known.iter().zip(examined.lives) {
                    let writer = Writer::of(name, life);
                    doubtful |= writer == Writer::Unknown;
                    self.lives.insert(file.to_path_buf(), writer);
                }
                let doubt = examined.doubt.filter(|_| doubtful);
                self.doubts.extend(doubt.map(|doubt| doubt.to_string()));
                self.doubts.dedup();
            }
            Err(error) => self.doubts.push(format!("{}: {error}", directory.display())),
        }
    }

    /// Whether the writer of a file lives.
    pub(crate) fn get(&self, file: &Path) -> Writer {
        self.lives.get(file).copied().unwrap_or(Writer::Unknown)
    }
}

fn directory_of(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}
