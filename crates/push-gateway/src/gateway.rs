//! The gateway without its surface: takes pushes, and prints what came of them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use push_groups::{Entry, Family, GroupKey, GroupStore, Hidden, PageFormat, Piece, Push, StoreError};

use crate::board::Board;
use crate::shard::{Errand, Shard};

/// Takes pushes and prints the page of all groups.
///
/// Each store has a thread of its own that commits what has come in together; whoever pushed waits for what became of
/// it, and an answer says that it will last. Groups of one job are kept by one store, so that two groups that could
/// show one series always meet in its index.
#[derive(Debug)]
pub struct Gateway {
    shards: Vec<Shard>,
    board: Board,
}

/// What may be set.
#[derive(Clone, Debug)]
pub struct GatewayOptions {
    /// How many pushes may wait for a store before further ones are refused. 1,000, as in the official gateway.
    pub queue: usize,
    /// How many groups one store may keep; pushes that would make a further one are refused. Any number where none.
    pub groups: Option<usize>,
    /// How many of them are committed at once.
    pub batch: usize,
    /// How often a push is tried while other gateways change the same group.
    pub attempts: u32,
    /// How long the last known groups are shown while a store does not answer.
    pub stale_for: Duration,
    /// How long a group lives that a failed push makes; none for ever.
    pub lives: Option<Duration>,
}

/// What became of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// It was made.
    Made,
    /// It had been made before: the same request came again.
    Repeated,
}

/// Why a push was not made.
#[derive(Debug)]
pub enum Refusal {
    /// It does not fit what is held, as the text says. That it failed was noted at its group.
    Inconsistent(String),
    /// Too many are waiting.
    Full,
    /// There are as many groups as there may be: so many.
    Groups(usize),
    /// The store could not keep it, or does not answer.
    Store(StoreError),
    /// Other gateways changed the group all the time.
    Contended,
    /// The gateway is going down.
    Closed,
}

/// A group as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its labels.
    pub key: GroupKey,
    /// Times and content.
    pub entry: Arc<Entry>,
}

/// All groups at one moment.
#[derive(Clone, Debug)]
pub struct Groups {
    /// The groups, by their keys ascending.
    pub groups: Vec<Group>,
    /// For how long a store has not answered, so that what it keeps is as it was then.
    pub stale: Option<Duration>,
}

/// What is on a page that is about to be printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// How many groups.
    pub groups: usize,
    /// What the page before, in this format, left out.
    pub hidden: Hidden,
    /// For how long a store has not answered.
    pub stale: Option<Duration>,
}

/// A page of all groups.
#[derive(Clone, Debug)]
pub struct PrintedPage {
    /// The page.
    pub pieces: Vec<Piece>,
    /// What it left out, since groups exclude each other.
    pub hidden: Hidden,
    /// For how long a store has not answered, so that what it keeps is as it was then.
    pub stale: Option<Duration>,
}

impl Gateway {
    /// A gateway on these stores, one for each shard, with a thread for each. What they keep is read here.
    ///
    /// # Errors
    /// Where a store does not answer, or a thread cannot be started.
    pub fn new(stores: Vec<Arc<dyn GroupStore>>, options: &GatewayOptions) -> Result<Gateway, StoreError> {
        let shards: Result<Vec<Shard>, StoreError> =
            stores.into_iter().map(|store| Shard::start(store, options)).collect();
        let shards = shards?;
        let board = Board::new(shards.iter().map(Shard::store).collect(), options.stale_for);
        Ok(Gateway { shards, board })
    }

    /// Makes a push. Once this returns it lasts, and is on every page that is asked for from then on.
    ///
    /// # Errors
    /// Where it was not made, or it is not known whether it was ([`Refusal::Store`]).
    pub async fn push(&self, push: Push) -> Result<Done, Refusal> {
        self.shard(&push.key).run(Errand::Push(push)).await
    }

    /// Notes at a group that a push to it failed, for a reason that was found before it came here.
    ///
    /// # Errors
    /// Always: this reason, or why it could not be noted.
    pub async fn fail(&self, key: GroupKey, why: String, checked: bool) -> Result<Done, Refusal> {
        self.shard(&key).run(Errand::Fail { key, why, checked }).await
    }

    /// Deletes a group; one that is not there is deleted already.
    ///
    /// # Errors
    /// As [`push`](Gateway::push).
    pub async fn delete(&self, key: GroupKey) -> Result<Done, Refusal> {
        self.shard(&key).run(Errand::Delete(key)).await
    }

    /// Deletes all groups.
    ///
    /// # Errors
    /// As [`push`](Gateway::push); some may be gone.
    pub async fn wipe(&self) -> Result<Done, Refusal> {
        for shard in &self.shards {
            shard.run(Errand::Wipe).await?;
        }
        Ok(Done::Made)
    }

    /// Prints the page of all groups that were pushed to, by any gateway, before this was called. `own` are families
    /// of the gateway itself. May block: the stores are asked.
    ///
    /// # Errors
    /// Where a store has not answered for longer than the last answer is to be shown.
    pub fn page(&self, format: PageFormat, own: &[Family]) -> Result<PrintedPage, StoreError> {
        self.page_with(format, |_| own.to_vec())
    }

    /// As [`page`](Gateway::page), where the families of the gateway itself say how the page is that they stand on.
    ///
    /// # Errors
    /// As [`page`](Gateway::page).
    pub fn page_with(
        &self,
        format: PageFormat,
        own: impl FnOnce(Shown) -> Vec<Family>,
    ) -> Result<PrintedPage, StoreError> {
        self.board.page(format, own)
    }

    /// All groups; as up to date as a [page](Gateway::page), and may block as it.
    ///
    /// # Errors
    /// As [`page`](Gateway::page).
    pub fn groups(&self) -> Result<Groups, StoreError> {
        self.board.groups()
    }

    /// Lets `look` see all groups without copying them, and tells for how long a store has not answered; as up to date
    /// as a [page](Gateway::page), and may block as it. No page is made meanwhile.
    pub(crate) fn look<T>(
        &self,
        look: impl for<'a> FnOnce(&mut dyn Iterator<Item = (&'a GroupKey, &'a Arc<Entry>)>) -> T,
    ) -> Result<(T, Option<Duration>), StoreError> {
        self.board.look(look)
    }

    /// How many pushes wait for the store that has most of them, and how many may: at that many it is full.
    pub fn waiting(&self) -> (usize, usize) {
        let all = self.shards.iter().map(Shard::waiting);
        all.max_by_key(|(waiting, _)| *waiting).unwrap_or_default()
    }

    fn shard(&self, key: &GroupKey) -> &Shard {
        // FNV-1a of the job: the same in every gateway, for ever.
        let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let hash = key.job().bytes().fold(0xcbf2_9ce4_8422_2325, fold);
        &self.shards[(hash % self.shards.len() as u64) as usize]
    }
}

impl Default for GatewayOptions {
    fn default() -> GatewayOptions {
        GatewayOptions {
            queue: 1000,
            groups: None,
            batch: 256,
            attempts: 50,
            stale_for: Duration::from_secs(300),
            lives: None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Inconsistent(why) => f.write_str(why),
            Refusal::Full => f.write_str("write queue is full"),
            Refusal::Groups(most) => write!(f, "there are {most} groups already, which is as many as may be"),
            Refusal::Store(error) => error.fmt(f),
            Refusal::Contended => f.write_str("other gateways change this group all the time"),
            Refusal::Closed => f.write_str("the gateway is going down"),
        }
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests;
