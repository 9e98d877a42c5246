//! What the files of a directory are called.

use crate::frame::Kind;

/// A log that is no longer needed, to be the next one.
pub(crate) const SPARE: &str = "spare";
/// The end of the name of a file that is being made.
pub(crate) const NEW: &str = ".new";
/// The end of the name of a copy of a damaged file.
pub(crate) const BAD: &str = ".bad";

/// The name of a file of ours.
pub(crate) fn name(kind: Kind, number: u64) -> String {
    format!("groups-{number:010}.{}", ending(kind))
}

/// What a file of this name is, where it is one of ours.
pub(crate) fn parse(name: &str) -> Option<(Kind, u64)> {
    let (number, end) = name.strip_prefix("groups-")?.split_once('.')?;
    let kind = [Kind::Log, Kind::Snapshot].into_iter().find(|kind| end == ending(*kind))?;
    let number = number.parse().ok()?;
    (self::name(kind, number) == name).then_some((kind, number))
}

fn ending(kind: Kind) -> &'static str {
    match kind {
        Kind::Log => "log",
        Kind::Snapshot => "snapshot",
    }
}
