//! Where in a file each series stands, for dialects where of equal keys the last one counts.

use dialects::Dialect;

use super::file::File;
use super::keys::Met;
use crate::SeriesId;
use crate::book::NONE;

/// Takes note of the records of a file that are known, if it is of a dialect where of equal keys the last one
/// counts: Ruby's. Python and GitLab read them all.
pub(super) fn begin_places(places: &mut Vec<u32>, file: &File, dialect: Dialect) {
    places.clear();
    if dialect == Dialect::Ruby {
        for (at, &series) in file.records.series().iter().enumerate() {
            enter(places, series, at);
        }
    }
}

/// Takes note of a record; says the index of its number where an earlier one of the same series counts no more.
#[inline]
pub(super) fn push(
    file: &mut File,
    places: &mut Vec<u32>,
    dialect: Dialect,
    Met { at, value_at, overflows, .. }: Met,
    series: SeriesId,
) -> Option<usize> {
    let before = match dialect {
        Dialect::Ruby if !overflows => enter(places, series, file.records.len()),
        _ => None,
    };
    match before {
        Some(before) => file.replace(before, at, value_at),
        None => file.push(at, value_at, series),
    }
    before
}

/// Enters that a series stands at `at` of its file; if it stands somewhere already, only says where.
fn enter(places: &mut Vec<u32>, series: SeriesId, at: usize) -> Option<usize> {
    let series = series.0 as usize;
    if places.len() <= series {
        places.resize(series + 1, NONE);
    }
    let place = &mut places[series];
    if *place != NONE {
        return Some(*place as usize);
    }
    *place = at as u32;
    None
}
