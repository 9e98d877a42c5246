//! A page, written: families with their comments and samples.

mod line;

use metrics_core::{FamilySnapshot, Kind, Sample, Series, Snapshot};

use self::line::{Naming, push_line};
use crate::escape::{push_help, push_quotable};
use crate::format::{Escaping, Format, Syntax};
use crate::name::is_legacy_metric;

/// Appends the page to `out`.
///
/// Families, samples and labels come out in the order of the snapshot; a family without samples still has its
/// `# HELP` and `# TYPE` lines. In the text format, samples named `_created`, and of gauge histograms `_gcount`
/// and `_gsum`, stand behind their family as gauges of their own, as client_python prints them; units and
/// exemplars are left out. In OpenMetrics, what its rules forbid is left out: an exemplar on anything but a
/// counter or bucket or with more than 128 characters of labels, and a unit that is not the end of the family's
/// name. A time that is not finite is left out, too.
///
/// A counter whose first sample has the bare name of its family (clients that do not insist on `_total`) has
/// that name in the text format, and is `unknown` in OpenMetrics, as Prometheus' Go library prints it.
///
/// The first page makes each series' text `name{labels} ` and keeps it in
/// [`Series::rendered`](metrics_core::Series::rendered) for all formats, unless [`prepare`] has; every later one costs a copy of it and
/// a number for each sample, and allocates nothing but what `out` needs to grow. Series with names that need
/// escaping are put together each time, and so are all under [`Escaping::Dots`].
pub fn encode(format: Format, snapshot: &Snapshot, out: &mut Vec<u8>) {
    out.reserve(snapshot.families.iter().map(likely_len).sum());
    match format.syntax {
        Syntax::Text0 | Syntax::Text1 => {
            let escaping = match format {
                Format { syntax: Syntax::Text0, escaping: Escaping::AllowUtf8 } => Escaping::Underscores,
                _ => format.escaping,
            };
            for family in &snapshot.families {
                push_text_family(out, family, escaping);
            }
        }
        Syntax::OpenMetrics1 => {
            for family in &snapshot.families {
                push_openmetrics_family(out, family, format.escaping);
            }
            out.extend_from_slice(b"# EOF\n");
        }
    }
}

/// Some bytes more than a family is likely to need on the page. Growing by and by would copy what is there, and touch
/// twice the memory; room that is not needed is not touched.
fn likely_len(family: &FamilySnapshot) -> usize {
    const NUMBER: usize = 16; // bytes, with the end of the line
    const TEXT: usize = 80; // bytes
    let texts = [family.samples.first(), family.samples.last()].map(|sample| {
        let text = sample.and_then(|sample| sample.series.rendered.get());
        text.map_or(TEXT, |text| text.len() + text.len() / 16)
    });
    let comments = 2 * (family.name.len() + NUMBER) + family.help.len();
    comments + family.samples.len() * (texts.into_iter().max().unwrap_or(TEXT) + NUMBER)
}

/// Makes the texts that the first page would make of these series, for whoever has time before, or threads.
///
/// Series whose text is made already cost a look each.
///
/// ```
/// use metrics_core::{Label, Series};
/// let series = Series::new("jobs_total", vec![Label::new("queue", "a")]);
/// exposition::prepare([&series]);
/// assert_eq!(series.rendered.get().map(|text| &**text), Some(&b"jobs_total{queue=\"a\"} "[..]));
/// ```
pub fn prepare<'a>(series: impl IntoIterator<Item = &'a Series>) {
    line::prepare(series);
}

/// Suffixes of this kind that the text format does not know, in the order in which their gauges follow the
/// family.
///
/// client_python looks for all three in every kind. The other two occur in gauge histograms only, and a look at
/// the name of every bucket (as long as `_gcount`) is a large part of what a line costs.
const fn moved_in_text(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::GaugeHistogram => &["_created", "_gcount", "_gsum"],
        _ => &["_created"],
    }
}

fn push_text_family(out: &mut Vec<u8>, family: &FamilySnapshot, escaping: Escaping) {
    let bare = is_bare_counter(family);
    let (suffix, word) = match family.kind {
        Kind::Counter if bare => ("", "counter"),
        Kind::Counter => ("_total", "counter"),
        Kind::Info => ("_info", "gauge"),
        Kind::Gauge | Kind::StateSet => ("", "gauge"),
        Kind::Histogram | Kind::GaugeHistogram => ("", "histogram"),
        Kind::Summary => ("", "summary"),
        _ => ("", "untyped"),
    };
    let naming = Naming::of(family, bare, escaping);
    push_text_comments(out, family, &naming, suffix, word);
    let suffixes = moved_in_text(family.kind);
    let mut moves = false;
    for sample in &family.samples {
        if suffixes.iter().any(|suffix| is_named(sample, family, suffix)) {
            moves = true;
        } else {
            push_line(out, &naming, sample, push_text_tail);
        }
    }
    for suffix in suffixes.iter().filter(|_| moves) {
        let mut moved = family.samples.iter().filter(|sample| is_named(sample, family, suffix)).peekable();
        if moved.peek().is_some() {
            push_text_comments(out, family, &naming, suffix, "gauge");
        }
        for sample in moved {
            push_line(out, &naming, sample, push_text_tail);
        }
    }
}

fn push_text_comments(
    out: &mut Vec<u8>,
    family: &FamilySnapshot,
    naming: &Naming<'_>,
    suffix: &str,
    word: &str,
) {
    out.extend_from_slice(b"# HELP ");
    naming.push_family(out, suffix);
    out.push(b' ');
    push_help(out, family.help.as_bytes());
    out.extend_from_slice(b"\n# TYPE ");
    naming.push_family(out, suffix);
    out.push(b' ');
    out.extend_from_slice(word.as_bytes());
    out.push(b'\n');
}

#[cold]
fn push_text_tail(out: &mut Vec<u8>, sample: &Sample) {
    if let Some(time) = sample.timestamp {
        line::push_milliseconds(out, time);
    }
}

fn push_openmetrics_family(out: &mut Vec<u8>, family: &FamilySnapshot, escaping: Escaping) {
    let bare = is_bare_counter(family);
    let kind = if bare { Kind::Unknown } else { family.kind };
    let naming = Naming::of(family, bare, escaping);

    out.extend_from_slice(b"# HELP ");
    let start = out.len();
    naming.push_family(out, "");
    let name = start..out.len();
    out.push(b' ');
    push_quotable(out, family.help.as_bytes());
    out.extend_from_slice(b"\n# TYPE ");
    out.extend_from_within(name.clone());
    out.push(b' ');
    out.extend_from_slice(kind.as_str().as_bytes());
    out.push(b'\n');
    if let Some(unit) = &family.unit {
        let printed = out.get(name.clone()).unwrap_or_default();
        if takes_unit(kind, printed, unit) {
            out.extend_from_slice(b"# UNIT ");
            out.extend_from_within(name);
            out.push(b' ');
            out.extend_from_slice(unit.as_bytes());
            out.push(b'\n');
        }
    }

    for sample in &family.samples {
        push_line(out, &naming, sample, |out, sample| push_openmetrics_tail(out, &naming, kind, sample));
    }
}

/// Whether readers take `unit` for a family printed as `name`: it must be the name's last word.
fn takes_unit(kind: Kind, name: &[u8], unit: &str) -> bool {
    let name = name.strip_suffix(b"\"").unwrap_or(name);
    is_legacy_metric(unit)
        && name.strip_suffix(unit.as_bytes()).is_some_and(|before| before.ends_with(b"_"))
        && !matches!(kind, Kind::Info | Kind::StateSet)
}

#[cold]
fn push_openmetrics_tail(out: &mut Vec<u8>, naming: &Naming<'_>, kind: Kind, sample: &Sample) {
    if let Some(time) = sample.timestamp {
        line::push_seconds(out, time);
    }
    let takes_exemplar = match kind {
        Kind::Counter => sample.series.name.ends_with("_total"),
        Kind::Histogram | Kind::GaugeHistogram => sample.series.name.ends_with("_bucket"),
        _ => false,
    };
    if let Some(exemplar) = sample.exemplar.as_deref().filter(|_| takes_exemplar) {
        line::push_exemplar(out, naming.escaping, exemplar);
    }
}

/// Whether this counter comes from a client that does not insist on `_total`. The first sample tells.
fn is_bare_counter(family: &FamilySnapshot) -> bool {
    let first = family.samples.first();
    family.kind == Kind::Counter && first.map_or(family.bare, |sample| *sample.series.name == *family.name)
}

/// Whether the sample has the family's name with this suffix.
fn is_named(sample: &Sample, family: &FamilySnapshot, suffix: &str) -> bool {
    // The lengths lie in the series itself; the name mostly need not be fetched.
    let name = &*sample.series.name;
    name.len() == family.name.len() + suffix.len()
        && name.ends_with(suffix)
        && name.starts_with(&*family.name)
}

#[cfg(test)]
mod tests;
