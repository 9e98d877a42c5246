//! A gateway that is killed at any moment while connections push: what was acknowledged is there when it starts again.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tempfile::TempDir;

use crate::http::{self, Connection};

use super::pushing::{Acknowledged, push, series, shown};
use super::{gateway, until};

/// How often it is killed, unless this variable says otherwise.
const KILLS: u64 = 8;
const VARIABLE: &str = "MULTIPROM_GATEWAY_KILLS";

/// Who pushes at once.
const PUSHERS: u64 = 4;

/// All groups have been pushed to after so many.
const AT_FIRST: u64 = 50;

/// The longest that it pushes on before it is killed.
const LONGEST: u64 = 300_000; // microseconds

#[test]
fn pushes_that_were_acknowledged_are_there_after_kills_at_any_moment() {
    let kills = std::env::var(VARIABLE).map_or(KILLS, |kills| kills.parse().expect("a number of kills"));
    let directory = TempDir::new().expect("a directory");
    let file = format!("--persistence.file={}", directory.path().join("groups").display());
    let mut tally = Tally { next: 1, ..Tally::default() };
    let mut count = 0;
    for kill in 0..kills {
        let (running, address) = gateway("gateway", directory.path(), &[&file]);
        tally.is_shown(address, kill);
        let pushed = &AtomicU64::new(0);
        let next = tally.next;
        let told = std::thread::scope(|scope| {
            let pushers: Vec<_> = (0..PUSHERS)
                .map(|pusher| scope.spawn(move || push_until_it_ends(address, pusher, next, pushed)))
                .collect();
            until("pushes are acknowledged", || pushed.load(Relaxed) > AT_FIRST);
            std::thread::sleep(Duration::from_micros(random() % LONGEST));
            running.kill();
            pushers.into_iter().map(|pusher| pusher.join().expect("a pusher")).collect::<Vec<Told>>()
        });
        told.into_iter().for_each(|told| tally.add(told));
        count += pushed.load(Relaxed);
    }
    let (_running, address) = gateway("gateway", directory.path(), &[&file]);
    tally.is_shown(address, kills);
    eprintln!("killed {kills} times, {count} pushes were acknowledged, and all are there");
}

/// What a pusher knows when its gateway has gone.
struct Told {
    acknowledged: Acknowledged,
    /// What it had pushed last: nobody knows whether that was kept.
    under_way: (String, u64),
}

/// Pushes numbers from the next one on; the gateway refuses nothing.
fn push_until_it_ends(gateway: SocketAddr, pusher: u64, next: u64, pushed: &AtomicU64) -> Told {
    let mut acknowledged = Acknowledged::new();
    let mut connection = Connection::open(gateway).expect("a gateway listens");
    for number in next.. {
        match push(&mut connection, pusher, number) {
            Ok(answer) => assert_eq!(answer.status, 200, "{}", answer.text()),
            Err(_) => return Told { acknowledged, under_way: (series(pusher, number), number) },
        }
        acknowledged.insert(series(pusher, number), number);
        pushed.fetch_add(1, Relaxed);
    }
    unreachable!("there are more numbers than that")
}

/// What must be there, and what may be there in its stead.
#[derive(Default)]
struct Tally {
    acknowledged: Acknowledged,
    under_way: BTreeMap<String, u64>,
    /// A number that nobody has pushed yet.
    next: u64,
}

impl Tally {
    fn add(&mut self, told: Told) {
        let (series, number) = told.under_way;
        self.next = self.next.max(number + 1);
        self.acknowledged.extend(told.acknowledged);
        self.under_way.insert(series, number);
    }

    /// Asserts that each number on the page is the one that was acknowledged last, or the one behind it; and goes on
    /// from what is there.
    fn is_shown(&mut self, gateway: SocketAddr, kills: u64) {
        let mut expected = self.acknowledged.clone();
        let shown = shown(&http::page(gateway, "/metrics"));
        for (series, number) in &self.under_way {
            if shown.get(series) == Some(number) {
                expected.insert(series.clone(), *number);
            }
        }
        assert_eq!(shown, expected, "after {kills} kills");
        self.acknowledged = expected;
        self.under_way.clear();
    }
}

/// Another number each time.
fn random() -> u64 {
    RandomState::new().hash_one(0)
}
