//! What is wrong with a directory as a whole: its rights, its entries, their names.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use dialects::is_metrics_file;
use rustix::fs::{Access, access};

use super::finding::{Finding, What};
use crate::inside::folder::{Entry, Folder, Sort};
use crate::inside::leftover::{Left, LeftOver, left_over};

/// Finds what is wrong with the directory and the names in it.
pub(super) fn check_entries(folder: &Folder) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Err(error) = access(&folder.path, Access::WRITE_OK) {
        findings.push(Finding::remark(
            What::DirectoryNotWritable,
            &folder.path,
            format!("not writable for you: {}", std::io::Error::from(error)),
            "reading is all that multiprom needs. If workers run as the same user, they cannot make their files: \
             give them the directory with chown or chmod",
        ));
    }
    findings.extend(folder.entries.iter().filter_map(check_entry));
    findings.extend(left_over(folder).iter().map(check_left_over));
    findings
}

fn check_entry(entry: &Entry) -> Option<Finding> {
    let path = &entry.path;
    let Some(name) = entry.name.as_deref() else {
        let advice = "nobody reads it: rename it if it is a metrics file, else move it elsewhere";
        return Some(Finding::remark(What::Foreign, path, "its name is not UTF-8", advice));
    };
    if is_metrics_file(name) {
        return (entry.sort != Sort::Regular).then(|| {
            let why = match entry.sort {
                Sort::Directory => "a directory named like a metrics file",
                _ => "named like a metrics file, but a pipe, a device, or a link that leads elsewhere or nowhere",
            };
            Finding::fault(
                What::NotRegular,
                path,
                why,
                "it is left out of pages: remove it or give it another name",
            )
        });
    }
    // Names that begin with a dot are for what is being made, and for those that say who writes.
    if entry.sort == Sort::Directory || name.starts_with('.') {
        return None;
    }
    let copy = [".db.", ".bin."].iter().any(|ending| name.contains(ending));
    let why = match (name.starts_with("exemplar_") && name.ends_with(".db"), copy) {
        (true, _) => "exemplars of a fork of GitLab's client; it holds no numbers",
        (false, true) => "looks like a copy of a metrics file; nobody reads it",
        (false, false) => "no metrics file by its name; nobody reads it",
    };
    Some(Finding::remark(What::Foreign, path, why, "keep other things elsewhere"))
}

fn check_left_over(LeftOver { entry, what }: &LeftOver<'_>) -> Finding {
    let (why, advice) = match what {
        Left::Unfinished => (
            "a file that was never finished".to_owned(),
            "its maker was killed while it made the file. Nobody reads it: delete it",
        ),
        Left::OfFold => (
            "of a fold that was interrupted, or is going on".to_owned(),
            "pages count what is to be counted; the next `multiprom fold` goes on where it ended",
        ),
        Left::Claim(writer) => {
            (format!("process {writer} has ended, and has no metrics files any more"), "it may be deleted")
        }
    };
    Finding::remark(What::LeftOver, &entry.path, why, advice)
}

/// A metrics file as far as its name and its first record tell.
pub(super) struct Named {
    pub(super) path: std::path::PathBuf,
    pub(super) name: String,
    pub(super) client: Option<&'static str>,
    pub(super) versions: Option<&'static str>,
    pub(super) process: Option<String>,
    /// Whether its series are told apart by process.
    pub(super) by_process: bool,
}

/// Finds files of several clients, and identifiers that a reader takes for one.
pub(super) fn check_names(directory: &Path, files: &[Named]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut clients: BTreeMap<String, (usize, &str)> = BTreeMap::new();
    for file in files {
        let Some(client) = file.client else { continue };
        let client =
            file.versions.map_or_else(|| client.to_owned(), |versions| format!("{client} {versions}"));
        clients.entry(client).or_insert((0, &file.name)).0 += 1;
    }
    if clients.len() > 1 {
        let each = clients.iter().map(|(client, (count, first))| match count {
            1 => format!("{client} ({first})"),
            _ => format!("{client} ({count} files, the first is {first})"),
        });
        findings.push(Finding::remark(
            What::DialectsMixed,
            directory,
            format!("files of several clients: {}", each.collect::<Vec<_>>().join(", ")),
            "multiprom reads them all; the clients' own readers fail on each other's files. If an application was \
             upgraded, wipe the directory when it starts",
        ));
    }
    let mut cut: HashMap<(&str, &str), &Named> = HashMap::new();
    for file in files.iter().filter(|file| file.client == Some("python") && file.by_process) {
        let (Some(key), Some(process)) = (as_python_cuts(&file.name), file.process.as_deref()) else {
            continue;
        };
        match cut.get(&key) {
            Some(first) if first.process.as_deref() != Some(process) => findings.push(Finding::remark(
                What::ProcessClash,
                &file.path,
                format!(
                    "Python's own reader takes its process for that of {}: both are pid {:?}",
                    first.name, key.1
                ),
                "pages of multiprom tell them apart. For Python's, take process identifiers without `_`",
            )),
            Some(_) => {}
            None => drop(cut.insert(key, file)),
        }
    }
    findings
}

/// Mode and process of a gauge's file as Python's reader has them: it ends the process at the next `_`, and takes three
/// letters off its end for `.db` in any case.
///
/// Source: `MultiProcessCollector.merge` in client_python `multiprocess.py`.
fn as_python_cuts(name: &str) -> Option<(&str, &str)> {
    let mut parts = name.split('_');
    let (mode, process) = (parts.nth(1)?, parts.next()?);
    let end = process.char_indices().rev().nth(2).map_or(0, |(at, _)| at);
    Some((mode, process.get(..end)?))
}

/// Finds processes that have files in two directories: one page cannot tell them apart without labels.
pub(super) fn check_directories(
    seen: &mut HashMap<String, std::path::PathBuf>,
    directory: &Path,
    files: &[Named],
) -> Option<Finding> {
    let mut shared = BTreeSet::new();
    let mut other = None;
    for process in files.iter().filter_map(|file| file.process.as_ref()) {
        let first = seen.entry(process.clone()).or_insert_with(|| directory.to_owned());
        if first != directory {
            other.get_or_insert_with(|| first.clone());
            shared.insert(process.as_str());
        }
    }
    let other = other?;
    let some = shared.iter().take(3).copied().collect::<Vec<_>>().join(", ");
    let more = if shared.len() > 3 { ", ..." } else { "" };
    Some(Finding::remark(
        What::ProcessClash,
        directory,
        format!("has files of the same processes as {}: {some}{more}", other.display()),
        "to serve both on one page give each a label: DIR,app=shop",
    ))
}

#[cfg(test)]
mod tests {
    use super::as_python_cuts;

    #[test]
    fn pythons_reader_is_cut_after() {
        let table = [
            ("gauge_all_4711.db", Some(("all", "4711"))),
            ("gauge_all_worker_1.db", Some(("all", "wor"))),
            ("gauge_all_é_1.db", Some(("all", ""))),
            ("gauge_all.db", None),
        ];
        for (name, expected) in table {
            assert_eq!(as_python_cuts(name), expected, "{name}");
        }
    }
}
