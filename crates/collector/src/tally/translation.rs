//! The numbers of another tally in ours.

use super::Tally;
use crate::book::Book;
use crate::{FamilyId, OriginId, SeriesId};

/// See the head of this file.
pub(super) struct Translation {
    pub(super) serial: u64,
    /// Whether the tally was merged in this scrape.
    pub(super) in_use: bool,
    pub(super) families: Vec<FamilyId>,
    pub(super) series: Vec<SeriesId>,
    pub(super) origins: Vec<OriginId>,
}

impl Translation {
    pub(super) fn new(other: &Tally) -> Translation {
        Translation {
            serial: other.serial,
            in_use: true,
            families: Vec::new(),
            series: Vec::new(),
            origins: Vec::new(),
        }
    }

    /// Translates what the other book has numbered since.
    pub(super) fn extend(&mut self, ours: &mut Book, theirs: &Book) {
        self.families.extend(theirs.statements_from(self.families.len()).map(|stated| ours.family(stated)));
        let series = self.series.len();
        for number in series..theirs.series_count() {
            let series = SeriesId(number as u32);
            let (family, _) = theirs.series_parts(series);
            let family = self.families[family.0 as usize];
            self.series.push(ours.adopt(family, theirs, series));
        }
        for number in self.origins.len()..theirs.origins() {
            let (process, place) = theirs.process(OriginId(number as u32));
            self.origins.push(ours.origin(process, place));
        }
    }
}
