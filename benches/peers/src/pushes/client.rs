//! A client of a push gateway: requests on several connections, each the next one as soon as it is answered.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Context, ensure};
use rustix::event::{PollFd, PollFlags, poll};

/// Several connections of one thread.
pub(super) struct Client {
    connections: Vec<Connection>,
    buffer: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    /// What has come of an answer: its head, and the beginning of its body.
    head: Vec<u8>,
    /// What is still to come of the body, once the head is there.
    left: Option<Left>,
    waits: bool,
}

/// What is still to come of a body.
#[derive(PartialEq)]
enum Left {
    /// So many bytes.
    Bytes(usize),
    /// Chunks, up to the empty one: the last bytes that have come. Nothing follows an answer before the next request,
    /// so what ends as the empty chunk ends is the end.
    Chunks([u8; LAST_CHUNK.len()]),
}

const LAST_CHUNK: &[u8; 7] = b"\r\n0\r\n\r\n";

/// Only the head of an answer is kept.
const LONGEST_HEAD: usize = 64 * 1024;

impl Client {
    pub(super) fn connect(address: SocketAddr, count: usize) -> anyhow::Result<Client> {
        let connections = (0..count).map(|_| {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            Ok(Connection { stream, head: Vec::new(), left: None, waits: false })
        });
        let connections = connections.collect::<std::io::Result<_>>().context("connect to a gateway")?;
        Ok(Client { connections, buffer: vec![0; 256 * 1024] })
    }

    /// Sends so many requests, and returns when all are answered. An answer that is no success ends it.
    pub(super) fn send<'a>(&mut self, times: u64, mut next: impl FnMut() -> &'a [u8]) -> anyhow::Result<()> {
        let (mut sent, mut answered) = (0, 0);
        while answered < times {
            for connection in self.connections.iter_mut().filter(|connection| !connection.waits) {
                if sent < times {
                    // There is room for so few bytes: nothing is on its way on this connection.
                    connection.stream.write_all(next()).context("send a request")?;
                    connection.waits = true;
                    sent += 1;
                }
            }
            self.wait()?;
            for connection in self.connections.iter_mut().filter(|connection| connection.waits) {
                answered += u64::from(connection.read(&mut self.buffer)?);
            }
        }
        Ok(())
    }

    /// Until one of the connections that wait has something to read.
    fn wait(&self) -> anyhow::Result<()> {
        let waiting = self.connections.iter().filter(|connection| connection.waits);
        let mut polled: Vec<PollFd<'_>> =
            waiting.map(|connection| PollFd::new(&connection.stream, PollFlags::IN)).collect();
        match poll(&mut polled, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error).context("wait for an answer"),
        }
    }
}

impl Connection {
    /// Reads what is there; whether the answer is whole now.
    fn read(&mut self, buffer: &mut [u8]) -> anyhow::Result<bool> {
        loop {
            let read = match self.stream.read(buffer) {
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error).context("read an answer"),
            };
            ensure!(read > 0, "the connection ended within an answer");
            match &mut self.left {
                Some(left) => left.take(&buffer[..read])?,
                None => {
                    self.head.extend_from_slice(&buffer[..read]);
                    self.left = body_left(&self.head)?;
                }
            }
            if self.left.as_ref().is_some_and(Left::is_nothing) {
                self.head.clear();
                self.left = None;
                self.waits = false;
                return Ok(true);
            }
        }
    }
}

impl Left {
    fn take(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        match self {
            Left::Bytes(left) => {
                *left = left.checked_sub(bytes.len()).context("more came than was announced")?
            }
            Left::Chunks(last) => {
                let both = [&last[..], &bytes[bytes.len().saturating_sub(last.len())..]].concat();
                let from = both.len() - last.len();
                last.copy_from_slice(&both[from..]);
            }
        }
        Ok(())
    }

    fn is_nothing(&self) -> bool {
        match self {
            Left::Bytes(left) => *left == 0,
            Left::Chunks(last) => last == LAST_CHUNK,
        }
    }
}

/// What of a body is still to come; none before the head is whole.
fn body_left(read: &[u8]) -> anyhow::Result<Option<Left>> {
    let Some(end) = read.windows(4).position(|piece| piece == b"\r\n\r\n") else {
        ensure!(read.len() < LONGEST_HEAD, "an answer without an end of its head");
        return Ok(None);
    };
    let head = String::from_utf8_lossy(&read[..end]);
    let mut lines = head.lines();
    let status = lines.next().unwrap_or_default();
    ensure!(status.starts_with("HTTP/1.1 20"), "the gateway answered {}", String::from_utf8_lossy(read));
    let header = |wanted: &str| {
        lines.clone().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case(wanted).then(|| value.trim().to_owned())
        })
    };
    let come = &read[end + 4..];
    let mut left = match header("content-length") {
        Some(length) => Left::Bytes(length.parse()?),
        None => {
            ensure!(header("transfer-encoding").is_some(), "an answer that does not say how long it is");
            Left::Chunks([0; LAST_CHUNK.len()])
        }
    };
    left.take(come)?;
    Ok(Some(left))
}
