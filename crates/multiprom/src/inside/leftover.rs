//! What lies in a directory and is nobody's any more: dot-files of makers that were killed, of folds that were
//! interrupted, and of processes that have no metrics files left.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use dialects::{claim_file, is_unfinished, original_name, parse_retired, writer_of};
use liveness::{Claim, ClaimState};

use super::folder::{Entry, Folder};

/// See the head of this file.
pub(crate) struct LeftOver<'a> {
    pub(crate) entry: &'a Entry,
    pub(crate) what: Left<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left<'a> {
    /// A file that was never finished.
    Unfinished,
    /// A file that was being folded, and may count still; or an archive that was never finished.
    OfFold,
    /// The dot-file of this process, which has ended and has no metrics files.
    Claim(&'a str),
}

/// What is being made or folded is left alone for so long at most.
const MADE_WITHIN: Duration = Duration::from_secs(60);

/// What is left over in a directory, in the order of the names.
pub(crate) fn left_over(folder: &Folder) -> Vec<LeftOver<'_>> {
    let names = folder.entries.iter().filter_map(|entry| entry.name.as_deref());
    let writers: BTreeSet<String> = names.filter_map(|name| writer_of(original_name(name))).collect();
    let found = |entry| what(entry, &writers).map(|what| LeftOver { entry, what });
    folder.entries.iter().filter_map(found).collect()
}

fn what<'a>(entry: &'a Entry, writers: &BTreeSet<String>) -> Option<Left<'a>> {
    let name = entry.name.as_deref().filter(|name| name.starts_with('.'))?;
    let old = || age(&entry.path).is_some_and(|age| age > MADE_WITHIN);
    if is_unfinished(name) {
        return old().then_some(Left::Unfinished);
    }
    if parse_retired(name).is_some() || name.starts_with(".multiprom-fold-new") {
        return old().then_some(Left::OfFold);
    }
    let writer = name.strip_prefix(&claim_file(""))?;
    let ours = writer_of(&format!("counter_{writer}.db")).as_deref() == Some(writer);
    let dead = || Claim::read(entry.path.parent()?, writer).map(|claim| claim.state == ClaimState::Free);
    (ours && !writers.contains(writer) && dead() == Some(true)).then_some(Left::Claim(writer))
}

/// How long ago a file was last written.
fn age(path: &Path) -> Option<Duration> {
    std::fs::symlink_metadata(path).ok()?.modified().ok()?.elapsed().ok()
}
