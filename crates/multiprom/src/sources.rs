//! The collector of the sources that the command line names.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use anyhow::{Context, bail};
use collector::{Catalog, Collector, DirSource, Directory, Source};
use dialects::is_metrics_file;
use liveness::Examination;
use process_metrics::{Group, ProcessSource, View};

use crate::cli::limits::SeriesLimits;
use crate::cli::{ProcessMetrics, Sources};
use crate::database_argument::{Database, database_of};
use crate::source_argument::{PlaceArgument, SourceArgument};

/// Where Python's client looks for its directory: the second is its old spelling.
pub(crate) const VARIABLES: [&str; 2] = ["PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"];

/// What the command line names.
pub(crate) struct Named {
    pub(crate) directories: Vec<Directory>,
    pub(crate) databases: Vec<Database>,
    pub(crate) catalog: Catalog,
}

/// What the command line names, or the environment where it names nothing; and the catalog.
pub(crate) fn named(sources: Sources) -> anyhow::Result<Named> {
    let catalog = catalog_of(sources.catalog.as_deref())?;
    let variable = |name: &str| std::env::var(name).ok();
    let mut named = Named { directories: Vec::new(), databases: Vec::new(), catalog };
    for source in sources.sources {
        match source {
            SourceArgument::Directory(directory) => named.directories.push(directory),
            SourceArgument::Database(database) => named.databases.push(*database),
        }
    }
    with_password_of_environment(&mut named.databases);
    if named.directories.is_empty() && named.databases.is_empty() {
        match directory_of_environment() {
            Ok(path) => named.directories.push(Directory { path, labels: Vec::new() }),
            Err(missing) => named.databases.push(database_of(variable)?.ok_or(missing)?),
        }
    }
    for database in &mut named.databases {
        database.foreign.catalog = named.catalog.clone();
    }
    Ok(named)
}

/// Gives those that have no password that of the environment.
fn with_password_of_environment(databases: &mut [Database]) {
    let secret = |name: &str| std::env::var(name).ok().filter(|secret| !secret.is_empty());
    let (password, of_sentinels) = (secret("REDIS_PASSWORD"), secret("REDIS_SENTINEL_PASSWORD"));
    for Database { foreign, .. } in databases {
        if !foreign.address.has_password() {
            foreign.address = foreign.address.clone().with_password(password.clone());
        }
        if !foreign.address.has_sentinel_password() {
            foreign.address = foreign.address.clone().with_sentinel_password(of_sentinels.clone());
        }
    }
}

/// A collector of these directories alone.
pub(crate) fn collector_of(directories: Vec<Directory>, catalog: Catalog) -> anyhow::Result<Collector> {
    Ok(Collector::new(vec![Box::new(DirSource::new(directories, catalog)?)]))
}

/// A collector of all that is named.
pub(crate) fn collector_of_named(named: &Named) -> anyhow::Result<Collector> {
    let mut sources: Vec<Box<dyn Source>> = Vec::new();
    if !named.directories.is_empty() {
        sources.push(Box::new(DirSource::new(named.directories.clone(), named.catalog.clone())?));
    }
    sources.extend(databases(named.databases.clone())?);
    Ok(Collector::new(sources))
}

/// Where the CPU time of a directory's processes is kept, in it: how the names of the files begin. As all our own
/// files there, no client takes them for its own.
pub(crate) fn account_in(directory: &Path) -> PathBuf {
    directory.join(".multiprom-cpu")
}

/// Sources of all that is named, and of the processes that write into the directories. Who folds may write there, and
/// keeps what the processes have used.
pub(crate) fn sources_of(
    named: Named,
    limits: SeriesLimits,
    processes: ProcessMetrics,
    folds: bool,
) -> anyhow::Result<Vec<Box<dyn Source>>> {
    let Named { directories, databases: written, catalog } = named;
    let mut sources = Vec::new();
    if !directories.is_empty() {
        let groups = writers_of(&directories, folds);
        let files = DirSource::new(directories, catalog)?.limited(limits.into());
        sources = sources_with(files, processes, groups);
    }
    // Before the processes', which stand back.
    let at = sources.len().min(1);
    sources.splice(at..at, databases(written)?);
    Ok(sources)
}

fn databases(databases: Vec<Database>) -> anyhow::Result<Vec<Box<dyn Source>>> {
    databases.into_iter().map(|database| database.source()).collect()
}

/// Sources of these files and of these processes.
pub(crate) fn sources_with(
    files: DirSource,
    processes: ProcessMetrics,
    groups: Vec<Group>,
) -> Vec<Box<dyn Source>> {
    let mut sources: Vec<Box<dyn Source>> = vec![Box::new(files)];
    let view = match processes {
        ProcessMetrics::Sum => Some(View::Sum),
        ProcessMetrics::Each => Some(View::Each),
        ProcessMetrics::Off => None,
    };
    if let Some(view) = view {
        sources.push(Box::new(ProcessSource::new(groups, view)));
    }
    sources
}

/// The catalog in this file; an empty one where there is no file.
pub(crate) fn catalog_of(file: Option<&Path>) -> anyhow::Result<Catalog> {
    let Some(file) = file else { return Ok(Catalog::default()) };
    let text = std::fs::read(file).with_context(|| format!("read catalog {}", file.display()))?;
    Catalog::parse(&text).with_context(|| format!("catalog {}", file.display()))
}

/// The processes that write into the directories, those with equal labels together: one that writes into both counts
/// once. What they have used is kept in the first one of them, if it is.
fn writers_of(directories: &[Directory], is_kept: bool) -> Vec<Group> {
    let mut paths: BTreeMap<Vec<(String, String)>, Vec<PathBuf>> = BTreeMap::new();
    for Directory { path, labels } in directories {
        let mut labels = labels.clone();
        labels.sort();
        paths.entry(labels).or_default().push(path.clone());
    }
    let group = |(labels, paths): (_, Vec<PathBuf>)| {
        let told = AtomicBool::new(false);
        let account = paths.first().filter(|_| is_kept).map(|path| account_in(path));
        let writers = move || {
            let mut all = Vec::new();
            for path in &paths {
                let found = writers(path)?;
                if let Some(doubt) = found.doubt
                    && !told.swap(true, Relaxed)
                {
                    tracing::warn!("process metrics of {} may miss processes: {doubt}", path.display());
                }
                all.extend(found.holders);
            }
            Ok(all)
        };
        let group = Group::of(writers).labelled(labels);
        match account {
            Some(account) => group.kept_in(account),
            None => group,
        }
    };
    paths.into_iter().map(group).collect()
}

/// The processes that have a metrics file of the directory open.
fn writers(directory: &Path) -> io::Result<Examination> {
    let names = metrics_files(directory)?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    liveness::examine(directory, &names)
}

/// The names of the metrics files in a directory.
pub(crate) fn metrics_files(directory: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        // No client writes a name that is not UTF-8.
        names.extend(entry?.file_name().into_string().ok().filter(|name| is_metrics_file(name)));
    }
    Ok(names)
}

/// What a command looks inside of.
pub(crate) struct Places {
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) databases: Vec<Database>,
}

/// These places, or that of the environment where there are none: its directory, or else its database.
pub(crate) fn places_or_environment(
    named: Vec<PlaceArgument>,
    catalog: Option<&Path>,
) -> anyhow::Result<Places> {
    let mut places = Places { paths: Vec::new(), databases: Vec::new() };
    let none = named.is_empty();
    for place in named {
        match place {
            PlaceArgument::Path(path) => places.paths.push(path),
            PlaceArgument::Database(database) => places.databases.push(*database),
        }
    }
    with_password_of_environment(&mut places.databases);
    if none {
        match directory_of_environment() {
            Ok(path) => places.paths.push(path),
            Err(missing) => {
                places.databases.push(database_of(|name| std::env::var(name).ok())?.ok_or(missing)?);
            }
        }
    }
    let catalog = catalog_of(catalog)?;
    places.databases.iter_mut().for_each(|database| database.foreign.catalog = catalog.clone());
    Ok(places)
}

pub(crate) fn directory_of_environment() -> anyhow::Result<PathBuf> {
    let directory = VARIABLES.iter().find_map(std::env::var_os).filter(|value| !value.is_empty());
    match directory {
        Some(directory) => Ok(directory.into()),
        None => {
            bail!("no directory is given and PROMETHEUS_MULTIPROC_DIR is not set; see `multiprom --help`")
        }
    }
}
