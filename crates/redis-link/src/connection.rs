//! One connection: commands go out, as many answers come in, or it is of no use any more.

use std::io;
use std::time::Instant;

use forked::Descriptors;
use redis::Value;

use crate::address::Place;
use crate::answers::Answers;
use crate::wire::Wire;

/// One connection. After an error it must be dropped: what comes next might be the answer to something older.
pub(crate) struct Connection {
    wire: Wire,
    answers: Answers,
    /// Where bytes are received into.
    window: Vec<u8>,
}

/// Why an exchange failed, and how far it came.
pub(crate) struct Broken {
    /// Whether the server may have seen any of it.
    pub(crate) sent: bool,
    pub(crate) cause: io::Error,
}

/// How long the answers of a pipeline may be together: memory is not without end.
const LONGEST_ANSWERS: usize = 1 << 30; // bytes

/// How much is received at once.
const WINDOW: usize = 64 * 1024; // bytes

impl Connection {
    pub(crate) fn open(
        place: &Place,
        descriptors: &Descriptors,
        deadline: Instant,
    ) -> io::Result<Connection> {
        let wire = Wire::open(place, descriptors, deadline)?;
        Ok(Connection { wire, answers: Answers::default(), window: vec![0; WINDOW] })
    }

    /// The same, if it can be used: a server that went away in the meantime has said so.
    pub(crate) fn still_usable(mut self) -> Option<Connection> {
        (self.answers.is_empty() && !self.wire.has_news()).then_some(self)
    }

    /// Sends `commands`, `count` in number, and returns their answers.
    pub(crate) fn exchange(
        &mut self,
        commands: &[u8],
        count: usize,
        deadline: Instant,
    ) -> Result<Vec<Value>, Broken> {
        let mut unsent = commands;
        self.exchange_rest(&mut unsent, count, deadline)
            .map_err(|cause| Broken { sent: unsent.len() < commands.len(), cause })
    }

    /// Sends and receives as either is possible: a server that answers while it is asked must not wait for us.
    fn exchange_rest(
        &mut self,
        unsent: &mut &[u8],
        count: usize,
        deadline: Instant,
    ) -> io::Result<Vec<Value>> {
        let mut values = Vec::with_capacity(count);
        let mut received_in_all = 0;
        while values.len() < count {
            if !unsent.is_empty()
                && let Some(sent) = ready(self.wire.send(unsent))?
            {
                *unsent = &unsent[sent..];
            }
            match ready(self.wire.receive(&mut self.window))? {
                None => self.wire.wait(!unsent.is_empty(), deadline)?,
                Some(0) => {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "the server has closed the connection",
                    ));
                }
                Some(received) => {
                    received_in_all += received;
                    if received_in_all > LONGEST_ANSWERS {
                        let why = "the answers are longer than 1 GiB";
                        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
                    }
                    self.answers.push(&self.window[..received]);
                    while values.len() < count
                        && let Some(value) = self.answers.next().map_err(nonsense)?
                    {
                        values.push(value);
                    }
                    // Who sends without end must not be listened to without end.
                    if Instant::now() >= deadline && values.len() < count {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                }
            }
        }
        if !unsent.is_empty() {
            return Err(nonsense("it answered what it was not asked yet: is it a Redis?"));
        }
        Ok(values)
    }
}

/// What was done, or nothing where it would have had to wait.
fn ready(done: io::Result<usize>) -> io::Result<Option<usize>> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
        Err(error) => Err(error),
    }
}

fn nonsense(nonsense: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, nonsense.to_string())
}
