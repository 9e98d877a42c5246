//! One scrape for many processes.
#![forbid(unsafe_code)]

mod cli;

mod serve;

mod run;

mod collect;

mod fold;
mod forward;
mod janitors;
mod keeper;

mod demo;

mod push_gateway;

mod check;
mod diff;
mod dump;
mod inside;
mod ls;
mod top;

mod awaited;
mod database;
mod database_argument;
mod source_argument;
mod sources;

mod listen;
mod signals;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::cli::{Cli, Command};
use crate::inside::output::is_broken_pipe;

fn main() -> ExitCode {
    let cli = Cli::parse_from(push_gateway::arguments(std::env::args_os()));
    // These two have said something with 1.
    let failed = if matches!(cli.command, Command::Check(_) | Command::Diff(_)) { 2 } else { 1 };
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            ExitCode::from(failed)
        }
    }
}

/// Says on standard error what could not be done.
fn complain(error: &anyhow::Error) {
    // Nobody may be reading.
    let _ = writeln!(std::io::stderr(), "multiprom: {}", explain(error));
}

/// What was tried, then its causes, on one line. Most errors end in their cause already; it is not said
/// twice.
fn explain(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    // A line of the log in the middle of a live view would spoil it; the view counts damaged files itself.
    let draws = matches!(&cli.command, Command::Top(top) if !top.once);
    // The push gateway's log has a form of its own.
    let logs_itself = matches!(&cli.command, Command::PushGateway(_));
    if !logs_itself && (!draws || !std::io::stderr().is_terminal()) {
        log_to_stderr(&cli.log_level)?;
    }
    let done = |()| ExitCode::SUCCESS;
    match cli.command {
        Command::Serve(serve) => serve::serve(serve).map(done),
        Command::Run(run) => Ok(run::run(run)),
        Command::Collect(collect) => collect::collect(collect).map(done),
        Command::Fold(fold) => fold::fold(fold),
        Command::Ls(ls) => quietly(ls::ls(ls)),
        Command::Dump(dump) => quietly(dump::dump(dump)),
        Command::Check(check) => check::check(check),
        Command::Diff(diff) => diff::diff(diff),
        Command::Top(top) => quietly(top::top(top)),
        Command::PushGateway(gateway) => push_gateway::push_gateway(*gateway).map(done),
        Command::Demo(demo) => demo::demo(demo).map(done),
        Command::DemoWorker(worker) => demo::worker::work(&worker.directory).map(done),
    }
}

/// `multiprom dump DIR | head`: a reader who has seen enough is no failure.
fn quietly(done: anyhow::Result<ExitCode>) -> anyhow::Result<ExitCode> {
    match done {
        Err(error) if is_broken_pipe(&error) => Ok(ExitCode::SUCCESS),
        done => done,
    }
}

/// Log lines go to standard error, in colour only where somebody looks at a terminal.
fn log_to_stderr(level: &str) -> anyhow::Result<()> {
    // Alone, a word that is no level would be taken for the only module that may log.
    if level.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        level.parse::<LevelFilter>().with_context(|| format!("log level {level:?}"))?;
    }
    let filter = EnvFilter::try_new(level).with_context(|| format!("log level {level:?}"))?;
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colour).with_writer(std::io::stderr).init();
    Ok(())
}
