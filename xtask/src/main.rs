//! The chores of this repository: `cargo xtask setup`, `test`, `ci`, `layers`, `fuzz`, `bench`.
#![forbid(unsafe_code)]

mod bench;
mod ci;
mod fuzz;
mod layers;
mod step;
mod suite;
mod tools;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// Chores of the multiprom repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Install what the tests need and this machine lacks: Python packages into target/tools, Ruby, Prometheus and
    /// Redis by apt-get (as root or through sudo)
    Setup,
    /// Set up, then run every test of the workspace, documentation examples too
    ///
    /// Uses cargo-nextest where it is installed, else `cargo test`.
    Test {
        /// For the test runner, instead of --workspace: `cargo xtask test -p collector salvage`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
        arguments: Vec<String>,
    },
    /// Everything that must hold before a change lands; ends at the first step that fails
    Ci,
    /// Check which crate depends on which, and where `unsafe` may stand
    Layers,
    /// Run the fuzz targets, on all processors, each on from what earlier runs found
    ///
    /// Its corpora grow in target/fuzz/work; those that are committed run as ordinary tests, too.
    Fuzz(fuzz::Options),
    /// Measure our stores and scrapes beside those of other clients, in turns, and say which bars hold
    ///
    /// Leaves report.json and report.html in target/bench.
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let chore = Cli::parse().chore;
    let done = Workspace::find().and_then(|workspace| match chore {
        Chore::Setup => tools::set_up(&workspace).map(drop),
        Chore::Test { arguments } => suite::run(&workspace, &arguments),
        Chore::Ci => ci::run(&workspace),
        Chore::Layers => layers::check(&workspace),
        Chore::Fuzz(options) => fuzz::run(&workspace, &options),
        Chore::Bench(options) => bench::run(&workspace, &options),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
