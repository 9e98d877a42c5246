//! Words of a file in shared mappings: the one place with `unsafe`.

use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::sync::atomic::AtomicU64;

use memmap2::{MmapOptions, MmapRaw};

/// The mappings of one file, back to back from its start, in the order in which it has grown.
#[derive(Debug, Default)]
pub(crate) struct Windows {
    /// Never unmapped, also when this is dropped: words of it are handed out for the life of the process.
    mapped: Vec<ManuallyDrop<Window>>,
}

/// A mapped range of a file.
#[derive(Debug)]
struct Window {
    /// Offset of its first byte in the file.
    start: u64,
    map: MmapRaw,
}

impl Windows {
    /// The word at `at` of `file`, which is `len` bytes long now.
    ///
    /// The caller has written these 8 bytes to the file before; otherwise touching them may kill the process
    /// (`SIGBUS` where no block of the disk is left for them).
    ///
    /// # Errors
    /// When `at` is not a multiple of 8, the word is not in the file, or the file cannot be mapped.
    pub(crate) fn word(&mut self, file: &File, len: u64, at: u64) -> io::Result<&'static AtomicU64> {
        const WORD: u64 = size_of::<AtomicU64>() as u64;

        let end = at.checked_add(WORD).filter(|&end| at.is_multiple_of(WORD) && end <= len);
        let end = end.ok_or_else(|| io::Error::other("no word of the file stands there"))?;
        let mapped = self.mapped.last().map_or(0, |last| last.start + last.map.len() as u64);
        if mapped < end {
            self.map(file, mapped, len)?;
        }
        let after = self.mapped.partition_point(|window| window.start <= at);
        let window = after.checked_sub(1).and_then(|last| self.mapped.get(last));
        let window = window.ok_or_else(|| io::Error::other("the file is not mapped there"))?;
        let offset = usize::try_from(at - window.start).map_err(io::Error::other)?;
        if offset.checked_add(size_of::<AtomicU64>()).is_none_or(|end| end > window.map.len()) {
            return Err(io::Error::other("the word crosses a border of a mapping"));
        }
        // SAFETY:
        // - In bounds: `offset + 8 <= window.map.len()`, checked above.
        // - Aligned: a mapping starts at a page, `window.start` is a multiple of a page (see `map`), and `at`
        //   is a multiple of 8, so the address is one of 8.
        // - Valid for the rest of the process: `ManuallyDrop` keeps the mapping from being unmapped or moved.
        //   The page has bytes behind it: `at + 8 <= len`, files are never made shorter by this store, and that
        //   nobody else does so is the directory's owner's promise (a file cut short kills the process by a
        //   signal; it breaks no memory).
        // - Only atomic access: no reference to these bytes is made but `&AtomicU64`s, and bytes in a shared
        //   mapping may change at any time, which is what an atomic allows. Other processes read them through
        //   files or mappings of their own.
        let word = unsafe { AtomicU64::from_ptr(window.map.as_mut_ptr().add(offset).cast()) };
        Ok(word)
    }

    /// Maps `file` from `start` to its end at `len`.
    fn map(&mut self, file: &File, start: u64, len: u64) -> io::Result<()> {
        // Every length that a file has had is 64 KiB or 1 MiB, doubled some times: a multiple of any page.
        let size = len.checked_sub(start).and_then(|size| usize::try_from(size).ok());
        let size = size.ok_or_else(|| io::Error::other("the file is shorter than what is mapped of it"))?;
        let map = MmapOptions::new().offset(start).len(size).map_raw(file)?;
        self.mapped.push(ManuallyDrop::new(Window { start, map }));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
