//! What a connection's bytes go over: a socket, bare or encrypted.

use std::io;
use std::time::Instant;

use forked::Descriptors;

use crate::address::Place;
#[cfg(feature = "tls")]
use crate::encrypted::Encrypted;
use crate::socket::Socket;

/// What a connection's bytes go over. Nothing in it blocks but [`wait`](Wire::wait).
pub(crate) enum Wire {
    Bare(Socket),
    #[cfg(feature = "tls")]
    Encrypted(Box<Encrypted>),
}

impl Wire {
    pub(crate) fn open(place: &Place, descriptors: &Descriptors, deadline: Instant) -> io::Result<Wire> {
        match place {
            #[cfg(not(feature = "tls"))]
            Place::Tcp { tls: true, .. } => {
                Err(io::Error::new(io::ErrorKind::Unsupported, "this program is built without TLS"))
            }
            #[cfg(feature = "tls")]
            Place::Tcp { tls: true, host, .. } => {
                let socket = Socket::open(place, descriptors, deadline)?;
                Ok(Wire::Encrypted(Box::new(Encrypted::open(socket, host, deadline)?)))
            }
            _ => Ok(Wire::Bare(Socket::open(place, descriptors, deadline)?)),
        }
    }

    /// How many of `bytes` there is room for just now.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Wire::Bare(socket) => socket.send(bytes),
            #[cfg(feature = "tls")]
            Wire::Encrypted(encrypted) => encrypted.send(bytes),
        }
    }

    /// How many bytes are there just now; 0 when the server has closed.
    pub(crate) fn receive(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Wire::Bare(socket) => socket.receive(into),
            #[cfg(feature = "tls")]
            Wire::Encrypted(encrypted) => encrypted.receive(into),
        }
    }

    /// Waits until something can be received or, `to_send`, sent.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] at `deadline`.
    pub(crate) fn wait(&self, to_send: bool, deadline: Instant) -> io::Result<()> {
        match self {
            Wire::Bare(socket) => socket.wait(to_send, deadline),
            #[cfg(feature = "tls")]
            Wire::Encrypted(encrypted) => encrypted.wait(to_send, deadline),
        }
    }

    /// Whether something has come that nobody asked for: an end, mostly.
    pub(crate) fn has_news(&mut self) -> bool {
        match self {
            Wire::Bare(socket) => socket.has_news(),
            #[cfg(feature = "tls")]
            Wire::Encrypted(encrypted) => encrypted.has_news(),
        }
    }
}
