//! Words that are 0 again in every forked child.

use std::sync::atomic::AtomicU64;

/// A word that is 0 now and becomes 0 again in a child of this process.
pub(crate) fn word() -> &'static AtomicU64 {
    wiped().map_or_else(hooked, |page| &page[0])
}

/// A page of words.
pub(crate) type Page = [AtomicU64; WORDS];

/// The kernel rounds up to its page size, which is at least this.
const LEN: usize = 4096;
const WORDS: usize = LEN / size_of::<AtomicU64>();

/// A page that the kernel hands to a child as zeros, whichever way it is forked off.
///
/// None where the kernel does not know `MADV_WIPEONFORK` (before Linux 4.14, some sandboxes), or memory is out.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn wiped() -> Option<&'static Page> {
    // SAFETY: a new private anonymous mapping at an address of the kernel's choice touches no memory of ours.
    let page = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            LEN,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if page == libc::MAP_FAILED {
        return None;
    }
    // SAFETY: `page` is the mapping made above, `LEN` bytes of it; the advice changes it only in children.
    if unsafe { libc::madvise(page, LEN, libc::MADV_WIPEONFORK) } != 0 {
        // SAFETY: nobody else knows the mapping.
        unsafe { libc::munmap(page, LEN) };
        return None;
    }
    // SAFETY: the page is aligned to more than 8, `LEN` bytes long, readable, writable, zeroed, and never unmapped from
    // here on; nothing but these `AtomicU64`s lies in it, and the kernel's wiping happens in another address space.
    Some(unsafe { &*page.cast::<Page>() })
}

/// Other systems have no such page.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn wiped() -> Option<&'static Page> {
    None
}

/// A word that an at-fork handler empties in the child: notices `fork` of libc, not a raw `clone`.
///
/// The handler is registered only where there is no wiped page. Registered everywhere it would add nothing,
/// and it would make this crate's code impossible to unload.
pub(crate) fn hooked() -> &'static AtomicU64 {
    static HOOKED: AtomicU64 = AtomicU64::new(0);

    #[cfg(unix)]
    {
        extern "C" fn in_the_child() {
            // One atomic store: allowed in a child that has inherited locked locks.
            HOOKED.store(0, std::sync::atomic::Ordering::Relaxed);
        }
        // SAFETY: the handler is a plain function that lives as long as this code and only stores to an
        // atomic. Registering it twice (two threads at once) is harmless. Fails only without memory, where
        // the word then stays the parent's.
        unsafe { libc::pthread_atfork(None, None, Some(in_the_child)) };
    }
    &HOOKED
}
