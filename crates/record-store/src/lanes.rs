//! The lanes of a counter in one process: records that handles have one each.

use forked::SetOnce;
use metrics_core::Lane;

/// The lanes of a counter in one process; a list that only grows.
///
/// Each is the word of a further record of the counter's key, in the file of its first record. A free one is taken
/// before another is made, and both are done with the process's files locked.
pub(crate) struct Lanes {
    first: SetOnce<Link>,
}

struct Link {
    lane: Lane,
    next: SetOnce<Link>,
}

impl Lanes {
    pub(crate) const fn new() -> Lanes {
        Lanes { first: SetOnce::new() }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &'static Lane> {
        std::iter::successors(self.first.get(), |link| link.next.get()).map(|link| &link.lane)
    }

    /// Appends a lane. Only one thread does so at a time.
    pub(crate) fn push(&self, lane: Lane) {
        let mut place = &self.first;
        while let Some(link) = place.get() {
            place = &link.next;
        }
        place.get_or_set(|| Link { lane, next: SetOnce::new() });
    }
}
