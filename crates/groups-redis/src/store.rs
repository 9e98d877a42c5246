//! The store: what a gateway asks for, as scripts, and until it is so.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use push_groups::{Change, Cursor, GroupStore, Outcome, StoreError, Updates};
use redis_link::redis::{Cmd, FromRedisValue, Pipeline, Value};
use redis_link::{Address, Script};

use crate::asked::{self, Asked, Trying};
use crate::chance::draw;
use crate::following::{Following, Marks};
use crate::keys::Keys;
use crate::server::{Server, Trouble};
use crate::stats::Counts;
use crate::{Options, Stats, Wait, script};

/// One shard of the groups of a push gateway, in Redis.
///
/// Any number of gateways may have one of the same shard. Connects when it is first used; changes and followers have
/// a connection each.
#[derive(Debug)]
pub struct RedisStore {
    pub(crate) options: Options,
    pub(crate) keys: Keys,
    of_change: [String; 9],
    changing: Server,
    pub(crate) following: Server,
    commit: Script,
    wipe: Script,
    rights: Script,
    pub(crate) follow: Script,
    /// Whether the server of changes was found fit, since it was last in trouble.
    fit: AtomicBool,
    pub(crate) marks: Mutex<Marks>,
    pub(crate) counts: Counts,
}

/// How long a server may be silent before it is tried again.
pub(crate) const ANSWER: Duration = Duration::from_secs(2);

/// So much longer than the first try one that follows may be under way, and clocks of servers may differ.
const UNDER_WAY: Duration = Duration::from_secs(1);

/// What is sent more slowly than that is sent in vain.
const SLOWEST: usize = 8 << 20; // bytes a second

impl RedisStore {
    /// A store at this address: of one server, of the master that Sentinels name, or of the node of a cluster that has
    /// the shard. Connects to nothing yet.
    pub fn new(address: Address, options: Options) -> RedisStore {
        let keys = Keys::new(&options.namespace, options.shard);
        let server = || Server::new(address.clone(), &keys.meta(), options.patience.max(ANSWER));
        RedisStore {
            of_change: keys.of_change(),
            changing: server(),
            following: server(),
            commit: Script::new(script::COMMIT),
            wipe: Script::new(script::WIPE),
            rights: Script::new(script::RIGHTS),
            follow: Script::new(script::FOLLOW),
            fit: AtomicBool::new(false),
            marks: Mutex::default(),
            counts: Counts::default(),
            keys,
            options,
        }
    }

    /// What has happened to it.
    pub fn stats(&self) -> Stats {
        let retries = [&self.changing, &self.following].map(|server| server.retries.load(Ordering::Relaxed));
        self.counts.stats(retries.iter().sum(), self.changing.had_replicas())
    }

    /// Runs commands of scripts, and waits until replicas have what they did.
    fn change(&self, commands: Vec<Cmd>, len: usize, deadline: Instant) -> Result<Vec<Value>, Trouble> {
        let count = commands.len();
        let mut pipeline = Pipeline::with_capacity(count + 2);
        for command in commands {
            pipeline.add_command(command);
        }
        let replicas = match self.options.wait_replicas {
            Wait::Auto => usize::from(self.changing.had_replicas()),
            Wait::Count(count) => count as usize,
            Wait::None => 0,
        };
        // The answer has to come yet, and then there is more to say than that nobody knows.
        let wait = self.options.wait_time.min(deadline.saturating_duration_since(Instant::now()) / 2);
        if replicas > 0 {
            let milliseconds = wait.as_millis().clamp(1, i32::MAX as u128) as u64;
            pipeline.cmd("WAIT").arg(replicas).arg(milliseconds);
        }
        let time = ANSWER + self.options.wait_time + Duration::from_secs((len / SLOWEST) as u64);
        let mut told = self.changing.run(pipeline, deadline.min(Instant::now() + time))?;
        let waited = if replicas > 0 { told.values.pop() } else { None };
        // All of it is done again where anything of it is to be: what was made is recognised.
        for value in &told.values {
            if let Value::ServerError(error) = value {
                return Err(self.changing.refused(error));
            }
        }
        let address = self.changing.address();
        if self.options.wait_replicas != Wait::None && told.elsewhere {
            // What was waited for, if anything, were replicas of the node that had the shard before.
            return Err(Trouble::Passing(format!("{address}: the shard moves to another node")));
        }
        match waited {
            Some(Value::Int(reached))
                if usize::try_from(reached).is_ok_and(|reached| reached >= replicas) => {}
            Some(Value::Int(reached)) => {
                let why = format!("{reached} of {replicas} replicas have it after {wait:?}");
                return Err(Trouble::Passing(format!("{address}: {why}")));
            }
            Some(Value::ServerError(error)) => return Err(self.changing.refused(&error)),
            Some(_) => return Err(self.changing.nonsense("WAIT")),
            None if self.options.wait_replicas == Wait::Auto && told.replicas > 0 => {
                return Err(Trouble::Passing(format!("{address}: it has replicas since a moment ago")));
            }
            None => {}
        }
        Ok(told.values)
    }

    /// Looks whether the server of changes keeps what it is given.
    fn look(&self, deadline: Instant) -> Result<(), Trouble> {
        if self.fit.load(Ordering::Relaxed) {
            return Ok(());
        }
        let keys = &self.of_change[..1];
        let mut pipeline = Pipeline::new();
        pipeline.cmd("INFO").arg("memory");
        pipeline.add_command(self.rights.by_text(keys, &[] as &[&str]));
        let told = self.changing.run(pipeline, deadline.min(Instant::now() + ANSWER))?;
        let Ok([info, rights]) = <[Value; 2]>::try_from(told.values) else {
            return Err(self.changing.nonsense("INFO"));
        };
        if let Value::ServerError(error) = &rights {
            return Err(self.changing.refused(error));
        }
        // One that does not say, as some that are rented out, is taken for fit.
        let info = String::from_redis_value(info).unwrap_or_default();
        let policy = info.lines().find_map(|line| line.strip_prefix("maxmemory_policy:"));
        // Those that take only keys with an end of life (`volatile-...`) do not take ours, which have none.
        if let Some(policy) = policy.map(str::trim).filter(|policy| policy.starts_with("allkeys")) {
            return Err(Trouble::Lasting(format!(
                "{}: its maxmemory-policy {policy} throws keys away when memory is full, and groups that were pushed \
                 would be gone; set it to noeviction or to one of volatile-*, or use a Redis of its own",
                self.changing.address()
            )));
        }
        self.fit.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Tries to change something until that is done; with how long ago it was tried first, and whether it is to be sent
    /// by its text.
    fn until_changed<T>(
        &self,
        what: &str,
        mut once: impl FnMut(Option<Duration>, bool, Instant) -> Result<T, Trouble>,
    ) -> Result<T, StoreError> {
        let (mut first, mut by_text) = (None::<Instant>, false);
        self.changing.patiently(what, self.options.patience, |_, deadline| {
            self.look(deadline)?;
            let age = first.map(|first| first.elapsed() + UNDER_WAY);
            let begun = Instant::now();
            let done = once(age, std::mem::take(&mut by_text), deadline);
            match &done {
                Ok(_) => {}
                // Nothing was done.
                Err(Trouble::Unknown) => by_text = true,
                Err(_) => {
                    first.get_or_insert(begun);
                    self.fit.store(false, Ordering::Relaxed);
                }
            }
            done
        })
    }

    fn forgotten(&self) -> Trouble {
        Trouble::Lasting(format!(
            "{}: it was tried before, and {} changes later nobody knows whether it was made: remember more \
             (log_length), or look and push again",
            self.changing.address(),
            self.options.log_length
        ))
    }
}

impl GroupStore for RedisStore {
    /// Sends all changes in one round trip, and returns when replicas have them.
    ///
    /// # Errors
    /// As the trait says: passing where no server took them within [`Options::patience`], else with what to do.
    fn commit(&self, changes: &[Change]) -> Result<Vec<Outcome>, StoreError> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let mut asked: Vec<Asked<'_>> = changes.iter().map(Asked::new).collect();
        let epoch = draw().to_be_bytes();
        let what = format!("change {} groups in Redis", changes.len());
        self.until_changed(&what, |age, by_text, deadline| {
            let trying = Trying {
                age,
                epoch,
                remembered: self.options.log_length,
                script: &self.commit,
                keys: &self.of_change,
            };
            let of = |(at, asked): (usize, &Asked<'_>)| asked.command(&trying, by_text && at == 0);
            let commands = asked.iter().enumerate().map(of).collect();
            let len = asked.iter().map(Asked::len).sum();
            let values = self.change(commands, len, deadline)?;
            let mut outcomes = Vec::with_capacity(values.len());
            let mut damaged = false;
            for (value, asked) in values.into_iter().zip(&mut asked) {
                match asked.told(value).ok_or_else(|| self.changing.nonsense("a change"))? {
                    asked::Told::Done(outcome) => outcomes.push(outcome),
                    asked::Told::Forgotten => return Err(self.forgotten()),
                    asked::Told::Damaged(damage) => {
                        self.counts.damage(Ok(asked.key()), &damage);
                        asked.over(damage.version);
                        damaged = true;
                    }
                }
            }
            if damaged {
                let why = format!("{}: what it has of a group is damaged", self.changing.address());
                return Err(Trouble::Passing(why));
            }
            Ok(outcomes)
        })
    }

    /// Asks what has changed since; for all groups where that cannot be told, or `after` is none that this store gave
    /// lately.
    ///
    /// # Errors
    /// Where no server answers within two seconds, or what it has is none of ours.
    fn follow(&self, after: Option<Cursor>) -> Result<Updates, StoreError> {
        let mark = after.and_then(|cursor| self.marks().of(cursor));
        self.following.patiently("read groups from Redis", ANSWER.min(self.options.patience), |attempt, _| {
            Following { store: self, by_text: attempt > 0 }.read(mark.as_ref())
        })
    }

    /// Lets go of everything at once: keys are unlinked, and freed by a thread of the server's own.
    ///
    /// # Errors
    /// As [`commit`](RedisStore::commit).
    fn wipe(&self) -> Result<(), StoreError> {
        let (gives, epoch) = (draw().to_be_bytes(), draw().to_be_bytes());
        let remembered = self.options.log_length.to_string();
        self.until_changed("wipe the groups in Redis", |age, by_text, deadline| {
            let age = age.map(asked::milliseconds).unwrap_or_default();
            let arguments: [&[u8]; 4] = [&gives, &epoch, age.as_bytes(), remembered.as_bytes()];
            let command = match by_text {
                true => self.wipe.by_text(&self.of_change, &arguments),
                false => self.wipe.by_hash(&self.of_change, &arguments),
            };
            match self.change(vec![command], 0, deadline)?.pop() {
                Some(Value::Array(parts)) => match &parts[..] {
                    [Value::BulkString(word), rest @ ..] if word == b"M" && asked::made(rest).is_some() => {
                        Ok(())
                    }
                    [Value::BulkString(word)] if word == b"U" => Err(self.forgotten()),
                    _ => Err(self.changing.nonsense("a wipe")),
                },
                _ => Err(self.changing.nonsense("a wipe")),
            }
        })
    }
}

impl RedisStore {
    pub(crate) fn marks(&self) -> MutexGuard<'_, Marks> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
