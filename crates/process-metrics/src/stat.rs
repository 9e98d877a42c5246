//! `/proc/PID/stat`: what the system says of a process in one line.

use std::io;

/// What the system says of a process in one line, `/proc/PID/stat`.
///
/// Source: proc_pid_stat(5); times are in ticks of the clock ([`Stat::seconds`]).
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    /// The process.
    pub pid: u32,
    /// `R`, `S`, `D` ...; `Z` where it has ended and its parent has not asked how.
    pub state: u8,
    /// The process that will be told when it ends; 0 where that is outside of what can be seen.
    pub parent: u32,
    /// Its process group.
    pub group: u32,
    /// Its session.
    pub session: u32,
    /// Flags of the kernel.
    pub flags: u64,
    /// CPU time that it used itself, in ticks.
    pub own_ticks: u64,
    /// CPU time that children used whose end it was told, and theirs; in ticks.
    pub children_ticks: u64,
    /// How many threads it has.
    pub threads: u64,
    /// When it started, in ticks since the machine did. With the pid it tells processes of one boot apart.
    pub start_ticks: u64,
    /// Pages of memory that it has at the moment.
    pub resident_pages: u64,
}

impl Stat {
    /// What the system says of this process now.
    ///
    /// # Errors
    /// When there is no such process, or `/proc` cannot be read.
    pub fn read(pid: u32) -> io::Result<Stat> {
        let bytes = std::fs::read(format!("/proc/{pid}/stat"))?;
        Stat::parse(&bytes).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not understood"))
    }

    /// What the system says of all processes that can be seen, in no order.
    ///
    /// # Errors
    /// When `/proc` cannot be listed. Processes that end meanwhile are none.
    pub fn all() -> io::Result<Vec<Stat>> {
        let mut all = Vec::new();
        for entry in std::fs::read_dir("/proc")? {
            let pid = entry?.file_name().to_str().and_then(|name| name.parse().ok());
            all.extend(pid.and_then(|pid| Stat::read(pid).ok()));
        }
        Ok(all)
    }

    /// Reads the line; none where something is missing. The program's name in it may be any bytes, line breaks and
    /// parentheses included, so that all else is looked for behind the last parenthesis.
    pub fn parse(bytes: &[u8]) -> Option<Stat> {
        let name_from = bytes.iter().position(|&byte| byte == b'(')?;
        let name_to = bytes.iter().rposition(|&byte| byte == b')')?;
        let pid = std::str::from_utf8(bytes.get(..name_from)?).ok()?.trim().parse().ok()?;
        let rest = std::str::from_utf8(bytes.get(name_to + 1..)?).ok()?;
        // The manual counts the fields from 1; the state, which is the third, is the first here.
        let fields: Vec<&str> = rest.split_ascii_whitespace().take(22).collect();
        let field = |number: usize| fields.get(number - 3).copied();
        let number = |at: usize| field(at)?.parse::<u64>().ok();
        let small = |at: usize| field(at)?.parse::<u32>().ok();
        // Of children that were killed on some kernels it is told below zero.
        let ticks = |at: usize| field(at)?.parse::<i64>().ok().map(|ticks| ticks.max(0).unsigned_abs());
        Some(Stat {
            pid,
            state: *field(3)?.as_bytes().first()?,
            parent: small(4)?,
            group: field(5)?.parse::<i64>().ok()?.try_into().unwrap_or(0),
            session: field(6)?.parse::<i64>().ok()?.try_into().unwrap_or(0),
            flags: number(9)?,
            own_ticks: number(14)?.saturating_add(number(15)?),
            children_ticks: ticks(16)?.saturating_add(ticks(17)?),
            threads: number(20)?,
            start_ticks: number(22)?,
            resident_pages: field(24)?.parse::<i64>().ok()?.max(0).unsigned_abs(),
        })
    }

    /// Whether it has ended, though its parent has not asked how yet.
    pub fn has_ended(&self) -> bool {
        matches!(self.state, b'Z' | b'X' | b'x')
    }

    /// Whether it still runs the program of the process that forked it, as workers do; a program that was started by
    /// its own name does not.
    pub fn is_bare_fork(&self) -> bool {
        const FORKED_NO_EXEC: u64 = 0x40; // PF_FORKNOEXEC of linux/sched.h
        self.flags & FORKED_NO_EXEC != 0
    }

    /// So many ticks in seconds.
    pub fn seconds(ticks: u64) -> f64 {
        ticks as f64 / rustix::param::clock_ticks_per_second() as f64
    }
}

#[cfg(test)]
mod tests;
