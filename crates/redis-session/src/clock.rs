//! When a number was set: by a clock that nobody sets, and by that of Redis, which all processes share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use redis_link::redis::{self, FromRedisValue};
use redis_link::{Link, LinkError};
use redis_schema::Keys;
use rustix::time::{ClockId, clock_gettime};

use crate::identity;

/// Seconds since some moment, by the clock that never goes back.
pub fn monotonic() -> f64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

/// What tells this machine's [`monotonic`] clock from all others, since its start.
pub fn name() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    match boot.trim() {
        // A clock that nobody else is known to have.
        "" => identity::name(),
        boot => boot.to_owned(),
    }
}

/// How far the clock of Redis is ahead of [`monotonic`].
///
/// Found out once for each start of a machine, by whichever process comes first: so processes of one machine agree to
/// the last bit who set a number last, however long each of them waited for an answer.
#[derive(Debug)]
pub struct Clock {
    /// The bits of an `f64`, in seconds.
    ahead: AtomicU64,
}

impl Default for Clock {
    fn default() -> Clock {
        Clock::new()
    }
}

impl Clock {
    /// By this machine's clock, until there is an answer.
    pub fn new() -> Clock {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        Clock { ahead: AtomicU64::new((now - monotonic()).to_bits()) }
    }

    /// Agrees with the other processes of this machine on how far it is.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub fn agree(&self, link: &Link, keys: &Keys) -> Result<(), LinkError> {
        let before = monotonic();
        let told = link.run(redis::pipe().cmd("TIME"))?;
        let here = f64::midpoint(before, monotonic());
        let told = told.into_iter().next().map(<(f64, f64)>::from_redis_value);
        let Some(Ok((seconds, micros))) = told else { return Ok(()) };
        let ours = format!("{:.0}", (seconds - here) * 1e6 + micros);
        let (key, name) = (keys.clocks(), name());
        let mut pipeline = redis::pipe();
        pipeline.cmd("HSETNX").arg(&key).arg(&name).arg(ours).cmd("HGET").arg(&key).arg(&name);
        let agreed = link.run(&pipeline)?.pop().map(f64::from_redis_value);
        if let Some(Ok(micros)) = agreed {
            self.ahead.store((micros / 1e6).to_bits(), Ordering::Relaxed);
        }
        Ok(())
    }

    /// A [`monotonic`] time by the clock of Redis; 0, which stands for none, remains.
    pub fn by_redis(&self, time: f64) -> f64 {
        if time == 0.0 { 0.0 } else { time + f64::from_bits(self.ahead.load(Ordering::Relaxed)) }
    }
}
