//! What a scrape costs: first and next, beside the clients that wrote the directory, and taken apart.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use exposition::Syntax;
use tokio::runtime::Runtime;

use crate::Suite;
use crate::directories::{Client, Written, dead, living, living_and_dead};
use crate::driver::Driver;
use crate::effort::Effort;
use crate::memory;
use crate::race::{Course, Racer, race};
use crate::row::{Bar, Row};
use crate::sample::Sample;
use crate::scrape::{Apart, STAGES, Scraper, runtime};

/// The stages of a scrape of one directory.
#[derive(Clone, Debug)]
pub struct Stages {
    /// Which scrape of which directory.
    pub name: String,
    /// Milliseconds, in the order of [`STAGES`].
    pub each: [Sample; 5],
}

/// Milliseconds in a nanosecond.
const MS: f64 = 1e-6;

/// Scrapes after which nothing changes any more: the first, one that finds who is dead, one that finds its place.
const UNTIL_STEADY: usize = 3;

/// Measures all of them.
///
/// # Errors
/// When a directory cannot be written or read, or a client prints another page than ours.
pub fn measure(suite: &mut Suite) -> anyhow::Result<()> {
    let runtime = runtime()?;
    python(suite, &runtime, "Python directory 8 x 1,000", 8, 1_000)?;
    python(suite, &runtime, "Python directory 64 x 1,000", 64, 1_000)?;
    python(suite, &runtime, "Python directory 8 x 20,000", 8, 20_000)?;
    dead_processes(suite, &runtime)?;
    known_dead(suite, &runtime)?;
    ruby(suite, &runtime)
}

fn python(
    suite: &mut Suite,
    runtime: &Runtime,
    name: &str,
    processes: usize,
    records: usize,
) -> anyhow::Result<()> {
    if !suite.wants(name) {
        return Ok(());
    }
    let directory = living(Client::Python, suite.directory("python")?, processes, records)?;
    // The bars are for the directory that is large.
    let bars = (records == 20_000).then_some([Bar::Faster(50.0), Bar::Faster(150.0), Bar::Times(1.0)]);
    beside_python(suite, runtime, name, &directory, bars)?;
    taken_apart(suite, runtime, name, &directory)
}

fn dead_processes(suite: &mut Suite, runtime: &Runtime) -> anyhow::Result<()> {
    let name = "Python directory 1,000 dead x 100";
    if !suite.wants(name) {
        return Ok(());
    }
    let directory = dead(suite.directory("dead")?, 1_000, 100)?;
    beside_python(suite, runtime, name, &directory, None)?;
    taken_apart(suite, runtime, name, &directory)
}

/// Whether files known dead cost nothing: the same page with and without them.
fn known_dead(suite: &mut Suite, runtime: &Runtime) -> anyhow::Result<()> {
    let name = "files known dead, next scrape of 8 living and 1,000 dead x 100";
    if !suite.wants(name) {
        return Ok(());
    }
    let both = living_and_dead(suite.directory("living and dead")?, 8, 1_000, 100)?;
    let alone = living(Client::Python, suite.directory("living alone")?, 8, 100)?;
    let series = |directory| {
        // Gauges that show each process have its number as a label.
        let lines = our_lines(runtime, directory)?.into_keys();
        let without_pid = lines.map(|(name, mut labels)| {
            labels.retain(|(name, _)| name != "pid");
            (name, labels)
        });
        let mut series: Vec<_> = without_pid.collect();
        series.sort();
        anyhow::Ok(series)
    };
    ensure!(series(&both)? == series(&alone)?, "the pages with and without the dead differ");
    let mut racers = [next(runtime, &both)?, next(runtime, &alone)?];
    let [with, without]: [Sample; 2] = race(&suite.witness, Course::long(&suite.effort), &mut racers)?
        .try_into()
        .ok()
        .context("two have raced")?;
    suite.rows.push(
        Row::new(name, &with.scaled(MS), "ms")
            .beside("next scrape of the 8 living alone, the same page", &without.scaled(MS))
            .held_to(Bar::Times(1.1))
            .because("files known dead are to cost nothing"),
    );
    Ok(())
}

/// First, next and peak memory beside Python's collector, on a page that is the same.
fn beside_python(
    suite: &mut Suite,
    runtime: &Runtime,
    name: &str,
    directory: &Written,
    bars: Option<[Bar; 3]>,
) -> anyhow::Result<()> {
    let start = || {
        let mut command = Command::new(&suite.tools.python);
        command.arg(suite.tools.drivers.join("python_scrape.py")).arg(&directory.path);
        // The page is the directory's; without the variable the driver keeps numbers of its own in memory.
        command.env_remove("PROMETHEUS_MULTIPROC_DIR");
        Driver::start("Python's collector", &mut command)
    };
    let mut python = start()?;
    same_page(suite, runtime, directory, &mut python, "Python's collector")?;
    let rival = "Python's MultiProcessCollector + generate_latest";
    let [first, next, theirs] = race_beside(suite, runtime, directory, &mut python)?;

    let mut rows = vec![
        Row::new(format!("{name}, first scrape"), &first.scaled(MS), "ms").beside(rival, &theirs.scaled(MS)),
        Row::new(format!("{name}, next scrape"), &next.scaled(MS), "ms").beside(rival, &theirs.scaled(MS)),
    ];
    rows.push(peak(name, directory, Some((rival, &start)))?);
    if let Some(bars) = bars {
        let aims = ["the aim is 100 x", "the aim is 300 x", ""];
        for ((row, bar), aim) in rows.iter_mut().zip(bars).zip(aims) {
            row.bar = Some(bar);
            row.reason = aim.to_owned();
        }
    }
    suite.rows.extend(rows);
    Ok(())
}

/// Peak memory of fresh processes that have scraped.
fn peak(
    name: &str,
    directory: &Written,
    rival: Option<(&str, &dyn Fn() -> anyhow::Result<Driver>)>,
) -> anyhow::Result<Row> {
    const PROCESSES: usize = 3;
    let mebibytes = |kilobytes: f64| kilobytes / 1024.0;
    let ours = (0..PROCESSES).map(|_| memory::of_a_scraper(directory).map(mebibytes));
    let ours = Sample::new(ours.collect::<anyhow::Result<_>>()?);
    let row = Row::new(format!("{name}, peak memory"), &ours, "MiB");
    let Some((rival, start)) = rival else { return Ok(row) };
    let theirs = (0..PROCESSES).map(|_| {
        let mut fresh = start()?;
        fresh.time("scrape 1")?;
        Ok(mebibytes(fresh.ask("peak")?.parse()?))
    });
    Ok(row.beside(rival, &Sample::new(theirs.collect::<anyhow::Result<_>>()?)))
}

fn ruby(suite: &mut Suite, runtime: &Runtime) -> anyhow::Result<()> {
    let gitlab = "GitLab directory 8 x (1,000 counters + 200 histograms)";
    let ruby = "DirectFileStore directory 8 x (1,000 counters + 200 histograms)";
    if !suite.wants(gitlab) && !suite.wants(ruby) {
        return Ok(());
    }
    let gitlab_files = living(Client::Gitlab, suite.directory("gitlab")?, 8, 0)?;
    let ruby_files = living(Client::Ruby, suite.directory("ruby")?, 8, 0)?;

    let own = suite.directory("gitlab's own")?;
    let start = || {
        let mut command = Command::new(&suite.tools.ruby);
        command.arg(suite.tools.drivers.join("gitlab_scrape.rb")).arg(&gitlab_files.path).arg(&own);
        Driver::start("GitLab's client", &mut command)
    };
    let mut client = start()?;
    same_page(suite, runtime, &gitlab_files, &mut client, "GitLab's client")?;
    // client_ruby is not at hand; the series are the same.
    let same = our_lines(runtime, &gitlab_files)? == our_lines(runtime, &ruby_files)?;
    ensure!(same, "the pages of GitLab's and Ruby's files differ");

    let mut racers = [
        first(runtime, &gitlab_files),
        next(runtime, &gitlab_files)?,
        first(runtime, &ruby_files),
        next(runtime, &ruby_files)?,
        Racer::new("GitLab's client", |times| client.time(&format!("scrape {times}"))),
    ];
    let samples = race(&suite.witness, Course::long(&suite.effort), &mut racers)?;
    let [first, next, ruby_first, ruby_next, theirs] = &samples[..] else { return Ok(()) };
    let (rival, ours) = ("prometheus-client-mmap's marshal_multiprocess (C)", "ours on GitLab's files");
    let row = |name: &str, sample: &Sample, rival: &str, theirs: &Sample, bar| {
        Row::new(name, &sample.scaled(MS), "ms").beside(rival, &theirs.scaled(MS)).held_to(bar)
    };
    suite.rows.extend([
        row(&format!("{gitlab}, first scrape"), first, rival, theirs, Bar::Faster(3.0)),
        row(&format!("{gitlab}, next scrape"), next, rival, theirs, Bar::Faster(10.0)),
        row(&format!("{ruby}, first scrape"), ruby_first, ours, first, Bar::Times(1.2)),
        row(&format!("{ruby}, next scrape"), ruby_next, ours, next, Bar::Times(1.2)),
    ]);
    suite.rows.push(peak(gitlab, &gitlab_files, Some((rival, &start)))?);
    suite.rows.push(peak(ruby, &ruby_files, None)?);
    taken_apart(suite, runtime, gitlab, &gitlab_files)?;
    taken_apart(suite, runtime, ruby, &ruby_files)
}

/// Scrapes by a collector that has just been made; what it costs to make and to drop it is not counted.
fn first<'a>(runtime: &'a Runtime, directory: &'a Written) -> Racer<'a> {
    Racer::new("our first scrape", move |times| {
        let mut taken = Duration::ZERO;
        for _ in 0..times {
            let mut scraper = Scraper::new(&directory.path, &directory.catalog)?;
            let begun = Instant::now();
            scraper.scrape(runtime)?;
            taken += begun.elapsed();
        }
        Ok(taken)
    })
}

/// Scrapes by a collector that has scraped before, so often that it knows the dead and has read them.
fn next<'a>(runtime: &'a Runtime, directory: &Written) -> anyhow::Result<Racer<'a>> {
    let mut scraper = Scraper::new(&directory.path, &directory.catalog)?;
    for _ in 0..UNTIL_STEADY {
        scraper.scrape(runtime)?;
    }
    Ok(Racer::new("our next scrape", move |times| {
        let begun = Instant::now();
        for _ in 0..times {
            scraper.scrape(runtime)?;
        }
        Ok(begun.elapsed())
    }))
}

fn race_beside(
    suite: &Suite,
    runtime: &Runtime,
    directory: &Written,
    theirs: &mut Driver,
) -> anyhow::Result<[Sample; 3]> {
    let theirs = Racer::new("theirs", move |times| theirs.time(&format!("scrape {times}")));
    let mut racers = [first(runtime, directory), next(runtime, directory)?, theirs];
    let samples = race(&suite.witness, Course::long(&suite.effort), &mut racers)?;
    samples.try_into().ok().context("three have raced")
}

/// The stages of first and next scrapes: rows, and a picture.
fn taken_apart(suite: &mut Suite, runtime: &Runtime, name: &str, directory: &Written) -> anyhow::Result<()> {
    let rounds = if suite.effort.quick { Effort::LEAST_ROUNDS } else { 3 * Effort::LEAST_ROUNDS };
    let mut measured: [[Vec<f64>; 5]; 2] = Default::default();
    for _ in 0..rounds {
        let mut apart = Apart::new(&directory.path, &directory.catalog)?;
        for (which, measured) in measured.iter_mut().enumerate() {
            if which > 0 {
                for _ in 1..UNTIL_STEADY {
                    apart.scrape(runtime)?;
                }
            }
            let stages = apart.scrape(runtime)?.stages();
            for (stage, measured) in stages.iter().zip(measured) {
                measured.push(stage.as_secs_f64() * 1e3);
            }
        }
    }
    for (which, measured) in ["first scrape", "next scrape"].into_iter().zip(measured) {
        let each = measured.map(Sample::new);
        let name = format!("{name}, {which}");
        for (stage, sample) in STAGES.iter().zip(&each) {
            suite.rows.push(Row::new(format!("{name}: {stage}"), sample, "ms"));
        }
        suite.stages.push(Stages { name, each });
    }
    Ok(())
}

/// Every line of a page that has a number: name and labels in an order that does not matter.
pub(crate) type Lines = BTreeMap<(String, Vec<(String, Vec<u8>)>), f64>;

/// Checks that the client whose files these are prints what we print: numbers of a wrong page mean nothing.
fn same_page(
    suite: &Suite,
    runtime: &Runtime,
    directory: &Written,
    client: &mut Driver,
    name: &str,
) -> anyhow::Result<()> {
    let path = suite.scratch().join("page");
    client.ask(&format!("page {}", path.display()))?;
    let theirs = lines(&std::fs::read(&path).with_context(|| format!("read {}", path.display()))?)?;
    let ours = our_lines(runtime, directory)?;
    let lacking = theirs.keys().find(|line| !ours.contains_key(*line));
    ensure!(lacking.is_none(), "{name} prints a line that we do not: {lacking:?}");
    for (line, value) in &ours {
        let theirs = theirs.get(line).with_context(|| format!("{name} does not print {line:?}"))?;
        // They add in the order in which the system lists the files, we by name: the last bit may differ.
        let same = (theirs - value).abs() <= 1e-12 * value.abs();
        ensure!(
            same || theirs.to_bits() == value.to_bits(),
            "{line:?} is {value} here and {theirs} from {name}"
        );
    }
    Ok(())
}

fn our_lines(runtime: &Runtime, directory: &Written) -> anyhow::Result<Lines> {
    let mut scraper = Scraper::new(&directory.path, &directory.catalog)?;
    scraper.scrape(runtime)?;
    lines(&scraper.page)
}

pub(crate) fn lines(page: &[u8]) -> anyhow::Result<Lines> {
    let page = exposition::parse(Syntax::Text0, page)?;
    let samples = page.families.iter().flat_map(|family| &family.samples);
    let line = |sample: &metrics_core::Sample| {
        let labels = sample.series.labels.iter().map(|label| (label.name.to_string(), label.value.to_vec()));
        let mut labels: Vec<_> = labels.collect();
        labels.sort();
        ((sample.series.name.to_string(), labels), sample.value)
    };
    Ok(samples.map(line).collect())
}
