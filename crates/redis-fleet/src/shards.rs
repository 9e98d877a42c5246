//! The shards of one application: the way to each, and all of them read at once.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use redis_link::{Address, Link, Timeouts};
use redis_schema::{BadPrefix, Keys};

use crate::fleet::{Fleet, FleetError};

/// The shards of one application, as many as are known of.
#[derive(Debug)]
pub(crate) struct Shards {
    address: Address,
    prefix: String,
    timeouts: Timeouts,
    /// From 0; at least one. It only grows.
    known: Mutex<Vec<Arc<Shard>>>,
}

/// A part of an application's processes, with keys of its own.
#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) link: Link,
    pub(crate) keys: Keys,
}

/// So many are read at the same time.
const AT_ONCE: usize = 16;

impl Shards {
    pub(crate) fn new(address: Address, prefix: &str, timeouts: Timeouts) -> Result<Shards, BadPrefix> {
        let first = Shard::new(address.clone(), prefix, timeouts, 0)?;
        let known = Mutex::new(vec![Arc::new(first)]);
        Ok(Shards { address, prefix: prefix.to_owned(), timeouts, known })
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// The first, which knows how many there are.
    pub(crate) fn first(&self) -> Arc<Shard> {
        self.up_to(1).swap_remove(0)
    }

    /// The first so many, one at least.
    pub(crate) fn up_to(&self, count: usize) -> Vec<Arc<Shard>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for number in known.len()..count {
            let shard = Shard::new(self.address.clone(), &self.prefix, self.timeouts, number);
            known.push(Arc::new(shard.expect("the prefix was fit for the first one")));
        }
        known[..count.max(1)].to_vec()
    }

    /// Whether any of them has ever been answered.
    pub(crate) fn have_answered(&self) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().any(|shard| shard.link.has_answered())
    }

    /// Reads all of them, `at_least` so many: as many as the first one says, each into its place. A shard that was told
    /// of only now is read in the same go.
    pub(crate) fn read(
        &self,
        fleets: &mut Vec<Fleet>,
        at_least: usize,
        make: impl Fn() -> Fleet,
        deadline: Option<Instant>,
    ) -> Result<(), FleetError> {
        let mut read = 0;
        let mut wanted = fleets.len().max(at_least).max(1);
        while read < wanted {
            fleets.resize_with(wanted, &make);
            let shards = self.up_to(wanted);
            let mut unread: Vec<_> = shards.iter().zip(fleets.iter_mut()).skip(read).collect();
            for some in unread.chunks_mut(AT_ONCE) {
                read_each(some, deadline)?;
            }
            read = wanted;
            wanted = wanted.max(fleets[0].shards);
        }
        Ok(())
    }
}

impl Shard {
    fn new(address: Address, prefix: &str, timeouts: Timeouts, number: usize) -> Result<Shard, BadPrefix> {
        let keys = Keys::new(prefix, number)?;
        Ok(Shard { link: Link::new(address, timeouts).for_key(keys.tag()), keys })
    }
}

/// Reads these at the same time, the first one here. The first error, if there are any.
fn read_each(shards: &mut [(&Arc<Shard>, &mut Fleet)], deadline: Option<Instant>) -> Result<(), FleetError> {
    let Some(((here, fleet), others)) = shards.split_first_mut() else { return Ok(()) };
    thread::scope(|scope| {
        let others: Vec<_> = others
            .iter_mut()
            .map(|(shard, fleet)| {
                let thread = thread::Builder::new().name("multiprom-shard".to_owned());
                thread.spawn_scoped(scope, || fleet.read(&shard.link, &shard.keys, deadline))
            })
            .collect();
        let first = fleet.read(&here.link, &here.keys, deadline);
        others.into_iter().fold(first, |result, thread| {
            let read = match thread.map(thread::ScopedJoinHandle::join) {
                Ok(Ok(read)) => read,
                Ok(Err(panic)) => std::panic::resume_unwind(panic),
                Err(error) => Err(FleetError::Thread(error)),
            };
            result.and(read)
        })
    })
}
