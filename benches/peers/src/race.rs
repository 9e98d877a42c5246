//! Competitors that run in turns, so that what disturbs the machine disturbs them all.

use std::time::{Duration, Instant};

use crate::effort::Effort;
use crate::sample::Sample;
use crate::witness::Witness;

/// Does a deed so many times and says how long that took.
pub type Run<'a> = Box<dyn FnMut(u64) -> anyhow::Result<Duration> + 'a>;

/// One that runs in a race.
pub struct Racer<'a> {
    name: String,
    run: Run<'a>,
}

impl<'a> Racer<'a> {
    /// One that measures by itself.
    pub fn new(name: impl Into<String>, run: impl FnMut(u64) -> anyhow::Result<Duration> + 'a) -> Racer<'a> {
        Racer { name: name.into(), run: Box::new(run) }
    }

    /// One whose deed is timed from its first time to its last.
    pub fn timed(name: impl Into<String>, mut deed: impl FnMut(u64) + 'a) -> Racer<'a> {
        Racer::new(name, move |times| {
            let begun = Instant::now();
            deed(times);
            Ok(begun.elapsed())
        })
    }
}

/// How long a batch is and how many there are.
#[derive(Clone, Copy, Debug)]
pub struct Course {
    batch: Duration,
    rounds: usize,
    budget: Duration,
    /// How long after that one waits for rounds in which nothing else runs on the cores.
    patience: Duration,
    /// On how many cores.
    cores: usize,
}

impl Course {
    /// For one thread.
    pub fn alone(effort: &Effort) -> Course {
        Course::new(effort, effort.batch, effort.rounds, 1)
    }

    /// For pages and scrapes, on all cores.
    pub fn long(effort: &Effort) -> Course {
        Course::new(effort, effort.long_batch, effort.long_rounds, usize::MAX)
    }

    /// For so many threads or processes on so many cores.
    pub fn together(effort: &Effort, crowd: usize, cores: usize) -> Course {
        let (batch, rounds) = match crowd {
            0 | 1 => return Course::alone(effort),
            team if team <= cores => (effort.team_batch, effort.team_rounds),
            _ => (effort.crowd_batch, effort.crowd_rounds),
        };
        Course::new(effort, batch, rounds, crowd)
    }

    fn new(effort: &Effort, batch: Duration, rounds: usize, cores: usize) -> Course {
        Course { batch, rounds, budget: effort.budget, patience: effort.patience, cores }
    }
}

/// What a batch took, in nanoseconds for each deed, and whether nothing else ran on the cores before and after it.
#[derive(Clone, Copy, Debug)]
struct Batch {
    taken: f64,
    alone: bool,
}

/// Lets all competitors run in turns, A B A B. Gives the nanoseconds for each deed, in the order of the competitors.
///
/// A batch right before or after which the witness finds something else on the cores does not count, and others are run
/// instead, as long as there is patience. If there are too few others of one competitor, all of all count, and the
/// samples say so.
///
/// # Errors
/// When a competitor fails: says which.
pub fn race(witness: &Witness, course: Course, racers: &mut [Racer<'_>]) -> anyhow::Result<Vec<Sample>> {
    let mut times = Vec::new();
    let mut round = Duration::ZERO;
    for racer in racers.iter_mut() {
        let (count, took) = calibrate(course.batch, racer)?;
        times.push(count);
        round += took;
    }
    let affordable = course.budget.as_nanos() / round.as_nanos().max(1);
    let wanted = course.rounds.min((affordable as usize).max(Effort::LEAST_ROUNDS));
    let end = Instant::now() + round * wanted as u32 + course.patience;

    let mut batches: Vec<Vec<Batch>> = vec![Vec::new(); racers.len()];
    let (mut rounds, mut alone) = (0, witness.is_alone(course.cores));
    while batches.iter().any(|batches| counting(batches) < wanted)
        && (rounds < wanted || Instant::now() < end)
    {
        for ((racer, &count), batches) in racers.iter_mut().zip(&times).zip(&mut batches) {
            let taken = racer.take(count)?.as_nanos() as f64 / count as f64;
            let alone_before = std::mem::replace(&mut alone, witness.is_alone(course.cores));
            batches.push(Batch { taken, alone: alone_before && alone });
        }
        rounds += 1;
    }
    let samples = samples(&batches);
    let run = rounds * racers.len();
    let in_company = samples.iter().any(|sample| sample.in_company);
    let counting: usize = batches.iter().map(|batches| counting(batches)).sum();
    witness.note(run, if in_company { 0 } else { run - counting });
    Ok(samples)
}

/// How many of the batches count.
fn counting(batches: &[Batch]) -> usize {
    batches.iter().filter(|batch| batch.alone).count()
}

/// A sample of each competitor's batches that count; of all, where one has too few of them.
fn samples(batches: &[Vec<Batch>]) -> Vec<Sample> {
    let in_company = batches.iter().any(|batches| counting(batches) < Effort::LEAST_ROUNDS);
    let sample = |batches: &Vec<Batch>| {
        let counting = batches.iter().filter(|batch| in_company || batch.alone);
        let sample = Sample::new(counting.map(|batch| batch.taken).collect());
        if in_company { sample.in_company() } else { sample }
    };
    batches.iter().map(sample).collect()
}

impl Racer<'_> {
    fn take(&mut self, times: u64) -> anyhow::Result<Duration> {
        (self.run)(times).map_err(|error| error.context(format!("measure {}", self.name)))
    }
}

/// How often a deed must be done to fill the batch, and how long that takes. Also warms up.
fn calibrate(batch: Duration, racer: &mut Racer<'_>) -> anyhow::Result<(u64, Duration)> {
    let mut times = 1_u64;
    loop {
        let mut took = racer.take(times)?;
        if took >= batch {
            // Again: another program may have had the core meanwhile, and the batch would be one deed for ever. On a
            // machine that is busy it may have it twice in a row.
            for _ in 0..2 {
                took = took.min(racer.take(times)?);
            }
        }
        if took >= batch {
            return Ok((times, took));
        }
        // From a batch of some length on, one may conclude; never more than tenfold, since the first are cold.
        let factor = batch.as_secs_f64() / took.as_secs_f64().max(1e-9) * 1.2;
        times = (times as f64 * factor.clamp(1.5, 10.0)).ceil() as u64;
    }
}

#[cfg(test)]
mod tests {
    use crate::pin::Cores;

    use super::*;

    fn course(batch: Duration, rounds: usize, budget: Duration) -> Course {
        Course { batch, rounds, budget, patience: Duration::ZERO, cores: 1 }
    }

    fn witness() -> Witness {
        Witness::new(Cores::allowed())
    }

    #[test]
    fn a_batch_is_filled_and_the_time_of_one_deed_is_told() {
        let course = course(Duration::from_micros(50), 7, Duration::from_secs(1));
        let slow = Racer::new("slow", |times| Ok(Duration::from_nanos(times * 30)));
        let fast = Racer::new("fast", |times| Ok(Duration::from_nanos(times * 3)));
        let samples = race(&witness(), course, &mut [slow, fast]).unwrap();
        assert_eq!(samples.iter().map(Sample::median).collect::<Vec<_>>(), [30.0, 3.0]);
    }

    #[test]
    fn competitors_take_turns() {
        let order = std::cell::RefCell::new(String::new());
        let course = course(Duration::ZERO, 2, Duration::ZERO);
        let racer = |name: &'static str| {
            let order = &order;
            Racer::new(name, move |_| {
                order.borrow_mut().push_str(name);
                Ok(Duration::from_nanos(1))
            })
        };
        race(&witness(), course, &mut [racer("a"), racer("b")]).unwrap();
        // Thrice each to calibrate, then two rounds.
        assert_eq!(*order.borrow(), "aaabbbabab");
    }

    #[test]
    fn a_batch_that_was_interrupted_is_not_taken_for_a_whole_one() {
        let mut takes = 0;
        let mut interrupted = Racer::new("interrupted", |times| {
            takes += 1;
            Ok(if takes == 1 { Duration::from_millis(1) } else { Duration::from_nanos(times * 10) })
        });
        let (times, took) = calibrate(Duration::from_micros(10), &mut interrupted).unwrap();
        assert!(times >= 1_000, "{times} deeds of 10 ns are no batch of 10 us");
        assert_eq!(took, Duration::from_nanos(times * 10));
    }

    #[test]
    fn what_was_measured_in_company_counts_where_one_has_nothing_better() {
        let batches = |alone: usize, in_company: usize| {
            let quick = std::iter::repeat_n(Batch { taken: 2.0, alone: true }, alone);
            quick
                .chain(std::iter::repeat_n(Batch { taken: 3.0, alone: false }, in_company))
                .collect::<Vec<_>>()
        };
        let told = |batches: &[Vec<Batch>]| {
            let told = |sample: &Sample| (sample.median(), sample.quantile(1.0), sample.in_company);
            samples(batches).iter().map(told).collect::<Vec<_>>()
        };
        let (many, few) = (batches(6, 3), batches(4, 5));
        assert_eq!(told(&[many.clone(), many.clone()]), [(2.0, 2.0, false); 2]);
        assert_eq!(told(&[many, few]), [(2.0, 3.0, true), (3.0, 3.0, true)]);
    }

    #[test]
    fn who_fails_is_named() {
        let mut racers = [Racer::new("ruby", |_| anyhow::bail!("it went away"))];
        let course = course(Duration::ZERO, 1, Duration::ZERO);
        assert_eq!(
            format!("{:#}", race(&witness(), course, &mut racers).unwrap_err()),
            "measure ruby: it went away"
        );
    }
}
