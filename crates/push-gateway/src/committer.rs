//! The thread that commits: takes what is waiting, works out what it makes of the groups, and has it kept.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use push_groups::{
    Act, Change, Entry, GroupKey, GroupStore, Outcome, Prepared, Push, StoreError, Version, prepare,
    prepare_delete, prepare_failure,
};

use crate::gateway::{Done, GatewayOptions, Refusal};
use crate::heads::Heads;
use crate::reason::{clash_reason, unfit_reason};
use crate::shard::{Errand, Job};

/// What the thread has.
pub(crate) struct Committer {
    store: Arc<dyn GroupStore>,
    heads: Heads,
    options: GatewayOptions,
    waiting: Arc<AtomicUsize>,
    /// Versions are numbers that nobody else draws.
    next_version: u64,
    swept: Instant,
}

/// How often expired groups are taken out of the store.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// How many of them at once.
const SWEEP_MOST: usize = 100;

/// A change that is on its way, and whose it is.
struct Sent {
    change: Change,
    /// What the group holds if it is made.
    entry: Option<Arc<Entry>>,
    /// The job whose last change this is; none for what must go before it.
    job: Option<Job>,
}

/// The groups as they will be if all goes well.
#[derive(Default)]
struct Ahead(HashMap<GroupKey, Option<Arc<Entry>>>);

impl Committer {
    /// Reads what the store keeps.
    pub(crate) fn new(
        store: Arc<dyn GroupStore>,
        options: GatewayOptions,
        waiting: Arc<AtomicUsize>,
    ) -> Result<Committer, StoreError> {
        let mut heads = Heads::default();
        heads.refresh(&*store)?;
        Ok(Committer { store, heads, options, waiting, next_version: random(), swept: Instant::now() })
    }

    /// Commits until nobody can ask for anything any more.
    pub(crate) fn run(mut self, jobs: &Receiver<Job>) {
        let mut batch = VecDeque::new();
        loop {
            match jobs.recv_timeout(SWEEP_EVERY) {
                Ok(job) => batch.push_back(job),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            while batch.len() < self.options.batch
                && let Ok(job) = jobs.try_recv()
            {
                batch.push_back(job);
            }
            self.waiting.fetch_sub(batch.len(), Ordering::Relaxed);
            while !batch.is_empty() {
                self.round(&mut batch);
            }
            if self.swept.elapsed() >= SWEEP_EVERY {
                self.swept = Instant::now();
                self.sweep();
            }
        }
    }

    /// Tries all jobs once; those that have to be tried again stay.
    fn round(&mut self, batch: &mut VecDeque<Job>) {
        let mut ahead = Ahead::default();
        let mut sent: Vec<Sent> = Vec::with_capacity(batch.len());
        let mut again = VecDeque::new();
        while let Some(job) = batch.pop_front() {
            if job.attempts >= self.options.attempts {
                answer(job, Err(Refusal::Contended));
                continue;
            }
            if matches!(job.errand, Errand::Wipe) {
                if !sent.is_empty() || !again.is_empty() {
                    // What came before it is to go with it.
                    batch.push_front(job);
                    break;
                }
                self.wipe(job);
                continue;
            }
            self.prepare(job, &mut ahead, &mut sent, &mut again);
        }
        self.commit(sent, &mut again);
        while let Some(job) = again.pop_back() {
            batch.push_front(job);
        }
    }

    /// Works out what a job changes.
    fn prepare(&mut self, mut job: Job, ahead: &mut Ahead, sent: &mut Vec<Sent>, again: &mut VecDeque<Job>) {
        let key = match &job.errand {
            Errand::Push(Push { key, .. }) | Errand::Fail { key, .. } | Errand::Delete(key) => key.clone(),
            Errand::Wipe => return,
        };
        let now = self.heads.now();
        let mut found = ahead.0.get(&key).cloned().unwrap_or_else(|| self.heads.get(&key).cloned());
        if let Some(expired) = found.take_if(|entry| entry.expires.is_some_and(|expires| expires <= now)) {
            let prepared = prepare_delete(&key, &expired, self.version());
            sent.push(Sent { change: prepared.change, entry: None, job: None });
        }
        if let (Some(most), None, Errand::Push(_)) = (self.options.groups, &found, &job.errand)
            && self.heads.len() + ahead.0.values().flatten().count() >= most
        {
            return answer(job, Err(Refusal::Groups(most)));
        }
        let gives = self.version();
        let prepared = match &job.errand {
            Errand::Push(push) => prepare(push, found.as_deref(), gives),
            Errand::Fail { checked, .. } => {
                Ok(prepare_failure(&key, found.as_deref(), gives, self.options.lives, *checked))
            }
            Errand::Delete(_) => match &found {
                Some(entry) => Ok(prepare_delete(&key, entry, gives)),
                None => {
                    // It may still be on its way out, or another gateway may have made it a moment ago.
                    return self.delete_unknown(job, sent, again);
                }
            },
            Errand::Wipe => return,
        };
        match prepared {
            Ok(Prepared { change, content: _ }) => {
                let entry = predicted(&change, found.as_deref(), now);
                ahead.0.insert(key, entry.clone());
                sent.push(Sent { change, entry, job: Some(job) });
            }
            Err(unfit) => {
                job.fail(unfit_reason(&unfit));
                again.push_back(job);
            }
        }
    }

    /// A group that is not known to be there: the store is asked before that is believed.
    fn delete_unknown(&mut self, job: Job, sent: &[Sent], again: &mut VecDeque<Job>) {
        let Errand::Delete(key) = &job.errand else { return };
        if sent.iter().any(|sent| sent.change.key == *key) {
            // Whatever was to be there is decided in this round.
            return again.push_back(job);
        }
        match self.heads.refresh(&*self.store) {
            Err(error) => answer(job, Err(Refusal::Store(error))),
            Ok(_) if self.heads.get(key).is_some() => again.push_back(job),
            Ok(_) => answer(job, Ok(Done::Made)),
        }
    }

    fn commit(&mut self, sent: Vec<Sent>, again: &mut VecDeque<Job>) {
        if sent.is_empty() {
            return;
        }
        let (changes, rest): (Vec<Change>, Vec<_>) =
            sent.into_iter().map(|Sent { change, entry, job }| (change, (entry, job))).unzip();
        let outcomes = match self.store.commit(&changes) {
            Ok(outcomes) => outcomes,
            Err(StoreError { what, passing }) => {
                for job in rest.into_iter().filter_map(|(_, job)| job) {
                    answer(job, Err(Refusal::Store(StoreError { what: what.clone(), passing })));
                }
                return;
            }
        };
        let mut swept = false;
        for ((change, (entry, job)), outcome) in changes.iter().zip(rest).zip(outcomes) {
            match outcome {
                Outcome::Made { seq, born, time } => {
                    self.heads.put(&change.key, entry.map(|entry| made(&entry, change, seq, born, time)));
                    if let Some(job) = job {
                        let done = job.done();
                        answer(job, done);
                    }
                }
                Outcome::Stale(entry) => {
                    self.heads.put(&change.key, entry);
                    again.extend(job.map(Job::once_more));
                }
                Outcome::Clashes(clash) => {
                    let Some(mut job) = job else { continue };
                    if !std::mem::replace(&mut swept, true) && job.attempts == 0 && self.sweep() {
                        // What it clashed with may have been an expired group.
                        again.push_back(job.once_more());
                        continue;
                    }
                    let why = match &job.errand {
                        Errand::Push(push) => clash_reason(&clash, Some(push)),
                        _ => clash_reason(&clash, None),
                    };
                    match job.errand {
                        // Not even that it failed can be shown.
                        Errand::Fail { ref why, .. } => {
                            let why = why.clone();
                            answer(job, Err(Refusal::Inconsistent(why)));
                        }
                        _ => {
                            job.fail(why);
                            again.push_back(job);
                        }
                    }
                }
                Outcome::Repeated => {
                    if let Some(job) = job {
                        answer(job, Ok(Done::Repeated));
                    }
                }
            }
        }
    }

    fn wipe(&mut self, job: Job) {
        let wiped = self.store.wipe().and_then(|()| self.heads.refresh(&*self.store));
        answer(job, wiped.map(|_| Done::Made).map_err(Refusal::Store));
    }

    /// Takes expired groups out of the store, of whichever gateway; whether there were any.
    fn sweep(&mut self) -> bool {
        // The store says why at the next push, or at the next page.
        let _ = self.heads.refresh(&*self.store);
        let expired: Vec<GroupKey> = self.heads.expired(0).take(SWEEP_MOST).cloned().collect();
        let mut changes = Vec::with_capacity(expired.len());
        for key in &expired {
            if let Some(entry) = self.heads.get(key).cloned() {
                changes.push(prepare_delete(key, &entry, self.version()).change);
            }
        }
        if changes.is_empty() {
            return false;
        }
        // What cannot be deleted now is hidden, and tried again.
        let Ok(outcomes) = self.store.commit(&changes) else { return false };
        for (change, outcome) in changes.iter().zip(outcomes) {
            match outcome {
                Outcome::Made { .. } => self.heads.put(&change.key, None),
                Outcome::Stale(entry) => self.heads.put(&change.key, entry),
                Outcome::Clashes(_) | Outcome::Repeated => {}
            }
        }
        true
    }

    fn version(&mut self) -> Version {
        // An odd step meets all numbers before it meets one again.
        self.next_version = self.next_version.wrapping_add(0x9E37_79B9_7F4A_7C15);
        match self.next_version {
            0 => self.version(),
            number => Version(number),
        }
    }
}

impl Job {
    /// What is left of it is to note that it failed.
    fn fail(&mut self, why: String) {
        if let Errand::Push(push) = &self.errand {
            self.errand = Errand::Fail { key: push.key.clone(), why, checked: push.checked };
        }
    }

    fn once_more(mut self) -> Job {
        self.attempts += 1;
        self
    }

    fn done(&self) -> Result<Done, Refusal> {
        match &self.errand {
            Errand::Fail { why, .. } => Err(Refusal::Inconsistent(why.clone())),
            _ => Ok(Done::Made),
        }
    }
}

/// Who asked may be gone.
fn answer(job: Job, answer: Result<Done, Refusal>) {
    let _ = job.reply.send(answer);
}

/// A group as it is once a change is made at about `now`, Unix milliseconds: for what comes after it in its batch.
fn predicted(change: &Change, found: Option<&Entry>, now: u64) -> Option<Arc<Entry>> {
    let time = now.saturating_mul(1_000_000);
    let new = |content: &Arc<[u8]>, lives: Option<Duration>| Entry {
        version: change.gives,
        born: found.map_or(0, |entry| entry.born),
        seq: 0,
        pushed: 0,
        failed: found.map_or(0, |entry| entry.failed),
        expires: lives.map(|lives| now.saturating_add(lives.as_millis() as u64)),
        content: content.clone(),
    };
    let entry = match &change.act {
        Act::Push { content, lives } => Entry { pushed: time, ..new(content, *lives) },
        Act::Fail { content: Some(content), lives } => Entry { failed: time, ..new(content, *lives) },
        Act::Fail { content: None, .. } => Entry {
            version: change.gives,
            failed: time,
            ..found.cloned().unwrap_or_else(|| new(&[].into(), None))
        },
        Act::Delete => return None,
    };
    Some(Arc::new(entry))
}

/// The same, with what the store says of it.
fn made(entry: &Entry, change: &Change, seq: u64, born: u64, time: u64) -> Arc<Entry> {
    let mut entry = Entry { seq, born, ..entry.clone() };
    let until = |lives: Option<Duration>| {
        lives.map(|lives| (time / 1_000_000).saturating_add(lives.as_millis() as u64))
    };
    match &change.act {
        Act::Push { lives, .. } => {
            entry.pushed = time;
            entry.expires = until(*lives);
        }
        Act::Fail { content, lives } => {
            entry.failed = time;
            if content.is_some() {
                entry.expires = until(*lives);
            }
        }
        Act::Delete => {}
    }
    Arc::new(entry)
}

/// A number that nothing else starts from: from the system's source of chance, by way of a hasher's keys.
fn random() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}
