//! What a directory holds: the newest good snapshot, and the logs from it on.

use std::io;
use std::path::PathBuf;

use crate::damage::{Damage, OpenError};
use crate::disk::Disk;
use crate::frame::{Bad, Header, Kind};
use crate::loading::{LAST_SEQ, Loading, seq};
use crate::log::chance;
use crate::names::{name, parse};
use crate::record::{Record, decode};
use crate::walk::{ReadAt, Stop, Walk, Whole, header};

/// What was found.
pub(crate) struct Recovered {
    pub(crate) state: Loading,
    /// The highest number of a file.
    pub(crate) number: u64,
    /// Where the last log was cut: what was being written when the power, or the process, went.
    pub(crate) cut: Option<Damage>,
    /// What is wrong with files that are left out, or used in part.
    pub(crate) damaged: Vec<(String, Damage)>,
}

/// Reads a directory, and changes nothing in it.
///
/// # Errors
/// Where a file cannot be read, or is damaged so that something acknowledged is missing. With `ignore` damage is told
/// and what is whole is taken.
pub(crate) fn recover(disk: &dyn Disk, ignore: bool) -> Result<Recovered, OpenError> {
    let names = disk.names().map_err(|error| failed("list", disk.path(""), error))?;
    let mut files: Vec<(Kind, u64)> = names.iter().filter_map(|name| parse(name)).collect();
    files.sort_unstable_by_key(|(_, number)| *number);
    let of = |kind| files.iter().filter(move |(its, _)| *its == kind).map(|(_, number)| *number);
    let mut reading = Reading {
        disk,
        ignore,
        found: Recovered {
            state: Loading::new(chance(), 0, 0),
            number: files.iter().map(|(_, number)| *number).max().unwrap_or(0),
            cut: None,
            damaged: Vec::new(),
        },
    };
    let snapshots: Vec<u64> = of(Kind::Snapshot).rev().collect();
    let logs: Vec<u64> = of(Kind::Log).collect();
    let from = reading.snapshots(&snapshots, &logs)?;
    reading.logs(from, &logs)?;
    Ok(reading.found)
}

struct Reading<'a> {
    disk: &'a dyn Disk,
    ignore: bool,
    found: Recovered,
}

impl Reading<'_> {
    /// Takes the newest snapshot that is good, and gives its number.
    fn snapshots(&mut self, snapshots: &[u64], logs: &[u64]) -> Result<Option<u64>, OpenError> {
        let mut newest_bad = None;
        for number in snapshots {
            let (state, damage) = self.snapshot(*number)?;
            let Some(damage) = damage else {
                if newest_bad.is_none() || self.leads_on(*number, &state, logs)? {
                    self.found.state = state;
                    return Ok(Some(*number));
                }
                continue;
            };
            self.found.damaged.push((name(Kind::Snapshot, *number), damage));
            newest_bad.get_or_insert((*number, state));
        }
        // Before the first snapshot there was nothing, and its logs may still lead on from there.
        if let (Some(first), Some(oldest)) = (logs.first(), snapshots.last())
            && first < oldest
            && self.leads_on(*first, &self.found.state, logs)?
        {
            return Ok(None);
        }
        // No snapshot is good: what can be read of the newest one is better than nothing.
        let Some((number, state)) = newest_bad else { return Ok(None) };
        if let Some((_, damage)) = self.found.damaged.first()
            && !self.ignore
        {
            return Err(OpenError::Damaged(damage.clone()));
        }
        self.found.state = state;
        Ok(Some(number))
    }

    /// Whether the log is there that follows on an older snapshot; what follows on the log is seen when it is read.
    fn leads_on(&self, number: u64, state: &Loading, logs: &[u64]) -> Result<bool, OpenError> {
        if !logs.contains(&number) {
            return Ok(false);
        }
        Ok(self.header(Kind::Log, number)?.is_ok_and(|header| header.after == state.seq))
    }

    /// What can be read of a snapshot, and the first thing that is wrong with it.
    fn snapshot(&self, number: u64) -> Result<(Loading, Option<Damage>), OpenError> {
        let path = self.path(Kind::Snapshot, number);
        let nothing = || Loading::new(chance(), 0, 0);
        let header = match self.header(Kind::Snapshot, number)? {
            Ok(header) => header,
            Err(bad) => return Ok((nothing(), Some(damage(path, bad)))),
        };
        let file = self.open(Kind::Snapshot, number)?;
        let (state, bad) =
            read_snapshot(&*file, &header).map_err(|error| failed("read", path.clone(), error))?;
        Ok((state, bad.map(|bad| damage(path, bad))))
    }

    /// Replays the logs from the snapshot on.
    fn logs(&mut self, from: Option<u64>, logs: &[u64]) -> Result<(), OpenError> {
        // A log is there before its snapshot, but where the log before it was given up: and then that is there.
        if let Some(from) = from
            && !logs.contains(&from)
            && logs.iter().all(|number| *number > from)
        {
            self.damaged(
                Kind::Log,
                from,
                Bad { at: 0, why: "the log that follows its snapshot is missing" },
            )?;
        }
        let mut headers = Vec::new();
        for number in logs.iter().copied().filter(|number| from.is_none_or(|from| *number >= from)) {
            match self.header(Kind::Log, number)? {
                Ok(header) => headers.push(header),
                Err(bad) => self.damaged(Kind::Log, number, bad)?,
            }
        }
        // What is read may be in the system's memory alone; what is written from now on takes it for granted.
        for header in &headers {
            let synced = self.open(Kind::Log, header.number)?.sync();
            synced.map_err(|error| failed("sync", self.path(Kind::Log, header.number), error))?;
        }
        for (at, header) in headers.iter().enumerate() {
            let next = headers.get(at + 1).map(|next| next.after);
            self.log(header, next)?;
        }
        Ok(())
    }

    /// Replays one log, as far as the next one begins.
    fn log(&mut self, header: &Header, next: Option<u64>) -> Result<(), OpenError> {
        let state = &mut self.found.state;
        if header.after != state.seq {
            let why = match header.after > state.seq {
                true => "changes before this log are missing",
                false => "the log begins before the one before it ends",
            };
            self.damaged(Kind::Log, header.number, Bad { at: 32, why })?;
            self.found.state.seq = self.found.state.seq.max(header.after);
        }
        let path = self.path(Kind::Log, header.number);
        let file = self.open(Kind::Log, header.number)?;
        let mut end = LogEnd::default();
        let ignore = self.ignore;
        let read = read_log(&*file, header, next, ignore, &mut self.found.state, &mut end);
        read.map_err(|error| failed("read", path.clone(), error))?;
        if let Some(bad) = end.damage {
            self.damaged(Kind::Log, header.number, bad)?;
        }
        if next.is_none() {
            self.found.cut = end.cut.map(|bad| damage(path, bad));
        }
        Ok(())
    }

    fn header(&self, kind: Kind, number: u64) -> Result<Result<Header, Bad>, OpenError> {
        let file = self.open(kind, number)?;
        match header(&&*file, kind, number) {
            Ok(header) if header.after > LAST_SEQ => {
                Ok(Err(Bad { at: 32, why: "a number that no change has" }))
            }
            Ok(header) => Ok(Ok(header)),
            Err(Stop::Bad(bad)) => Ok(Err(bad)),
            Err(Stop::Failed(error)) => Err(failed("read", self.path(kind, number), error)),
        }
    }

    fn open(&self, kind: Kind, number: u64) -> Result<Box<dyn crate::disk::DiskFile>, OpenError> {
        let file = self.disk.open(&name(kind, number));
        file.map_err(|error| failed("open", self.path(kind, number), error))
    }

    fn path(&self, kind: Kind, number: u64) -> PathBuf {
        self.disk.path(&name(kind, number))
    }

    fn damaged(&mut self, kind: Kind, number: u64, bad: Bad) -> Result<(), OpenError> {
        let damage = damage(self.path(kind, number), bad);
        if !self.ignore {
            // Where a snapshot was bad, that is why the logs had to do.
            let first = self.found.damaged.first().map(|(_, damage)| damage.clone());
            return Err(OpenError::Damaged(first.unwrap_or(damage)));
        }
        self.found.damaged.push((name(kind, number), damage));
        Ok(())
    }
}

/// How a log ended.
#[derive(Default)]
pub(crate) struct LogEnd {
    /// It ended in a frame that was never finished.
    pub(crate) cut: Option<Bad>,
    /// Something that was finished cannot be read: the first such thing.
    pub(crate) damage: Option<Bad>,
}

/// Reads a snapshot: what of it can be read, and the first thing that is wrong.
pub(crate) fn read_snapshot<R: ReadAt + Copy>(
    file: R,
    header: &Header,
) -> io::Result<(Loading, Option<Bad>)> {
    let mut state = Loading::new(chance(), header.after, header.time);
    let mut walk = Walk::new(file, header)?;
    let mut first_bad = None;
    loop {
        match walk.next() {
            Ok(frame) => {
                let bad = records(&frame, |record| state.add(record));
                first_bad = first_bad.or(bad);
            }
            Err(Stop::Failed(error)) => return Err(error),
            Err(Stop::Bad(bad)) => {
                if state.is_ended() && walk.at_end() {
                    return Ok((state, first_bad));
                }
                first_bad = first_bad.or(Some(bad));
                if walk.seek()?.is_none() {
                    return Ok((state, first_bad));
                }
            }
        }
    }
}

/// Replays a log up to the change `next`, with which the log behind it begins. With `ignore` it goes on behind damage.
pub(crate) fn read_log<R: ReadAt + Copy>(
    file: R,
    header: &Header,
    next: Option<u64>,
    ignore: bool,
    state: &mut Loading,
    end: &mut LogEnd,
) -> io::Result<()> {
    let mut walk = Walk::new(file, header)?;
    state.time = state.time.max(header.time);
    loop {
        match walk.next() {
            Ok(frame) => {
                let gaps = ignore && end.damage.is_some();
                let bad = records(&frame, |record| {
                    // What was written behind the begin of the next log was never acknowledged.
                    let superseded = next.is_some_and(|next| seq(&record).is_some_and(|seq| seq > next));
                    if superseded { Ok(()) } else { state.replay(record, gaps) }
                });
                if bad.is_some() {
                    end.damage = end.damage.take().or(bad);
                    if !ignore {
                        return Ok(());
                    }
                }
            }
            Err(Stop::Failed(error)) => return Err(error),
            Err(Stop::Bad(_)) if next.is_some_and(|next| next <= state.seq) => return Ok(()),
            Err(Stop::Bad(bad)) => {
                let (place, begun) = (walk.place(), walk.is_begun()?);
                // Whatever was written after this had lasted proves that it was finished once.
                let mut finished = next.is_some();
                while !finished {
                    match walk.seek()? {
                        Some(synced) => finished = synced > bad.at,
                        None => break,
                    }
                }
                if !finished {
                    end.cut = begun.then_some(bad);
                    return Ok(());
                }
                end.damage = end.damage.take().or(Some(bad));
                walk.go_to(place);
                if !ignore || walk.seek()?.is_none() {
                    return Ok(());
                }
            }
        }
    }
}

/// Gives all records of a frame to `each`, and says what is wrong with the first that is.
fn records(frame: &Whole<'_>, mut each: impl FnMut(Record<'_>) -> Result<(), &'static str>) -> Option<Bad> {
    let mut at = 0;
    let bad = |at: usize, why| Some(Bad { at: frame.at + at as u64, why });
    for _ in 0..frame.records {
        match decode(frame.body, at) {
            Ok((record, next)) => {
                if let Err(why) = each(record) {
                    return bad(at, why);
                }
                at = next;
            }
            Err(error) => return bad(error.at, error.why),
        }
    }
    if at == frame.body.len() { None } else { bad(at, "something stands behind the records of a frame") }
}

fn damage(path: PathBuf, bad: Bad) -> Damage {
    Damage { path, at: bad.at, why: bad.why.to_owned() }
}

fn failed(doing: &'static str, path: PathBuf, cause: io::Error) -> OpenError {
    OpenError::Failed { doing, path, cause }
}
