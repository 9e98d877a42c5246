//! Notices a fork without a system call, and keeps state that each process makes for itself.
//!
//! A library that keeps files, locks or threads has to know when it wakes up in another process. Asking
//! `getpid` on each call costs 139 to 200 ns, thirty times a compare-and-swap; an at-fork handler misses a raw
//! `clone`. This crate keeps one word in a page that the kernel empties in every child (`MADV_WIPEONFORK`,
//! Linux 4.14), so that noticing a fork is a load and a compare. Where there is no such page - other kernels,
//! other systems - an at-fork handler stores the 0, and only forks through libc are noticed.
//!
//! - [`generation()`] says which process this is, counted along the line of forks.
//! - [`PerProcess`] is a value that each process makes for itself; a child leaves the parent's alone.
//! - [`SetOnce`] is a value set once, which children inherit; a fork never finds it half set.
//! - [`Reference`] is a reference that threads share and may exchange; a [wiped](Reference::wiped) one is to nothing
//!   again in a child.
//! - [`Gate`] is mutual exclusion that a fork cannot leave locked.
//! - [`Sole`] is exclusion that costs nothing while one thread alone wants it.
//! - [`Descriptors`] are open files that a child must let go of, without taking any lock of the parent's.
//! - [`has_writer`] says whether any process, forked or not, has a file open for writing.
//!
//! Nothing here waits for another process, and a fork at any moment, of any thread, leaves all of it usable.
//! Threads that share their memory (`CLONE_VM`, `vfork`) are one process to this crate. What a child inherits
//! is not freed: a value that the parent made may be half changed, so the child must not even drop it.
//!
//! The C library is not ours to mend: libc's `fork` waits for its allocator, a raw `clone` does not. The child
//! of a raw `clone` that falls while another thread allocates may hang where it allocates itself, and making
//! state of its own does.
//!
//! ```
//! use forked::PerProcess;
//! use std::sync::Mutex;
//!
//! static LINES: PerProcess<Mutex<Vec<String>>> = PerProcess::new();
//!
//! // In a forked child this is another, empty list, even if a thread of the parent holds the lock just now.
//! let lines = LINES.get_or_init(|| Mutex::new(Vec::new()));
//! lines.lock().unwrap().push("hello".to_owned());
//! assert_eq!(LINES.get().unwrap().lock().unwrap().len(), 1);
//! ```
//!
//! The generation word and the publication of values are modelled with loom (`tests/loom.rs`):
//! `RUSTFLAGS="--cfg loom" cargo test -p forked --release loom`.

mod barrier;
mod blank;
#[cfg(unix)]
mod descriptors;
mod gate;
mod generation;
mod lease;
mod mark;
mod page;
mod per_process;
mod reference;
mod renewal;
mod set_once;
mod slot;
mod sole;
mod wiped;

pub use gate::{Gate, Inside};
pub use generation::{Generation, generation};
pub use lease::has_writer;
pub use mark::thread_number;
pub use per_process::PerProcess;
pub use reference::Reference;
pub use set_once::SetOnce;
pub use sole::Sole;

#[cfg(unix)]
#[doc(hidden)]
pub mod testing;

#[cfg(unix)]
pub use descriptors::{Descriptors, Held};

/// What [`gate`](crate::Gate), [`reference`](crate::Reference), [`renewal`], [`slot`] and [`sole`] are written with; the
/// loom models put their own in its place.
mod atomic {
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};

    pub(crate) use crate::barrier::{heavy, light, pause};
}
