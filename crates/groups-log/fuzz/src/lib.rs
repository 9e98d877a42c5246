//! The fuzz targets. They need what the crate shows to nobody, so they stand in it, for fuzzing and its tests alone.

pub use groups_log::targets::{Target, TARGETS, gob, log_frames, snapshot_frames};
