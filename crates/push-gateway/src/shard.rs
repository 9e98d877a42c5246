//! One store, and the thread that commits to it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, SyncSender, TrySendError};

use push_groups::{GroupKey, GroupStore, Push, StoreError};
use tokio::sync::oneshot;

use crate::committer::Committer;
use crate::gateway::{Done, GatewayOptions, Refusal};

/// One store, and the way to the thread that commits to it.
pub(crate) struct Shard {
    store: Arc<dyn GroupStore>,
    queue: SyncSender<Job>,
    waiting: Arc<AtomicUsize>,
    most: usize,
}

/// What is asked of a committer.
#[derive(Debug)]
pub(crate) enum Errand {
    Push(Push),
    /// To note that a push failed.
    Fail {
        key: GroupKey,
        why: String,
        checked: bool,
    },
    Delete(GroupKey),
    Wipe,
}

/// An errand, and who waits for it.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) errand: Errand,
    pub(crate) reply: oneshot::Sender<Result<Done, Refusal>>,
    pub(crate) attempts: u32,
}

impl Shard {
    /// Reads what the store keeps and starts its thread, which ends when the shard is dropped.
    pub(crate) fn start(store: Arc<dyn GroupStore>, options: &GatewayOptions) -> Result<Shard, StoreError> {
        let (queue, jobs) = mpsc::sync_channel(options.queue);
        let waiting = Arc::new(AtomicUsize::new(0));
        let committer = Committer::new(store.clone(), options.clone(), waiting.clone())?;
        std::thread::Builder::new().name("commit".to_owned()).spawn(move || committer.run(&jobs)).map_err(
            |error| StoreError { what: format!("start a thread that commits: {error}"), passing: true },
        )?;
        Ok(Shard { store, queue, waiting, most: options.queue })
    }

    /// Has an errand run, with what else is waiting then.
    pub(crate) async fn run(&self, errand: Errand) -> Result<Done, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.queue.try_send(Job { errand, reply, attempts: 0 }).map_err(|error| {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            match error {
                TrySendError::Full(_) => Refusal::Full,
                TrySendError::Disconnected(_) => Refusal::Closed,
            }
        })?;
        answer.await.unwrap_or(Err(Refusal::Closed))
    }

    pub(crate) fn store(&self) -> Arc<dyn GroupStore> {
        self.store.clone()
    }

    /// How many errands wait, and how many may.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        (self.waiting.load(Ordering::Relaxed), self.most)
    }
}

impl fmt::Debug for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shard").field("waiting", &self.waiting).finish_non_exhaustive()
    }
}
