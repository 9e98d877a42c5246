//! One side of a comparison: the merged page of a directory or a metrics file, or a page that was saved.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use collector::{Ask, Directory};
use exposition::Syntax;
use metrics_core::Snapshot;

use crate::sources::{catalog_of, collector_of};

/// See the head of this file.
pub(super) struct Side {
    pub(super) page: Snapshot,
}

impl Side {
    /// Reads what a path names; `-` is standard input.
    pub(super) fn read(path: &Path, catalog: Option<&Path>) -> anyhow::Result<Side> {
        if path == Path::new("-") {
            let mut text = Vec::new();
            io::stdin().lock().read_to_end(&mut text).context("read standard input")?;
            return page_of(text).map(|page| Side { page }).context("read the page on standard input");
        }
        let about = fs::metadata(path).with_context(|| format!("open {}", path.display()))?;
        let name = path.file_name().unwrap_or_default();
        let page = if about.is_dir() {
            merged(path.to_owned(), catalog)?
        } else if about.is_file() && name.to_str().is_some_and(dialects::is_metrics_file) {
            // A directory of this file alone. The collector follows no link that leads out of its directory.
            let folder = tempfile::tempdir().context("make a directory")?;
            fs::copy(path, folder.path().join(name)).with_context(|| format!("copy {}", path.display()))?;
            merged(folder.path().to_owned(), catalog)?
        } else {
            let text = fs::read(path).with_context(|| format!("read {}", path.display()))?;
            page_of(text).with_context(|| format!("read the page {}", path.display()))?
        };
        Ok(Side { page })
    }
}

/// What `multiprom collect` would print of a directory.
fn merged(path: PathBuf, catalog: Option<&Path>) -> anyhow::Result<Snapshot> {
    let directory = Directory { path, labels: Vec::new() };
    let collector = collector_of(vec![directory], catalog_of(catalog)?)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("start a runtime")?;
    let page = runtime.block_on(collector.collect(&Ask::default()))?;
    Ok(Snapshot::clone(&page))
}

/// A page in the format that it is in: OpenMetrics ends with a line of its own.
fn page_of(mut text: Vec<u8>) -> anyhow::Result<Snapshot> {
    // One saved by hand may lack its last line feed.
    if !text.is_empty() && !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    let open_metrics = text.trim_ascii_end().ends_with(b"# EOF");
    let syntax = if open_metrics { Syntax::OpenMetrics1 } else { Syntax::Text1 };
    exposition::parse(syntax, &text).map_err(|error| anyhow!("line {}: {}", error.line, error.why))
}
