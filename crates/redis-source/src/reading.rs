//! What all readings of a database have in common: how it is asked, and what its answers mean.

use std::fmt::{self, Display, Formatter};
use std::time::Instant;

use collector::SourceError;
use redis_link::redis::{Pipeline, ServerError, Value};
use redis_link::{Link, LinkError};

use crate::bad::{Bad, Reason};

/// How a database is asked in one scrape.
pub(crate) struct Asking<'a> {
    pub(crate) link: &'a Link,
    pub(crate) deadline: Option<Instant>,
    pub(crate) bad: &'a Bad,
    /// What the source is called.
    pub(crate) source: &'a str,
}

/// Why a database cannot be read.
#[derive(Debug)]
pub(crate) struct Trouble(Box<dyn std::error::Error + Send + Sync>);

impl Trouble {
    /// It took too long.
    pub(crate) fn late(how_far: impl Display) -> Trouble {
        Trouble(format!("the deadline passed {how_far}").into())
    }

    /// A command was answered by what is no answer to it.
    pub(crate) fn odd(command: &str) -> Trouble {
        Trouble(format!("{command} was answered in a way that no Redis answers it").into())
    }

    pub(crate) fn nothing_found(why: String) -> Trouble {
        Trouble(NothingFound(why).into())
    }

    pub(crate) fn of(why: String) -> Trouble {
        Trouble(why.into())
    }

    pub(crate) fn into_source_error(self, operation: &str) -> SourceError {
        SourceError::new(operation, self.0)
    }
}

impl From<LinkError> for Trouble {
    fn from(error: LinkError) -> Trouble {
        Trouble(error.into())
    }
}

/// A database holds no keys of any client that is known: says what was looked for.
///
/// It is the cause of a [`SourceError`]: `error.source().is_some_and(|cause| cause.is::<NothingFound>())`.
#[derive(Debug)]
pub struct NothingFound(String);

impl Display for NothingFound {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NothingFound {}

/// How many commands are sent at once: some 10 ms of the server's time.
const AT_ONCE: usize = 10_000;

impl Asking<'_> {
    /// Runs a pipeline of which every command must succeed.
    pub(crate) fn all(&self, pipeline: &Pipeline) -> Result<Vec<Value>, Trouble> {
        Ok(self.link.run_by(pipeline, self.deadline)?)
    }

    /// Runs a pipeline in which keys may be of another type than they should be: those answers are errors.
    ///
    /// Any other error is one of the server or of what we may do there, and the whole fails.
    pub(crate) fn each(&self, pipeline: &Pipeline) -> Result<Vec<Value>, Trouble> {
        let values = self.link.run_each_by(pipeline, self.deadline)?;
        let other = values.iter().find_map(|value| match value {
            Value::ServerError(error) if !is_wrong_type(error) => Some(error),
            _ => None,
        });
        match other {
            None => Ok(values),
            Some(error) => {
                let details = error.details().unwrap_or_default();
                Err(Trouble::of(format!("{} answered {} {details}", self.link.address(), error.code())))
            }
        }
    }

    /// Runs a command for each of `keys`, and hands out the answers in their order.
    pub(crate) fn for_each<K>(
        &self,
        keys: &[K],
        mut command: impl FnMut(&mut Pipeline, &K),
        mut answer: impl FnMut(&K, Value),
    ) -> Result<(), Trouble> {
        for some in keys.chunks(AT_ONCE) {
            let mut pipeline = Pipeline::with_capacity(some.len());
            for key in some {
                command(&mut pipeline, key);
            }
            for (key, value) in some.iter().zip(self.each(&pipeline)?) {
                answer(key, value);
            }
        }
        Ok(())
    }

    /// Takes note that something was left out.
    pub(crate) fn leave_out(&self, place: &[u8], reason: Reason, why: impl Display) {
        self.bad.note(self.source, place, reason, &why.to_string());
    }
}

/// Whether a command was for keys of another type.
fn is_wrong_type(error: &ServerError) -> bool {
    error.code() == "WRONGTYPE"
}

/// The strings of an array or a set; nothing of what is neither.
pub(crate) fn strings(value: Value) -> impl Iterator<Item = Vec<u8>> {
    let values = match value {
        Value::Array(values) | Value::Set(values) => values,
        _ => Vec::new(),
    };
    values.into_iter().filter_map(|value| match value {
        Value::BulkString(text) => Some(text),
        _ => None,
    })
}

/// The fields of a hash, sorted.
pub(crate) fn fields(value: Value) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut strings = strings(value);
    let mut fields = Vec::new();
    while let (Some(field), Some(value)) = (strings.next(), strings.next()) {
        fields.push((field, value));
    }
    fields.sort_unstable();
    fields
}
