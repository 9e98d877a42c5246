//! Where the numbers of a file's records stand, and of which series they are.
//!
//! Processes of one server make their series in much the same order, and then their files are alike to the byte but
//! for the numbers. Such files share one list: it is written once, and stays in the processor's cache from file to
//! file.

use std::sync::Arc;

use crate::SeriesId;

/// See the head of this file.
#[derive(Default)]
pub(crate) struct Records {
    /// Perhaps with more behind, of a file that this one is like so far. Never fewer.
    list: Arc<List>,
    count: usize,
}

#[derive(Default)]
struct List {
    value_at: Vec<u32>,
    series: Vec<SeriesId>,
}

impl Records {
    /// None yet; the first ones are likely to be as these.
    pub(crate) fn like(other: &Records) -> Records {
        Records { list: Arc::clone(&other.list), count: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// By record, where its number stands.
    pub(crate) fn value_at(&self) -> &[u32] {
        &self.list.value_at[..self.count]
    }

    /// By record, the series that it is of.
    pub(crate) fn series(&self) -> &[SeriesId] {
        &self.list.series[..self.count]
    }

    /// Adds a record; costs two comparisons where the other file has the same one.
    #[inline]
    pub(crate) fn push(&mut self, value_at: u32, series: SeriesId) {
        let same = self.list.value_at.get(self.count) == Some(&value_at)
            && self.list.series.get(self.count) == Some(&series);
        if !same {
            let list = self.own();
            list.value_at.push(value_at);
            list.series.push(series);
        }
        self.count += 1;
    }

    /// The records that come next if this file goes on as the one that it is like: where their numbers stand, and the
    /// series that they are of.
    pub(crate) fn likely(&self) -> (&[u32], &[SeriesId]) {
        (&self.list.value_at[self.count..], &self.list.series[self.count..])
    }

    /// Adds so many of those that are [likely](Records::likely).
    pub(crate) fn take_likely(&mut self, count: usize) {
        self.count += count;
        debug_assert!(self.count <= self.list.series.len());
    }

    /// Takes note that the number of a record stands in another place.
    pub(crate) fn move_number(&mut self, index: usize, value_at: u32) {
        self.own().value_at[index] = value_at;
    }

    pub(crate) fn truncate(&mut self, count: usize) {
        self.count = self.count.min(count);
    }

    /// Makes room for so many more, where they are not likely to be those of another file.
    pub(crate) fn reserve(&mut self, more: usize) {
        if self.list.series.len() == self.count {
            let list = self.own();
            list.value_at.reserve(more);
            list.series.reserve(more);
        }
    }

    /// The list, of this file alone and with its records alone.
    fn own(&mut self) -> &mut List {
        if Arc::get_mut(&mut self.list).is_none() {
            let room = self.list.series.len();
            let mut list = List { value_at: Vec::with_capacity(room), series: Vec::with_capacity(room) };
            list.value_at.extend_from_slice(self.value_at());
            list.series.extend_from_slice(self.series());
            self.list = Arc::new(list);
        }
        let list = Arc::get_mut(&mut self.list).expect("it has just been made");
        list.value_at.truncate(self.count);
        list.series.truncate(self.count);
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(from: u32, to: u32) -> Records {
        let mut records = Records::default();
        (from..to).for_each(|at| records.push(8 * at, SeriesId(at)));
        records
    }

    #[test]
    fn files_that_are_alike_share_a_list_and_others_leave_it_alone() {
        let first = filled(0, 5);
        for same in 0..=5 {
            let mut other = Records::like(&first);
            assert!(other.is_empty());
            (0..same).for_each(|at| other.push(8 * at, SeriesId(at)));
            assert_eq!(other.series(), &first.series()[..same as usize]);
            assert!(Arc::ptr_eq(&first.list, &other.list));
            other.reserve(1);
            other.push(7, SeriesId(9));
            assert_eq!(other.len(), same as usize + 1);
            assert_eq!(other.series().last(), Some(&SeriesId(9)));
            other.move_number(0, 1);
            assert_eq!(other.value_at()[0], 1);
            assert_eq!(first.value_at(), [0, 8, 16, 24, 32]);
        }
    }

    #[test]
    fn records_that_were_taken_back_do_not_come_again() {
        let mut records = filled(0, 5);
        records.truncate(2);
        records.push(99, SeriesId(99));
        assert_eq!(records.value_at(), [0, 8, 99]);
        assert_eq!(records.series(), [SeriesId(0), SeriesId(1), SeriesId(99)]);
    }
}
