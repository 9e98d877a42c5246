//! A socket on which everything is encrypted, with the system's certificates for whom to trust.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::Instant;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::socket::Socket;

/// See the head of this file.
pub(crate) struct Encrypted {
    session: ClientConnection,
    socket: Socket,
}

impl Encrypted {
    /// Agrees with the server on how to encrypt, by `deadline`; it must prove to be `host`.
    ///
    /// Trusted are the system's certificates, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
    pub(crate) fn open(socket: Socket, host: &str, deadline: Instant) -> io::Result<Encrypted> {
        let mut trusted = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        trusted.add_parsable_certificates(found.certs);
        if trusted.is_empty() {
            let why = found.errors.first().map(|error| format!(": {error}")).unwrap_or_default();
            return Err(io::Error::other(format!("this system has no certificates to trust{why}")));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(io::Error::other)?.with_root_certificates(trusted).with_no_client_auth();
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let session = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
        let mut encrypted = Encrypted { session, socket };
        while encrypted.session.is_handshaking() {
            match encrypted.flush().and_then(|()| encrypted.take_in()) {
                Ok(0) => {
                    return Err(io::Error::new(ErrorKind::UnexpectedEof, "the server does not speak TLS"));
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => encrypted.wait(false, deadline)?,
                Err(error) => {
                    // What is wrong, the server is told, too.
                    let _ = encrypted.flush();
                    return Err(error);
                }
            }
        }
        Ok(encrypted)
    }

    /// How many of `bytes` there is room for just now.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.session.writer().write(bytes)?;
        match self.flush() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ if taken == 0 && !bytes.is_empty() => Err(ErrorKind::WouldBlock.into()),
            _ => Ok(taken),
        }
    }

    /// How many bytes are there just now; 0 when the server has closed.
    pub(crate) fn receive(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.flush() {
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
            match self.session.reader().read(into) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => return read,
            }
            if self.take_in()? == 0 {
                return Ok(0);
            }
        }
    }

    /// Waits until something can be received or, `to_send` or if something encrypted is left, sent.
    pub(crate) fn wait(&self, to_send: bool, deadline: Instant) -> io::Result<()> {
        self.socket.wait(to_send || self.session.wants_write(), deadline)
    }

    /// Whether something has come that nobody asked for. What a server sends for the next session is no news.
    pub(crate) fn has_news(&mut self) -> bool {
        loop {
            match self.session.reader().read(&mut [0]) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                _ => return true,
            }
            match self.take_in() {
                Ok(1..) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                _ => return true,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            self.session.write_tls(&mut Raw(&self.socket))?;
        }
        Ok(())
    }

    /// Receives and decrypts; how many bytes came.
    fn take_in(&mut self) -> io::Result<usize> {
        let received = self.session.read_tls(&mut Raw(&self.socket))?;
        self.session.process_new_packets().map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        Ok(received)
    }
}

/// The socket below.
struct Raw<'a>(&'a Socket);

impl Read for Raw<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.receive(into)
    }
}

impl Write for Raw<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
