//! Which writers of files live.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use liveness::{Life, Watch};

/// See the head of this file.
#[derive(Default)]
pub(crate) struct Lives {
    lives: HashMap<PathBuf, Life>,
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
                let each = known.iter().map(|(file, _)| file.to_path_buf()).zip(examined.lives);
                self.lives.extend(each);
                self.doubts.extend(examined.doubt.map(|doubt| doubt.to_string()));
                self.doubts.dedup();
            }
            Err(error) => self.doubts.push(format!("{}: {error}", directory.display())),
        }
    }

    /// Whether the writer of a file lives.
    pub(crate) fn get(&self, file: &Path) -> Life {
        self.lives.get(file).copied().unwrap_or(Life::Unknown)
    }
}

fn directory_of(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}
