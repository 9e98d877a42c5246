//! How a body is coded for its way: what its `Content-Encoding` says, and undoing it.

use std::io::{self, Read};

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;

use super::{Exceeded, Limit, ReadError};

/// How a body is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Not at all.
    Identity,
    /// A gzip stream, of any number of members.
    Gzip,
    /// A snappy stream in frames.
    Snappy,
}

impl Coding {
    /// The coding that a `Content-Encoding` header tells, in upper or lower case. What is not known is taken for none,
    /// as the official push gateway does: the body then says itself that it cannot be read.
    pub fn of_content_encoding(content_encoding: Option<&str>) -> Coding {
        match content_encoding.map(str::trim) {
            Some(name) if name.eq_ignore_ascii_case("gzip") => Coding::Gzip,
            Some(name) if name.eq_ignore_ascii_case("snappy") => Coding::Snappy,
            _ => Coding::Identity,
        }
    }
}

/// The body as it was before it was coded: at most `limit` bytes, and never more memory than about twice that.
///
/// A body that is not coded is given back as it is.
///
/// # Errors
/// [`ReadError::Limit`] where it is longer; [`ReadError::Parse`] where it is no whole stream, for gzip with the words
/// of the official push gateway (`gzip: invalid header`, `unexpected EOF`, `EOF`). That one takes a stream without its
/// checksum, or with a wrong one, for whole as long as it ends at the end of a line, and replaces a group by a part of
/// what its client had to say; here that is an error.
pub fn decode(coding: Coding, body: Bytes, limit: usize) -> Result<Bytes, ReadError> {
    match coding {
        Coding::Identity if body.len() > limit => Err(too_long(limit)),
        Coding::Identity => Ok(body),
        Coding::Gzip if body.is_empty() => Err(ReadError::Parse("EOF".to_owned())),
        Coding::Gzip => read_all(MultiGzDecoder::new(&*body), limit, gzip_reason),
        Coding::Snappy => read_all(snap::read::FrameDecoder::new(&*body), limit, snappy_reason),
    }
}

fn read_all(
    decoder: impl Read,
    limit: usize,
    reason: impl Fn(&io::Error) -> String,
) -> Result<Bytes, ReadError> {
    let mut decoded = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    match decoder.take(most).read_to_end(&mut decoded) {
        _ if decoded.len() > limit => Err(too_long(limit)),
        Ok(_) => Ok(decoded.into()),
        Err(error) => Err(ReadError::Parse(reason(&error))),
    }
}

fn gzip_reason(error: &io::Error) -> String {
    let text = error.to_string();
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "unexpected EOF".to_owned(),
        _ if text.contains("header") => "gzip: invalid header".to_owned(),
        _ if text.contains("checksum") => "gzip: invalid checksum".to_owned(),
        _ => format!("gzip: {text}"),
    }
}

fn snappy_reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "unexpected EOF".to_owned(),
        _ => format!("snappy: corrupt input: {error}"),
    }
}

fn too_long(limit: usize) -> ReadError {
    Exceeded { limit: Limit::Bytes, allowed: limit }.into()
}

#[cfg(test)]
mod tests;
