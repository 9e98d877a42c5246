//! A way to one Redis: connects when it has to, and says what became of what it was given.

use std::borrow::Cow;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use forked::{Descriptors, PerProcess};
use redis::{Cmd, Pipeline, Value};

use crate::address::{Address, Place};
use crate::connection::Connection;
use crate::{LinkError, Script, sentinel};

/// A way to one Redis. Connects at the first [`run`](Link::run), and again at the next one after a connection was
/// lost; tries nothing twice.
///
/// One pipeline runs at a time: a second thread waits for the first one's answer. A forked child has a connection of
/// its own and lets go of its parent's when it first runs something.
#[derive(Debug)]
pub struct Link {
    address: Address,
    timeouts: Timeouts,
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
struct Own {
    /// The connection's socket, for a child to let go of.
    descriptors: Descriptors,
    connection: Mutex<Option<Connection>>,
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
        Link { address, timeouts, own: PerProcess::new() }
    }

    /// Where it leads.
    pub fn address(&self) -> &Address {
        &self.address
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
                return Err(LinkError::refused(self.tried("run", &name(command)), error));
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
        if pipeline.is_empty() {
            return Ok(Vec::new());
        }
        // MULTI, and EXEC: its answer is an array of the answers.
        let around = if pipeline.is_transaction() { 2 } else { 0 };
        let count = pipeline.len() + around;
        let what = || match pipeline.cmd_iter().next() {
            Some(first) if pipeline.len() > 1 => format!("{} and {} more", name(first), pipeline.len() - 1),
            Some(first) => name(first),
            None => String::new(),
        };
        let mut values = self.exchange(&pipeline.get_packed_pipeline(), count, deadline, &what)?;
        if !pipeline.is_transaction() {
            return Ok(values);
        }
        match values.pop() {
            Some(Value::Array(answers)) if answers.len() == pipeline.len() => Ok(answers),
            last => {
                let first = values.into_iter().chain(last).find_map(|value| match value {
                    Value::ServerError(error) => Some(error),
                    _ => None,
                });
                let tried = self.tried("run the transaction", &what());
                Err(match first {
                    Some(error) => LinkError::refused(tried, &error),
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

    /// Closes the connection, if there is one; the next run connects anew.
    pub fn disconnect(&self) {
        if let Some(own) = self.own.get() {
            *own.connection.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    /// Sends `count` commands, on the connection that there is or a new one, and returns as many answers. After an
    /// error there is no connection: an answer that comes late must not be taken for another's.
    fn exchange(
        &self,
        commands: &[u8],
        count: usize,
        deadline: Option<Instant>,
        what: &dyn Fn() -> String,
    ) -> Result<Vec<Value>, LinkError> {
        let own = self.own();
        let mut place = own.connection.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken out for as long as it is used: whatever ends this early, a panic too, ends the connection.
        let mut connection = match place.take().and_then(Connection::still_usable) {
            Some(connection) => connection,
            None => self.connect(own, deadline)?,
        };
        let deadline = sooner(Instant::now() + self.timeouts.answer, deadline);
        match connection.exchange(commands, count, deadline) {
            Ok(values) => {
                if !self.is_replaced(&values) {
                    *place = Some(connection);
                }
                Ok(values)
            }
            Err(broken) if broken.sent => Err(LinkError::lost(self.tried("run", &what()), broken.cause)),
            Err(broken) => Err(LinkError::unsent(self.tried("send", &what()), broken.cause)),
        }
    }

    fn connect(&self, own: &Own, deadline: Option<Instant>) -> Result<Connection, LinkError> {
        let deadline = sooner(Instant::now() + self.timeouts.connect, deadline);
        let tried = || format!("connect to {}", self.address);
        let (master, place) = match &self.address.place {
            Place::Sentinel { sentinels, master } => {
                let place = sentinel::master(sentinels, master, &own.descriptors, deadline);
                (true, Cow::Owned(place.map_err(|error| LinkError::unsent(tried(), error))?))
            }
            place => (false, Cow::Borrowed(place)),
        };
        let mut connection = Connection::open(&place, &own.descriptors, deadline)
            .map_err(|error| LinkError::unsent(tried(), error))?;
        let mut greeting = Pipeline::new();
        if let Some(password) = self.address.password() {
            let command = greeting.cmd("AUTH");
            if let Some(user) = &self.address.user {
                command.arg(user);
            }
            command.arg(password);
        }
        if self.address.database != 0 {
            greeting.cmd("SELECT").arg(self.address.database);
        }
        if master {
            greeting.cmd("ROLE");
        }
        if greeting.is_empty() {
            return Ok(connection);
        }
        let answers = connection
            .exchange(&greeting.get_packed_pipeline(), greeting.len(), deadline)
            .map_err(|broken| LinkError::unsent(tried(), broken.cause))?;
        for answer in &answers {
            if let Value::ServerError(error) = answer {
                return Err(LinkError::unwelcome(tried(), error, self.address.password()));
            }
        }
        if master && !answers.last().is_some_and(sentinel::is_master) {
            let why = "the sentinels' master is none: it was replaced just now";
            return Err(LinkError::unsent(tried(), io::Error::new(io::ErrorKind::ConnectionRefused, why)));
        }
        Ok(connection)
    }

    /// Whether the server shows that it is the master no longer: the next one is to be asked for.
    fn is_replaced(&self, values: &[Value]) -> bool {
        let read_only =
            |value: &Value| matches!(value, Value::ServerError(error) if error.code() == "READONLY");
        matches!(self.address.place, Place::Sentinel { .. }) && values.iter().any(read_only)
    }

    /// What this process has. The first time after a fork it also lets go of what an ancestor has.
    fn own(&self) -> &'static Own {
        if let Some(own) = self.own.get() {
            return own;
        }
        if let Some(ancestors) = self.own.inherited() {
            // Where that fails the socket stays open until this process ends, and nobody here writes into it.
            let _ = ancestors.descriptors.abandon();
        }
        self.own.get_or_init(|| Own { descriptors: Descriptors::new(), connection: Mutex::new(None) })
    }

    fn tried(&self, deed: &str, what: &str) -> String {
        format!("{deed} {what} on {}", self.address)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.disconnect();
    }
}

fn sooner(instant: Instant, other: Option<Instant>) -> Instant {
    other.map_or(instant, |other| other.min(instant))
}

/// The name of a command, without its arguments: they may be secrets.
fn name(command: &Cmd) -> String {
    match command.args_iter().next() {
        Some(redis::Arg::Simple(name)) => String::from_utf8_lossy(name).into_owned(),
        _ => String::new(),
    }
}
