//! A way to one Redis: connects when it has to, and says what became of what it was given.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use forked::{Descriptors, PerProcess};
use redis::{Cmd, Pipeline, Value};

use crate::address::{Address, Place};
use crate::cluster::Slot;
use crate::line::{Destination, Errand, Line};
use crate::{LinkError, Script};

/// A way to one Redis. Connects at the first [`run`](Link::run), and again at the next one after a connection was
/// lost; tries nothing twice.
///
/// Of a cluster it is the way to whichever node has the keys that are [wanted](Link::for_key). What a node has sent
/// elsewhere goes there: it was not carried out.
///
/// One pipeline runs at a time: a second thread waits for the first one's answer. A forked child has a connection of
/// its own and lets go of its parent's when it first runs something.
#[derive(Debug)]
pub struct Link {
    to: Destination,
    own: PerProcess<Own>,
}

/// How long a [`Link`] waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection, user and password accepted and the database chosen.
    pub connect: Duration,
    /// For all the answers of a pipeline.
    pub answer: Duration,
}

/// What one process has of a link.
#[derive(Default)]
struct Own {
    /// The connection's socket, for a child to let go of.
    descriptors: Descriptors,
    line: Mutex<Line>,
    /// Whether it has ever had an answer.
    answered: AtomicBool,
}

impl Default for Timeouts {
    /// A second to connect, two for answers.
    fn default() -> Timeouts {
        Timeouts { connect: Duration::from_secs(1), answer: Duration::from_secs(2) }
    }
}

impl Link {
    /// A way to `address`. Connects to nothing yet.
    pub fn new(address: Address, timeouts: Timeouts) -> Link {
        Link { to: Destination { address, timeouts, slot: None }, own: PerProcess::new() }
    }

    /// The same, for this key and all that have its hash tag. A cluster keeps them on one node, and has no way that is
    /// for no key; to any other Redis it is all the same.
    pub fn for_key(mut self, key: &str) -> Link {
        self.to.slot = match self.to.address.place {
            Place::Cluster { .. } => Some(Slot::of(key.as_bytes())),
            _ => None,
        };
        self
    }

    /// Where it leads.
    pub fn address(&self) -> &Address {
        &self.to.address
    }

    /// Runs a pipeline and returns what each of its commands was answered, ignored ones too; what those of a
    /// transaction were, for a transaction. One round trip.
    ///
    /// # Errors
    /// When the server did not answer, or answered one command with an error.
    pub fn run(&self, pipeline: &Pipeline) -> Result<Vec<Value>, LinkError> {
        self.run_by(pipeline, None)
    }

    /// As [`run`](Link::run), and gives up at `deadline` where that comes first.
    ///
    /// # Errors
    /// As [`run`](Link::run).
    pub fn run_by(&self, pipeline: &Pipeline, deadline: Option<Instant>) -> Result<Vec<Value>, LinkError> {
        let values = self.run_each_by(pipeline, deadline)?;
        for (command, value) in pipeline.cmd_iter().zip(&values) {
            if let Value::ServerError(error) = value {
                return Err(self.to.refused(self.to.tried("run", &name(command)), error));
            }
        }
        Ok(values)
    }

    /// As [`run_by`](Link::run_by); the errors of single commands are among the values
    /// ([`Value::ServerError`]).
    ///
    /// # Errors
    /// When the server did not answer, or refused the whole of a transaction.
    pub fn run_each_by(
        &self,
        pipeline: &Pipeline,
        deadline: Option<Instant>,
    ) -> Result<Vec<Value>, LinkError> {
        self.run_traced_by(pipeline, deadline).map(|(values, _)| values)
    }

    /// As [`run_each_by`](Link::run_each_by), and whether another node of a cluster was sent some of it. A command
    /// without keys was not, so what such a one says (`WAIT`, `ROLE`) is then not said of the node that did the rest.
    ///
    /// # Errors
    /// As [`run_each_by`](Link::run_each_by).
    pub fn run_traced_by(
        &self,
        pipeline: &Pipeline,
        deadline: Option<Instant>,
    ) -> Result<(Vec<Value>, bool), LinkError> {
        if pipeline.is_empty() {
            return Ok((Vec::new(), false));
        }
        // MULTI, and EXEC: its answer is an array of the answers.
        let around = if pipeline.is_transaction() { 2 } else { 0 };
        let count = pipeline.len() + around;
        let what = || match pipeline.cmd_iter().next() {
            Some(first) if pipeline.len() > 1 => format!("{} and {} more", name(first), pipeline.len() - 1),
            Some(first) => name(first),
            None => String::new(),
        };
        let own = self.own();
        let mut line = own.line.lock().unwrap_or_else(PoisonError::into_inner);
        let packed = pipeline.get_packed_pipeline();
        let Own { descriptors, answered, .. } = own;
        let errand = Errand { to: &self.to, descriptors, answered, what: &what };
        let mut values = errand.exchange(&mut line, &packed, count, deadline)?;
        let elsewhere = errand.follow(&mut line, pipeline, &mut values, deadline)?;
        drop(line);
        if !pipeline.is_transaction() {
            return Ok((values, elsewhere));
        }
        match values.pop() {
            Some(Value::Array(answers)) if answers.len() == pipeline.len() => Ok((answers, elsewhere)),
            last => {
                let first = values.into_iter().chain(last).find_map(|value| match value {
                    Value::ServerError(error) => Some(error),
                    _ => None,
                });
                let tried = self.to.tried("run the transaction", &what());
                Err(match first {
                    Some(error) => self.to.refused(tried, &error),
                    None => LinkError::lost(tried, io::ErrorKind::InvalidData.into()),
                })
            }
        }
    }

    /// Runs a script by its hash, and by its text where the server has not seen it: then it was not run by its hash,
    /// so this is no second attempt.
    ///
    /// # Errors
    /// As [`run`](Link::run).
    pub fn script(
        &self,
        script: &Script,
        keys: &[impl redis::ToRedisArgs],
        arguments: &[impl redis::ToRedisArgs],
    ) -> Result<Value, LinkError> {
        let run = |command: Cmd| {
            let mut pipeline = Pipeline::with_capacity(1);
            pipeline.add_command(command);
            self.run(&pipeline).map(|mut values| values.pop().unwrap_or(Value::Nil))
        };
        match run(script.by_hash(keys, arguments)) {
            Err(error) if error.code() == Some("NOSCRIPT") => run(script.by_text(keys, arguments)),
            done => done,
        }
    }

    /// Whether this process has ever had an answer on this way, be it an error: from the server, or from any node of the
    /// cluster. That Sentinels have named a master is none; that they refuse to is one.
    pub fn has_answered(&self) -> bool {
        self.own.get().is_some_and(|own| own.answered.load(Ordering::Relaxed))
    }

    /// Closes the connection, if there is one; the next run connects anew.
    pub fn disconnect(&self) {
        if let Some(own) = self.own.get() {
            own.line.lock().unwrap_or_else(PoisonError::into_inner).connection = None;
        }
    }

    /// Lets go of the connection of the process that this one was forked off, where it uses the link no more: one that
    /// does, does so by itself.
    pub fn let_go(&self) {
        if self.own.get().is_none()
            && let Some(ancestors) = self.own.inherited()
        {
            // Where that fails the socket stays open until this process ends, and nobody here writes into it.
            let _ = ancestors.descriptors.abandon();
        }
    }

    /// What this process has. The first time after a fork it also lets go of what an ancestor has.
    fn own(&self) -> &'static Own {
        if let Some(own) = self.own.get() {
            return own;
        }
        self.let_go();
        self.own.get_or_init(Own::default)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.disconnect();
    }
}

/// The name of a command, without its arguments: they may be secrets.
fn name(command: &Cmd) -> String {
    match command.args_iter().next() {
        Some(redis::Arg::Simple(name)) => String::from_utf8_lossy(name).into_owned(),
        _ => String::new(),
    }
}
