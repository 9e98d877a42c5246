//! The pages of one collection: each format and coding is made once.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use exposition::{Coding, Format, encode};
use flate2::Compression;
use flate2::write::GzEncoder;
use metrics_core::Snapshot;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use crate::scrapes::Failure;

/// The pages of one collection.
pub(crate) struct Pages {
    snapshot: Arc<Snapshot>,
    /// Where it is none of now.
    pub(crate) stale: Option<Stale>,
    /// A handful at most. Locked for a lookup only; a page is made outside.
    made: Mutex<Vec<Made>>,
}

/// That a page is an earlier one.
pub(crate) struct Stale {
    pub(crate) age: Duration,
    /// Why there is no new one.
    pub(crate) failure: Failure,
}

/// A page that is made, or being made.
struct Made {
    format: Format,
    coding: Coding,
    page: Arc<OnceCell<Bytes>>,
}

impl Pages {
    /// The pages of `snapshot`, the first of them made already. For threads that may compute.
    pub(crate) fn new(
        snapshot: Arc<Snapshot>,
        stale: Option<Stale>,
        format: Format,
        coding: Coding,
    ) -> Pages {
        let page = Arc::new(OnceCell::new_with(Some(page_of(&snapshot, format, coding))));
        Pages { snapshot, stale, made: Mutex::new(vec![Made { format, coding, page }]) }
    }

    /// The page in this format and coding; made off the network threads by the first who asks. None when
    /// making it panicked.
    pub(crate) async fn page(&self, format: Format, coding: Coding) -> Option<Bytes> {
        let cell = self.cell(format, coding);
        let page = cell.get_or_try_init(|| {
            let snapshot = self.snapshot.clone();
            spawn_blocking(move || page_of(&snapshot, format, coding))
        });
        page.await.ok().cloned()
    }

    fn cell(&self, format: Format, coding: Coding) -> Arc<OnceCell<Bytes>> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = made.iter().find(|made| made.format == format && made.coding == coding) {
            return made.page.clone();
        }
        let page = Arc::new(OnceCell::new());
        made.push(Made { format, coding, page: page.clone() });
        page
    }
}

/// `snapshot` in this format and coding.
pub(crate) fn page_of(snapshot: &Snapshot, format: Format, coding: Coding) -> Bytes {
    let mut plain = Vec::new();
    encode(format, snapshot, &mut plain);
    match coding {
        Coding::Gzip => gzip(&plain),
        _ => plain,
    }
    .into()
}

/// Level 1: on a page of 2 MB, level 6 takes six times as long for a body of little more than half the size.
fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 8), Compression::fast());
    encoder.write_all(plain).expect("a Vec takes every byte");
    encoder.finish().expect("a Vec takes every byte")
}
