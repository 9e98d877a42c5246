//! `multiprom check`: everything that is wrong with metrics directories.

mod content;
mod database;
mod entries;
mod families;
mod finding;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use metrics_core::Mode;

use crate::cli::inside::Check;
use crate::inside::database::Held;
use crate::inside::folder::{Folder, shown_name};
use crate::inside::lives::Lives;
use crate::inside::output::{Output, Tint, is_broken_pipe};
use crate::sources::{Places, places_or_environment};

use content::check_content;
use database::check_database;
use entries::{Named, check_directories, check_entries, check_names};
use families::Families;
use finding::{Finding, Weight, What};

/// Prints what is wrong. The exit code says whether anything is.
pub(crate) fn check(command: Check) -> anyhow::Result<ExitCode> {
    let places = places_or_environment(command.places, command.catalog.as_deref())?;
    let mut report =
        Report { out: Output::new(), json: command.json, faults: 0, remarks: 0, files: 0, databases: 0 };
    let checked = report.check(&places);
    match checked {
        // Something was said, and the reader has seen enough of it.
        Err(error) if is_broken_pipe(&error) => Ok(ExitCode::FAILURE),
        Err(error) => Err(error),
        Ok(()) => Ok(if report.faults > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }),
    }
}

/// What was found so far.
struct Report {
    out: Output,
    json: bool,
    faults: usize,
    remarks: usize,
    files: usize,
    databases: usize,
}

impl Report {
    fn check(&mut self, places: &Places) -> anyhow::Result<()> {
        let mut processes = HashMap::new();
        for path in &places.paths {
            self.check_path(path, &mut processes)?;
        }
        for database in &places.databases {
            self.databases += 1;
            match Held::read(database) {
                Ok(held) => check_database(&held).iter().try_for_each(|finding| self.find(finding))?,
                Err(error) => {
                    let address = database.foreign.address.to_string();
                    let why = format!("cannot be read: {}", crate::explain(&error));
                    let advice = "pages fail as long as it cannot";
                    self.find(&Finding::fault_in(What::DatabaseUnreadable, &address, None, why, advice))?;
                }
            }
        }
        if !self.json {
            self.print_total()?;
        }
        self.out.flush()
    }

    fn check_path(&mut self, path: &Path, processes: &mut HashMap<String, PathBuf>) -> anyhow::Result<()> {
        let about = std::fs::metadata(path);
        if about.as_ref().is_ok_and(|about| !about.is_dir()) {
            return self.check_files(&[path.to_owned()]).map(drop);
        }
        let folder = match about.and_then(|_| Folder::list(path)) {
            Ok(folder) => folder,
            Err(error) => {
                let why = format!("cannot be listed: {error}");
                let advice = "pages fail as long as it cannot: make it, or give the user of multiprom the rights r and x";
                return self.find(&Finding::fault(What::DirectoryUnreadable, path, why, advice));
            }
        };
        let found = check_entries(&folder);
        found.iter().try_for_each(|finding| self.find(finding))?;
        let files: Vec<PathBuf> = folder.metrics_files().map(|entry| entry.path.clone()).collect();
        if files.is_empty() && found.is_empty() {
            let advice = "nothing was counted yet, or it is counted elsewhere: see that the application is told of this \
                          directory before it makes its first metric";
            self.find(&Finding::remark(What::NoFiles, path, "there are no metrics files in it", advice))?;
        }
        let named = self.check_files(&files)?;
        for finding in check_names(path, &named).into_iter().chain(check_directories(processes, path, &named))
        {
            self.find(&finding)?;
        }
        Ok(())
    }

    /// Checks files by themselves, then what they say of their families.
    fn check_files(&mut self, files: &[PathBuf]) -> anyhow::Result<Vec<Named>> {
        let mut families = Families::default();
        let mut named = Vec::with_capacity(files.len());
        let lives = Lives::of(files);
        for path in files {
            self.files += 1;
            let content = match check_content(path, lives.get(path)) {
                Ok(content) => content,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => {
                    let why = format!("cannot be read: {error}");
                    let advice =
                        "its numbers are missing on pages: give the user of multiprom the right to read it";
                    self.find(&Finding::fault(What::Unreadable, path, why, advice))?;
                    continue;
                }
            };
            for finding in &content.findings {
                self.find(finding)?;
            }
            let nature = content.nature;
            families.add(path, &nature, content.families, content.whole);
            named.push(Named {
                name: shown_name(path),
                path: path.clone(),
                client: nature.client(),
                versions: nature.versions(),
                by_process: nature.mode.is_some_and(|mode| mode.mode == Mode::All),
                process: nature.process,
            });
        }
        for finding in families.check() {
            self.find(&finding)?;
        }
        Ok(named)
    }

    fn find(&mut self, finding: &Finding) -> anyhow::Result<()> {
        match finding.weight {
            Weight::Fault => self.faults += 1,
            Weight::Remark => self.remarks += 1,
        }
        if self.json { self.out.json(finding) } else { finding.print(&mut self.out) }
    }

    fn print_total(&mut self) -> anyhow::Result<()> {
        let count =
            |count: usize, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
        let files = match (self.files, self.databases) {
            (0, 1..) => count(self.databases, "database", "databases"),
            (files, 0) => count(files, "file", "files"),
            (files, databases) => {
                format!("{}, {}", count(files, "file", "files"), count(databases, "database", "databases"))
            }
        };
        let remarks = match self.remarks {
            0 => String::new(),
            remarks => format!(", {}", count(remarks, "remark", "remarks")),
        };
        let total = match self.faults {
            0 => self.out.tinted(Tint::Good, &format!("{files}: nothing is wrong{remarks}")),
            faults => {
                let faults = count(faults, "thing is wrong", "things are wrong");
                self.out.tinted(Tint::Bold, &format!("{files}: {faults}{remarks}"))
            }
        };
        self.out.line(&total)
    }
}
