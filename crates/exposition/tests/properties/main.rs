//! Pages of random snapshots: the same as a plain encoder writes, and the same snapshot when they are read.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod naive;
mod snapshots;

use exposition::{Escaping, Format, Syntax, encode, parse};
use metrics_core::Snapshot;
use proptest::prelude::*;

use self::snapshots::{Names, any_snapshot, openmetrics_snapshot, text_snapshot};

const SYNTAXES: [Syntax; 3] = [Syntax::Text0, Syntax::Text1, Syntax::OpenMetrics1];
const ESCAPINGS: [Escaping; 4] =
    [Escaping::Underscores, Escaping::Dots, Escaping::Values, Escaping::AllowUtf8];

fn page(format: Format, snapshot: &Snapshot) -> Vec<u8> {
    let mut out = Vec::new();
    encode(format, snapshot, &mut out);
    out
}

fn readable(page: &[u8]) -> String {
    page.escape_ascii().to_string().replace("\\n", "\n")
}

proptest! {
    /// Twice in each format and each format between the others, so that what a series keeps is used in all.
    #[test]
    fn pages_are_those_of_a_plain_encoder(snapshot in any_snapshot()) {
        for _ in 0..2 {
            for syntax in SYNTAXES {
                for escaping in ESCAPINGS {
                    let format = Format { syntax, escaping };
                    prop_assert_eq!(
                        readable(&page(format, &snapshot)),
                        readable(&naive::page(format, &snapshot)),
                        "{:?}", format
                    );
                }
            }
        }
    }

    #[test]
    fn text_pages_are_read_back(
        utf8 in text_snapshot(Names::Utf8), legacy in text_snapshot(Names::Legacy),
    ) {
        let format = Format { syntax: Syntax::Text1, escaping: Escaping::AllowUtf8 };
        prop_assert_eq!(parse(format.syntax, &page(format, &utf8)), Ok(utf8));
        for escaping in [Escaping::Underscores, Escaping::Values, Escaping::AllowUtf8] {
            for syntax in [Syntax::Text0, Syntax::Text1] {
                let page = page(Format { syntax, escaping }, &legacy);
                let read = parse(syntax, &page);
prop_assert_eq!(read.as_ref(), Ok(&legacy));
            }
        }
    }

    #[test]
    fn openmetrics_pages_are_read_back(
        utf8 in openmetrics_snapshot(Names::Utf8), legacy in openmetrics_snapshot(Names::Legacy),
    ) {
        let syntax = Syntax::OpenMetrics1;
        let format = Format { syntax, escaping: Escaping::AllowUtf8 };
        prop_assert_eq!(parse(syntax, &page(format, &utf8)), Ok(utf8));
        for escaping in [Escaping::Underscores, Escaping::Values, Escaping::AllowUtf8] {
            let page = page(Format { syntax, escaping }, &legacy);
            let read = parse(syntax, &page);
prop_assert_eq!(read.as_ref(), Ok(&legacy));
        }
    }

    /// Escaped names may be equal, and then a page says something twice; but what it says has the right form.
    #[test]
    fn pages_with_escaped_names_are_read_by_somebody_who_does_not_unescape(snapshot in text_snapshot(Names::Utf8)) {
        for escaping in [Escaping::Dots, Escaping::Values] {
            let format = Format { syntax: Syntax::Text0, escaping };
            let read = parse(format.syntax, &page(format, &snapshot)).unwrap();
            prop_assert_eq!(read.families.len(), snapshot.families.len());
            for (read, written) in read.families.iter().zip(&snapshot.families) {
                prop_assert_eq!(read.kind, written.kind);
                prop_assert_eq!(read.samples.len(), written.samples.len());
            }
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for syntax in SYNTAXES {
            let _ = parse(syntax, &bytes);
        }
    }

    /// A page with something wrong in its middle gets further into the reader than noise.
    #[test]
    fn a_damaged_page_is_read_or_refused_at_one_of_its_lines(
        snapshot in any_snapshot(), at in any::<prop::sample::Index>(), len in 0..4_usize,
        piece in prop::sample::select(vec!["", "\n", "\"", "\\", "{", "}", ",", " ", "#", "# ", "\r", "é", "\0", "# EOF\n"]),
    ) {
        for syntax in SYNTAXES {
            let mut page = page(Format { syntax, escaping: Escaping::AllowUtf8 }, &snapshot);
            let start = at.index(page.len() + 1);
            let end = (start + len).min(page.len());
            page.splice(start..end, piece.bytes());
            let lines = page.split(|&byte| byte == b'\n').count();
            if let Err(error) = parse(syntax, &page) {
                prop_assert!((1..=lines).contains(&error.line), "{error} of {lines}");
                prop_assert!(!error.why.is_empty() && error.why.len() < 1000, "{error}");
            }
        }
    }
}
