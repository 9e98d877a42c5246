//! Somebody who pushes counters that only grow, and remembers what was acknowledged.

use std::collections::BTreeMap;
use std::io::Result;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;

use crate::http::{Answer, Connection};

/// What is pushed.
pub(super) const COUNTER: &str = "far_pushes_total";

/// Each connection pushes to so many groups in turn.
const GROUPS: u64 = 6;

/// For each series, as it stands on a page, the last number that was acknowledged.
pub(super) type Acknowledged = BTreeMap<String, u64>;

/// Pushers, each with groups of its own.
pub(super) struct Pushing {
    over: Arc<AtomicBool>,
    count: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
    pushers: Vec<JoinHandle<Acknowledged>>,
}

/// What came of it.
pub(super) struct Pushed {
    pub(super) acknowledged: Acknowledged,
    /// How many pushes were acknowledged.
    pub(super) count: u64,
    /// How many were answered 503, and tried again.
    pub(super) refused: u64,
}

impl Pushing {
    /// Starts so many, each of whom pushes to these gateways in turn until it is over; they must answer all the time.
    pub(super) fn start(gateways: [SocketAddr; 2], pushers: u64) -> Pushing {
        let over = Arc::new(AtomicBool::new(false));
        let [count, refused] = [0, 0].map(|zero| Arc::new(AtomicU64::new(zero)));
        let pushers = (0..pushers).map(|pusher| {
            let (over, count, refused) = (over.clone(), count.clone(), refused.clone());
            std::thread::spawn(move || {
                let mut connections =
                    gateways.map(|gateway| Connection::open(gateway).expect("a gateway listens"));
                let mut acknowledged = Acknowledged::new();
                let mut gateway = 0;
                for number in 1.. {
                    if over.load(Relaxed) {
                        break;
                    }
                    loop {
                        gateway = 1 - gateway;
                        let answer = push(&mut connections[gateway], pusher, number).expect("it answers");
                        match answer.status {
                            200 => break,
                            503 => refused.fetch_add(1, Relaxed),
                            status => panic!("{status}: {}", answer.text()),
                        };
                    }
                    acknowledged.insert(series(pusher, number), number);
                    count.fetch_add(1, Relaxed);
                }
                acknowledged
            })
        });
        let pushers = pushers.collect();
        Pushing { over, count, refused, pushers }
    }

    /// How many pushes were acknowledged.
    pub(super) fn count(&self) -> u64 {
        self.count.load(Relaxed)
    }

    /// Ends it; what was under way is acknowledged first.
    pub(super) fn end(self) -> Pushed {
        self.over.store(true, Relaxed);
        let mut acknowledged = Acknowledged::new();
        for pusher in self.pushers {
            acknowledged.extend(pusher.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        let [count, refused] = [&self.count, &self.refused].map(|count| count.load(Relaxed));
        Pushed { acknowledged, count, refused }
    }
}

/// Pushes a number to the pusher's group whose turn it is.
pub(super) fn push(connection: &mut Connection, pusher: u64, number: u64) -> Result<Answer> {
    let path = format!("/metrics/job/{}", job(pusher, number));
    connection.put(&path, &format!("# TYPE {COUNTER} counter\n{COUNTER} {number}\n"))
}

/// The series to which that is pushed, as it stands on a page.
pub(super) fn series(pusher: u64, number: u64) -> String {
    format!("{COUNTER}{{instance=\"\",job=\"{}\"}}", job(pusher, number))
}

fn job(pusher: u64, number: u64) -> String {
    format!("far-{pusher}-{}", number % GROUPS)
}

/// What of this stands on a page.
pub(super) fn shown(page: &[u8]) -> Acknowledged {
    let page = std::str::from_utf8(page).expect("a page is text");
    let lines = page.lines().filter(|line| line.starts_with(COUNTER));
    let numbers = lines.map(|line| {
        let (series, number) = line.rsplit_once(' ').expect("a line ends in a number");
        (series.to_owned(), number.parse().unwrap_or_else(|error| panic!("{line}: {error}")))
    });
    numbers.collect()
}
