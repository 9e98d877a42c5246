//! A process that does a deed when told to, for what several processes cost.

use std::io::{BufRead, Write};
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use metrics_core::Registry;

use crate::deed::Operation;
use crate::driver::Driver;
use crate::pin::Cores;
use crate::stores::StoreKind;
use crate::team::{one_by_one, together};

/// Which deed, on which store.
#[derive(Args, Clone, Debug)]
pub struct Job {
    /// The store.
    #[arg(long)]
    pub store: StoreKind,
    /// What is done to it.
    #[arg(long)]
    pub operation: Operation,
    /// Where it keeps its files, if it does.
    #[arg(long)]
    pub directory: PathBuf,
    /// Number of the core to stay on.
    #[arg(long)]
    pub core: usize,
}

impl Job {
    /// Starts a process for it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self) -> anyhow::Result<Driver> {
        let mut command = std::process::Command::new(std::env::current_exe()?);
        let operation = clap::ValueEnum::to_possible_value(&self.operation);
        command.arg("worker").args(["--store", &self.store.word()]).arg("--operation");
        command.arg(operation.map_or_else(String::new, |value| value.get_name().to_owned()));
        command.arg("--directory").arg(&self.directory).args(["--core", &self.core.to_string()]);
        Driver::start(format!("worker on {}", self.store), &mut command)
    }

    /// What that process does: for `run N`, the deed N times, and says how many nanoseconds it took; for
    /// `singles N`, one by one, and says how many each took.
    ///
    /// # Errors
    /// When the store cannot be opened or it is told something else.
    pub fn work(&self) -> anyhow::Result<()> {
        let cores = Cores::allowed();
        cores.pin(self.core);
        let registry = Registry::new(self.store.open(&self.directory)?);
        let deed = self.operation.deed(&registry)?;
        let mut output = std::io::stdout().lock();
        writeln!(output, "ready")?;
        for line in std::io::stdin().lock().lines() {
            let line = line?;
            match line.split_once(' ') {
                Some(("run", times)) => {
                    writeln!(output, "{}", together(&cores, 1, times.parse()?, &deed).as_nanos())?;
                }
                Some(("singles", times)) => {
                    let singles = one_by_one(&cores, 1, times.parse()?, &deed);
                    let words: Vec<String> = singles.iter().map(f64::to_string).collect();
                    writeln!(output, "{}", words.join(" "))?;
                }
                _ => bail!("told {line:?}"),
            }
        }
        Ok(())
    }
}
