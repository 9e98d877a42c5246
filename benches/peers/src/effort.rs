//! How long and how often things are measured.

use std::time::Duration;

/// How long and how often things are measured.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// How long one competitor runs in each round, at least. Short enough that most batches end before another
    /// program gets the core, long enough that the clock costs a thousandth.
    pub batch: Duration,
    /// The same where several threads or processes run, each on a core of its own: their start is less sharp.
    pub team_batch: Duration,
    /// The same where there are more of them than cores: long enough that they take turns on them.
    pub crowd_batch: Duration,
    /// The same for pages and scrapes: several of them, so that each finds its data in the caches as its rival does.
    pub long_batch: Duration,
    /// How often all competitors take their turn, if that does not take too long.
    pub rounds: usize,
    /// The same for teams.
    pub team_rounds: usize,
    /// The same for crowds.
    pub crowd_rounds: usize,
    /// The same for pages and scrapes.
    pub long_rounds: usize,
    /// Rounds of competitors that are slow end here, but not before [`Effort::LEAST_ROUNDS`].
    pub budget: Duration,
    /// So much longer it may take until nothing else ran on the cores for long enough.
    pub patience: Duration,
    /// How many deeds are timed one by one, for the 99th percentile.
    pub singles: u64,
    /// Whether this is only to show that everything runs.
    pub quick: bool,
}

impl Effort {
    /// Fewer rounds give no spread worth the name.
    pub const LEAST_ROUNDS: usize = 5;

    /// For numbers that are published: some five minutes.
    pub const FULL: Effort = Effort {
        batch: Duration::from_micros(300),
        team_batch: Duration::from_millis(2),
        crowd_batch: Duration::from_millis(10),
        long_batch: Duration::from_millis(20),
        rounds: 300,
        team_rounds: 150,
        crowd_rounds: 40,
        long_rounds: 60,
        budget: Duration::from_secs(12),
        patience: Duration::from_secs(4),
        singles: 20_000,
        quick: false,
    };

    /// For continuous integration, a minute: shows that everything runs, and roughly how fast.
    pub const QUICK: Effort = Effort {
        batch: Duration::from_micros(200),
        team_batch: Duration::from_millis(1),
        crowd_batch: Duration::from_millis(4),
        long_batch: Duration::from_millis(10),
        rounds: 40,
        team_rounds: 25,
        crowd_rounds: 7,
        long_rounds: 9,
        budget: Duration::from_millis(1_500),
        patience: Duration::from_millis(300),
        singles: 2_000,
        quick: true,
    };
}
