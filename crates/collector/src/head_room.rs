//! Room for many small pieces of memory, asked of the system at once: faster, not prettier.
//!
//! Where another thread than the program's first allocates small pieces, glibc asks the system for 4 KiB more each time
//! that its memory is used up: 1,600 calls in a first scrape of 8 Python workers with 20,000 records each, and each of
//! them holds up the other thread where that touches new memory. A large piece that is given back at once leaves its
//! room to the small ones. Other allocators have room of their own; for them this is two calls.
//!
//! Measured by the row `Python directory 8 x 20,000, first scrape` of `cargo xtask bench`.

use std::hint::black_box;

/// The most that is asked for: in glibc all memory of a thread is in stretches of 64 MiB.
const MOST: usize = 16 << 20;
/// What is smaller than this is not worth asking for.
const LEAST: usize = 256 << 10;

/// Sees to it that this thread has room for about so many bytes in small pieces. No memory is touched.
pub(crate) fn ask_for(bytes: usize) {
    if bytes < LEAST {
        return;
    }
    let bytes = bytes.min(MOST);
    // The first one is mapped by itself, and by its end glibc learns that such pieces come and go: the second one, a
    // little smaller, is of the memory that small pieces are of.
    for bytes in [bytes, bytes - bytes / 16] {
        drop(black_box(Vec::<u8>::with_capacity(bytes)));
    }
}
