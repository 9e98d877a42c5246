//! Competitors that run in turns, so that what disturbs the machine disturbs them all.

use std::time::{Duration, Instant};

use crate::effort::Effort;
use crate::sample::Sample;

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
}

impl Course {
    /// For one thread.
    pub fn alone(effort: &Effort) -> Course {
        Course { batch: effort.batch, rounds: effort.rounds, budget: effort.budget }
    }

    /// For pages and scrapes.
    pub fn long(effort: &Effort) -> Course {
        Course { batch: effort.long_batch, rounds: effort.long_rounds, budget: effort.budget }
    }

    /// For so many threads or processes on so many cores.
    pub fn together(effort: &Effort, crowd: usize, cores: usize) -> Course {
        let (batch, rounds) = match crowd {
            0 | 1 => return Course::alone(effort),
            team if team <= cores => (effort.team_batch, effort.team_rounds),
            _ => (effort.crowd_batch, effort.crowd_rounds),
        };
        Course { batch, rounds, budget: effort.budget }
    }
}

/// Lets all competitors run in turns, A B A B. Gives the nanoseconds for each deed, one measurement for each round,
/// in the order of the competitors.
///
/// # Errors
/// When a competitor fails: says which.
pub fn race(course: Course, racers: &mut [Racer<'_>]) -> anyhow::Result<Vec<Sample>> {
    let mut times = Vec::new();
    let mut round = Duration::ZERO;
    for racer in racers.iter_mut() {
        let (count, took) = calibrate(course.batch, racer)?;
        times.push(count);
        round += took;
    }
    let affordable = course.budget.as_nanos() / round.as_nanos().max(1);
    let rounds = course.rounds.min((affordable as usize).max(Effort::LEAST_ROUNDS));
    let mut measured = vec![Vec::with_capacity(rounds); racers.len()];
    for _ in 0..rounds {
        for ((racer, &count), measured) in racers.iter_mut().zip(&times).zip(&mut measured) {
            measured.push(racer.take(count)?.as_nanos() as f64 / count as f64);
        }
    }
    Ok(measured.into_iter().map(Sample::new).collect())
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
            // Twice: another program may have had the core meanwhile, and the batch would be one deed for ever.
            took = took.min(racer.take(times)?);
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
    use super::*;

    #[test]
    fn a_batch_is_filled_and_the_time_of_one_deed_is_told() {
        let course = Course { batch: Duration::from_micros(50), rounds: 7, budget: Duration::from_secs(1) };
        let slow = Racer::new("slow", |times| Ok(Duration::from_nanos(times * 30)));
        let fast = Racer::new("fast", |times| Ok(Duration::from_nanos(times * 3)));
        let samples = race(course, &mut [slow, fast]).unwrap();
        assert_eq!(samples.iter().map(Sample::median).collect::<Vec<_>>(), [30.0, 3.0]);
    }

    #[test]
    fn competitors_take_turns() {
        let order = std::cell::RefCell::new(String::new());
        let course = Course { batch: Duration::ZERO, rounds: 2, budget: Duration::ZERO };
        let racer = |name: &'static str| {
            let order = &order;
            Racer::new(name, move |_| {
                order.borrow_mut().push_str(name);
                Ok(Duration::from_nanos(1))
            })
        };
        race(course, &mut [racer("a"), racer("b")]).unwrap();
        // Twice each to calibrate, then two rounds.
        assert_eq!(*order.borrow(), "aabbabab");
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
    fn who_fails_is_named() {
        let mut racers = [Racer::new("ruby", |_| anyhow::bail!("it went away"))];
        let course = Course { batch: Duration::ZERO, rounds: 1, budget: Duration::ZERO };
        assert_eq!(format!("{:#}", race(course, &mut racers).unwrap_err()), "measure ruby: it went away");
    }
}
