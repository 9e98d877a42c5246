//! What must hold before a change lands.

use std::time::{Duration, Instant};

use anyhow::Context;

use crate::step::{cargo, run as run_step};
use crate::workspace::Workspace;
use crate::{bench, fuzz, layers, suite};

type Step = (&'static str, fn(&Workspace) -> anyhow::Result<()>);

/// The cheap ones first. Those of the workspace share one target directory and build in the dev profile, so that
/// nothing of ours is compiled optimised just to see that it runs.
const STEPS: &[Step] = &[
    ("format", format),
    ("layers", layers::check),
    ("clippy", clippy),
    ("tests", tests),
    ("fuzz targets, seconds each", fuzz_targets),
    ("documentation", documentation),
    ("benchmarks, once each", benchmarks),
    ("comparative benchmark", comparative_benchmark),
];

/// Runs the steps, up to the first that fails, and says how long each took.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    let mut times = Vec::new();
    for (name, step) in STEPS {
        println!("\n=== {name}");
        let start = Instant::now();
        let done = step(workspace);
        times.push((name, start.elapsed()));
        if let Err(error) = done {
            println!();
            print_times(&times);
            return Err(error.context(format!("ci stopped: {name} failed")));
        }
    }
    println!("\n=== all passed");
    print_times(&times);
    Ok(())
}

fn print_times(times: &[(&&str, Duration)]) {
    for (name, time) in times {
        println!("{name:<28} {:>7.1} s", time.as_secs_f64());
    }
    let whole: Duration = times.iter().map(|(_, time)| time).sum();
    println!("{:<28} {:>7.1} s", "together", whole.as_secs_f64());
}

fn format(workspace: &Workspace) -> anyhow::Result<()> {
    run_step(cargo(workspace.root()).args(["fmt", "--all", "--check"])).context("`cargo fmt` mends it")
}

fn clippy(workspace: &Workspace) -> anyhow::Result<()> {
    run_step(cargo(workspace.root()).args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

/// Some seconds of each: that it builds, that it runs, and what is easily found.
fn fuzz_targets(workspace: &Workspace) -> anyhow::Result<()> {
    fuzz::run(workspace, &fuzz::Options::quick())
}

fn tests(workspace: &Workspace) -> anyhow::Result<()> {
    suite::run(workspace, &[])
}

fn documentation(workspace: &Workspace) -> anyhow::Result<()> {
    run_step(
        cargo(workspace.root()).args(["doc", "--no-deps", "--workspace"]).env("RUSTDOCFLAGS", "-D warnings"),
    )
}

fn benchmarks(workspace: &Workspace) -> anyhow::Result<()> {
    // `cargo test` instead of `cargo bench -- --test`: the same run, but of the dev profile.
    run_step(cargo(workspace.root()).args(["test", "--package", "benches", "--benches"]))
}

/// That it builds, that its pages are those of the clients beside it, and that it reports: no bar fails a build.
fn comparative_benchmark(workspace: &Workspace) -> anyhow::Result<()> {
    let peers = workspace.root().join("benches/peers");
    let in_peers = |arguments: &[&str]| {
        let mut command = cargo(&peers);
        command.args(arguments).arg("--target-dir").arg(workspace.bench_target());
        command
    };
    run_step(cargo(&peers).args(["fmt", "--check"])).context("`cargo fmt` there mends it")?;
    run_step(in_peers(&["clippy", "--release", "--locked", "--all-targets"]).args(["--", "-D", "warnings"]))?;
    run_step(&mut in_peers(&["test", "--release", "--locked"]))?;
    bench::run(workspace, &bench::Options::quick())
}
