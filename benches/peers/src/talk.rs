//! The talk's table: every store, every operation, in threads and in processes.

use std::fmt;
use std::time::Duration;

use metrics_core::Registry;

use crate::Suite;
use crate::deed::Operation;
use crate::driver::Driver;
use crate::race::{Course, Racer, race};
use crate::redis;
use crate::row::Row;
use crate::sample::Sample;
use crate::stores::StoreKind;
use crate::team::{Deed, one_by_one, together};
use crate::worker::Job;

/// Who does it at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crowd {
    /// Threads of one process, all on one label set.
    Threads(usize),
    /// Processes that share a directory, if the store has one.
    Processes(usize),
}

impl Crowd {
    /// In the order of the table.
    pub const ALL: [Crowd; 5] =
        [Crowd::Threads(1), Crowd::Threads(2), Crowd::Threads(4), Crowd::Processes(1), Crowd::Processes(4)];
}

impl fmt::Display for Crowd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Crowd::Threads(1) => f.write_str("1 thread"),
            Crowd::Threads(threads) => write!(f, "{threads} threads"),
            Crowd::Processes(1) => f.write_str("1 process"),
            Crowd::Processes(processes) => write!(f, "{processes} processes"),
        }
    }
}

/// One cell of the table.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Row.
    pub store: StoreKind,
    /// Column.
    pub operation: Operation,
    /// Page.
    pub crowd: Crowd,
    /// Nanoseconds of a deed, in each of those who do it.
    pub each: Sample,
    /// Nanoseconds of single deeds.
    pub single: Sample,
    /// Median over that of the unsynchronised hash in the same place.
    pub ratio: f64,
}

impl Cell {
    /// Of single deeds, the time that one in a hundred takes.
    pub fn p99(&self) -> f64 {
        self.single.quantile(0.99)
    }
}

/// Measures the whole table.
///
/// # Errors
/// When a store or a process fails.
pub fn measure(suite: &mut Suite) -> anyhow::Result<()> {
    for crowd in Crowd::ALL {
        for operation in Operation::ALL {
            if suite.wants(&format!("talk: {operation}, {crowd}")) {
                let cells = match crowd {
                    Crowd::Threads(threads) => in_threads(suite, operation, threads)?,
                    Crowd::Processes(processes) => in_processes(suite, operation, processes)?,
                };
                suite.rows.extend(rows(&cells));
                suite.talk.extend(cells);
            }
        }
    }
    Ok(())
}

fn in_threads(suite: &Suite, operation: Operation, threads: usize) -> anyhow::Result<Vec<Cell>> {
    let directory = suite.directory("talk")?;
    let deeds: Vec<Deed> = StoreKind::ALL
        .iter()
        .map(|store| Ok(operation.deed(&Registry::new(store.open(&directory)?))?))
        .collect::<anyhow::Result<_>>()?;
    let cores = &suite.cores;
    cores.pin(0);
    let racers = StoreKind::ALL.iter().zip(&deeds).map(|(store, deed)| {
        Racer::new(store.to_string(), move |times| Ok(together(cores, threads, times, deed)))
    });
    let samples = race(
        &suite.witness,
        Course::together(&suite.effort, threads, cores.count()),
        &mut racers.collect::<Vec<_>>(),
    )?;
    let singles = deeds
        .iter()
        .zip(&samples)
        .map(|(deed, each)| Sample::new(one_by_one(cores, threads, singles(suite, each, threads), deed)));
    let singles = singles.collect();
    cores.unpin();
    Ok(cells(operation, Crowd::Threads(threads), samples, singles))
}

fn in_processes(suite: &Suite, operation: Operation, processes: usize) -> anyhow::Result<Vec<Cell>> {
    let directory = suite.directory("talk")?;
    redis::share(&directory)?;
    let mut teams: Vec<Vec<Driver>> = StoreKind::ALL
        .iter()
        .map(|&store| {
            let job = |core| Job { store, operation, directory: directory.clone(), core };
            (0..processes).map(|core| job(core).start()).collect()
        })
        .collect::<anyhow::Result<_>>()?;
    let racers = StoreKind::ALL.iter().zip(&mut teams).map(|(store, team)| {
        Racer::new(store.to_string(), move |times| {
            team.iter_mut().try_for_each(|worker| worker.tell(&format!("run {times}")))?;
            let mut longest = Duration::ZERO;
            for worker in team.iter_mut() {
                longest = longest.max(Duration::from_nanos(worker.hear()?.parse()?));
            }
            Ok(longest)
        })
    });
    let samples = race(
        &suite.witness,
        Course::together(&suite.effort, processes, suite.cores.count()),
        &mut racers.collect::<Vec<_>>(),
    )?;
    let mut single = Vec::new();
    for (team, each) in teams.iter_mut().zip(&samples) {
        let times = singles(suite, each, processes);
        team.iter_mut().try_for_each(|worker| worker.tell(&format!("singles {times}")))?;
        let mut measured = Vec::new();
        for worker in team.iter_mut() {
            for word in worker.hear()?.split_ascii_whitespace() {
                measured.push(word.parse()?);
            }
        }
        single.push(Sample::new(measured));
    }
    Ok(cells(operation, Crowd::Processes(processes), samples, single))
}

/// How many deeds each one times by itself: fewer where they are slow, but enough for one in a hundred.
fn singles(suite: &Suite, each: &Sample, crowd: usize) -> u64 {
    let affordable = suite.effort.budget.as_nanos() as f64 / 10.0 / each.median().max(1.0);
    (affordable as u64).clamp(1_000, suite.effort.singles) / crowd as u64
}

fn cells(operation: Operation, crowd: Crowd, each: Vec<Sample>, single: Vec<Sample>) -> Vec<Cell> {
    let baseline = each.first().map_or(f64::NAN, Sample::median);
    let measured = StoreKind::ALL.into_iter().zip(each.into_iter().zip(single));
    measured
        .map(|(store, (each, single))| {
            let ratio = each.median() / baseline;
            Cell { store, operation, crowd, each, single, ratio }
        })
        .collect()
}

fn rows(cells: &[Cell]) -> Vec<Row> {
    let mut rows = Vec::new();
    let Some(baseline) = cells.first() else { return rows };
    for cell in cells {
        let Cell { store, operation, crowd, .. } = cell;
        let row = Row::new(format!("talk: {store}, {operation}, {crowd}"), &cell.each, "ns");
        let row = row.beside(StoreKind::Unsynchronised.to_string(), &baseline.each);
        rows.push(match store.talk_microseconds() {
            Some(figure) => row.because(format!("the talk: {figure} us for an increment in Ruby")),
            None => row,
        });
        let mut slowest = Row::new(format!("talk: {store}, {operation}, {crowd}, p99"), &cell.single, "ns");
        slowest.value = Some(cell.p99());
        slowest.spread = None;
        rows.push(slowest);
    }
    rows
}
