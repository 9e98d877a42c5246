//! All groups of one moment in one file.

use std::borrow::Cow;
use std::sync::Arc;

use push_groups::{Entry, GroupKey};

use crate::disk::Disk;
use crate::frame::{Frames, HEADER, Header, Kind};
use crate::groups::Groups;
use crate::log::{Failed, chance};
use crate::names::{NEW, SPARE, name, parse};
use crate::recent::{Made, Recent};
use crate::record::{By, Id, Record};

/// What a snapshot holds: copies of references, made while nobody changes anything.
pub(crate) struct Image {
    number: u64,
    seq: u64,
    time: u64,
    groups: Vec<(GroupKey, Arc<Entry>)>,
    ids: Vec<(u64, Arc<str>)>,
    made: Vec<Made>,
}

/// So much is written between two syncs, so that none of them makes the log wait for long.
const BETWEEN_SYNCS: u64 = 4 << 20;
/// Frames are written when so much of them is there.
const PIECE: usize = 256 * 1024;

impl Image {
    /// What there is: what was before the log with this number.
    pub(crate) fn of(groups: &Groups, recent: &Recent, number: u64, time: u64) -> Image {
        Image {
            number,
            seq: groups.seq(),
            time,
            groups: groups.iter().map(|(_, key, entry)| (key.clone(), entry.clone())).collect(),
            ids: recent.all_ids().collect(),
            made: recent.all_made().collect(),
        }
    }

    /// The last change in it.
    pub(crate) fn seq(&self) -> u64 {
        self.seq
    }

    fn records(&self) -> impl Iterator<Item = Record<'_>> {
        let groups = self.groups.iter().map(|(key, entry)| Record::Group {
            by: By::Snapshot,
            version: entry.version.0,
            seq: entry.seq,
            born: entry.born,
            pushed: entry.pushed,
            failed: entry.failed,
            expires: entry.expires,
            once: None,
            key: Cow::Borrowed(key),
            content: Some(&entry.content),
        });
        let ids = self.ids.iter().map(|(until, id)| Record::Once(Id { id, until: *until }));
        let made = self.made.iter().map(|made| Record::Made {
            version: made.version,
            seq: made.seq,
            born: made.born,
            time: made.time,
        });
        let end = Record::End {
            groups: self.groups.len() as u64,
            ids: self.ids.len() as u64,
            made: self.made.len() as u64,
        };
        groups.chain(ids).chain(made).chain([end])
    }
}

/// Writes it, so that it lasts under its name, and says how many bytes it has.
pub(crate) fn write(disk: &dyn Disk, image: &Image) -> Result<u64, Failed> {
    let name = name(Kind::Snapshot, image.number);
    let made = format!("{name}{NEW}");
    let written = write_as(disk, image, &name, &made);
    if written.is_err() {
        // It takes room that others need.
        let _ = disk.remove(&made);
    }
    written
}

fn write_as(disk: &dyn Disk, image: &Image, name: &str, made: &str) -> Result<u64, Failed> {
    let failed = |doing, at, cause| Failed { doing, name: name.to_owned(), at, cause, distrust: false };
    let file = disk.create(made).map_err(|error| failed("make", None, error))?;
    let salt = chance();
    let header =
        Header { kind: Kind::Snapshot, number: image.number, salt, after: image.seq, time: image.time };
    file.write_at(&header.encode(), 0).map_err(|error| failed("write", Some(0), error))?;
    let (mut at, mut synced) = (HEADER as u64, 0);
    let mut frames = Frames::new(salt, 0, 0, Vec::new());
    let mut records = image.records().peekable();
    while let Some(record) = records.next() {
        frames.push(|out| record.encode(out));
        if frames.len() >= PIECE || records.peek().is_none() {
            let (bytes, index) = frames.finish();
            file.write_at(&bytes, at).map_err(|error| failed("write", Some(at), error))?;
            at += bytes.len() as u64;
            if at - synced >= BETWEEN_SYNCS {
                file.sync().map_err(|error| failed("sync", Some(at), error))?;
                synced = at;
            }
            frames = Frames::new(salt, index, 0, bytes);
        }
    }
    file.sync().map_err(|error| failed("sync", Some(at), error))?;
    disk.rename(made, name).map_err(|error| failed("name", None, error))?;
    disk.sync_names().map_err(|error| failed("sync the name of", None, error))?;
    Ok(at)
}

/// Lets go of all files that the snapshot with this number makes superfluous; one log of at most `spare` bytes is kept
/// to be the next one. What cannot be removed is found again at the next snapshot.
pub(crate) fn clear_before(disk: &dyn Disk, number: u64, spare: u64) {
    let names = disk.names().unwrap_or_default();
    let mut has_spare = names.iter().any(|name| name == SPARE);
    for old in &names {
        // What was being made when the power went will never be finished.
        let unfinished = old.strip_suffix(NEW);
        let Some((kind, _)) = parse(unfinished.unwrap_or(old)).filter(|(_, its)| *its < number) else {
            continue;
        };
        let small = |name| disk.open(name).and_then(|file| file.length()).is_ok_and(|bytes| bytes <= spare);
        if kind == Kind::Log && unfinished.is_none() && !has_spare && small(old) {
            has_spare = disk.rename(old, SPARE).is_ok();
        } else {
            let _ = disk.remove(old);
        }
    }
    // Before the spare is written to, its old name must be gone for good.
    if disk.sync_names().is_err() {
        let _ = disk.remove(SPARE);
    }
}
