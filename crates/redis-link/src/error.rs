//! Why a pipeline has no answers, and what may have become of it.

use std::fmt::{self, Display, Formatter};
use std::io;

use redis::ServerError;

/// Why a pipeline has no answers: what was tried, on which address, and what became of it. Holds no password.
#[derive(Debug)]
pub struct LinkError {
    fate: Fate,
    /// What was tried, and where.
    tried: String,
    cause: Cause,
}

/// What has become of what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Unsent,
    Lost,
    Refused,
}

#[derive(Debug)]
enum Cause {
    System(io::Error),
    Server { code: String, text: String },
}

impl LinkError {
    /// Whether nothing was sent: no connection came about, or the server refused user, password or database.
    pub fn is_unsent(&self) -> bool {
        self.fate == Fate::Unsent
    }

    /// Whether nobody knows how much of it was carried out: the answer has not come, or not as a whole.
    pub fn is_lost(&self) -> bool {
        self.fate == Fate::Lost
    }

    /// Whether the server has answered, with an error for one command at least. The others of the pipeline have
    /// been carried out, unless it is a transaction that was refused before its end.
    pub fn is_refused(&self) -> bool {
        self.fate == Fate::Refused
    }

    /// Whether it was a matter of time.
    pub fn is_late(&self) -> bool {
        matches!(&self.cause, Cause::System(error) if error.kind() == io::ErrorKind::TimedOut)
    }

    /// The code of the server's error: `NOAUTH`, `READONLY`, `LOADING`; `ERR` where it has none of its own.
    pub fn code(&self) -> Option<&str> {
        match &self.cause {
            Cause::Server { code, .. } => Some(code),
            Cause::System(_) => None,
        }
    }

    pub(crate) fn unsent(tried: String, cause: io::Error) -> LinkError {
        LinkError { fate: Fate::Unsent, tried, cause: Cause::System(cause) }
    }

    pub(crate) fn lost(tried: String, cause: io::Error) -> LinkError {
        LinkError { fate: Fate::Lost, tried, cause: Cause::System(cause) }
    }

    pub(crate) fn refused(tried: String, error: &ServerError) -> LinkError {
        LinkError { fate: Fate::Refused, tried, cause: Cause::server(error, None) }
    }

    /// The server knows us not: nothing of what was to be sent has been.
    pub(crate) fn unwelcome(tried: String, error: &ServerError, password: Option<&str>) -> LinkError {
        LinkError { fate: Fate::Unsent, tried, cause: Cause::server(error, password) }
    }
}

impl Cause {
    /// A server that does not know a command repeats its arguments.
    fn server(error: &ServerError, secret: Option<&str>) -> Cause {
        let mut text = match error.details() {
            Some(details) => format!("{} {details}", error.code()),
            None => error.code().to_owned(),
        };
        if let Some(secret) = secret.filter(|secret| !secret.is_empty()) {
            text = text.replace(secret, "***");
        }
        Cause::Server { code: error.code().to_owned(), text }
    }
}

impl Display for LinkError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.tried)?;
        match &self.cause {
            Cause::System(error) if error.kind() == io::ErrorKind::TimedOut => {
                f.write_str("no answer in time")
            }
            Cause::System(error) => write!(f, "{error}"),
            Cause::Server { text, .. } => f.write_str(text),
        }?;
        let lost = ", and nobody knows whether it was carried out";
        if self.is_lost() { f.write_str(lost) } else { Ok(()) }
    }
}

impl std::error::Error for LinkError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            Cause::System(error) => Some(error),
            Cause::Server { .. } => None,
        }
    }
}
