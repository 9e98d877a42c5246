//! Dot-files of our own stores' writers that have no other file left.

use std::collections::HashSet;

use dialects::{original_name, writer_of};
use liveness::{Claim, ClaimState};

use crate::FoldError;
use crate::disk::Disk;

/// Deletes the dot-files of dead writers that have no file left.
pub(crate) fn release_claims(disk: &mut Disk<'_>) -> Result<(), FoldError> {
    for writer in unused_claims(&disk.list()?) {
        if Claim::read(disk.directory, &writer).is_some_and(|claim| claim.state == ClaimState::Free) {
            disk.remove(&dialects::claim_file(&writer))?;
        }
    }
    Ok(())
}

/// The writers among our own stores that have a dot-file and no other.
pub(crate) fn unused_claims(names: &[String]) -> Vec<String> {
    let writers: HashSet<String> = names.iter().filter_map(|name| writer_of(original_name(name))).collect();
    let of_claim = |name: &String| {
        let writer = name.strip_prefix(&dialects::claim_file(""))?;
        let is_writer = writer_of(&format!("counter_{writer}.db")).as_deref() == Some(writer);
        (is_writer && !writers.contains(writer)).then(|| writer.to_owned())
    };
    names.iter().filter_map(of_claim).collect()
}
