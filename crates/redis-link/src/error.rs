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

/// Why it failed: by the system's word, or the server's.
#[derive(Debug)]
pub(crate) enum Cause {
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

    /// Whether the server says that it cannot just now, and has done nothing: it loads its data (`LOADING`), or its
    /// cluster has lost a node (`CLUSTERDOWN`), moves the keys at this moment (`TRYAGAIN`), or puts another in the place
    /// of a master (`MASTERDOWN`).
    pub fn is_passing(&self) -> bool {
        matches!(self.code(), Some("LOADING" | "CLUSTERDOWN" | "TRYAGAIN" | "MASTERDOWN"))
    }

    pub(crate) fn unsent(tried: String, cause: impl Into<Cause>) -> LinkError {
        LinkError { fate: Fate::Unsent, tried, cause: cause.into() }
    }

    pub(crate) fn lost(tried: String, cause: io::Error) -> LinkError {
        LinkError { fate: Fate::Lost, tried, cause: Cause::System(cause) }
    }

    /// With what else there is to say of it, if anything.
    pub(crate) fn refused(tried: String, error: &ServerError, remark: Option<&str>) -> LinkError {
        let mut cause = Cause::server(error, None);
        if let (Cause::Server { text, .. }, Some(remark)) = (&mut cause, remark) {
            *text = format!("{text}: {remark}");
        }
        LinkError { fate: Fate::Refused, tried, cause }
    }
}

impl Cause {
    /// A server that does not know a command repeats its arguments: what is `secret` in them is not shown.
    pub(crate) fn server(error: &ServerError, secret: Option<&str>) -> Cause {
        let mut text = match error.details() {
            Some(details) => format!("{} {details}", error.code()),
            None => error.code().to_owned(),
        };
        if let Some(secret) = secret.filter(|secret| !secret.is_empty()) {
            text = text.replace(secret, "***");
        }
        Cause::Server { code: error.code().to_owned(), text }
    }

    /// The same, with who it comes from.
    pub(crate) fn of(self, whom: &str) -> Cause {
        match self {
            Cause::System(error) if error.kind() == io::ErrorKind::TimedOut => {
                io::Error::new(error.kind(), format!("{whom}: no answer in time")).into()
            }
            Cause::System(error) => io::Error::new(error.kind(), format!("{whom}: {error}")).into(),
            Cause::Server { code, text } => Cause::Server { code, text: format!("{whom}: {text}") },
        }
    }
}

impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Cause {
        Cause::System(error)
    }
}

impl Display for LinkError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.tried)?;
        match &self.cause {
            // What the system says of it is no more than that, unless somebody is named.
            Cause::System(error) if error.kind() == io::ErrorKind::TimedOut && error.get_ref().is_none() => {
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
