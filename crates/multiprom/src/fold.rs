//! `multiprom fold`: the files of dead processes, added up once.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use collector::Catalog;
use folding::{AllGauges, Folded, Folder, Options};

use crate::cli::fold::{Fold, HowToFold};
use crate::database_argument::Database;
use crate::janitors::janitors;
use crate::sources::{catalog_of, directory_of_environment};

/// Folds the directories, one after the other, and says what became of them.
pub(crate) fn fold(command: Fold) -> anyhow::Result<ExitCode> {
    if let Some(database) = &command.accept_loss {
        return accept_loss(database);
    }
    let catalog = catalog_of(command.catalog.as_deref())?;
    let mut directories = command.directories;
    if directories.is_empty() {
        directories.push(directory_of_environment()?);
    }
    let mut failed = 0;
    let mut doubtful = false;
    for directory in &directories {
        let options = Options { stopped: command.offline, ..options(&catalog, command.how) };
        match Folder::new(directory, options).fold() {
            Ok(folded) => {
                doubtful |= folded.doubt.is_some();
                tell(directory, &folded)?;
            }
            // The other directories are worth the trouble.
            Err(error) if directories.len() > 1 => {
                crate::complain(&error.into());
                failed += 1;
            }
            Err(error) => return Err(error.into()),
        }
    }
    if failed > 0 {
        bail!("{failed} of {} directories were not folded", directories.len());
    }
    Ok(if doubtful { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Goes on without what a Redis has lost of what is kept of the dead, and says of how many shards that was.
fn accept_loss(database: &Database) -> anyhow::Result<ExitCode> {
    let Some(mut janitor) = janitors(std::slice::from_ref(database), Some(AllGauges::Keep))?.pop() else {
        bail!("{}: nothing is kept of the dead of other clients", database.foreign.address);
    };
    let accepted = janitor.accept_loss()?;
    let what = match accepted {
        0 => "nothing was lost of what is kept of the dead".to_owned(),
        1 => "what is left of what was kept of the dead is kept".to_owned(),
        shards => format!("what is left of what was kept of the dead is kept, of {shards} shards"),
    };
    let told = writeln!(io::stdout(), "{}: {what}", database.foreign.address);
    match told {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        told => told.context("write to standard output")?,
    }
    Ok(ExitCode::SUCCESS)
}

/// How folders are to be set up.
pub(crate) fn options(catalog: &Catalog, how: HowToFold) -> Options {
    let aggregations =
        catalog.aggregations().map(|(name, aggregation)| (name.to_owned(), aggregation)).collect();
    Options { all: how.fold_all.unwrap_or_default(), aggregations, ..Options::default() }
}

/// Folders of these directories.
pub(crate) fn folders(directories: &[PathBuf], options: &Options) -> Vec<Folder> {
    directories.iter().map(|directory| Folder::new(directory, options.clone())).collect()
}

fn tell(directory: &Path, folded: &Folded) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let told = (|| {
        let files = |count: usize| if count == 1 { "1 file".to_owned() } else { format!("{count} files") };
        let path = directory.display();
        write!(out, "{path}: {} folded", files(folded.files))?;
        if !folded.archives.is_empty() {
            write!(out, " into {}", folded.archives.join(", "))?;
        }
        if folded.dropped > 0 {
            write!(out, ", {} deleted", folded.dropped)?;
        }
        writeln!(out, "; {} of living processes", files(folded.alive))?;
        for kept in &folded.kept {
            writeln!(out, "  stays: {}: {}", kept.file, kept.why)?;
        }
        out.flush()
    })();
    match told {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        told => told.context("write to standard output")?,
    }
    if let Some(doubt) = &folded.doubt {
        let unknown = folded.unknown;
        let hint = "; if the application is stopped, say --offline";
        let _ = writeln!(
            io::stderr(),
            "multiprom: {}: {unknown} files may be of living processes: {doubt}{hint}",
            directory.display()
        );
    }
    Ok(())
}
