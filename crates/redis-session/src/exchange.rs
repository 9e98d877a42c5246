//! A frame on its way to the server, and the answer on its way back.

use std::fmt;

use redis_link::redis::{FromRedisValue, Value};
use redis_link::{Link, LinkError, Script};
use redis_schema::{Answer, Keys, page, script};

use crate::{Frame, identity};

/// Why there is no answer to a frame.
#[derive(Debug)]
pub enum SendError {
    /// It was not sent, or lost, or refused.
    Link(LinkError),
    /// What came is no answer to a frame; says what it is.
    Answer(String),
}

/// Sends a frame, in one round trip. Gives the answer, and the epoch that the server has told with it.
///
/// `flush` is a [`Script`] of [`script::FLUSH`]; `schema` what the frame's part of the schema says; `is_last` whether the
/// process says that it sends no more.
///
/// # Errors
/// When there is no answer, or none that can be understood. What was sent may have arrived then.
pub fn send(
    link: &Link,
    keys: &Keys,
    flush: &Script,
    frame: &Frame,
    schema: &[u8],
    is_last: bool,
) -> Result<(Answer, Vec<u8>), SendError> {
    let arguments = arguments(frame, schema, is_last);
    let keys = [
        keys.processes(),
        keys.lengths(),
        keys.tombs(),
        keys.epoch(),
        keys.values(&frame.process),
        keys.schema(&frame.process),
    ];
    read(link.script(flush, &keys, &arguments).map_err(SendError::Link)?)
}

/// Sends a frame that a [patch](crate::Session::patch) has made, in one round trip. Whether it was taken; where not, the
/// same frame is to be [sent](send), and the answer to that says why.
///
/// `patch` is a [`Script`] of [`script::PATCH`].
///
/// # Errors
/// When there is no answer. What was sent may have arrived then.
pub fn patch(link: &Link, keys: &Keys, patch: &Script, frame: &Frame) -> Result<bool, LinkError> {
    let (follows, own) = (sequence(frame.follows), frame.sequence.to_string());
    let mut arguments: Vec<&[u8]> = vec![follows.as_bytes(), own.as_bytes()];
    arguments.extend(frame.pages.iter().flat_map(|(field, page)| [field.as_bytes(), page]));
    let told = link.script(patch, &[keys.values(&frame.process)], &arguments)?;
    Ok(told == Value::Int(1))
}

/// What [`script::FLUSH`] is called with.
fn arguments(frame: &Frame, schema: &[u8], is_last: bool) -> Vec<Vec<u8>> {
    let mut arguments: Vec<Vec<u8>> = vec![
        frame.process.clone().into(),
        frame.sequence.to_string().into(),
        frame.epoch.clone().unwrap_or_default(),
        if frame.registers { "1" } else { "" }.into(),
        identity::name().into(),
        sequence(frame.follows).into(),
        frame.schema.0.to_string().into(),
        schema.to_vec(),
    ];
    for (field, page) in &frame.pages {
        arguments.extend([field.clone().into(), page.clone()]);
    }
    if frame.registers {
        arguments.extend([script::ABOUT.into(), identity::about().into()]);
        if frame.page != page::LEN {
            arguments.extend([script::PAGE.into(), frame.page.to_string().into()]);
        }
    }
    if is_last {
        arguments.extend([script::ENDED.into(), "1".into()]);
    }
    // Last: of a frame that takes the script several steps it must not be there before the others.
    arguments.extend([script::SEQUENCE.into(), frame.sequence.to_string().into()]);
    arguments
}

/// A sequence number, or nothing.
fn sequence(number: Option<u64>) -> String {
    number.map_or_else(String::new, |number| number.to_string())
}

/// What [`script::FLUSH`] has answered: the answer and the epoch.
fn read(told: Value) -> Result<(Answer, Vec<u8>), SendError> {
    let (word, epoch, number) = <(Vec<u8>, Vec<u8>, i64)>::from_redis_value(told)
        .map_err(|error| SendError::Answer(error.to_string()))?;
    let answer = Answer::of(&word, number).map_err(|error| SendError::Answer(error.to_string()))?;
    Ok((answer, epoch))
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendError::Link(error) => error.fmt(f),
            SendError::Answer(what) => write!(f, "read the answer of Redis: {what}"),
        }
    }
}

impl std::error::Error for SendError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            SendError::Link(error) => Some(error),
            SendError::Answer(_) => None,
        }
    }
}
