//! Values in this process: unsynchronised, mutex, atomic.
