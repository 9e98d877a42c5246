//! What is shown: the groups of all stores as they are now, and the pages of them.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use push_groups::{Entry, Family, GroupKey, GroupStore, Page, PageFormat, StoreError};

use crate::gateway::{Group, Groups, PrintedPage, Shown};
use crate::heads::Heads;

/// The groups of all stores, and their pages.
pub(crate) struct Board {
    stores: Vec<Arc<dyn GroupStore>>,
    stale_for: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    shards: Vec<Seen>,
    pages: Vec<Kept>,
}

/// What is known of one store.
#[derive(Debug, Default)]
struct Seen {
    heads: Heads,
    /// When it last answered.
    at: Option<Instant>,
    /// Up to when expired groups were taken off the pages, on its clock.
    expired_until: u64,
}

/// A page that somebody asked for once.
#[derive(Debug)]
struct Kept {
    page: Page,
    /// Groups that changed since it was printed.
    changed: HashSet<GroupKey>,
}

impl Board {
    pub(crate) fn new(stores: Vec<Arc<dyn GroupStore>>, stale_for: Duration) -> Board {
        let shards = stores.iter().map(|_| Seen::default()).collect();
        Board { stores, stale_for, state: Mutex::new(State { shards, pages: Vec::new() }) }
    }

    pub(crate) fn page(
        &self,
        format: PageFormat,
        own: impl FnOnce(Shown) -> Vec<Family>,
    ) -> Result<PrintedPage, StoreError> {
        let (mut state, stale) = self.refresh()?;
        let groups = state.shards.iter().map(|seen| seen.heads.living().count()).sum();
        let State { shards, pages } = &mut *state;
        let place = pages.iter().position(|kept| kept.page.format() == format).unwrap_or_else(|| {
            let changed =
                shards.iter().flat_map(|seen| seen.heads.living()).map(|(key, _)| key.clone()).collect();
            pages.push(Kept { page: Page::new(format), changed });
            pages.len() - 1
        });
        let Kept { page, changed } = &mut pages[place];
        let entry = |key: &GroupKey| {
            let entry = shards.iter().find_map(|seen| Some((seen.heads.get(key)?, seen.heads.now())));
            entry
                .filter(|(entry, now)| entry.expires.is_none_or(|expires| expires > *now))
                .map(|(entry, _)| entry)
        };
        let unreadable = page.update(changed.iter().map(|key| (key, entry(key))));
        if unreadable > 0 {
            tracing::warn!(unreadable, "groups cannot be read; their push times are shown alone");
        }
        changed.clear();
        let pieces = page.print(&own(Shown { groups, hidden: page.hidden(), stale }));
        Ok(PrintedPage { pieces, hidden: page.hidden(), stale })
    }

    pub(crate) fn groups(&self) -> Result<Groups, StoreError> {
        let (state, stale) = self.refresh()?;
        let living = state.shards.iter().flat_map(|seen| seen.heads.living());
        let mut groups: Vec<Group> =
            living.map(|(key, entry)| Group { key: key.clone(), entry: entry.clone() }).collect();
        groups.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Ok(Groups { groups, stale })
    }

    /// Lets `look` see all groups without copying them; no page is made meanwhile.
    pub(crate) fn look<T>(
        &self,
        look: impl for<'a> FnOnce(&mut dyn Iterator<Item = (&'a GroupKey, &'a Arc<Entry>)>) -> T,
    ) -> Result<(T, Option<Duration>), StoreError> {
        let (state, stale) = self.refresh()?;
        let seen = look(&mut state.shards.iter().flat_map(|seen| seen.heads.living()));
        Ok((seen, stale))
    }

    /// The state as it is now, or, where a store does not answer, as it was not too long ago.
    fn refresh(&self) -> Result<(MutexGuard<'_, State>, Option<Duration>), StoreError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { shards, pages } = &mut *state;
        let (mut stale, mut failed) = (None, None);
        let answers = ask_all(shards, &self.stores);
        for (seen, answer) in shards.iter_mut().zip(answers) {
            match answer {
                Ok(changed) => {
                    seen.at = Some(Instant::now());
                    pages.iter_mut().for_each(|kept| kept.changed.extend(changed.iter().cloned()));
                }
                Err(error) => match seen.at.map(|at| at.elapsed()).filter(|age| *age <= self.stale_for) {
                    Some(age) => stale = stale.max(Some(age)),
                    None => failed = Some(error),
                },
            }
            let now = seen.heads.now();
            for kept in &mut *pages {
                kept.changed.extend(seen.heads.expired(seen.expired_until).cloned());
            }
            seen.expired_until = now;
        }
        match failed {
            Some(error) => Err(error),
            None => Ok((state, stale)),
        }
    }
}

/// What changed in each store. Several are asked at once: one that does not answer takes its time, and that of several
/// would add up to more than a scrape may take.
fn ask_all(shards: &mut [Seen], stores: &[Arc<dyn GroupStore>]) -> Vec<Result<Vec<GroupKey>, StoreError>> {
    match (shards, stores) {
        ([seen], [store]) => vec![seen.heads.refresh(&**store)],
        (shards, stores) => std::thread::scope(|scope| {
            let asked: Vec<_> = shards
                .iter_mut()
                .zip(stores)
                .map(|(seen, store)| scope.spawn(move || seen.heads.refresh(&**store)))
                .collect();
            let panicked = || StoreError { what: "asking a store panicked".to_owned(), passing: true };
            asked.into_iter().map(|asked| asked.join().unwrap_or_else(|_| Err(panicked()))).collect()
        }),
    }
}

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Board").field("stores", &self.stores.len()).finish_non_exhaustive()
    }
}
