//! A scrape of a directory, whole or taken apart.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use collector::{Ask, Catalog, Collector, DirSource, Directory, Source, Tally};
use exposition::{Format, encode};
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::runtime::{Builder, Runtime};

fn source(path: &Path, catalog: &Catalog) -> anyhow::Result<DirSource> {
    let directory = Directory { path: path.to_owned(), labels: Vec::new() };
    Ok(DirSource::new(vec![directory], catalog.clone())?)
}

/// The runtime that scrapes run on.
///
/// # Errors
/// When the machine has no descriptors left.
pub fn runtime() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// A collector of one source and a page that is kept from scrape to scrape, as our exporter has them.
pub struct Scraper {
    collector: Collector,
    /// The page of the last scrape.
    pub page: Vec<u8>,
}

impl Scraper {
    /// One that has not scraped.
    ///
    /// # Errors
    /// When the directory's path is refused.
    pub fn new(path: &Path, catalog: &Catalog) -> anyhow::Result<Scraper> {
        Ok(Scraper::of(Box::new(source(path, catalog)?)))
    }

    /// One of any source that has not scraped.
    pub fn of(source: Box<dyn Source>) -> Scraper {
        Scraper { collector: Collector::new(vec![source]), page: Vec::new() }
    }

    /// Collects and encodes.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn scrape(&mut self, runtime: &Runtime) -> anyhow::Result<()> {
        let snapshot = runtime.block_on(self.collector.collect(&Ask::default()))?;
        self.page.clear();
        encode(Format::TEXT, &snapshot, &mut self.page);
        Ok(())
    }
}

/// What the stages of one scrape took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Taken {
    /// Listing the directory and sorting the names, or seeing that it has not changed; measured by itself.
    pub list: Duration,
    /// Opening, reading, parsing what is new, adding; the source's whole reading less the listing.
    pub read: Duration,
    /// From the tally to a snapshot; at the first scrape also the texts of its series.
    pub merge: Duration,
    /// From the snapshot to text.
    pub encode: Duration,
    /// From text to gzip, level 1.
    pub compress: Duration,
}

/// The stages of a scrape, in order.
pub const STAGES: [&str; 5] = ["list", "read", "merge", "encode", "compress"];

impl Taken {
    /// In the order of [`STAGES`].
    pub fn stages(&self) -> [Duration; 5] {
        [self.list, self.read, self.merge, self.encode, self.compress]
    }
}

/// A scrape whose stages are run one by one.
pub struct Apart {
    path: std::path::PathBuf,
    source: DirSource,
    tally: Tally,
    page: Vec<u8>,
    listed: bool,
}

impl Apart {
    /// One that has not scraped.
    ///
    /// # Errors
    /// When the directory's path is refused.
    pub fn new(path: &Path, catalog: &Catalog) -> anyhow::Result<Apart> {
        let (source, tally) = (source(path, catalog)?, Tally::default());
        Ok(Apart { path: path.to_owned(), source, tally, page: Vec::new(), listed: false })
    }

    /// One scrape.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn scrape(&mut self, runtime: &Runtime) -> anyhow::Result<Taken> {
        let mut taken = Taken::default();
        let ask = Ask::default();
        let (list, names) = timed(|| {
            if self.listed {
                std::fs::metadata(&self.path)?;
                return Ok(Vec::new());
            }
            let entries = std::fs::read_dir(&self.path)?;
            let mut names =
                entries.map(|entry| Ok(entry?.file_name())).collect::<std::io::Result<Vec<_>>>()?;
            names.sort_unstable();
            Ok::<_, std::io::Error>(names)
        });
        drop(names?);
        self.listed = true;
        taken.list = list;
        self.tally.restart();
        let (read, outcome) = timed(|| runtime.block_on(self.source.read(&ask, &mut self.tally)));
        outcome?;
        taken.read = read.saturating_sub(list);
        let (merge, snapshot) = timed(|| self.tally.finish(&ask));
        taken.merge = merge;
        self.page.clear();
        (taken.encode, ()) = timed(|| encode(Format::TEXT, &snapshot, &mut self.page));
        let (compress, packed) = timed(|| gzip(&self.page));
        packed?;
        taken.compress = compress;
        Ok(taken)
    }
}

/// As our exporter does it: level 1.
///
/// # Errors
/// None: it writes to memory.
pub fn gzip(page: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(page.len() / 8), Compression::fast());
    encoder.write_all(page)?;
    encoder.finish()
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let begun = Instant::now();
    let result = work();
    (begun.elapsed(), result)
}
