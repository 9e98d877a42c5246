//! Scrapers that keep their connections and read what they are sent as fast as it comes.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Context, bail};

/// Several connections of one thread.
pub(crate) struct Scrapers {
    streams: Vec<TcpStream>,
    buffer: Vec<u8>,
}

/// How far an answer has come.
#[derive(Clone)]
enum Answer {
    /// What has come of its head, and of its body behind it.
    Head(Vec<u8>),
    /// How many bytes of its body are still to come.
    Body(usize),
}

impl Scrapers {
    pub(crate) fn connect(address: SocketAddr, count: usize) -> anyhow::Result<Scrapers> {
        let streams = (0..count).map(|_| {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            Ok(stream)
        });
        Ok(Scrapers { streams: streams.collect::<std::io::Result<_>>()?, buffer: vec![0; 256 * 1024] })
    }

    /// Sends a request on each connection.
    pub(crate) fn ask(&mut self) -> anyhow::Result<()> {
        for stream in &mut self.streams {
            // Never waits: there is room for so few bytes.
            stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n")?;
        }
        Ok(())
    }

    /// Reads the answers of all connections to their ends, whichever has something to read: what waits in the system
    /// falls out of the caches, and whose page does so would be chance.
    pub(crate) fn take(&mut self) -> anyhow::Result<()> {
        let mut answers = vec![Answer::Head(Vec::new()); self.streams.len()];
        while answers.iter().any(|answer| !matches!(answer, Answer::Body(0))) {
            let mut idle = true;
            for (stream, answer) in self.streams.iter_mut().zip(&mut answers) {
                if matches!(answer, Answer::Body(0)) {
                    continue;
                }
                match stream.read(&mut self.buffer) {
                    Ok(0) => bail!("the connection ended within an answer"),
                    Ok(read) => answer.take(&self.buffer[..read])?,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                    Err(error) => return Err(error.into()),
                }
                idle = false;
            }
            if idle {
                std::thread::yield_now();
            }
        }
        Ok(())
    }
}

impl Answer {
    fn take(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        const LONGER: &str = "more came than was announced";

        match self {
            Answer::Body(left) => *left = left.checked_sub(bytes.len()).context(LONGER)?,
            Answer::Head(read) => {
                read.extend_from_slice(bytes);
                if let Some(whole) = answer_len(read)? {
                    *self = Answer::Body(whole.checked_sub(read.len()).context(LONGER)?);
                }
            }
        }
        Ok(())
    }
}

/// How long an answer is, head and body; none before the whole head is there.
fn answer_len(bytes: &[u8]) -> anyhow::Result<Option<usize>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&bytes[..end])?;
    if !head.starts_with("HTTP/1.1 200 ") {
        bail!("the answer is {head}");
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    Ok(Some(end + 4 + length.context("the answer says no length")?.parse::<usize>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_may_come_in_pieces_and_ends_where_it_said() {
        let mut answer = Answer::Head(Vec::new());
        for piece in ["HTTP/1.1 200 OK\r\ncontent-le", "ngth: 5\r\n\r\nab", "cde"] {
            assert!(!matches!(answer, Answer::Body(0)));
            answer.take(piece.as_bytes()).unwrap();
        }
        assert!(matches!(answer, Answer::Body(0)));
        assert!(answer.take(b"f").is_err());
    }

    #[test]
    fn the_length_is_known_when_the_head_is_whole() {
        assert_eq!(answer_len(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n").unwrap(), None);
        assert_eq!(answer_len(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nabc").unwrap(), Some(45));
        assert!(answer_len(b"HTTP/1.1 503 No\r\ncontent-length: 7\r\n\r\n").is_err());
    }
}
