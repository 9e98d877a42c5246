//! The connection of one process, to whom it leads, and how what is sent finds its way.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use forked::Descriptors;
use redis::{Pipeline, ServerError, Value};

use crate::address::{Address, Place};
use crate::cluster::{Node, Route, Slot};
use crate::connection::{Broken, Connection};
use crate::error::Cause;
use crate::redirect::Redirected;
use crate::sentinel::{self, Sentinels};
use crate::{LinkError, Timeouts};

/// The connection that there is, and to whom.
#[derive(Default)]
pub(crate) struct Line {
    pub(crate) connection: Option<Connection>,
    /// Of a cluster.
    route: Option<Route>,
}

/// Where a link leads.
#[derive(Debug)]
pub(crate) struct Destination {
    pub(crate) address: Address,
    pub(crate) timeouts: Timeouts,
    /// Of a cluster, the one that the keys are in.
    pub(crate) slot: Option<Slot>,
}

/// Something that is sent there.
pub(crate) struct Errand<'a> {
    pub(crate) to: &'a Destination,
    pub(crate) descriptors: &'a Descriptors,
    /// Whether anybody has ever answered there.
    pub(crate) answered: &'a AtomicBool,
    /// What it is, for an error.
    pub(crate) what: &'a dyn Fn() -> String,
}

/// So often a pipeline is sent elsewhere, one after the other.
const MOST_REDIRECTIONS: usize = 5;

impl Errand<'_> {
    /// Sends so many commands, on the connection that there is or a new one, and returns as many answers. After an
    /// error there is no connection: an answer that comes late must not be taken for another's.
    pub(crate) fn exchange(
        &self,
        line: &mut Line,
        commands: &[u8],
        count: usize,
        deadline: Option<Instant>,
    ) -> Result<Vec<Value>, LinkError> {
        // Taken out for as long as it is used: whatever ends this early, a panic too, ends the connection.
        let mut connection = match line.connection.take().and_then(Connection::still_usable) {
            Some(connection) => connection,
            None => self.connect(&mut line.route, deadline)?,
        };
        let deadline = sooner(Instant::now() + self.to.timeouts.answer, deadline);
        let told = connection.exchange(commands, count, deadline);
        if told.is_ok() {
            self.note_answer();
        }
        match told {
            Ok(values) if values.iter().any(|value| self.is_elsewhere(value)) => {
                line.forget_owner();
                Ok(values)
            }
            Ok(values) => {
                line.connection = Some(connection);
                Ok(values)
            }
            Err(broken) => {
                line.forget_owner();
                Err(self.broken(broken))
            }
        }
    }

    /// Sends what a node has sent elsewhere there, and puts the answers in its place. Where that cannot be reached and
    /// something of the pipeline was carried out before, what was not has the node's error for an answer. Whether
    /// anything was sent there.
    pub(crate) fn follow(
        &self,
        line: &mut Line,
        pipeline: &Pipeline,
        values: &mut Vec<Value>,
        deadline: Option<Instant>,
    ) -> Result<bool, LinkError> {
        let Some(slot) = self.to.slot else { return Ok(false) };
        let mut elsewhere = false;
        let time = self.to.timeouts.connect + self.to.timeouts.answer;
        let deadline = sooner(Instant::now() + time, deadline);
        for _ in 0..MOST_REDIRECTIONS {
            let from = line.route.as_ref().and_then(|route| route.owner.clone());
            let Some(redirected) = from.and_then(|from| Redirected::of(pipeline, values, slot, &from)) else {
                break;
            };
            elsewhere = true;
            let (commands, count) = redirected.commands(pipeline);
            let told = if redirected.for_good {
                line.connection = None;
                line.route.iter_mut().for_each(|route| route.owner = Some(redirected.to.clone()));
                self.exchange(line, &commands, count, Some(deadline))
            } else {
                self.exchange_aside(&redirected.to, &commands, count, deadline)
            };
            match told {
                Ok(told) => redirected.put(told, values),
                Err(error) if error.is_lost() || redirected.is_all(pipeline) => return Err(error),
                Err(_) => break,
            }
        }
        Ok(elsewhere)
    }

    /// The same on a connection to this node, for once.
    fn exchange_aside(
        &self,
        node: &Node,
        commands: &[u8],
        count: usize,
        deadline: Instant,
    ) -> Result<Vec<Value>, LinkError> {
        let tls = matches!(self.to.address.place, Place::Cluster { tls: true, .. });
        let opened = self.to.address.login().open(&node.place(tls), None, self.descriptors, deadline);
        let (mut connection, _) = opened.map_err(|cause| {
            LinkError::unsent(format!("connect to {}", self.to.address), cause.of(&node.to_string()))
        })?;
        connection.exchange(commands, count, deadline).map_err(|broken| self.broken(broken))
    }

    fn broken(&self, broken: Broken) -> LinkError {
        match broken.sent {
            true => LinkError::lost(self.to.tried("run", &(self.what)()), broken.cause),
            false => LinkError::unsent(self.to.tried("send", &(self.what)()), broken.cause),
        }
    }

    fn connect(&self, route: &mut Option<Route>, deadline: Option<Instant>) -> Result<Connection, LinkError> {
        let deadline = sooner(Instant::now() + self.to.timeouts.connect, deadline);
        let login = self.to.address.login();
        let connected = match &self.to.address.place {
            Place::Sentinel { sentinels, master, tls, sentinel_tls } => {
                let login = self.to.address.sentinel_login();
                let sentinels = Sentinels { hosts: sentinels, tls: *sentinel_tls, login };
                self.connect_to_master(&sentinels, master, *tls, deadline)
            }
            Place::Cluster { seeds, tls } => {
                let route = route.get_or_insert_with(|| Route::new(seeds));
                self.connect_to_owner(route, *tls, deadline)
            }
            place => login.open(place, None, self.descriptors, deadline).map(|(connection, _)| connection),
        };
        if matches!(connected, Err(Cause::Server { .. })) {
            self.note_answer();
        }
        connected.map_err(|cause| LinkError::unsent(format!("connect to {}", self.to.address), cause))
    }

    fn note_answer(&self) {
        self.answered.store(true, Ordering::Relaxed);
    }

    /// To the master that Sentinels name, if it is one.
    fn connect_to_master(
        &self,
        sentinels: &Sentinels<'_>,
        name: &str,
        tls: bool,
        deadline: Instant,
    ) -> Result<Connection, Cause> {
        let (host, port) = sentinels.master(name, self.descriptors, deadline)?;
        let place = Place::Tcp { host, port, tls };
        let login = self.to.address.login();
        let (connection, role) = login.open(&place, Some(redis::cmd("ROLE")), self.descriptors, deadline)?;
        self.note_answer();
        if !sentinel::is_master(&role) {
            let why = "the sentinels' master is none: it was replaced just now";
            return Err(io::Error::new(io::ErrorKind::ConnectionRefused, why).into());
        }
        Ok(connection)
    }

    /// To the node that has the slot, as far as is known, or as others say.
    fn connect_to_owner(&self, route: &mut Route, tls: bool, deadline: Instant) -> Result<Connection, Cause> {
        let Some(slot) = self.to.slot else {
            let why = "it keeps keys on many nodes, and which ones are wanted was not said";
            return Err(io::Error::new(io::ErrorKind::Unsupported, why).into());
        };
        let login = self.to.address.login();
        if let Some(owner) = &route.owner {
            let now = Instant::now();
            let half = now + deadline.saturating_duration_since(now) / 2;
            if let Ok((connection, _)) = login.open(&owner.place(tls), None, self.descriptors, half) {
                return Ok(connection);
            }
            route.owner = None;
        }
        let owner = route.ask(slot, tls, login, self.descriptors, deadline)?;
        self.note_answer();
        let opened = login.open(&owner.place(tls), None, self.descriptors, deadline);
        opened.map(|(connection, _)| connection).map_err(|cause| cause.of(&owner.to_string()))
    }

    /// Whether somebody else is to be asked for who it is, from the next pipeline on: the server shows that it is the
    /// master no longer, or that its cluster is not as it was.
    fn is_elsewhere(&self, value: &Value) -> bool {
        match &self.to.address.place {
            Place::Sentinel { .. } => sentinel::is_replaced(value),
            Place::Cluster { .. } => {
                matches!(value, Value::ServerError(error) if error.code() == "CLUSTERDOWN")
            }
            _ => false,
        }
    }
}

impl Line {
    /// Who has the keys is asked for at the next connection.
    fn forget_owner(&mut self) {
        self.route.iter_mut().for_each(|route| route.owner = None);
    }
}

impl Destination {
    /// Why something was refused; of a node that sends elsewhere, what that means here.
    pub(crate) fn refused(&self, tried: String, error: &ServerError) -> LinkError {
        let remark = match (error.code(), &self.address.place) {
            ("MOVED" | "ASK", Place::Cluster { .. }) => {
                Some("the nodes do not agree on who has it, or the one that is named cannot be reached")
            }
            ("MOVED", Place::Tcp { tls: true, .. }) => {
                Some("this is a node of a cluster, write rediss+cluster:// before its address")
            }
            ("MOVED", _) => Some("this is a node of a cluster, write redis+cluster:// before its address"),
            _ => None,
        };
        LinkError::refused(tried, error, remark)
    }

    pub(crate) fn tried(&self, deed: &str, what: &str) -> String {
        format!("{deed} {what} on {}", self.address)
    }
}

fn sooner(instant: Instant, other: Option<Instant>) -> Instant {
    other.map_or(instant, |other| other.min(instant))
}
