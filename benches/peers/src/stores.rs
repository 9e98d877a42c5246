//! The stores of the talk's table.

use std::fmt;
use std::path::Path;

use anyhow::Context;
use clap::ValueEnum;
use metrics_core::Store;
use store_file::FileStore;
use store_hash::HashStore;
use store_mmap::MmapStore;

use crate::pstore::PStore;
use crate::redis;
use crate::sqlite::SqliteStore;

/// A row of the talk's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StoreKind {
    /// Numbers in memory, read, changed and written back: what all others are compared with.
    Unsynchronised,
    /// Numbers in memory, each behind a lock.
    Mutex,
    /// Numbers in memory, each an atomic word.
    Atomic,
    /// Numbers written to files.
    File,
    /// Numbers in mapped files.
    Mmap,
    /// Numbers in memory, sent to a Redis every second.
    Redis,
    /// A row of a table in SQLite, to compare with.
    Sqlite,
    /// A file that is read and written whole, to compare with.
    Pstore,
}

impl StoreKind {
    /// In the order of the table.
    pub const ALL: [StoreKind; 8] = [
        StoreKind::Unsynchronised,
        StoreKind::Mutex,
        StoreKind::Atomic,
        StoreKind::Mmap,
        StoreKind::File,
        StoreKind::Redis,
        StoreKind::Pstore,
        StoreKind::Sqlite,
    ];

    /// Opens it; the directory must exist.
    ///
    /// # Errors
    /// When files cannot be made there.
    pub fn open(self, directory: &Path) -> anyhow::Result<Box<dyn Store>> {
        Ok(match self {
            StoreKind::Unsynchronised => Box::new(HashStore::unsynchronised()),
            StoreKind::Mutex => Box::new(HashStore::mutex()),
            StoreKind::Atomic => Box::new(HashStore::atomic()),
            StoreKind::File => Box::new(FileStore::open(directory)?),
            StoreKind::Mmap => Box::new(MmapStore::open(directory)?),
            StoreKind::Redis => Box::new(redis::open(directory)?),
            StoreKind::Sqlite => {
                Box::new(SqliteStore::open(&directory.join("metrics.sqlite")).context("open SQLite")?)
            }
            StoreKind::Pstore => Box::new(PStore::open(&directory.join("metrics.pstore"))?),
        })
    }

    /// Microseconds that the talk gives for an increment in Ruby; none where it gives no number.
    ///
    /// Source: the talk about client_ruby's stores, and the experiments behind it (`data-stores-experiments`).
    pub fn talk_microseconds(self) -> Option<f64> {
        match self {
            StoreKind::Unsynchronised => Some(0.9),
            StoreKind::Mutex => Some(1.5),
            StoreKind::Mmap => Some(6.1),
            StoreKind::File => Some(8.8),
            StoreKind::Pstore => Some(35.0),
            StoreKind::Redis => Some(65.0),
            StoreKind::Atomic | StoreKind::Sqlite => None,
        }
    }

    /// The name on the command line.
    pub fn word(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

impl fmt::Display for StoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StoreKind::Unsynchronised => "hash, unsynchronised",
            StoreKind::Mutex => "hash, mutex",
            StoreKind::Atomic => "hash, atomic",
            StoreKind::File => "file",
            StoreKind::Mmap => "mmap",
            StoreKind::Redis => "Redis",
            StoreKind::Sqlite => "SQLite",
            StoreKind::Pstore => "PStore-like",
        })
    }
}
