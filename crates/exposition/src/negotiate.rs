//! What a reader asks for and what it gets: `Accept` and `Accept-Encoding`.

mod header;

use self::header::{Range, ranges};
use crate::format::{Escaping, Format, Syntax};

/// What to answer: a format, and the content type that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// The format.
    pub format: Format,
    /// The `Content-Type` header.
    pub content_type: String,
}

/// The best format for an `Accept` header; text 0.0.4 where there is none or nothing in it fits.
///
/// The answers are those of client_python 0.26.0 (`choose_encoder`), except that `q` counts, as RFC 9110 has it:
/// for each format the most specific range that fits decides, 0 refuses, and of equals the more specific, then
/// the earlier, wins. `*/*` and `text/*` are text 0.0.4, `application/*` is OpenMetrics. Of OpenMetrics, any
/// version from 1.0.0 on is answered with the page of 1.0.0, as that client does; protobuf never is.
///
/// ```
/// use exposition::{Escaping, Syntax, negotiate};
/// // Prometheus 3:
/// let answer = negotiate(Some(
///     "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
///      application/openmetrics-text;version=0.0.1;q=0.5,\
///      text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
/// ));
/// assert_eq!(answer.format.syntax, Syntax::OpenMetrics1);
/// assert_eq!(answer.format.escaping, Escaping::AllowUtf8);
/// assert_eq!(
///     answer.content_type,
///     "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
/// );
/// ```
pub fn negotiate(accept: Option<&str>) -> Negotiated {
    let offers: Vec<Offer> = ranges(accept.unwrap_or_default()).filter_map(|range| offer(&range)).collect();
    let most_specific =
        |syntax| offers.iter().filter(|offer| offer.syntax() == syntax).map(|offer| offer.rank).max();
    let decisive =
        [Syntax::Text0, Syntax::Text1, Syntax::OpenMetrics1].map(|syntax| (syntax, most_specific(syntax)));
    let counts = |offer: &&Offer| offer.quality > 0 && decisive.contains(&(offer.syntax(), Some(offer.rank)));
    // The last of equals is what `max_by_key` gives, and the first is wanted.
    let best = offers.iter().rev().filter(counts).max_by_key(|offer| (offer.quality, offer.rank));
    best.map_or_else(|| answer(Format::TEXT), |offer| offer.answer.clone())
}

/// What a range of an `Accept` header would get.
struct Offer {
    answer: Negotiated,
    rank: Rank,
    quality: u16,
}

impl Offer {
    fn syntax(&self) -> Syntax {
        self.answer.format.syntax
    }
}

/// How specific a range is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Anything,
    AnySubtype,
    AnyVersion,
    Version,
}

/// What `range` asks for, if we have it.
fn offer(range: &Range<'_>) -> Option<Offer> {
    let version = range.parameter("version").filter(|version| !version.is_empty());
    let escaping = Escaping::from_word(range.parameter("escaping").unwrap_or_default());
    let (answer, rank) = match (range.name.to_ascii_lowercase().as_str(), version) {
        ("*/*", _) => (answer(Format::TEXT), Rank::Anything),
        ("text/*", _) => (answer(Format::TEXT), Rank::AnySubtype),
        ("text/plain", None) => (answer(Format::TEXT), Rank::AnyVersion),
        ("text/plain", Some("0.0.4")) => (answer(Format::TEXT), Rank::Version),
        ("text/plain", Some(version)) if is_from_1_0_0(version) => {
            (answer(Format { syntax: Syntax::Text1, escaping }), Rank::Version)
        }
        ("application/*", _) => (openmetrics_of_any_version(), Rank::AnySubtype),
        ("application/openmetrics-text", None) => (openmetrics_of_any_version(), Rank::AnyVersion),
        ("application/openmetrics-text", Some(version)) if is_from_1_0_0(version) => {
            let format = Format { syntax: Syntax::OpenMetrics1, escaping };
            let content_type = format.content_type().replacen("1.0.0", version, 1);
            (Negotiated { format, content_type }, Rank::Version)
        }
        _ => return None,
    };
    Some(Offer { answer, rank, quality: range.quality })
}

fn answer(format: Format) -> Negotiated {
    Negotiated { format, content_type: format.content_type() }
}

/// Who names no version knows of no escaping either: the content type does not mention it.
fn openmetrics_of_any_version() -> Negotiated {
    Negotiated {
        format: Format::OPENMETRICS,
        content_type: "application/openmetrics-text; version=1.0.0; charset=utf-8".to_owned(),
    }
}

/// Whether `version` is 1.0.0 or later as client_python compares (`parse_version`): number by number, so that
/// `1` is not. What it takes for later though it is no number (`1.0.x`) is refused here.
fn is_from_1_0_0(version: &str) -> bool {
    const LONGEST: usize = 16; // bytes; it goes into the answer
    let is_plain =
        version.len() <= LONGEST && version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let numbers: Option<Vec<u32>> = version.split('.').map(|part| part.parse().ok()).collect();
    is_plain && numbers.is_some_and(|numbers| numbers.as_slice() >= &[1, 0, 0][..])
}

/// A content coding that we can produce.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// As it is.
    Identity,
    /// gzip
    Gzip,
}

/// The best coding for an `Accept-Encoding` header: gzip where it is asked for, by name or by `*`, and not less
/// than `identity`.
///
/// ```
/// use exposition::{Coding, negotiate_coding};
/// assert_eq!(negotiate_coding(Some("gzip, deflate, br")), Coding::Gzip);
/// assert_eq!(negotiate_coding(Some("gzip;q=0, *")), Coding::Identity);
/// assert_eq!(negotiate_coding(None), Coding::Identity);
/// ```
pub fn negotiate_coding(accept_encoding: Option<&str>) -> Coding {
    let quality = |name: &str| {
        let mut ranges = ranges(accept_encoding.unwrap_or_default());
        ranges.find(|range| range.name.eq_ignore_ascii_case(name)).map(|range| range.quality)
    };
    let gzip = quality("gzip").or_else(|| quality("x-gzip")).or_else(|| quality("*")).unwrap_or(0);
    // It is always allowed unless refused, but only a reader that names it prefers it.
    let identity = quality("identity").unwrap_or(0);
    if gzip > 0 && gzip >= identity { Coding::Gzip } else { Coding::Identity }
}

#[cfg(test)]
mod tests;
