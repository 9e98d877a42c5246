//! The server that has the shard just now, and how long is tried to reach it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use push_groups::StoreError;
use redis_link::redis::{FromRedisValue, Pipeline, ServerError, Value};
use redis_link::{Address, Backoff, Link, LinkError, Timeouts};

/// A way to whichever server has the shard.
#[derive(Debug)]
pub(crate) struct Server {
    link: Link,
    /// Whether it had replicas when it last answered.
    had_replicas: AtomicBool,
    seen: Mutex<Seen>,
    /// Tries that ended in a passing trouble.
    pub(crate) retries: AtomicU64,
}

/// Servers that were masters.
#[derive(Debug, Default)]
struct Seen {
    /// What the one calls itself that answers now; none where that may be another since.
    current: Option<String>,
    /// Those that had replicas, and since when they have none.
    replicated: VecDeque<(String, Option<Instant>)>,
}

/// What a server has answered.
pub(crate) struct Told {
    pub(crate) values: Vec<Value>,
    /// How many replicas it has; not those of the node that did the work where that is `elsewhere`.
    pub(crate) replicas: usize,
    /// Whether another node of a cluster was sent some of it.
    pub(crate) elsewhere: bool,
}

/// Why something is not done.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// A fail-over, a lost connection: it is tried again.
    Passing(String),
    /// It stays as it is until somebody does something.
    Lasting(String),
    /// The server has not seen a script: it is sent the text.
    Unknown,
}

/// What servers say for a while, and have then done nothing.
const PASSING: [&str; 10] = [
    "READONLY",
    "LOADING",
    "CLUSTERDOWN",
    "MOVED",
    "ASK",
    "TRYAGAIN",
    "NOREPLICAS",
    "MASTERDOWN",
    "BUSY",
    "UNBLOCKED",
];

/// The same of errors without a word of their own.
const PASSING_TEXTS: [&str; 2] = ["WAIT cannot be used with replica", "max number of clients reached"];

/// So long a master that has lost its replicas is not believed to be one. The Sentinel that replaces a master knows a
/// second later that it is done (it asks the new one each second), and the others know it two seconds after that.
const ALONE: Duration = Duration::from_secs(5);

/// So many servers are remembered.
const MOST_SEEN: usize = 8;

/// So often a script is sent as text without a pause.
const MOST_TEXTS: usize = 4;

impl Server {
    /// A way to the server that has this key.
    pub(crate) fn new(address: Address, key: &str, longest: Duration) -> Server {
        let timeouts = Timeouts { connect: Duration::from_secs(1), answer: longest };
        let link = Link::new(address, timeouts).for_key(key);
        Server {
            link,
            had_replicas: AtomicBool::new(false),
            seen: Mutex::default(),
            retries: AtomicU64::new(0),
        }
    }

    /// Where it is.
    pub(crate) fn address(&self) -> &Address {
        self.link.address()
    }

    /// Whether it had replicas when it last answered.
    pub(crate) fn had_replicas(&self) -> bool {
        self.had_replicas.load(Ordering::Relaxed)
    }

    /// Runs a pipeline on the master.
    pub(crate) fn run(&self, mut pipeline: Pipeline, deadline: Instant) -> Result<Told, Trouble> {
        pipeline.cmd("ROLE");
        let mut seen = self.seen();
        let told = self.run_on(&pipeline, deadline).and_then(|told| {
            self.believe(&mut seen, told.replicas, deadline)?;
            Ok(told)
        });
        if told.is_err() {
            // The next one may be another.
            seen.current = None;
        }
        told
    }

    fn run_on(&self, pipeline: &Pipeline, deadline: Instant) -> Result<Told, Trouble> {
        let (mut values, elsewhere) =
            self.link.run_traced_by(pipeline, Some(deadline)).map_err(|error| self.trouble(&error))?;
        let replicas = match values.pop() {
            Some(Value::Array(role)) => replicas(&role).ok_or_else(|| {
                self.link.disconnect();
                Trouble::Passing(format!("{}: it is no master", self.address()))
            })?,
            Some(Value::ServerError(error)) => return Err(self.refused(&error)),
            _ => return Err(self.nonsense("ROLE")),
        };
        Ok(Told { values, replicas, elsewhere })
    }

    /// Whether the master may be one of so many replicas.
    ///
    /// One whose replicas have gone may have been stopped, and replaced, and not know it yet; Sentinels may not know it
    /// either. So for a while it is found anew each time, and what it says does not count.
    fn believe(&self, seen: &mut Seen, replicas: usize, deadline: Instant) -> Result<(), Trouble> {
        let current = match seen.current.take() {
            Some(current) => current,
            None => self.run_id(deadline)?,
        };
        let at = seen.replicated.iter().position(|(name, _)| *name == current);
        let known = at.and_then(|at| seen.replicated.remove(at));
        self.had_replicas.store(replicas > 0, Ordering::Relaxed);
        if replicas > 0 {
            seen.replicated.push_back((current.clone(), None));
        } else if let Some((name, alone_since)) = known {
            let alone_since = alone_since.unwrap_or_else(Instant::now);
            if alone_since.elapsed() < ALONE {
                seen.replicated.push_back((name, Some(alone_since)));
                self.link.disconnect();
                return Err(Trouble::Passing(format!("{}: it has lost its replicas", self.address())));
            }
        }
        if seen.replicated.len() > MOST_SEEN {
            seen.replicated.pop_front();
        }
        seen.current = Some(current);
        Ok(())
    }

    /// What the server calls itself, since it was started; nothing where it does not say.
    fn run_id(&self, deadline: Instant) -> Result<String, Trouble> {
        let mut pipeline = Pipeline::with_capacity(1);
        pipeline.cmd("INFO").arg("server");
        let (mut values, _) =
            self.link.run_traced_by(&pipeline, Some(deadline)).map_err(|error| self.trouble(&error))?;
        let told = values.pop().map(String::from_redis_value).and_then(Result::ok).unwrap_or_default();
        let name = told.lines().find_map(|line| line.strip_prefix("run_id:"));
        Ok(name.unwrap_or_default().trim().to_owned())
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an error in answer to one command means.
    pub(crate) fn refused(&self, error: &ServerError) -> Trouble {
        let text = match error.details() {
            Some(details) => format!("{} {details}", error.code()),
            None => error.code().to_owned(),
        };
        self.told(error.code(), &text)
    }

    /// An answer that is none to what was asked.
    pub(crate) fn nonsense(&self, to: &str) -> Trouble {
        Trouble::Lasting(format!("{}: it answered {to} with what is none: is it a Redis?", self.address()))
    }

    /// Tries until it is done, or it is of no use, or the time is over; with the number of the try.
    pub(crate) fn patiently<T>(
        &self,
        what: &str,
        patience: Duration,
        mut once: impl FnMut(usize, Instant) -> Result<T, Trouble>,
    ) -> Result<T, StoreError> {
        let deadline = Instant::now() + patience;
        let mut backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(250));
        let mut last = None;
        for attempt in 0.. {
            let why = match once(attempt, deadline) {
                Ok(done) => return Ok(done),
                Err(Trouble::Lasting(why)) => {
                    return Err(StoreError { what: format!("{what}: {why}"), passing: false });
                }
                // With the text it is known: this happens once for each server.
                Err(Trouble::Unknown) if attempt < MOST_TEXTS => continue,
                Err(Trouble::Unknown) => format!("{}: it forgets each script at once", self.address()),
                Err(Trouble::Passing(why)) => why,
            };
            self.retries.fetch_add(1, Ordering::Relaxed);
            // A try that had no time any more says less than the one before it.
            let why = if Instant::now() < deadline { why } else { last.take().unwrap_or(why) };
            let pause = backoff.pause();
            if Instant::now() + pause >= deadline {
                let what = format!("{what}: {why} (tried {} times in {patience:?})", attempt + 1);
                return Err(StoreError { what, passing: true });
            }
            last = Some(why);
            sleep(pause);
        }
        unreachable!("it is tried without end")
    }

    fn trouble(&self, error: &LinkError) -> Trouble {
        match error.code() {
            Some(code) => match self.told(code, &error.to_string()) {
                Trouble::Lasting(_) => Trouble::Lasting(error.to_string()),
                other => other,
            },
            None => Trouble::Passing(error.to_string()),
        }
    }

    fn told(&self, code: &str, text: &str) -> Trouble {
        // Before Redis 7 what a script was told stands in the text of another error.
        let says = |word: &str| code == word || text.contains(&format!("-{word} "));
        if says("NOSCRIPT") {
            return Trouble::Unknown;
        }
        if PASSING.iter().any(|word| says(word)) || PASSING_TEXTS.iter().any(|words| text.contains(words)) {
            // Whom to ask is found out anew: a name may be another server's now.
            self.link.disconnect();
            return Trouble::Passing(format!("{}: {text}", self.address()));
        }
        let remedy = if says("OOM") {
            ": give it more maxmemory, let groups live shorter, or delete some"
        } else if says("MISCONF") {
            ": it cannot save to its disk, its log says why; it takes changes again when it can"
        } else if says("WRONGTYPE") {
            ": something else stands under a key of ours: delete that, or choose another namespace"
        } else {
            ""
        };
        Trouble::Lasting(format!("{}: {text}{remedy}", self.address()))
    }
}

/// How many replicas a master has by its answer to `ROLE`; none for what is no master.
fn replicas(role: &[Value]) -> Option<usize> {
    match role {
        [Value::BulkString(word), _, Value::Array(replicas), ..] if word == b"master" => Some(replicas.len()),
        _ => None,
    }
}
