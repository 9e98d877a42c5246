//! Whether a Redis may throw numbers away when its memory is full.

use std::fmt;

use redis_link::redis::{self, FromRedisValue};
use redis_link::{Link, LinkError};

/// Why numbers should not be sent to a Redis, now or ever.
#[derive(Debug)]
pub enum Unfit {
    /// It does not say.
    Unreachable(LinkError),
    /// It may throw them away.
    Evicts(Evicts),
}

/// A `maxmemory-policy` by which keys without an end of life may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evicts(pub(crate) String);

/// Asks it. One that does not say, as some that are rented out, is taken for fit.
///
/// # Errors
/// When it is not fit, or cannot be asked.
pub fn check(link: &Link) -> Result<(), Unfit> {
    let told = match link.run(redis::pipe().cmd("INFO").arg("memory")) {
        Ok(told) => told,
        Err(error) if error.is_refused() => return Ok(()),
        Err(error) => return Err(Unfit::Unreachable(error)),
    };
    let told = told.into_iter().next().map(String::from_redis_value).and_then(Result::ok).unwrap_or_default();
    match told.lines().find_map(|line| line.strip_prefix("maxmemory_policy:")) {
        // Those that take only keys with an end of life (`volatile-...`) do not take ours, which have none.
        Some(policy) if policy.trim().starts_with("allkeys") => {
            Err(Unfit::Evicts(Evicts(policy.trim().to_owned())))
        }
        _ => Ok(()),
    }
}

impl fmt::Display for Evicts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "its maxmemory-policy {} throws keys away when memory is full, and counters would fall; \
             set it to noeviction or to one of volatile-*, or use a Redis of its own",
            self.0
        )
    }
}

impl std::error::Error for Evicts {}
