//! References that refer to nothing again in every forked child.

use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Reference;
use crate::page::{self, Page};

impl<T> Reference<T> {
    /// A new one, to nothing; and to nothing again in every process that is forked off, whichever way, whatever it
    /// refers to by then. So who finds something there is in the process that put it there, for the price of a load.
    ///
    /// Lives as long as the process and takes 8 bytes. `None` where the system has no memory that it wipes
    /// (`MADV_WIPEONFORK`, Linux 4.14).
    ///
    /// ```
    /// if let Some(reference) = forked::Reference::wiped() {
    ///     reference.set(&"the parent's");
    ///     assert_eq!(reference.get(), Some(&"the parent's"));
    /// }
    /// ```
    pub fn wiped() -> Option<&'static Reference<T>> {
        const { assert!(size_of::<Reference<T>>() <= size_of::<u64>()) };
        const { assert!(align_of::<Reference<T>>() <= align_of::<std::sync::atomic::AtomicU64>()) };
        loop {
            if let Some(sheet) = SHEET.get()
                && let Some(word) = sheet.page.get(sheet.taken.fetch_add(1, Ordering::Relaxed))
            {
                // SAFETY: a `Reference` is nothing but an `AtomicPtr`, which fits into the word (see above), is null
                // where the word is 0 (nobody has written to it: nobody else has been given it, and a child that has
                // inherited how many are taken has a page of zeros), and may change at any time, as the word may. The
                // page is never unmapped.
                return Some(unsafe { &*ptr::from_ref(word).cast::<Reference<T>>() });
            }
            // Two threads may both bring one; of one of the two nothing but a word or two is ever used.
            SHEET.set(Box::leak(Box::new(Sheet { page: page::wiped()?, taken: AtomicUsize::new(0) })));
        }
    }
}

/// The page from which words are given away just now.
static SHEET: Reference<Sheet> = Reference::new();

struct Sheet {
    page: &'static Page,
    /// How many of its words are given away, or more. Ordinary memory, so a child inherits it.
    taken: AtomicUsize,
}
