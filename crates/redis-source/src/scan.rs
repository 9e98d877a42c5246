//! A walk through the keys of a database.

use std::time::{Duration, Instant};

use redis_link::redis::{Pipeline, Value};

use crate::reading::{Asking, Trouble, strings};

/// How many places of the table Redis looks at in one step: some 0.2 ms of its time.
const STEP: usize = 1000;

/// A walk through all keys, and when it is time for the next one.
#[derive(Default)]
pub(crate) struct Walk {
    /// Those that matched, sorted, none twice. What was there from the beginning to the end of the walk is among them.
    pub(crate) keys: Vec<Vec<u8>>,
    /// When a long one ended, and how long it took.
    long: Option<(Instant, Duration)>,
}

/// What has become of the keys of a walk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Renewed {
    /// It was not time to look.
    Unseen,
    /// They are the same.
    Same,
    /// They are others, or fewer, or more.
    Changed,
}

/// Up to how many steps a walk is made at every scrape.
const SHORT: usize = 50;

/// A long one is made so seldom that it takes this part of the time.
const SHARE: u32 = 20;

impl Walk {
    /// Walks again, if it is time to, and keeps the keys that match `pattern`.
    pub(crate) fn renew(&mut self, asking: &Asking<'_>, pattern: &[u8]) -> Result<Renewed, Trouble> {
        if self.long.is_some_and(|(ended, took)| ended.elapsed() < took * SHARE) {
            return Ok(Renewed::Unseen);
        }
        let begun = Instant::now();
        let mut keys = Vec::new();
        let mut steps = 0;
        let mut cursor = Some(b"0".to_vec());
        while let Some(from) = cursor {
            cursor = step(asking, &from, Some(pattern), &mut keys)?;
            steps += 1;
        }
        keys.sort_unstable();
        keys.dedup();
        self.long = (steps > SHORT).then(|| (Instant::now(), begun.elapsed()));
        let renewed = if keys == self.keys { Renewed::Same } else { Renewed::Changed };
        self.keys = keys;
        Ok(renewed)
    }
}

/// The first keys of a database, about `most` of them, and whether that is all there are.
pub(crate) fn first(asking: &Asking<'_>, most: usize) -> Result<(Vec<Vec<u8>>, bool), Trouble> {
    let mut keys = Vec::new();
    let mut cursor = Some(b"0".to_vec());
    while let Some(from) = cursor {
        if keys.len() >= most {
            return Ok((keys, false));
        }
        cursor = step(asking, &from, None, &mut keys)?;
    }
    Ok((keys, true))
}

/// One step of a walk; where the next one begins, if there is one.
fn step(
    asking: &Asking<'_>,
    cursor: &[u8],
    pattern: Option<&[u8]>,
    keys: &mut Vec<Vec<u8>>,
) -> Result<Option<Vec<u8>>, Trouble> {
    if asking.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
        return Err(Trouble::late(format!("after {} keys", keys.len())));
    }
    let mut pipeline = Pipeline::with_capacity(1);
    pipeline.cmd("SCAN").arg(cursor);
    if let Some(pattern) = pattern {
        pipeline.arg("MATCH").arg(pattern);
    }
    pipeline.arg("COUNT").arg(STEP);
    let answer = asking.all(&pipeline)?.pop();
    let Some(Value::Array(parts)) = answer else { return Err(Trouble::odd("SCAN")) };
    let Ok([Value::BulkString(next), found]) = <[Value; 2]>::try_from(parts) else {
        return Err(Trouble::odd("SCAN"));
    };
    keys.extend(strings(found));
    Ok((next != b"0").then_some(next))
}

/// `text` as a part of a pattern that stands for itself.
pub(crate) fn literally(text: &[u8]) -> Vec<u8> {
    let mut pattern = Vec::with_capacity(text.len());
    for &byte in text {
        if matches!(byte, b'*' | b'?' | b'[' | b']' | b'\\' | b'^' | b'-') {
            pattern.push(b'\\');
        }
        pattern.push(byte);
    }
    pattern
}
