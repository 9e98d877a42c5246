//! All children of a store, found by their label set.

use forked::SetOnce;

/// Things found by a hash and a comparison; grows and never shrinks.
///
/// A tree with four branches at each node, taken by two bits of the hash at a time. Chosen because an insertion
/// is one atomic store ([`SetOnce`]): a forked process inherits the table whole, in whatever moment the fork
/// fell, and no lock stands in the way. Found in `log4(n)` steps: 10 for a million.
pub(crate) struct LabelSets<T: 'static> {
    root: SetOnce<Node<T>>,
}

struct Node<T: 'static> {
    hash: u64,
    value: T,
    branches: [SetOnce<Node<T>>; 4],
}

impl<T: Send + Sync + 'static> LabelSets<T> {
    pub(crate) const fn new() -> LabelSets<T> {
        LabelSets { root: SetOnce::new() }
    }

    /// The value of this hash that `is_it` accepts.
    pub(crate) fn find(&self, hash: u64, is_it: impl Fn(&T) -> bool) -> Option<&'static T> {
        self.descend(hash, is_it).ok()
    }

    /// The value of this hash that `is_it` accepts, made by `make` if there is none. When two threads make one,
    /// one of the two is dropped.
    pub(crate) fn find_or_insert(
        &self,
        hash: u64,
        is_it: impl Fn(&T) -> bool,
        make: impl Fn() -> T,
    ) -> &'static T {
        loop {
            match self.descend(hash, &is_it) {
                Ok(value) => return value,
                Err(place) => {
                    // Another thread may put something else here; then the next descent finds or passes it.
                    let branches = || [const { SetOnce::new() }; 4];
                    place.get_or_set(|| Node { hash, value: make(), branches: branches() })
                }
            };
        }
    }

    /// The value, or the empty place where it belongs.
    fn descend(&self, hash: u64, is_it: impl Fn(&T) -> bool) -> Result<&'static T, &SetOnce<Node<T>>> {
        let mut place = &self.root;
        let mut bits = hash;
        while let Some(node) = place.get() {
            if node.hash == hash && is_it(&node.value) {
                return Ok(&node.value);
            }
            bits = bits.rotate_left(2);
            place = &node.branches[(bits & 3) as usize];
        }
        Err(place)
    }

    /// All values, in no particular order.
    pub(crate) fn all(&self) -> impl Iterator<Item = &'static T> {
        let mut rest: Vec<&'static Node<T>> = self.root.get().into_iter().collect();
        std::iter::from_fn(move || {
            let node = rest.pop()?;
            rest.extend(node.branches.iter().filter_map(SetOnce::get));
            Some(&node.value)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn everything_is_found_once_also_where_hashes_collide() {
        let table = LabelSets::new();
        // 16 values for each of 64 hashes.
        for i in 0..1024_u64 {
            let made = table.find_or_insert(i % 64, |&value| value == i, || i);
            let again = table.find_or_insert(i % 64, |&value| value == i, || unreachable!("it is there"));
            assert!(std::ptr::eq(made, again));
        }
        assert_eq!(table.find(5, |&value| value == 5 + 64), Some(&(5 + 64)));
        assert_eq!(table.find(5, |&value| value == 6), None);
        assert_eq!(table.all().copied().collect::<BTreeSet<_>>(), (0..1024).collect());
        assert_eq!(table.all().count(), 1024);
    }

    #[test]
    fn racing_threads_get_the_same_value() {
        static TABLE: LabelSets<(u64, std::thread::ThreadId)> = LabelSets::new();
        let insert = || {
            (0..500_u64)
                .map(|i| {
                    let make = || (i, std::thread::current().id());
                    std::ptr::from_ref(TABLE.find_or_insert(i / 2, |value| value.0 == i, make)) as usize
                })
                .collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(insert)).collect();
        let found: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert!(found.iter().all(|places| places == &found[0]));
        assert_eq!(TABLE.all().count(), 500);
    }
}
