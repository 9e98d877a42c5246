//! Looking inside metrics directories: what `ls`, `dump` and `check` share.
//!
//! Whoever looks here wants to know what is there, not what becomes of it on a page. So files are read by themselves,
//! record by record, with the rules of the collector: what damages a file for a page damages it here, in the same
//! words.

pub(crate) mod database;
pub(crate) mod file;
pub(crate) mod folder;
pub(crate) mod leftover;
pub(crate) mod lives;
pub(crate) mod nature;
pub(crate) mod walk;

pub(crate) mod output;
pub(crate) mod series;
pub(crate) mod table;
pub(crate) mod text;
