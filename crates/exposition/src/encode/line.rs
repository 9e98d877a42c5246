//! One line of a page: a series, its number, and what may follow.

use std::cell::Cell;
use std::io::Write;
use std::sync::Arc;

use metrics_core::{Exemplar, FamilySnapshot, Kind, Label, Sample, Series, push_number};

use crate::escape::push_quotable;
use crate::format::{Escaping, MAX_EXEMPLAR_CHARACTERS};
use crate::name::{is_legacy_label, is_legacy_metric, is_quoted_metric, push_label, push_metric};

/// How the names of one family and its samples come out under one escaping.
pub(super) struct Naming<'a> {
    family: &'a str,
    /// What the escaped name ends in before a suffix. To Prometheus `_total` and `_info` are part of the name
    /// that it escapes, and their `_` may become two.
    joint: &'static str,
    pub(super) escaping: Escaping,
    /// A series that needed no escaping: its names need not be looked at again where another one shares them.
    legacy: Cell<Option<&'a Series>>,
}

/// What samples may be named behind the name of their family.
const SUFFIXES: [&str; 8] = ["_total", "_bucket", "_sum", "_count", "_info", "_created", "_gcount", "_gsum"];

impl<'a> Naming<'a> {
    pub(super) fn of(family: &'a FamilySnapshot, bare: bool, escaping: Escaping) -> Naming<'a> {
        let doubles = match escaping {
            Escaping::Dots => true,
            Escaping::Values => !is_legacy_metric(&family.name),
            Escaping::Underscores | Escaping::AllowUtf8 => false,
        };
        let suffix_is_name = matches!(family.kind, Kind::Counter | Kind::Info) && !bare;
        let joint = if doubles && suffix_is_name { "_" } else { "" };
        Naming { family: &family.name, joint, escaping, legacy: Cell::new(None) }
    }

    /// Appends the family's name with this suffix, which may be empty.
    pub(super) fn push_family(&self, out: &mut Vec<u8>, suffix: &str) {
        push_metric(out, self.family, [self.joint, suffix], self.escaping);
    }

    /// Whether all readers take the names of the series as they are.
    fn is_legacy(&self, series: &'a Series) -> bool {
        let known = self.legacy.get();
        let known_labels = known.map_or(&[][..], |known| &known.labels[..]);
        let legacy = (known.is_some_and(|known| Arc::ptr_eq(&known.name, &series.name))
            || is_legacy_metric(&series.name))
            && series.labels.iter().enumerate().all(|(at, label)| {
                known_labels.get(at).is_some_and(|known| Arc::ptr_eq(&known.name, &label.name))
                    || is_legacy_label(&label.name)
            });
        if legacy {
            self.legacy.set(Some(series));
        }
        legacy
    }

    fn push_sample(&self, out: &mut Vec<u8>, name: &str) {
        match name.strip_prefix(self.family) {
            Some(suffix) if SUFFIXES.contains(&suffix) => self.push_family(out, suffix),
            _ => push_metric(out, name, [""; 2], self.escaping),
        }
    }
}

/// Appends the line of a sample; `push_tail` what stands between the number and the end, where the sample has
/// a time or an exemplar.
pub(super) fn push_line<'a>(
    out: &mut Vec<u8>,
    naming: &Naming<'a>,
    sample: &'a Sample,
    push_tail: impl Fn(&mut Vec<u8>, &Sample),
) {
    let series = &*sample.series;
    match series.rendered.get() {
        None => render(out, naming, series),
        Some(text) if text.is_empty() || naming.escaping == Escaping::Dots => {
            push_series(out, naming, series)
        }
        Some(text) => out.extend_from_slice(text),
    }
    push_number(out, sample.value);
    if sample.timestamp.is_some() || sample.exemplar.is_some() {
        push_tail(out, sample);
    }
    out.push(b'\n');
}

/// Appends the text of a series, and keeps it where it is the same in all formats; where a name needs escaping there is
/// no such text, and nothing is kept.
#[cold]
fn render<'a>(out: &mut Vec<u8>, naming: &Naming<'a>, series: &'a Series) {
    let start = out.len();
    let kept: Box<[u8]> = if naming.is_legacy(series) {
        push_legacy_series(out, series);
        out.get(start..).unwrap_or_default().into()
    } else {
        Box::default()
    };
    if kept.is_empty() || naming.escaping == Escaping::Dots {
        out.truncate(start);
        push_series(out, naming, series);
    }
    // Another thread may have kept the same.
    let _ = series.rendered.set(kept);
}

/// Makes the texts of series that have none yet.
pub(super) fn prepare<'a>(all: impl IntoIterator<Item = &'a Series>) {
    // Which family is a matter of escaping, and what is kept needs none.
    let naming = Naming { family: "", joint: "", escaping: Escaping::Underscores, legacy: Cell::new(None) };
    let mut last = LastText::new();
    for series in all {
        if series.rendered.get().is_none() {
            let same_names = last.has_names_of(series);
            let text = if same_names || naming.is_legacy(series) {
                last.replace_by(series, same_names)
            } else {
                &[]
            };
            // Another thread may have made the same.
            let _ = series.rendered.set(text.into());
        }
    }
}

/// The text of a series whose names need no escaping. The next one mostly has the same names and differs in one value
/// alone, as the buckets of a histogram do: then the rest is copied.
struct LastText<'a> {
    series: Option<&'a Series>,
    text: Vec<u8>,
    /// Where the name ends in the text, then each label with its value.
    ends: Vec<usize>,
    /// What stands behind the values that differ; kept for its memory alone.
    behind: Vec<u8>,
}

impl<'a> LastText<'a> {
    /// With room for most texts: growing by and by would have threads wait for each other, whose memory may come from
    /// one arena.
    fn new() -> LastText<'a> {
        const BYTES: usize = 512;
        const LABELS: usize = 16;
        let [text, behind] = [(); 2].map(|()| Vec::with_capacity(BYTES));
        LastText { series: None, text, ends: Vec::with_capacity(LABELS), behind }
    }

    /// Whether the last series has the very names of this one.
    fn has_names_of(&self, series: &Series) -> bool {
        self.series.is_some_and(|last| {
            let mut labels = last.labels.iter().zip(&*series.labels);
            Arc::ptr_eq(&last.name, &series.name)
                && last.labels.len() == series.labels.len()
                && labels.all(|(last, label)| Arc::ptr_eq(&last.name, &label.name))
        })
    }

    /// Makes the text of another series, which may have the very names of the last one.
    fn replace_by(&mut self, series: &'a Series, same_names: bool) -> &[u8] {
        let labels = &*series.labels;
        let last = self.series.filter(|_| same_names);
        let last = last.map_or(&[][..], |last| &*last.labels);
        if last.is_empty() {
            self.text.clear();
            self.text.extend_from_slice(series.name.as_bytes());
            self.ends.clear();
            self.ends.resize(1 + labels.len(), self.text.len());
            self.text.extend_from_slice(if labels.is_empty() { b" " } else { b"} " });
        }
        let same = |(last, label): &(&Label, &Label)| Arc::ptr_eq(&last.value, &label.value);
        let from = last.iter().zip(labels).take_while(same).count();
        let behind = last.iter().zip(labels).skip(from).rev().take_while(same).count();
        let to = labels.len() - behind;
        let ended = self.ends[to];
        self.behind.clear();
        self.behind.extend_from_slice(&self.text[ended..]);
        self.text.truncate(self.ends[from]);
        for (at, label) in labels[from..to].iter().enumerate() {
            push_legacy_label(&mut self.text, from + at, label);
            self.ends[from + at + 1] = self.text.len();
        }
        for end in &mut self.ends[to + 1..] {
            *end = *end - ended + self.text.len();
        }
        self.text.extend_from_slice(&self.behind);
        self.series = Some(series);
        &self.text
    }
}

/// Appends `name{labels} ` of a series whose names need no escaping.
fn push_legacy_series(out: &mut Vec<u8>, series: &Series) {
    out.extend_from_slice(series.name.as_bytes());
    for (at, label) in series.labels.iter().enumerate() {
        push_legacy_label(out, at, label);
    }
    out.extend_from_slice(if series.labels.is_empty() { b" " } else { b"} " });
}

/// Appends the label that is the `at`-th of its series, and what stands before it.
fn push_legacy_label(out: &mut Vec<u8>, at: usize, label: &Label) {
    out.push(if at == 0 { b'{' } else { b',' });
    out.extend_from_slice(label.name.as_bytes());
    push_value(out, &label.value);
}

/// Appends `name{labels} `, or `{"name",labels} `.
fn push_series(out: &mut Vec<u8>, naming: &Naming<'_>, series: &Series) {
    let quoted = is_quoted_metric(&series.name, naming.escaping);
    if quoted {
        out.push(b'{');
    }
    naming.push_sample(out, &series.name);
    if !series.labels.is_empty() {
        out.push(if quoted { b',' } else { b'{' });
        push_labels(out, &series.labels, naming.escaping);
    }
    if quoted || !series.labels.is_empty() {
        out.push(b'}');
    }
    out.push(b' ');
}

fn push_labels(out: &mut Vec<u8>, labels: &[Label], escaping: Escaping) {
    for (at, label) in labels.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        push_label(out, &label.name, escaping);
        push_value(out, &label.value);
    }
}

/// Appends `="value"`.
fn push_value(out: &mut Vec<u8>, value: &[u8]) {
    out.extend_from_slice(b"=\"");
    push_quotable(out, value);
    out.push(b'"');
}

/// Appends a time as the text format has it: whole milliseconds. Nothing where it is not finite.
pub(super) fn push_milliseconds(out: &mut Vec<u8>, seconds: f64) {
    if seconds.is_finite() {
        // Rounded: 1.001 * 1000.0 is less than 1001.
        write!(out, " {}", (seconds * 1000.0).round() as i64).expect("a vector takes every write");
    }
}

/// Appends a time as OpenMetrics has it: seconds, without an exponent. Nothing where it is not finite.
///
/// An exponent is allowed, but client_python 0.26.0 reads `1.5e+09` as 1 s and some nanoseconds.
pub(super) fn push_seconds(out: &mut Vec<u8>, seconds: f64) {
    if seconds.is_finite() {
        write!(out, " {seconds}").expect("a vector takes every write");
        if seconds.fract() == 0.0 {
            out.extend_from_slice(b".0");
        }
    }
}

/// Appends ` # {labels} value time`, where the labels are not longer than OpenMetrics allows.
pub(super) fn push_exemplar(out: &mut Vec<u8>, escaping: Escaping, exemplar: &Exemplar) {
    let characters = |label: &Label| label.name.chars().count() + label.value_text().chars().count();
    if exemplar.labels.iter().map(characters).sum::<usize>() > MAX_EXEMPLAR_CHARACTERS {
        return;
    }
    out.extend_from_slice(b" # {");
    push_labels(out, &exemplar.labels, escaping);
    out.extend_from_slice(b"} ");
    push_number(out, exemplar.value);
    if let Some(time) = exemplar.timestamp {
        push_seconds(out, time);
    }
}
