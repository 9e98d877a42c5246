//! How much memory a process has had at most.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use clap::Args;

use crate::directories::Written;
use crate::scrape::{Scraper, runtime};

/// A process that scrapes a directory twice and says what memory that took.
#[derive(Args, Clone, Debug)]
pub struct Job {
    /// The directory.
    #[arg(long)]
    directory: PathBuf,
}

impl Job {
    /// Scrapes, and prints the peak in kB.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn work(&self) -> anyhow::Result<()> {
        let runtime = runtime()?;
        let mut scraper = Scraper::new(&self.directory, &Default::default())?;
        scraper.scrape(&runtime)?;
        scraper.scrape(&runtime)?;
        println!("{}", peak(Path::new("/proc/self/status"))?);
        Ok(())
    }
}

/// The peak, in kB, of a process of ours that scrapes this directory.
///
/// # Errors
/// When it fails.
pub fn of_a_scraper(directory: &Written) -> anyhow::Result<f64> {
    let mut command = Command::new(std::env::current_exe()?);
    let output = command.arg("peak").arg("--directory").arg(&directory.path).output()?;
    ensure!(output.status.success(), "the scraper failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).trim().parse()?)
}

/// `VmHWM` of a process, in kB.
fn peak(status: &Path) -> anyhow::Result<f64> {
    let text = std::fs::read_to_string(status).with_context(|| format!("read {}", status.display()))?;
    let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("there is no VmHWM")?;
    Ok(peak.trim().trim_end_matches(" kB").parse()?)
}
