//! Which processes of directories live, by the names that their files carry.

use std::collections::HashMap;
use std::path::PathBuf;

use dialects::{Dialect, original_name, parse_file_name};
use liveness::Watch;

use crate::inside::folder::Folder;
use crate::inside::lives::Writer;

/// Directories that are looked at again and again.
pub(super) struct Watched(Vec<(PathBuf, Watch)>);

/// What is known of processes.
#[derive(Clone, Debug, Default)]
pub(super) struct ByProcess {
    lives: HashMap<String, Writer>,
    pub(super) files: usize,
}

impl Watched {
    pub(super) fn new(directories: Vec<PathBuf>) -> Watched {
        Watched(directories.into_iter().map(|directory| (directory, Watch::default())).collect())
    }

    /// Looks at all directories. Nothing is known of one that cannot be read.
    pub(super) fn look(&mut self) -> ByProcess {
        let mut found = ByProcess::default();
        for (directory, watch) in &mut self.0 {
            let Ok(folder) = Folder::list(directory) else { continue };
            let names: Vec<&str> = folder.metrics_files().filter_map(|entry| entry.name.as_deref()).collect();
            found.files += names.len();
            let Ok(examined) = watch.look(directory, &names) else { continue };
            for (name, life) in names.iter().zip(examined.lives) {
                // Names do not tell Python's from GitLab's; what is no process of a page is never asked for.
                for dialect in [Dialect::PYTHON, Dialect::Gitlab, Dialect::Ruby] {
                    if let Some(named) = parse_file_name(dialect, original_name(name)) {
                        found.add(&named.process, Writer::of(name, life));
                    }
                }
            }
        }
        found
    }
}

impl ByProcess {
    /// One living file is enough to live.
    fn add(&mut self, process: &str, writer: Writer) {
        match self.lives.get_mut(process) {
            Some(known) => *known = (*known).min(writer),
            None => drop(self.lives.insert(process.to_owned(), writer)),
        }
    }

    pub(super) fn of(&self, process: &str) -> Writer {
        self.lives.get(process).map_or(Writer::Unknown, |writer| writer.as_process())
    }
}
