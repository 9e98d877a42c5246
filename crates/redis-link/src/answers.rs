//! What a server answers, bytes to values: whatever comes, in whatever pieces.

#[cfg(test)]
mod tests;

use std::fmt;

use redis::{Value, parse_redis_value};

/// Answers that come in, in any pieces.
///
/// Total on any bytes: a length is believed as far as bytes for it have come, and nothing is parsed twice however
/// small the pieces are.
#[derive(Default)]
pub(crate) struct Answers {
    bytes: Vec<u8>,
    /// How far they are parsed.
    parsed: usize,
    /// Arrays that have begun, the outermost first.
    open: Vec<Open>,
}

/// An array that has begun.
struct Open {
    values: Vec<Value>,
    wanted: usize,
}

/// What no Redis says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Nonsense(&'static str);

/// How deep arrays may nest. A transaction of what Redis has of its own goes four deep; scripts may return more.
const DEEPEST: usize = 64;

/// How long a line may be: a number, a status, an error.
const LONGEST_LINE: usize = 64 * 1024;

/// The longest string of a Redis.
const LONGEST_STRING: usize = 512 * 1024 * 1024;

impl Answers {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        // What is parsed is dropped when that moves less than it frees.
        if self.parsed * 2 > self.bytes.len() {
            self.bytes.drain(..self.parsed);
            self.parsed = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The next answer, if it is there as a whole.
    ///
    /// # Errors
    /// When the bytes are none that a Redis sends; what follows them means nothing.
    pub(crate) fn next(&mut self) -> Result<Option<Value>, Nonsense> {
        'value: loop {
            let Some(piece) = self.piece()? else { return Ok(None) };
            let mut value = match piece {
                Piece::Whole(value) => value,
                Piece::Array(0) => Value::Array(Vec::new()),
                Piece::Array(wanted) => {
                    if self.open.len() == DEEPEST {
                        return Err(Nonsense("arrays in arrays without end"));
                    }
                    self.open.push(Open { values: Vec::with_capacity(wanted.min(1024)), wanted });
                    continue;
                }
            };
            while let Some(open) = self.open.last_mut() {
                open.values.push(value);
                if open.values.len() < open.wanted {
                    continue 'value;
                }
                value = Value::Array(self.open.pop().expect("it is the last").values);
            }
            return Ok(Some(value));
        }
    }

    /// Whether nothing has come that is not parsed.
    pub(crate) fn is_empty(&self) -> bool {
        self.parsed == self.bytes.len() && self.open.is_empty()
    }

    /// The next value that is no array, or the beginning of an array.
    fn piece(&mut self) -> Result<Option<Piece>, Nonsense> {
        let rest = &self.bytes[self.parsed..];
        let Some(&first) = rest.first() else { return Ok(None) };
        let Some(end) = line_end(rest)? else { return Ok(None) };
        let line = &rest[1..end - 2];
        let (piece, length) = match first {
            b'+' if line == b"OK" => (Piece::Whole(Value::Okay), end),
            b'+' => (Piece::Whole(Value::SimpleString(String::from_utf8_lossy(line).into_owned())), end),
            b'-' => (Piece::Whole(server_error(line)), end),
            b':' => (Piece::Whole(Value::Int(integer(line)?)), end),
            b'$' => match usize::try_from(integer(line)?) {
                Err(_) => (Piece::Whole(Value::Nil), end),
                Ok(length) if length > LONGEST_STRING => {
                    return Err(Nonsense("a string longer than 512 MiB"));
                }
                Ok(length) => {
                    let Some(string) = rest.get(end..end + length + 2) else { return Ok(None) };
                    let Some(string) = string.strip_suffix(b"\r\n") else {
                        return Err(Nonsense("a string that does not end where it says"));
                    };
                    (Piece::Whole(Value::BulkString(string.to_vec())), end + length + 2)
                }
            },
            b'*' => match usize::try_from(integer(line)?) {
                Err(_) => (Piece::Whole(Value::Nil), end),
                Ok(wanted) => (Piece::Array(wanted), end),
            },
            _ => return Err(Nonsense("an answer of no known type")),
        };
        self.parsed += length;
        Ok(Some(piece))
    }
}

enum Piece {
    Whole(Value),
    Array(usize),
}

/// Where the line at the beginning of `bytes` ends, with its line break.
fn line_end(bytes: &[u8]) -> Result<Option<usize>, Nonsense> {
    let searched = &bytes[..bytes.len().min(LONGEST_LINE)];
    match searched.iter().position(|&byte| byte == b'\n') {
        Some(end) if end > 1 && bytes[end - 1] == b'\r' => Ok(Some(end + 1)),
        Some(_) => Err(Nonsense("a line that does not end in CR LF")),
        None if searched.len() == LONGEST_LINE => Err(Nonsense("a line without end")),
        None => Ok(None),
    }
}

fn integer(line: &[u8]) -> Result<i64, Nonsense> {
    let text = std::str::from_utf8(line).ok();
    text.and_then(|text| text.parse().ok()).ok_or(Nonsense("a number that is none"))
}

/// An error of the server as a value; only the `redis` crate can make one, from bytes.
fn server_error(line: &[u8]) -> Value {
    let text = String::from_utf8_lossy(line);
    let line: String = text.chars().map(|c| if c == '\r' || c == '\n' { ' ' } else { c }).collect();
    parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap_or(Value::Nil)
}

impl fmt::Display for Nonsense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it sent {}: is it a Redis?", self.0)
    }
}
