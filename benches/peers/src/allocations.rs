//! What a scrape allocates: counted by a program of its own, since counting makes every allocation dearer.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

/// What was allocated while something ran.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Allocated {
    /// How often.
    pub times: f64,
    /// How much.
    pub bytes: f64,
}

/// What the next scrape of a directory allocates, when all that is kept from scrape to scrape is there.
///
/// # Errors
/// When the program beside this one, `allocations`, fails.
pub fn of_next_scrape(directory: &Path) -> anyhow::Result<Allocated> {
    let program = std::env::current_exe()?.with_file_name("allocations");
    let output = Command::new(&program).arg(directory).output();
    let output = output.with_context(|| format!("start {}", program.display()))?;
    ensure!(output.status.success(), "allocations failed: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (times, bytes) = text.trim().split_once(' ').context("allocations prints two numbers")?;
    Ok(Allocated { times: times.parse()?, bytes: bytes.parse()? })
}
