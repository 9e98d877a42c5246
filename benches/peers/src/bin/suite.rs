//! Runs the comparative benchmark. `cargo xtask bench` builds and starts it.
#![forbid(unsafe_code)]

use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::{Parser, Subcommand};
use peers::effort::Effort;
use peers::suite::{Suite, Tools};
use peers::{
    databases, directories, encoding, foreign, growth, html, http, machine, memory, pushes, redis, report,
    scrapes, table, talk, updates, worker,
};

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    part: Part,
}

#[derive(Subcommand)]
enum Part {
    /// The benchmark
    Run {
        /// A minute instead of some five
        #[arg(long)]
        quick: bool,
        /// Only what has this in its name
        #[arg(long)]
        only: Option<String>,
        /// Python with prometheus_client
        #[arg(long)]
        python: PathBuf,
        /// Python with gunicorn-prometheus-exporter
        #[arg(long)]
        redis_python: PathBuf,
        /// Ruby with prometheus-client-mmap
        #[arg(long)]
        ruby: PathBuf,
        /// The programs that drive them
        #[arg(long)]
        drivers: PathBuf,
        /// Where report.json and report.html go
        #[arg(long)]
        out: PathBuf,
    },
    /// A process of the talk's table; started by the benchmark
    #[command(hide = true)]
    Worker(worker::Job),
    /// A writer of a directory; started by the benchmark
    #[command(hide = true)]
    Write(directories::Job),
    /// A scraper that tells its memory; started by the benchmark
    #[command(hide = true)]
    Peak(memory::Job),
    /// A push gateway; started by the benchmark
    #[command(hide = true)]
    Gateway(pushes::Job),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().part {
        Part::Worker(job) => job.work(),
        Part::Write(job) => job.work(),
        Part::Peak(job) => job.work(),
        Part::Gateway(job) => job.work(),
        Part::Run { quick, only, python, redis_python, ruby, drivers, out } => {
            let effort = if quick { Effort::QUICK } else { Effort::FULL };
            run(effort, Tools { python, redis_python, ruby, drivers }, only, &out)
        }
    }
}

type Measure = fn(&mut Suite) -> anyhow::Result<()>;

const PARTS: &[(&str, Measure)] = &[
    ("updates", updates::measure),
    ("updates beside Python and Ruby", foreign::measure),
    ("the talk's table", talk::measure),
    ("scrapes", scrapes::measure),
    ("databases", databases::measure),
    ("growth", growth::measure),
    ("encoding", encoding::measure),
    ("HTTP", http::measure),
    ("Redis", redis::measure),
    ("push gateways", pushes::measure),
];

fn run(effort: Effort, tools: Tools, only: Option<String>, out: &std::path::Path) -> anyhow::Result<()> {
    let mut suite = Suite::new(effort, tools, only)?;
    let machine = machine::machine(suite.cores.count());
    for (number, (name, measure)) in PARTS.iter().enumerate() {
        eprintln!("[{}/{}] {name}", number + 1, PARTS.len());
        measure(&mut suite).with_context(|| format!("measure {name}"))?;
    }
    ensure!(
        !suite.rows.is_empty(),
        "nothing has that in its name; the progress of a whole run shows the names"
    );
    let machine = format!("{machine}; {}", suite.witness);
    print!("{}", table::print(&suite, &machine));
    std::fs::create_dir_all(out).with_context(|| format!("make {}", out.display()))?;
    report::write(&out.join("report.json"), &machine, &suite.rows)?;
    html::write(&out.join("report.html"), &suite, &machine)?;
    let out = out.display();
    println!("{} rows in {out}/report.json; open {out}/report.html", suite.rows.len());
    Ok(())
}
