//! Symbolic links among the files of a directory: they are not folded, nor is what they lead to.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

/// Why files stay that have to do with symbolic links.
///
/// A link out of the directory is no part of its page. One to a file in it is: what is there counts under both names,
/// and would count under one of them if the file were folded.
#[derive(Debug, Default)]
pub(crate) struct Links {
    links: HashSet<String>,
    targets: HashSet<String>,
}

impl Links {
    /// Those among these files of the directory. A system call for each file.
    pub(crate) fn among(directory: &Path, names: &[&str]) -> Links {
        let mut found = Links::default();
        for &name in names {
            let path = directory.join(name);
            if !fs::symlink_metadata(&path).is_ok_and(|about| about.is_symlink()) {
                continue;
            }
            found.links.insert(name.to_owned());
            // By its name alone: where that is a file of another directory, one of ours may stay without need.
            let target = path.canonicalize().ok();
            let target = target.as_deref().and_then(Path::file_name).and_then(|name| name.to_str());
            found.targets.extend(target.map(str::to_owned));
        }
        found
    }

    /// Why a file is not to be folded.
    pub(crate) fn keep(&self, name: &str) -> Option<&'static str> {
        if self.links.contains(name) {
            return Some("it is a symbolic link");
        }
        self.targets.contains(name).then_some("a symbolic link leads to it")
    }
}
