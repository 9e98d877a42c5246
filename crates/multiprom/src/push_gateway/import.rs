//! Taking over the groups of an official push gateway, from its file.

use groups_log::import::{Group, read};
use groups_log::{LogStore, TakenOver};
use push_groups::{Act, Content, Family, GroupKey, Mode, Outcome, Push, Version, prepare, read_family};

/// Takes over the groups of a file, at their times; how many.
///
/// # Errors
/// Where it is no such file, or is damaged, or what it says cannot be kept.
pub(crate) fn import(store: &LogStore, bytes: &[u8]) -> anyhow::Result<usize> {
    let imported = read(bytes, family)?;
    for left_out in &imported.left_out {
        tracing::warn!("a group is left out: {left_out}");
    }
    let all = imported.groups.len();
    let mut left = imported.groups;
    let mut version = 0;
    // Those that do not fit beside the others were never checked, and come in as such.
    for checked in [true, false] {
        let mut fits_itself = Vec::new();
        let mut pushes = Vec::with_capacity(left.len());
        let mut again = Vec::new();
        for group in left {
            version += 1;
            match taken_over(&group, checked, Version(version)) {
                Some(push) => {
                    pushes.push(push);
                    fits_itself.push(group);
                }
                None => again.push(group),
            }
        }
        let outcomes = store.take_over(&pushes)?;
        let refused = fits_itself.into_iter().zip(outcomes);
        let refused = refused.filter(|(_, outcome)| matches!(outcome, Outcome::Clashes(_)));
        again.extend(refused.map(|(group, _)| group));
        left = again;
    }
    Ok(all)
}

/// The push that makes such a group; none where it excludes itself.
fn taken_over(group: &Group, checked: bool, gives: Version) -> Option<TakenOver> {
    let families = group.families.iter().map(|held| held.family.clone()).collect();
    let push =
        Push { key: group.key.clone(), mode: Mode::Replace, families, lives: None, once: None, checked };
    let mut change = prepare(&push, None, gives).ok()?.change;
    // With the times of its families, which a push has not.
    let content = Content { checked, families: group.families.clone() };
    change.act = Act::Push { content: content.encode().into(), lives: None };
    Some(TakenOver { change, pushed: group.pushed, failed: group.failed })
}

/// One message of the file: a family.
fn family(message: &[u8]) -> Result<Family, String> {
    // The labels of its group are on it; they are taken off where the group is known. The job is the group's in any case.
    let key = GroupKey::new([("job", "any")]).map_err(|error| error.to_string())?;
    read_family(&key, message).map_err(|error| error.to_string())
}
