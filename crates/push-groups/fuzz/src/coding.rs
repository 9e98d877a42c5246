//! Any bytes as a coded body, and coded.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use push_groups::{Coding, decode};

const LIMIT: usize = 4096; // bytes

/// What is decoded is no longer than it may be, and what is coded is decoded again, as long as it may be.
pub fn pushed_coding(bytes: &[u8]) {
    for coding in [Coding::Identity, Coding::Gzip, Coding::Snappy] {
        if let Ok(decoded) = decode(coding, Bytes::copy_from_slice(bytes), LIMIT) {
            assert!(decoded.len() <= LIMIT, "{coding:?} {}", decoded.len());
        }
    }
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).expect("a vector takes every write");
    let gzip = gzip.finish().expect("a vector takes every write");
    let mut snappy = snap::write::FrameEncoder::new(Vec::new());
    snappy.write_all(bytes).expect("a vector takes every write");
    let snappy = snappy.into_inner().expect("a vector takes every write");
    for (coding, coded) in [(Coding::Gzip, gzip), (Coding::Snappy, snappy)] {
        let decoded = decode(coding, coded.into(), LIMIT);
        assert_eq!(decoded.ok().as_deref(), (bytes.len() <= LIMIT).then_some(bytes), "{coding:?}");
    }
}
