//! Who the master is, as Sentinels know it.

use std::io;
use std::time::Instant;

use forked::Descriptors;
use redis::{Value, cmd};

use crate::address::{Place, shown};
use crate::error::Cause;
use crate::login::Login;

/// Whom to ask for a master.
pub(crate) struct Sentinels<'a> {
    pub(crate) hosts: &'a [(String, u16)],
    /// Whether they speak TLS.
    pub(crate) tls: bool,
    /// As whom they are spoken to.
    pub(crate) login: Login<'a>,
}

impl Sentinels<'_> {
    /// Where the master called `name` listens, as the first says that knows it. Each that does not answer takes its
    /// share of the time.
    pub(crate) fn master(
        &self,
        name: &str,
        descriptors: &Descriptors,
        deadline: Instant,
    ) -> Result<(String, u16), Cause> {
        let mut last = None;
        for (at, (host, port)) in self.hosts.iter().enumerate() {
            let now = Instant::now();
            // The master wants some of it, too.
            let share = deadline.saturating_duration_since(now) / (self.hosts.len() - at + 1) as u32;
            let place = Place::Tcp { host: host.clone(), port: *port, tls: self.tls };
            let mut question = cmd("SENTINEL");
            question.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
            let told = self.login.open(&place, Some(question), descriptors, now + share);
            let told = told.and_then(|(_, answer)| place_of(answer).ok_or_else(|| unknown(name).into()));
            match told {
                Ok(place) => return Ok(place),
                Err(cause) => last = Some(cause.of(&format!("the sentinel {}", shown(host, *port)))),
            }
        }
        Err(last.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "there are no sentinels").into()))
    }
}

/// The host and port that an answer tells of.
fn place_of(answer: Value) -> Option<(String, u16)> {
    let Value::Array(parts) = answer else { return None };
    let Ok([Value::BulkString(host), Value::BulkString(port)]) = <[Value; 2]>::try_from(parts) else {
        return None;
    };
    let port = std::str::from_utf8(&port).ok()?.parse().ok()?;
    Some((String::from_utf8(host).ok()?, port))
}

fn unknown(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("it knows no master {name:?}"))
}

/// Whether the answer to `ROLE` is a master's: one that has been replaced may not know it yet.
pub(crate) fn is_master(role: &Value) -> bool {
    let Value::Array(parts) = role else { return false };
    matches!(parts.first(), Some(Value::BulkString(word)) if word == b"master")
}

/// Whether a server shows that it is the master no longer: the next one is to be asked for.
pub(crate) fn is_replaced(value: &Value) -> bool {
    let Value::ServerError(error) = value else { return false };
    // Before Redis 7 a script's own error stands in the text of another.
    error.code() == "READONLY" || error.details().is_some_and(|text| text.contains("-READONLY "))
}
