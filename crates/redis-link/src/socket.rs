//! A socket that a forked child lets go of, and on which nothing waits past its time.

use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::time::Instant;

use forked::{Descriptors, Held};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recv, send,
    socket_with,
};

use crate::address::Place;

/// A connected socket that never blocks. A file to whoever lists it: to a descriptor it is all the same.
pub(crate) struct Socket {
    held: Held,
}

impl Socket {
    /// Connects, by `deadline`; looking up a host's name may take longer, as long as the system's resolver does.
    pub(crate) fn open(place: &Place, descriptors: &Descriptors, deadline: Instant) -> io::Result<Socket> {
        let descriptor = match place {
            Place::Tcp { host, port, .. } => tcp(host, *port, deadline)?,
            Place::Unix(path) => {
                let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
                let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
                // Done at once, or refused at once: also by a stopped server with a full queue.
                connect(&socket, &SocketAddrUnix::new(path)?)?;
                socket
            }
            Place::Sentinel { .. } | Place::Cluster { .. } => {
                return Err(io::Error::new(io::ErrorKind::Unsupported, "who it is must be asked first"));
            }
        };
        Ok(Socket { held: descriptors.hold(descriptor.into()) })
    }

    /// How many of `bytes` there is room for just now.
    pub(crate) fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        // No signal where the server is gone: an error says it.
        Ok(send(&*self.held, bytes, SendFlags::NOSIGNAL)?)
    }

    /// How many bytes are there just now; 0 when the server has closed.
    pub(crate) fn receive(&self, into: &mut [u8]) -> io::Result<usize> {
        Ok(recv(&*self.held, into, RecvFlags::empty())?.0)
    }

    /// Waits until something can be received or, `to_send`, sent.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] at `deadline`.
    pub(crate) fn wait(&self, to_send: bool, deadline: Instant) -> io::Result<()> {
        let wanted = if to_send { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = Timespec::try_from(left).ok();
            match poll(&mut [PollFd::new(&*self.held, wanted)], timeout.as_ref()) {
                Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
                Ok(_) => return Ok(()),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Whether something has come that nobody asked for: an end, mostly.
    pub(crate) fn has_news(&self) -> bool {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        !matches!(poll(&mut [PollFd::new(&*self.held, PollFlags::IN)], Some(&now)), Ok(0))
    }
}

/// A connection to the first of the host's addresses that takes one.
fn tcp(host: &str, port: u16, deadline: Instant) -> io::Result<OwnedFd> {
    let mut last = None;
    for address in (host, port).to_socket_addrs()? {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(last.unwrap_or_else(|| io::ErrorKind::TimedOut.into()));
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_nonblocking(true)?;
                return Ok(stream.into());
            }
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the host has no address")))
}
