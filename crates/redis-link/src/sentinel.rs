//! Who the master is, as Sentinels know it.

use std::io;
use std::time::Instant;

use forked::Descriptors;
use redis::{Value, cmd};

use crate::address::Place;
use crate::connection::Connection;

/// Where the master called `name` listens, as the first of `sentinels` says that knows it. Each that does not answer
/// takes its share of the time.
pub(crate) fn master(
    sentinels: &[(String, u16)],
    name: &str,
    descriptors: &Descriptors,
    deadline: Instant,
) -> io::Result<Place> {
    let question = cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(name).get_packed_command();
    let mut last = None;
    for (at, (host, port)) in sentinels.iter().enumerate() {
        let now = Instant::now();
        let share = deadline.saturating_duration_since(now) / (sentinels.len() - at) as u32;
        let sentinel = Place::Tcp { host: host.clone(), port: *port, tls: false };
        let answer = Connection::open(&sentinel, descriptors, now + share).and_then(|mut connection| {
            connection.exchange(&question, 1, now + share).map_err(|broken| broken.cause)
        });
        let told = answer.and_then(|values| place(values).ok_or_else(|| unknown(name)));
        match told {
            Ok(place) => return Ok(place),
            Err(error) => {
                last = Some(io::Error::new(error.kind(), format!("the sentinel {host}:{port}: {error}")));
            }
        }
    }
    Err(last.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "there are no sentinels")))
}

/// The place that an answer tells of: host and port.
fn place(mut values: Vec<Value>) -> Option<Place> {
    let Value::Array(parts) = values.pop()? else { return None };
    let Ok([Value::BulkString(host), Value::BulkString(port)]) = <[Value; 2]>::try_from(parts) else {
        return None;
    };
    let port = std::str::from_utf8(&port).ok()?.parse().ok()?;
    Some(Place::Tcp { host: String::from_utf8(host).ok()?, port, tls: false })
}

fn unknown(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("it knows no master {name:?}"))
}

/// Whether the answer to `ROLE` is a master's: one that has been replaced may not know it yet.
pub(crate) fn is_master(role: &Value) -> bool {
    let Value::Array(parts) = role else { return false };
    matches!(parts.first(), Some(Value::BulkString(word)) if word == b"master")
}
