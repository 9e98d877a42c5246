//! The merge written down as plainly as possible: lists, and a loop for each question.

use collector::By;
use dialects::{Dialect, Era};
use metrics_core::{Aggregation, Kind, Mode};

use crate::model::{BOUNDS, File, Record, ruby_families};

/// A family of a page: name, kind, samples in order.
pub(crate) type Family = (String, Kind, Vec<Line>);

/// A sample: name, labels sorted by name, value.
pub(crate) type Line = (String, Vec<(String, String)>, f64);

/// All numbers that go into one line.
struct Group<'a> {
    suffix: &'static str,
    labels: Vec<(String, String)>,
    le: Option<&'static str>,
    of: Vec<(&'a File, &'a Record)>,
}

/// The page of `files`, which are in byte order of their names.
pub(crate) fn page(files: &[File], by: By, names: Option<&[String]>) -> Vec<Family> {
    let readings: Vec<(&File, &Record)> =
        files.iter().flat_map(|file| file.whole().map(move |record| (file, record))).collect();
    let mut families: Vec<(String, Kind)> =
        ruby_families().into_iter().map(|(name, kind, _)| (name, kind)).collect();
    for (file, record) in &readings {
        if !families.iter().any(|(name, _)| *name == record.family) {
            families.push((record.family.clone(), file.kind));
        }
    }
    let mut page = Vec::new();
    for (name, kind) in families {
        let of: Vec<_> = readings.iter().copied().filter(|(_, record)| record.family == name).collect();
        let mut lines = family(&name, kind, &of, by);
        if let Some(names) = names {
            lines.retain(|(sample, _, _)| names.contains(sample));
            if lines.is_empty() {
                continue;
            }
        }
        page.push((name, kind, lines));
    }
    page
}

fn family(name: &str, kind: Kind, readings: &[(&File, &Record)], by: By) -> Vec<Line> {
    let Some((last, _)) = readings.last() else { return Vec::new() };
    let mut groups: Vec<Group<'_>> = Vec::new();
    for &(file, record) in readings {
        let mut labels = record.labels.clone();
        if by == By::Process || last.aggregation.mode == Mode::All {
            labels.push(("pid".to_owned(), file.process.clone()));
        }
        labels.sort();
        let known = groups
            .iter_mut()
            .find(|group| (group.suffix, &group.labels, group.le) == (record.suffix, &labels, record.le));
        match known {
            Some(group) => group.of.push((file, record)),
            None => {
                groups.push(Group { suffix: record.suffix, labels, le: record.le, of: vec![(file, record)] })
            }
        }
    }
    let python = matches!(last.dialect, Dialect::Python(_));
    if last.aggregation.mode == Mode::MostRecent && python {
        // Series that were never set do not show; the others come in the order in which they first were.
        groups.retain(|group| group.of.iter().any(|reading| time(reading) > 0.0));
        groups.sort_by_key(|group| {
            let first = group.of.iter().find(|reading| time(reading) > 0.0).unwrap();
            readings.iter().position(|reading| std::ptr::eq(reading.1, first.1)).unwrap()
        });
    }
    // Label sets in order of first appearance, those with a number besides buckets first.
    let mut label_sets: Vec<&Vec<(String, String)>> = Vec::new();
    for buckets in [false, true] {
        for group in groups.iter().filter(|group| group.le.is_some() == buckets) {
            if !label_sets.contains(&&group.labels) {
                label_sets.push(&group.labels);
            }
        }
    }
    let mut lines = Vec::new();
    for labels in label_sets {
        let of: Vec<&Group<'_>> = groups.iter().filter(|group| group.labels == *labels).collect();
        let mut line = |suffix: &str, le: Option<&str>, value| {
            let mut labels = labels.clone();
            labels.extend(le.map(|le| ("le".to_owned(), le.to_owned())));
            labels.sort();
            lines.push((format!("{name}{suffix}"), labels, value));
        };
        for group in of.iter().filter(|group| group.le.is_none()) {
            line(group.suffix, None, merged(last.aggregation, last.dialect, &group.of));
        }
        let ruby = last.dialect == Dialect::Ruby;
        let filled = |suffix: &str| ruby && !of.iter().any(|group| group.suffix == suffix);
        match kind {
            Kind::Summary => {
                for suffix in ["_sum", "_count"] {
                    if filled(suffix) {
                        line(suffix, None, 0.0);
                    }
                }
            }
            Kind::Histogram => {
                let bucket = |le: &str| of.iter().find(|group| group.le == Some(le));
                let mut count = 0.0;
                let mut any = false;
                for le in BOUNDS {
                    let declared = ruby && ["1.0", "+Inf"].contains(&le);
                    if bucket(le).is_none() && !declared {
                        continue;
                    }
                    any = true;
                    if last.dialect == Dialect::Gitlab {
                        line("_bucket", Some(le), cumulative(&of, le));
                    } else {
                        count += bucket(le).map_or(0.0, |it| merged(last.aggregation, last.dialect, &it.of));
                        line("_bucket", Some(le), count);
                    }
                }
                if filled("_sum") {
                    line("_sum", None, 0.0);
                }
                if any && last.dialect != Dialect::Gitlab {
                    line("_count", None, count);
                }
            }
            _ => {}
        }
    }
    lines
}

/// Of each process that has buckets what it has counted up to `le`: its number at the highest bound it has
/// that is no higher.
fn cumulative(groups: &[&Group<'_>], le: &str) -> f64 {
    let position = |le: &str| BOUNDS.iter().position(|bound| *bound == le).unwrap();
    let mut files: Vec<&File> = Vec::new();
    let buckets = || groups.iter().filter(|group| group.le.is_some()).flat_map(|group| &group.of);
    for (file, _) in buckets() {
        if !files.iter().any(|known| std::ptr::eq(*known, *file)) {
            files.push(file);
        }
    }
    let up_to = |file: &File| {
        let own = buckets().filter(|(of, _)| std::ptr::eq(*of, file)).map(|(_, record)| record);
        let below = own.filter(|record| position(record.le.unwrap()) <= position(le));
        below.max_by_key(|record| position(record.le.unwrap())).map_or(0.0, |record| record.value)
    };
    files.into_iter().map(up_to).sum()
}

/// When a reading was set, as far as its dialect tells.
fn time((file, record): &(&File, &Record)) -> f64 {
    let kept = matches!(file.dialect, Dialect::Ruby | Dialect::Python(Era::F3));
    // Of other gauges Python's client stores no time; here a random one is, which must not be looked at.
    if kept && file.aggregation.mode == Mode::MostRecent { record.time } else { 0.0 }
}

fn merged(aggregation: Aggregation, dialect: Dialect, of: &[(&File, &Record)]) -> f64 {
    let values = || of.iter().map(|(_, record)| record.value);
    let first = of[0].1.value;
    let python = matches!(dialect, Dialect::Python(_));
    let keep = |mut kept: f64, better: fn(f64, f64) -> bool| {
        for value in values().skip(1) {
            if better(value, kept) || (!python && kept.is_nan()) {
                kept = value;
            }
        }
        kept
    };
    let sum = |start: f64| values().fold(start, |sum, value| sum + value);
    match aggregation.mode {
        Mode::Min => keep(first, |new, kept| new < kept),
        Mode::Max => keep(first, |new, kept| new > kept),
        Mode::All if dialect == Dialect::Ruby => first,
        Mode::All => of[of.len() - 1].1.value,
        Mode::First => first,
        Mode::MostRecent => {
            let mut recent = of[0];
            for reading in of {
                if time(reading) > time(&recent) {
                    recent = *reading;
                }
            }
            recent.1.value
        }
        Mode::Average if of.len() > 1 => sum(-0.0) / of.len() as f64,
        _ if python => sum(0.0),
        _ => sum(-0.0),
    }
}
