//! The collector of the sources that the command line names.

use std::path::PathBuf;

use anyhow::{Context, bail};
use collector::{Catalog, Collector, DirSource, Directory};

use crate::cli::Sources;
use crate::source_argument::SourceArgument;

/// Where Python's client looks for its directory: the second is its old spelling.
const VARIABLES: [&str; 2] = ["PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"];

/// A collector of `sources`, or of the directory in the environment where there are none.
pub(crate) fn collector_of(sources: Sources) -> anyhow::Result<Collector> {
    let catalog = match &sources.catalog {
        None => Catalog::default(),
        Some(file) => {
            let text = std::fs::read(file).with_context(|| format!("read catalog {}", file.display()))?;
            Catalog::parse(&text).with_context(|| format!("catalog {}", file.display()))?
        }
    };
    let mut directories: Vec<Directory> =
        sources.sources.into_iter().map(|SourceArgument(directory)| directory).collect();
    if directories.is_empty() {
        directories.push(Directory { path: directory_of_environment()?, labels: Vec::new() });
    }
    let source = DirSource::new(directories, catalog)?;
    Ok(Collector::new(vec![Box::new(source)]))
}

fn directory_of_environment() -> anyhow::Result<PathBuf> {
    let directory = VARIABLES.iter().find_map(std::env::var_os).filter(|value| !value.is_empty());
    match directory {
        Some(directory) => Ok(directory.into()),
        None => bail!("no SOURCE is given and PROMETHEUS_MULTIPROC_DIR is not set; see `multiprom --help`"),
    }
}
