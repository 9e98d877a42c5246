//! How many label sets of a directory get series of their own, and what is done about those that do not any more.

use super::seats::{Present, Seats};
use super::{Kept, Shared};
use crate::Tally;

/// How many label sets get a series of their own. All where there is no limit.
///
/// What is counted are label sets: a histogram of twelve buckets is one, and so is a gauge that is shown by process.
/// Label sets beyond a limit are added up in one more series of their family, whose labels are all replaced by
/// `overflow="true"`: a histogram stays one, a gauge is merged by its mode, with `pid` where that is `all`, for which
/// the numbers of one process are added up. So sums over a family are the same with a limit and without.
///
/// Who comes first keeps its series, from scrape to scrape: a file before those behind it, a record before those behind
/// it. A family that has refused a label set gives no more series until no number of a refused one is left in the
/// directory, so that what has gone to the overflow stays there and no counter falls. A limit is no wall against
/// families: each one that is refused something has its overflow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Label sets of one family in one directory.
    pub series_per_family: Option<usize>,
    /// Label sets of all families in one directory.
    pub series: Option<usize>,
}

impl Limits {
    /// Whether there is one.
    pub(super) fn are_set(&self) -> bool {
        self.series_per_family.is_some() || self.series.is_some()
    }
}

impl Shared {
    /// Gives back the series of Ruby's metrics that have turned out to be of another kind: their label sets are others.
    pub(super) fn forget_seats(&self, kept: &Kept, doubtful: &[usize]) {
        for (directory, metric) in doubtful.iter().filter_map(|&class| kept.keys.limited_metric(class)) {
            self.directories[directory].seats().forget(&metric);
        }
    }

    /// Gives back the series of label sets that have gone with their files. True where files are to be parsed again,
    /// because not one of those is there for which series were given.
    pub(super) fn review_seats(&self, kept: &mut Kept, tally: &Tally) -> bool {
        let mut again = false;
        for (number, (directory, folder)) in self.directories.iter().zip(&mut kept.folders).enumerate() {
            let mut seats = directory.seats();
            let review = seats.take_review();
            let taken = seats.taken();
            if review.is_anew && !folder.files().iter().any(|file| file.is_folded()) {
                if seats.is_any_taken() {
                    seats.clear();
                    folder.forget_parsed(|_| true);
                    again = true;
                }
            } else if review.is_due {
                release(&mut seats, folder.files().iter().flat_map(|file| file.records.series()), tally);
            }
            if seats.taken() < taken {
                // Among them are keys of label sets that have lost their series.
                kept.keys.forget_known(number);
            }
        }
        again
    }
}

/// Gives back the series of label sets that none of these is of.
fn release<'a>(seats: &mut Seats, series: impl Iterator<Item = &'a crate::SeriesId>, tally: &Tally) {
    let mut met = vec![false; tally.series_count()];
    let new = series.filter(|series| !std::mem::replace(&mut met[series.0 as usize], true));
    seats.keep_only(new.map(|&series| {
        let (statement, labels) = tally.about(series);
        Present { statement, labels }
    }));
}
