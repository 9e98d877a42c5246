//! What was read from a page is read again from the page that we make of it.

use exposition::{Escaping, Format, Syntax, encode, parse};
use metrics_core::{Sample, Snapshot};

/// What was read from a page is read again from the page that we make of it; and any format can be made of it.
pub fn round_trip(page: &[u8]) {
    for syntax in [Syntax::Text1, Syntax::OpenMetrics1] {
        let Ok(mut snapshot) = parse(syntax, page) else { continue };
        for family in &mut snapshot.families {
            family.samples.iter_mut().for_each(|sample| simplify(syntax, sample));
        }
        let mut page = Vec::new();
        encode(Format { syntax, escaping: Escaping::AllowUtf8 }, &snapshot, &mut page);
        assert_eq!(parse(syntax, &page), Ok(snapshot), "{}", page.escape_ascii());
        every_format_is_written(&parse(syntax, &page).expect("it was read just now"));
    }
}

/// Takes away what equality or a number of milliseconds cannot stand.
fn simplify(syntax: Syntax, sample: &mut Sample) {
    let not_nan = |number: f64| if number.is_nan() { 0.0 } else { number };
    sample.value = not_nan(sample.value);
    if let Some(exemplar) = &mut sample.exemplar {
        exemplar.value = not_nan(exemplar.value);
    }
    if syntax == Syntax::Text1 {
        sample.timestamp = sample.timestamp.filter(|time| time.abs() < 1e12);
    }
}

/// Text pages have no state sets, counters of the same name..., but they can be written of anything and read.
fn every_format_is_written(snapshot: &Snapshot) {
    for syntax in [Syntax::Text0, Syntax::Text1, Syntax::OpenMetrics1] {
        for escaping in [Escaping::Underscores, Escaping::Dots, Escaping::Values, Escaping::AllowUtf8] {
            let mut page = Vec::new();
            encode(Format { syntax, escaping }, snapshot, &mut page);
            let _ = parse(syntax, &page);
        }
    }
}
