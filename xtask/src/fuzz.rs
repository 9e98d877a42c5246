//! The fuzz targets: built by the compiler that builds all else, run beside each other, and told in a table.

mod cover;
mod report;
mod target;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context, ensure};
use cargo_metadata::MetadataCommand;

use self::report::Report;
use self::target::Target;
use crate::step::{cargo, run as run_step};
use crate::tools::need_cpp_compiler;
use crate::workspace::Workspace;

/// How to run them.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only targets that have this text in their names
    #[arg(long, value_name = "PATTERN", default_value = "")]
    only: String,
    /// End a target after so many executions
    #[arg(long, value_name = "N", conflicts_with = "seconds")]
    executions: Option<u64>,
    /// End a target after so many seconds
    #[arg(long, value_name = "S", default_value_t = 60)]
    seconds: u64,
    /// Then make the committed corpora anew: a few inputs of each that reach most
    #[arg(long)]
    keep: bool,
}

impl Options {
    /// All of them, in a minute or two.
    pub(crate) fn quick() -> Options {
        Options { only: String::new(), executions: None, seconds: 10, keep: false }
    }
}

/// What `cargo fuzz` tells the compiler, but for the address sanitizer, which wants a nightly one: the parsers have
/// no `unsafe`. Overflows and what is asserted for debugging alone end a run.
const INSTRUMENTED: [&str; 9] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
    "-Cdebug-assertions",
    "-Ccodegen-units=1",
];

/// Builds the targets, runs them on all processors, and says what each has done.
///
/// # Errors
/// When an input was found that breaks what a target holds: names it, and how to see it again.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    need_cpp_compiler()?;
    let mut targets = VecDeque::new();
    for package in workspace.packages() {
        let manifest = package.manifest_path.with_file_name("fuzz").join("Cargo.toml");
        if manifest.exists() {
            targets.extend(build(workspace, manifest.into(), &options.only)?);
        }
    }
    ensure!(!targets.is_empty(), "no fuzz target has {:?} in its name", options.only);

    let reports = run_all(targets, options)?;
    report::print(&reports);
    let broken: Vec<&str> = reports.iter().filter_map(|report| report.found.as_deref()).collect();
    ensure!(broken.is_empty(), "inputs were found that must not be:\n{}", broken.join("\n"));
    Ok(())
}

/// Builds the targets of one crate that have `only` in their names.
fn build(workspace: &Workspace, manifest: PathBuf, only: &str) -> anyhow::Result<Vec<Target>> {
    let about = MetadataCommand::new().manifest_path(&manifest).no_deps().exec();
    let about = about.with_context(|| format!("ask cargo about {}", manifest.display()))?;
    let all = about.packages.iter().flat_map(|package| &package.targets).filter(|target| target.is_bin());
    let names: Vec<&str> =
        all.map(|target| target.name.as_str()).filter(|name| name.contains(only)).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    // Where cargo is told the platform, what runs while it builds is not instrumented.
    let platform = platform()?;
    let mut build = cargo(workspace.root());
    build.args(["build", "--release", "--target", &platform, "--manifest-path"]).arg(&manifest);
    build.arg("--target-dir").arg(workspace.fuzz_target());
    build.args(names.iter().flat_map(|name| ["--bin", name]));
    build.env("CARGO_ENCODED_RUSTFLAGS", INSTRUMENTED.join("\x1f"));
    run_step(&mut build)?;

    let built = workspace.fuzz_target().join(&platform).join("release");
    let target = |name: &&str| Target {
        name: (*name).to_owned(),
        program: built.join(name),
        committed: manifest.with_file_name("corpus").join(name),
        work: workspace.fuzz_target().join("work").join(name),
    };
    Ok(names.iter().map(target).collect())
}

/// The platform of this machine, as the compiler names it.
fn platform() -> anyhow::Result<String> {
    let said = Command::new("rustc").arg("-vV").output().context("ask rustc for the platform")?;
    let said = String::from_utf8_lossy(&said.stdout);
    let platform = said.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(platform.context("rustc does not say on what platform it runs")?.to_owned())
}

/// Runs as many at once as there are processors; the reports come by name.
fn run_all(targets: VecDeque<Target>, options: &Options) -> anyhow::Result<Vec<Report>> {
    let beside = thread::available_parallelism().map_or(1, |count| count.get());
    let (waiting, done) = (Mutex::new(targets), Mutex::new(Vec::new()));
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    thread::scope(|scope| {
        for _ in 0..beside {
            scope.spawn(|| {
                while let Some(target) = next() {
                    let report = target.run(options);
                    if let Ok(report) = &report {
                        println!("{report}");
                    }
                    done.lock().unwrap_or_else(PoisonError::into_inner).push(report);
                }
            });
        }
    });
    let reports = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut reports = reports.into_iter().collect::<anyhow::Result<Vec<Report>>>()?;
    reports.sort_by(|a, b| a.target.cmp(&b.target));
    Ok(reports)
}
