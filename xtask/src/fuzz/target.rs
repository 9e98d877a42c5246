//! One fuzz target: a program made with libFuzzer, and its corpora.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use super::report::Report;
use super::{Options, cover};
use crate::step::{run as run_step, shown};

/// How long inputs are. Longer ones say the same more often.
const LONGEST: usize = 512; // bytes

pub(super) struct Target {
    pub(super) name: String,
    pub(super) program: PathBuf,
    /// The inputs that are part of the repository.
    pub(super) committed: PathBuf,
    /// Where runs leave what they find.
    pub(super) work: PathBuf,
}

impl Target {
    /// Runs it as long as the options say, on from what earlier runs and the repository have.
    pub(super) fn run(&self, options: &Options) -> anyhow::Result<Report> {
        const SLOWEST: u64 = 10; // seconds
        let corpus = self.made("corpus")?;
        let mut command = Command::new(&self.program);
        command.arg(&corpus).args(Some(&self.committed).filter(|committed| committed.exists()));
        command.args([format!("-max_len={LONGEST}"), format!("-timeout={SLOWEST}")]);
        command.arg(self.artifacts()?).arg("-print_final_stats=1");
        command.arg(match options.executions {
            Some(executions) => format!("-runs={executions}"),
            None => format!("-max_total_time={}", options.seconds),
        });
        println!("{}: {}", self.name, shown(&command));
        let report = self.watch(&mut command)?;
        if options.keep && report.found.is_none() {
            self.keep(&corpus)?;
        }
        Ok(report)
    }

    /// Reads what libFuzzer says, to its end.
    fn watch(&self, command: &mut Command) -> anyhow::Result<Report> {
        let start = || format!("start {}", self.program.display());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().with_context(start)?;
        let mut report = Report::new(&self.name);
        let mut last = Vec::new();
        for line in child.stderr.take().map(BufReader::new).into_iter().flat_map(|said| said.split(b'\n')) {
            let line = String::from_utf8_lossy(&line?).into_owned();
            report.read(&line);
            if !line.starts_with('#') {
                last.push(line);
            }
        }
        let status = child.wait()?;
        match (status.success(), report.input.take()) {
            (true, None) => {}
            (_, Some(input)) => {
                println!("{}", last.join("\n"));
                report.found = Some(format!("{}: {} {input}", self.name, self.program.display()));
            }
            (false, None) => bail!("{} ended, {status}:\n{}", self.name, last.join("\n")),
        }
        Ok(report)
    }

    /// Makes the committed corpus anew of what is in it and in `corpus`: few inputs that reach most.
    fn keep(&self, corpus: &Path) -> anyhow::Result<()> {
        // All corpora are a part of the repository, and of each run of the tests.
        const MOST: usize = 15;
        let (control, merged) = (self.work.join("control"), self.made("merged")?);
        let _ = fs::remove_file(&control);
        let mut merge = Command::new(&self.program);
        merge.args(["-set_cover_merge=1", "-use_counters=0"]).arg(format!("-max_len={LONGEST}"));
        merge.arg(format!("-merge_control_file={}", control.display())).arg(self.artifacts()?);
        merge.arg(&merged).arg(corpus).args(Some(&self.committed).filter(|committed| committed.exists()));
        run_step(merge.stderr(Stdio::null()))?;
        let control = fs::read_to_string(&control).with_context(|| format!("read {}", control.display()))?;
        let mut kept = Vec::new();
        for input in cover::choose(cover::read(&control), MOST) {
            let mut bytes = fs::read(&input.path).with_context(|| format!("read {}", input.path))?;
            // No more of it was looked at.
            bytes.truncate(LONGEST);
            kept.push(bytes);
        }
        let _ = fs::remove_dir_all(&self.committed);
        fs::create_dir_all(&self.committed).with_context(|| format!("make {}", self.committed.display()))?;
        for (number, bytes) in kept.iter().enumerate() {
            let path = self.committed.join(format!("{:02}", number + 1));
            fs::write(&path, bytes).with_context(|| format!("write {}", path.display()))?;
        }
        Ok(())
    }

    fn artifacts(&self) -> anyhow::Result<String> {
        Ok(format!("-artifact_prefix={}/", self.made("found")?.display()))
    }

    /// A directory of this target's, made if need be.
    fn made(&self, what: &str) -> anyhow::Result<PathBuf> {
        let path = self.work.join(what);
        fs::create_dir_all(&path).with_context(|| format!("make {}", path.display()))?;
        Ok(path)
    }
}
