//! A command that was refused to who looked.

use std::fmt;

use redis_link::redis::Value;

/// A command that Redis refused to who looked, and what is not known for want of it. All else is as it stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The command, as `TIME`.
    pub command: &'static str,
    /// What Redis has answered.
    pub why: String,
    /// What is not known.
    pub unknown: &'static str,
}

/// What each command is asked for that a look can do without.
const UNKNOWN: [(&str, &str); 8] = [
    ("TIME", "how long ago each process was heard of"),
    ("GET", "whether anything was ever kept there"),
    ("HLEN", "how many of the dead are remembered"),
    ("ZRANGE", "which processes there are"),
    ("HGETALL", "which families processes share"),
    ("TYPE", "whether keys are of the type that they should be"),
    ("PTTL", "whether keys go away by themselves"),
    ("INFO", "whether the server throws keys away when memory is full"),
];

impl Refusal {
    /// That of this command, if that is what was answered. A key of another type is no refusal.
    pub(super) fn of(command: &str, answer: &Value) -> Option<Refusal> {
        let Value::ServerError(error) = answer else { return None };
        let &(command, unknown) = UNKNOWN.iter().find(|(known, _)| *known == command)?;
        let why = || format!("{} {}", error.code(), error.details().unwrap_or_default());
        (error.code() != "WRONGTYPE").then(|| Refusal { command, why: why().trim_end().to_owned(), unknown })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was refused ({}): it is not known {}", self.command, self.why, self.unknown)
    }
}
