//! What must hold of any bytes: the deed of each fuzz target. An ordinary test does it with the corpus, too.

use metrics_core::Kind as FamilyKind;
use push_groups::Family;

use crate::frame::{Frames, Header, Kind};
use crate::import;
use crate::loading::Loading;
use crate::record::decode;
use crate::recovery::{LogEnd, read_log, read_snapshot};

/// A target, behind the name of its corpus.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] =
    &[("gob", gob), ("log_frames", log_frames), ("snapshot_frames", snapshot_frames)];

const SALT: u64 = 0x5A17_5A17_5A17_5A17;

/// A file of another push gateway gives groups, each once, or an error within it.
pub fn gob(bytes: &[u8]) {
    let family = |message: &[u8]| {
        let name = std::str::from_utf8(message).map_err(|error| error.to_string())?;
        let (help, unit) = ("".into(), "".into());
        Ok(Family { name: name.into(), help, unit, kind: FamilyKind::Gauge, metrics: vec![] })
    };
    match import::read(bytes, family) {
        Ok(imported) => {
            let keys: Vec<_> = imported.groups.iter().map(|group| &group.key).collect();
            assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "{keys:?}");
        }
        Err(error) => assert!(error.at <= bytes.len() && !error.why.is_empty(), "{error:?}"),
    }
}

/// Frames of a log with any bodies, and anything behind them: what is read has an order, and damage lies within.
/// What is passed over where damage is ignored is no more than what is read where it is not.
pub fn log_frames(bytes: &[u8]) {
    let (file, header) = file(Kind::Log, bytes);
    let read = |ignore| {
        let (mut state, mut end) = (Loading::new(1, header.after, header.time), LogEnd::default());
        read_log(&*file, &header, None, ignore, &mut state, &mut end).expect("memory can be read");
        (state, end)
    };
    let (strict, end) = read(false);
    consistent(&strict);
    for bad in [end.cut, end.damage].into_iter().flatten() {
        assert!(bad.at <= file.len() as u64, "{bad:?} of {}", file.len());
    }
    let (lenient, _) = read(true);
    consistent(&lenient);
    assert!(lenient.changes >= strict.changes);
}

/// Frames of a snapshot with any bodies: no more groups than it says, and damage lies within.
pub fn snapshot_frames(bytes: &[u8]) {
    let (file, header) = file(Kind::Snapshot, bytes);
    let (state, bad) = read_snapshot(&*file, &header).expect("memory can be read");
    consistent(&state);
    assert!(bad.is_some() || state.is_ended(), "a snapshot without an end");
    assert!(bad.is_none_or(|bad| bad.at <= file.len() as u64));
}

fn consistent(state: &Loading) {
    for (ordinal, key, entry) in state.groups.iter() {
        assert_eq!(state.groups.get(key).map(|(its, _)| its), Some(ordinal));
        assert!(entry.seq <= state.seq);
    }
    let _ = state.index();
}

/// A file whose frames are good and have these bytes: the length of a frame, how many records it says that it has, its
/// body, and so on; the last piece stands behind the frames as it is.
fn file(kind: Kind, mut bytes: &[u8]) -> (Vec<u8>, Header) {
    let header = Header { kind, number: 1, salt: SALT, after: 100, time: 1 };
    let mut file = header.encode().to_vec();
    let mut index = 0;
    while let Some(([length, records], rest)) = bytes.split_first_chunk()
        && let Some((body, rest)) = rest.split_at_checked(usize::from(*length))
    {
        let mut frames = Frames::new(SALT, index, file.len() as u64, Vec::new());
        frames.push(|out| out.extend_from_slice(body));
        (1..*records).for_each(|_| frames.push(|_| {}));
        let (frames, next) = frames.finish();
        file.extend_from_slice(&frames);
        (index, bytes) = (next, rest);
        same_again(body);
    }
    file.extend_from_slice(bytes);
    (file, header)
}

/// A record is written as it was read.
fn same_again(body: &[u8]) {
    match decode(body, 0) {
        Ok((record, end)) => {
            let mut again = Vec::new();
            record.encode(&mut again);
            assert_eq!(again, body[..end], "{record:?}");
        }
        Err(error) => assert!(error.at <= body.len(), "{error:?}"),
    }
}
