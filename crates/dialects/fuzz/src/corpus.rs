//! The corpora of a fuzz crate, run as an ordinary test; the tests of several crates include this file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::targets::TARGETS;

/// Holds, too, that no target is without a corpus. The last path in the output of a failure is that of the input which
/// made it.
#[test]
fn every_target_holds_on_its_corpus() {
    // Of the crate that includes this file.
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let expected: BTreeSet<PathBuf> = TARGETS.iter().map(|(name, _)| corpora.join(name)).collect();
    assert_eq!(entries(&corpora), expected);
    for (name, target) in TARGETS {
        let files = entries(&corpora.join(name));
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
