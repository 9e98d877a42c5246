//! A ledger that is kept in files, so that another program goes on with it.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use tracing::warn;

use crate::Stat;
use crate::ledger::{Ledger, State};

/// A ledger, and where it is kept, if it is.
///
/// Two files are written in turns, and none is renamed: who reads them takes the newer one of those that are whole, and
/// the directory they stand in does not change, which would make its readers list it again. The disk is not waited for: only a machine that fails can lose the last write, and then its processes are
/// gone, too.
#[derive(Debug, Default)]
pub(crate) struct Account {
    ledger: Ledger,
    kept: Option<Kept>,
}

#[derive(Debug)]
struct Kept {
    paths: [PathBuf; 2],
    /// Of the last write; none before they were read.
    turn: Option<u64>,
    written: State,
    warned: bool,
}

/// What is larger was not written by us: a hundred bytes for each process are more than enough.
const LARGEST: u64 = 16 << 20;

const FIRST_LINE: &str = "multiprom: CPU time of processes, 1";

impl Account {
    /// One that is kept in two files that begin with this path, or in none.
    pub(crate) fn new(path: Option<&Path>) -> Account {
        let kept = path.map(|path| Kept {
            paths: ["-0", "-1"].map(|end| {
                let mut path = path.as_os_str().to_owned();
                path.push(end);
                path.into()
            }),
            turn: None,
            written: State::default(),
            warned: false,
        });
        Account { ledger: Ledger::default(), kept }
    }

    /// As [`Ledger::count`]. When it returns, the files have it, if they can be written.
    pub(crate) fn count<'a>(&mut self, living: impl Iterator<Item = &'a Stat>, known: Option<u64>) -> u64 {
        if let Some(kept) = &mut self.kept
            && kept.turn.is_none()
        {
            self.ledger = kept.read();
        }
        let told = self.ledger.count(living, known);
        if let Some(kept) = &mut self.kept {
            kept.write(self.ledger.state());
        }
        told
    }
}

impl Kept {
    /// The ledger that was written last; an empty one where there is none.
    fn read(&mut self) -> Ledger {
        let this_boot = boot();
        let mut newest: Option<(u64, String, State)> = None;
        let mut bad = None;
        for path in &self.paths {
            match read(path) {
                Ok(None) => {}
                Ok(Some(text)) => match parse(&text) {
                    Some(found) if newest.as_ref().is_none_or(|(turn, ..)| *turn < found.0) => {
                        newest = Some(found);
                    }
                    Some(_) => {}
                    None => bad = Some(format!("{}: damaged", path.display())),
                },
                Err(error) => bad = Some(format!("{}: {error}", path.display())),
            }
        }
        // Of two that are written in turns one may be half written.
        if let (None, Some(bad)) = (&newest, bad) {
            warn!("CPU time of processes that have ended counts from now on: {bad}");
        }
        let (turn, boot, state) = newest.unwrap_or_default();
        self.turn = Some(turn);
        Ledger::of(state, boot == this_boot)
    }

    fn write(&mut self, state: &State) {
        if *state == self.written {
            return;
        }
        let turn = self.turn.unwrap_or_default() + 1;
        let path = &self.paths[usize::from(turn % 2 == 1)];
        match fs::write(path, text(turn, &boot(), state)) {
            Ok(()) => {
                (self.turn, self.warned) = (Some(turn), false);
                self.written.clone_from(state);
            }
            Err(error) => {
                if !std::mem::replace(&mut self.warned, true) {
                    warn!("CPU time of processes that have ended is not kept: {}: {error}", path.display());
                }
            }
        }
    }
}

/// What tells this boot of the machine from others: pids and starts of processes mean something within one alone.
fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

fn read(path: &Path) -> io::Result<Option<String>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut text = String::new();
    file.take(LARGEST).read_to_string(&mut text)?;
    Ok(Some(text))
}

/// A line each: what it is, which turn, which boot, the sums, those who live, and a sum over all lines before.
fn text(turn: u64, boot: &str, state: &State) -> String {
    let mut text = format!("{FIRST_LINE}\n{turn} {boot}\n{} {}", state.told, state.ended);
    // In order, so that equal ones are written equal.
    let mut living: Vec<_> = state.living.iter().collect();
    living.sort_unstable();
    for (&(pid, start), ticks) in living {
        text.push_str(&format!("\n{pid} {start} {ticks}"));
    }
    let sum = sum(text.as_bytes());
    text.push_str(&format!("\n{sum:016x}\n"));
    text
}

/// Turn, boot and state; none where it is not whole.
fn parse(text: &str) -> Option<(u64, String, State)> {
    let (lines, found) = text.strip_suffix('\n')?.rsplit_once('\n')?;
    if u64::from_str_radix(found, 16).ok()? != sum(lines.as_bytes()) {
        return None;
    }
    let mut lines = lines.lines();
    if lines.next()? != FIRST_LINE {
        return None;
    }
    let (turn, boot) = lines.next()?.split_once(' ')?;
    let (told, ended) = lines.next()?.split_once(' ')?;
    let one = |line: &str| {
        let mut numbers = line.split(' ').map(|number| number.parse::<u64>().ok());
        let mut next = || numbers.next().flatten();
        Some(((next()?.try_into().ok()?, next()?), next()?))
    };
    let living = lines.map(one).collect::<Option<_>>()?;
    let state = State { living, ended: ended.parse().ok()?, told: told.parse().ok()? };
    Some((turn.parse().ok()?, boot.to_owned(), state))
}

/// FNV-1a: tells whole from half written.
fn sum(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |sum, &byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests;
