//! The comparative benchmark: built in release, run, reported.

use crate::step::{cargo, run as run_step};
use crate::tools::set_up;
use crate::workspace::Workspace;

/// How to run it.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// A minute instead of some five: shows that everything runs, and roughly how fast
    #[arg(long)]
    quick: bool,
    /// Only what has this text in its name, as the progress shows names
    #[arg(long, value_name = "PATTERN")]
    only: Option<String>,
}

impl Options {
    /// All of it, in a minute.
    pub(crate) fn quick() -> Options {
        Options { quick: true, only: None }
    }
}

/// Builds the suite with the libraries that it compares with, and runs it; `benches/README.md` says what it prints.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    let tools = set_up(workspace)?;
    let peers = workspace.root().join("benches/peers");
    let target = workspace.bench_target();
    let mut build = cargo(&peers);
    build.args(["build", "--release", "--bins", "--target-dir"]).arg(&target);
    run_step(&mut build)?;

    let mut suite = std::process::Command::new(target.join("release/suite"));
    suite.arg("run").arg("--python").arg(&tools.python).arg("--redis-python").arg(&tools.redis_python);
    suite.arg("--ruby").arg(&tools.ruby);
    suite.arg("--drivers").arg(peers.join("drivers")).arg("--out").arg(&target);
    if options.quick {
        suite.arg("--quick");
    }
    if let Some(only) = &options.only {
        suite.arg("--only").arg(only);
    }
    run_step(&mut suite)
}
