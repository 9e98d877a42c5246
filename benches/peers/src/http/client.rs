//! Scrapers that keep their connections and read what they are sent as fast as it comes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Context, bail};

/// Several connections of one thread.
pub(crate) struct Scrapers {
    streams: Vec<TcpStream>,
    buffer: Vec<u8>,
}

impl Scrapers {
    pub(crate) fn connect(address: SocketAddr, count: usize) -> anyhow::Result<Scrapers> {
        let streams = (0..count).map(|_| {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            Ok(stream)
        });
        Ok(Scrapers { streams: streams.collect::<std::io::Result<_>>()?, buffer: vec![0; 256 * 1024] })
    }

    /// Sends a request on each connection.
    pub(crate) fn ask(&mut self) -> anyhow::Result<()> {
        for stream in &mut self.streams {
            stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n")?;
        }
        Ok(())
    }

    /// Reads the answer of each connection to its end.
    pub(crate) fn take(&mut self) -> anyhow::Result<()> {
        for stream in &mut self.streams {
            let mut read = 0;
            let whole = loop {
                let more = stream.read(&mut self.buffer[read..])?;
                if more == 0 {
                    bail!("the connection ended within an answer");
                }
                read += more;
                if let Some(whole) = answer_len(&self.buffer[..read])? {
                    break whole;
                }
            };
            let mut left = whole.checked_sub(read).context("more came than was announced")?;
            while left > 0 {
                let more = stream.read(&mut self.buffer)?;
                left =
                    left.checked_sub(more).filter(|_| more > 0).context("the answer has another length")?;
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
    fn the_length_is_known_when_the_head_is_whole() {
        assert_eq!(answer_len(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n").unwrap(), None);
        assert_eq!(answer_len(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nabc").unwrap(), Some(45));
        assert!(answer_len(b"HTTP/1.1 503 No\r\ncontent-length: 7\r\n\r\n").is_err());
    }
}
