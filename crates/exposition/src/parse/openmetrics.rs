//! An OpenMetrics page, read family by family.

use std::collections::HashSet;
use std::sync::Arc;

use metrics_core::{Exemplar, FamilySnapshot, Kind, Label, Sample, Series, Snapshot};

use super::line::{Blanks, Line, Why, number};
use super::{ParseError, excerpt, lines};
use crate::escape::unescape_help;
use crate::format::MAX_EXEMPLAR_CHARACTERS;
use crate::name::is_legacy_metric;

pub(super) fn parse(page: &[u8]) -> Result<Snapshot, ParseError> {
    let (mut reader, mut last, mut ended) = (Reader::default(), 1, false);
    for (number, line) in lines(page) {
        last = number;
        let read = match line.strip_suffix(b"\n") {
            _ if ended => Err("a line behind # EOF".to_owned()),
            _ if line == b"# EOF" || line == b"# EOF\n" => {
                ended = true;
                Ok(())
            }
            Some(line) => reader.read(number, Line::new(line, Blanks::Single)),
            None => Err("the page ends before the line does".to_owned()),
        };
        read.map_err(|why| ParseError::at(number, why))?;
    }
    let complete = if ended { reader.close() } else { Err("the page ends without # EOF".to_owned()) };
    complete.map_err(|why| ParseError::at(last, why))?;
    Ok(Snapshot { families: reader.complete })
}

/// The families that are complete, and the one that the lines are about.
#[derive(Default)]
struct Reader {
    complete: Vec<FamilySnapshot>,
    /// The names of the complete families and of all samples that they may have.
    taken: HashSet<String>,
    open: Option<Open>,
}

/// The family that the lines are about.
struct Open {
    family: FamilySnapshot,
    line: usize,
    has_help: bool,
    has_type: bool,
}

impl Reader {
    fn read(&mut self, number: usize, mut line: Line<'_>) -> Result<(), Why> {
        if line.is_at_end() {
            return Err("OpenMetrics has no empty lines".to_owned());
        }
        if line.take(b'#') { self.read_comment(number, line) } else { self.read_sample(number, line) }
    }

    fn read_comment(&mut self, number: usize, mut line: Line<'_>) -> Result<(), Why> {
        line.gap()?;
        let word = line.word();
        if !matches!(word, b"HELP" | b"TYPE" | b"UNIT") {
            return Err(format!("expected HELP, TYPE, UNIT or EOF, found {}", excerpt(word)));
        }
        line.gap()?;
        let name = line.metric_name()?;
        line.gap()?;
        let text = line.rest();

        let open = self.open(number, &name)?;
        if !open.family.samples.is_empty() {
            return Err(format!("a comment on {name} behind its samples"));
        }
        let again = match word {
            b"HELP" => {
                open.family.help = String::from_utf8_lossy(&unescape_help(text, true)).into();
                std::mem::replace(&mut open.has_help, true)
            }
            b"TYPE" => {
                open.family.kind = kind(text)?;
                std::mem::replace(&mut open.has_type, true)
            }
            _ => {
                let unit = std::str::from_utf8(text).ok().filter(|unit| is_unit(unit, &name));
                let unit =
                    unit.ok_or_else(|| format!("{name} does not end in the unit {}", excerpt(text)))?;
                open.family.unit.replace(unit.into()).is_some()
            }
        };
        if again {
            Err(format!("a second {} line for {name}", String::from_utf8_lossy(word)))
        } else {
            Ok(())
        }
    }

    fn read_sample(&mut self, number: usize, mut line: Line<'_>) -> Result<(), Why> {
        let (name, labels) = line.series()?;
        line.gap()?;
        let value = line.number()?;
        let (mut timestamp, mut exemplar) = (None, None);
        let mut more = line.next_part()?;
        if more && line.rest().first() != Some(&b'#') {
            timestamp = Some(seconds(&mut line)?);
            more = line.next_part()?;
        }
        if more {
            exemplar = Some(read_exemplar(&mut line)?);
        }
        if !line.is_at_end() {
            return Err(format!("expected the end of the line, found {}", line.found()));
        }

        let open = match self.open.take_if(|open| suffix(&open.family, &name).is_some()) {
            Some(open) => self.open.insert(open),
            None => {
                // Its own name need not be that of one of its samples: `# TYPE x counter`, then `x`.
                self.close()?;
                self.open(number, &name)?
            }
        };
        let suffix = suffix(&open.family, &name).unwrap_or_default();
        check_labels(&open.family, suffix, &labels)?;
        if exemplar.is_some() && !takes_exemplar(open.family.kind, suffix) {
            return Err(format!("{name} can have no exemplar, only counters and buckets can"));
        }
        let mut sample = Sample::new(Arc::new(Series::new(name, labels)), value);
        sample.timestamp = timestamp;
        sample.exemplar = exemplar.map(Box::new);
        open.family.samples.push(sample);
        Ok(())
    }

    /// The open family, if it has this name, else a new one that takes its place.
    fn open(&mut self, line: usize, name: &str) -> Result<&mut Open, Why> {
        if self.open.as_ref().is_none_or(|open| *open.family.name != *name) {
            self.close()?;
            if self.taken.contains(name) {
                return Err(format!("the name {name} belongs to a family before"));
            }
        }
        Ok(self.open.get_or_insert_with(|| Open {
            family: FamilySnapshot {
                name: name.into(),
                help: "".into(),
                unit: None,
                kind: Kind::Unknown,
                bare: false,
                samples: Vec::new(),
            },
            line,
            has_help: false,
            has_type: false,
        }))
    }

    /// Completes the open family: its names, and those of its samples, are its own.
    fn close(&mut self) -> Result<(), Why> {
        let Some(Open { family, line, .. }) = self.open.take() else { return Ok(()) };
        if family.unit.is_some() && matches!(family.kind, Kind::Info | Kind::StateSet) {
            return Err(format!("{} of line {line} has a unit, which no {} has", family.name, family.kind));
        }
        let suffixes = suffixes(family.kind).iter().filter(|suffix| !suffix.is_empty());
        for suffix in suffixes.chain(&[""]) {
            let name = format!("{}{suffix}", family.name);
            if self.taken.contains(&name) {
                return Err(format!(
                    "the name {name} belongs to {} of line {line} and to one before",
                    family.name
                ));
            }
            self.taken.insert(name);
        }
        self.complete.push(family);
        Ok(())
    }
}

/// What samples of this kind are named behind the name of their family.
fn suffixes(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Counter => &["_total", "_created"],
        Kind::Histogram => &["_bucket", "_count", "_sum", "_created"],
        Kind::Summary => &["", "_count", "_sum", "_created"],
        Kind::GaugeHistogram => &["_bucket", "_gcount", "_gsum"],
        Kind::Info => &["_info"],
        _ => &[""],
    }
}

/// What stands behind the family's name in `name`, if such a sample belongs to the family.
fn suffix<'a>(family: &FamilySnapshot, name: &'a str) -> Option<&'a str> {
    name.strip_prefix(&*family.name).filter(|suffix| suffixes(family.kind).contains(suffix))
}

fn kind(word: &[u8]) -> Result<Kind, Why> {
    let kind = std::str::from_utf8(word).ok().and_then(Kind::from_word);
    kind.filter(|kind| kind.as_str().as_bytes() == word)
        .ok_or_else(|| format!("OpenMetrics has no type {}", excerpt(word)))
}

fn is_unit(unit: &str, name: &str) -> bool {
    is_legacy_metric(unit) && name.strip_suffix(unit).is_some_and(|before| before.ends_with('_'))
}

fn check_labels(family: &FamilySnapshot, suffix: &str, labels: &[Label]) -> Result<(), Why> {
    let (required, is_number) = match (family.kind, suffix) {
        (Kind::Histogram | Kind::GaugeHistogram, "_bucket") => ("le", true),
        (Kind::Summary, "") => ("quantile", true),
        (Kind::StateSet, _) => (&*family.name, false),
        _ => return Ok(()),
    };
    let Some(label) = labels.iter().find(|label| &*label.name == required) else {
        return Err(format!("a sample of {} without the label {required}", family.name));
    };
    if is_number && number(&label.value).is_none_or(f64::is_nan) {
        return Err(format!("the label {required} has no number, but {}", excerpt(&label.value)));
    }
    Ok(())
}

fn takes_exemplar(kind: Kind, suffix: &str) -> bool {
    matches!((kind, suffix), (Kind::Counter, "_total") | (Kind::Histogram | Kind::GaugeHistogram, "_bucket"))
}

/// Takes `# {labels} value`, perhaps with a time.
fn read_exemplar(line: &mut Line<'_>) -> Result<Exemplar, Why> {
    if !line.take(b'#') {
        return Err(format!("expected '#', found {}", line.found()));
    }
    line.gap()?;
    let (None, labels) = line.labels()? else {
        return Err("a metric name in the braces of an exemplar".to_owned());
    };
    let characters = |label: &Label| label.name.chars().count() + label.value_text().chars().count();
    if labels.iter().map(characters).sum::<usize>() > MAX_EXEMPLAR_CHARACTERS {
        return Err(format!("the labels of an exemplar have more than {MAX_EXEMPLAR_CHARACTERS} characters"));
    }
    line.gap()?;
    let value = line.number()?;
    let timestamp = if line.next_part()? { Some(seconds(line)?) } else { None };
    Ok(Exemplar { labels: labels.into(), value, timestamp })
}

fn seconds(line: &mut Line<'_>) -> Result<f64, Why> {
    let word = line.word();
    number(word)
        .filter(|seconds| seconds.is_finite())
        .ok_or_else(|| format!("expected a time in seconds, found {}", excerpt(word)))
}
