//! Which files of a directory nobody writes any more.
//!
//! A writer among our own stores keeps the dot-file beside its files locked for as long as it lives. When the lock is
//! free its files are what they will always be: the system lets go of a lock when the last thread of the last process
//! that holds it is gone, and no later process writes under the same name. Of all other files [`liveness`] tells; there
//! a process may come that goes on in one, so that what is known of them is looked at again.

use std::path::Path;
use std::time::{Duration, Instant};

use foldhash::{HashMap, HashSet};
use liveness::{Claim, ClaimState, Doubt, Life, Watch};

use super::file::{Died, File};

/// See the head of this file.
#[derive(Default)]
pub(crate) struct Writers {
    scraped: bool,
    /// When all were asked for last, and how long that took.
    asked: Option<(Instant, Duration)>,
    dead: HashMap<Box<str>, Claim>,
    watch: Watch,
    doubt: Option<Doubt>,
}

/// How long nobody is asked for after all have been.
pub(crate) const ASKS_EVERY: Duration = Duration::from_secs(5);

/// So many times as long as it took nobody is asked for either: of a million files it takes some seconds.
const TIMES_AS_LONG: u32 = 10;
/// Nor is it put off for longer than this.
const ASKS_AFTER: Duration = Duration::from_secs(60);

impl Writers {
    pub(crate) fn new(in_sight: bool) -> Writers {
        let watch = if in_sight { Watch::of_processes_in_sight() } else { Watch::default() };
        Writers { watch, ..Writers::default() }
    }

    /// Whether it is time to ask: once in a while, and at the first scrape only where it must be known.
    pub(crate) fn is_due(&mut self, every: Duration, at_once: bool) -> bool {
        let first = !std::mem::replace(&mut self.scraped, true);
        let due = self.asked.is_none_or(|(asked, took)| {
            let pause = if every.is_zero() { every } else { every.max(ASKS_AFTER.min(took * TIMES_AS_LONG)) };
            asked.elapsed() >= pause
        });
        due && (at_once || !first)
    }

    /// Marks the files whose writers have died; says whether there were any.
    ///
    /// To be called before the files are read: what a writer wrote before its death is in a reading after it.
    pub(crate) fn ask<'a>(&mut self, directory: &Path, files: impl Iterator<Item = &'a mut File>) -> bool {
        let begun = Instant::now();
        let died = self.ask_all(directory, files);
        let now = Instant::now();
        self.asked = Some((now, now - begun));
        died
    }

    fn ask_all<'a>(&mut self, directory: &Path, files: impl Iterator<Item = &'a mut File>) -> bool {
        let mut living: HashSet<String> = HashSet::default();
        let mut others: Vec<&mut File> = Vec::new();
        let mut died = false;
        for file in files.filter(|file| file.died.is_none() && !file.is_archive()) {
            let Some(writer) = dialects::writer_of(file.original_name()) else {
                others.push(file);
                continue;
            };
            if living.contains(&writer) {
                continue;
            }
            let known = self.dead.get(&*writer).copied();
            match known.or_else(|| Claim::read(directory, &writer)) {
                Some(claim) if claim.state == ClaimState::Free => {
                    self.dead.insert(writer.as_str().into(), claim);
                    // One that was there before is of somebody else, whose dot-file was deleted and whose number a
                    // process in another namespace has claimed again.
                    if file.is_younger_than(&claim) {
                        file.died = Some(Died::Ours(writer.into()));
                        died = true;
                    }
                }
                Some(claim) if claim.state == ClaimState::Held => drop(living.insert(writer)),
                _ => others.push(file),
            }
        }
        let names: Vec<&str> = others.iter().map(|file| &*file.name).collect();
        // Where the directory cannot be read, the scrape says so.
        let Ok(found) = self.watch.look(directory, &names) else { return died };
        self.doubt = found.doubt;
        for (file, life) in others.into_iter().zip(found.lives) {
            if life == Life::Dead {
                file.died = Some(Died::Another);
                died = true;
            }
        }
        died
    }

    /// Why the lives of some files are not known, if there are any.
    pub(crate) fn doubt(&self) -> Option<&Doubt> {
        self.doubt.as_ref()
    }

    /// Forgets the dead whose dot-file is gone or another one, which no writer has made so. To be called when the
    /// directory's entries may have changed.
    pub(crate) fn review(&mut self, directory: &Path) {
        self.dead.retain(|writer, claim| {
            Claim::glance(directory, writer).is_some_and(|now| now.is_same_file(claim))
        });
    }

    /// Forgets all that is known of a directory, which is another one now.
    pub(crate) fn forget(&mut self) {
        self.dead.clear();
    }

    pub(crate) fn is_dead(&self, writer: &str) -> bool {
        self.dead.contains_key(writer)
    }
}
