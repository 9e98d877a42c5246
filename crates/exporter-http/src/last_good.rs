//! The last good pages, for as long as they may stand in for one that cannot be had.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use metrics_core::Snapshot;

use crate::scrapes::Names;

/// The last good pages, each of the names that it was asked for. Bounded in number and age.
pub(crate) struct LastGood {
    /// How old they may be.
    stale_for: Duration,
    /// The newest last. Locked for moments only.
    pages: Mutex<VecDeque<Page>>,
}

struct Page {
    names: Names,
    made: Instant,
    snapshot: Arc<Snapshot>,
}

/// A Prometheus asks for the same names always; a few may ask for others.
const MOST: usize = 4;

impl LastGood {
    pub(crate) fn new(stale_for: Duration) -> LastGood {
        LastGood { stale_for, pages: Mutex::default() }
    }

    /// Keeps a page that was made at this moment, in place of the one with the same names.
    pub(crate) fn keep(&self, names: &Names, made: Instant, snapshot: &Arc<Snapshot>) {
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        pages.retain(|page| {
            page.names != *names && made.saturating_duration_since(page.made) <= self.stale_for
        });
        if pages.len() == MOST {
            pages.pop_front();
        }
        pages.push_back(Page { names: names.clone(), made, snapshot: Arc::clone(snapshot) });
    }

    /// The last good page with these names, if it is not too old, and how old it is.
    pub(crate) fn get(&self, names: &Names, now: Instant) -> Option<(Arc<Snapshot>, Duration)> {
        let pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || pages.iter().filter(|page| self.age(page, now).is_some());
        let same = fresh().find(|page| page.names == *names);
        // A page of everything has these, too.
        let page = same.or_else(|| fresh().find(|page| page.names.is_none()))?;
        let age = self.age(page, now)?;
        let snapshot = match names {
            Some(names) if page.names.is_none() => Arc::new(only(&page.snapshot, names)),
            _ => Arc::clone(&page.snapshot),
        };
        Some((snapshot, age))
    }

    /// How old a page is, if it is not too old.
    fn age(&self, page: &Page, now: Instant) -> Option<Duration> {
        Some(now.saturating_duration_since(page.made)).filter(|age| *age <= self.stale_for)
    }
}

/// What a page has of these names, families without any left out.
fn only(page: &Snapshot, names: &[String]) -> Snapshot {
    let mut page = page.clone();
    for family in &mut page.families {
        family.samples.retain(|sample| names.iter().any(|name| **name == *sample.series.name));
    }
    page.families.retain(|family| !family.samples.is_empty());
    page
}

#[cfg(test)]
mod tests;
