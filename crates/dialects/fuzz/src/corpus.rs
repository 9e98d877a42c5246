//! The corpora of a fuzz crate, run as an ordinary test; the tests of several crates include this file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::targets::Target;

/// Runs every target on each file of its corpus, and holds that none is without one. The last path in the output of
/// a test that fails is that of the input which made it.
pub(crate) fn run(corpora: &str, targets: &[Target]) {
    let expected: BTreeSet<PathBuf> = targets.iter().map(|(name, _)| Path::new(corpora).join(name)).collect();
    assert_eq!(entries(Path::new(corpora)), expected);
    for (name, target) in targets {
        let files = entries(&Path::new(corpora).join(name));
        assert!(!files.is_empty(), "{name} has no corpus");
        for file in files {
            println!("{}", file.display());
            target(&std::fs::read(&file).expect("it was listed"));
        }
    }
}

fn entries(directory: &Path) -> BTreeSet<PathBuf> {
    let listed = std::fs::read_dir(directory).expect("the corpora are part of the repository");
    listed.map(|entry| entry.expect("the directory can be read").path()).collect()
}
