//! A program that we start and that does what we say, a line at a time.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

/// A program that answers every line that it is told with a line. Killed when dropped.
pub struct Driver {
    name: String,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Driver {
    /// Starts it. It has to say `ready` first.
    ///
    /// # Errors
    /// When it cannot be started or ends before it is ready.
    pub fn start(name: impl Into<String>, command: &mut Command) -> anyhow::Result<Driver> {
        let name = name.into();
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = spawned.with_context(|| format!("start {name}"))?;
        let input = child.stdin.take().context("standard input was asked for")?;
        let output = BufReader::new(child.stdout.take().context("standard output was asked for")?);
        let mut driver = Driver { name, child, input, output };
        match driver.hear()?.as_str() {
            "ready" => Ok(driver),
            other => bail!("{} said {other:?} instead of ready", driver.name),
        }
    }

    /// Says a line.
    ///
    /// # Errors
    /// When it has ended.
    pub fn tell(&mut self, line: &str) -> anyhow::Result<()> {
        let told = self.input.write_all(format!("{line}\n").as_bytes());
        told.with_context(|| format!("tell {} to {line}", self.name))
    }

    /// Waits for a line.
    ///
    /// # Errors
    /// When it has ended.
    pub fn hear(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line).with_context(|| format!("hear {}", self.name))?;
        if line.is_empty() {
            bail!("{} ended; what it said is above", self.name);
        }
        Ok(line.trim_end().to_owned())
    }

    /// Says a line and waits for the answer.
    ///
    /// # Errors
    /// When it has ended.
    pub fn ask(&mut self, line: &str) -> anyhow::Result<String> {
        self.tell(line)?;
        self.hear()
    }

    /// Says a line and waits for how many nanoseconds it took.
    ///
    /// # Errors
    /// When it has ended, or says something else.
    pub fn time(&mut self, line: &str) -> anyhow::Result<Duration> {
        let answer = self.ask(line)?;
        let nanoseconds = answer.parse().with_context(|| format!("{} said {answer:?}", self.name))?;
        Ok(Duration::from_nanos(nanoseconds))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
