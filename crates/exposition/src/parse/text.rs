//! A page in the text format, read line by line into families that may interleave.

use std::collections::HashMap;
use std::sync::Arc;

use metrics_core::{FamilySnapshot, Kind, Sample, Series, Snapshot};

use super::line::{Blanks, Line, Why};
use super::{ParseError, excerpt, lines};
use crate::escape::unescape_help;

pub(super) fn parse(page: &[u8]) -> Result<Snapshot, ParseError> {
    let mut families = Families::default();
    for (number, line) in lines(page) {
        let read = match line.strip_suffix(b"\n") {
            Some(line) => families.read(Line::new(line, Blanks::Free)),
            None => Err("the page ends before the line does".to_owned()),
        };
        read.map_err(|why| ParseError::at(number, why))?;
    }
    Ok(families.finish())
}

/// The families of a page as far as it is read, under the names of their `# TYPE` lines.
#[derive(Default)]
struct Families {
    list: Vec<Family>,
    places: HashMap<Arc<str>, usize>,
}

struct Family {
    snapshot: FamilySnapshot,
    has_help: bool,
    has_type: bool,
}

impl Families {
    fn read(&mut self, mut line: Line<'_>) -> Result<(), Why> {
        line.skip_blanks();
        if line.is_at_end() {
            Ok(())
        } else if line.take(b'#') {
            line.skip_blanks();
            match line.word() {
                b"HELP" => self.read_help(line),
                b"TYPE" => self.read_type(line),
                _ => Ok(()),
            }
        } else {
            self.read_sample(line)
        }
    }

    fn read_help(&mut self, mut line: Line<'_>) -> Result<(), Why> {
        line.skip_blanks();
        if line.is_at_end() {
            return Ok(());
        }
        let name = line.metric_name()?;
        // One blank belongs to the format, others to the text.
        if !line.is_at_end() && !line.take(b' ') && !line.take(b'\t') {
            return Err(format!("expected a blank after the name, found {}", line.found()));
        }
        let family = self.family(name);
        if std::mem::replace(&mut family.has_help, true) {
            return Err(format!("a second HELP line for {}", family.snapshot.name));
        }
        family.snapshot.help = String::from_utf8_lossy(&unescape_help(line.rest(), false)).into();
        Ok(())
    }

    fn read_type(&mut self, mut line: Line<'_>) -> Result<(), Why> {
        line.skip_blanks();
        if line.is_at_end() {
            return Ok(());
        }
        let name = line.metric_name()?;
        line.skip_blanks();
        let word = line.word();
        if word.is_empty() {
            return Ok(());
        }
        let kind = match word.to_ascii_lowercase().as_slice() {
            b"counter" => Kind::Counter,
            b"gauge" => Kind::Gauge,
            b"histogram" => Kind::Histogram,
            b"summary" => Kind::Summary,
            b"untyped" => Kind::Unknown,
            _ => return Err(format!("the text format has no type {}", excerpt(word))),
        };
        line.skip_blanks();
        if !line.is_at_end() {
            return Err(format!("expected the end of the line, found {}", line.found()));
        }
        let family = self.family(name);
        if family.has_type || !family.snapshot.samples.is_empty() {
            let name = &family.snapshot.name;
            return Err(format!("a second TYPE line for {name}, or one behind its samples"));
        }
        family.has_type = true;
        family.snapshot.kind = kind;
        Ok(())
    }

    fn read_sample(&mut self, mut line: Line<'_>) -> Result<(), Why> {
        let (name, labels) = line.series()?;
        line.skip_blanks();
        let value = line.number()?;
        let mut timestamp = None;
        if line.next_part()? {
            let word = line.word();
            let milliseconds: Option<i64> = std::str::from_utf8(word).ok().and_then(|word| word.parse().ok());
            let Some(milliseconds) = milliseconds else {
                return Err(format!("expected a time in whole milliseconds, found {}", excerpt(word)));
            };
            timestamp = Some(milliseconds as f64 / 1000.0);
        }
        if !line.is_at_end() {
            return Err(format!("expected the end of the line, found {}", line.found()));
        }
        let place = self.place_of_sample(&name);
        let series = Arc::new(Series::new(name, labels));
        let mut sample = Sample::new(series, value);
        sample.timestamp = timestamp;
        self.list[place].snapshot.samples.push(sample);
        Ok(())
    }

    /// Where the samples of this name belong: to the family of that name, else to the summary or histogram that
    /// it is a part of, else to a new family without type.
    fn place_of_sample(&mut self, name: &str) -> usize {
        if let Some(&place) = self.places.get(name) {
            return place;
        }
        for (suffix, kinds) in [
            ("_sum", &[Kind::Summary, Kind::Histogram][..]),
            ("_count", &[Kind::Summary, Kind::Histogram]),
            ("_bucket", &[Kind::Histogram]),
        ] {
            let place = name.strip_suffix(suffix).and_then(|stem| self.places.get(stem));
            if let Some(&place) = place.filter(|&&place| kinds.contains(&self.list[place].snapshot.kind)) {
                return place;
            }
        }
        self.place(name)
    }

    fn family(&mut self, name: String) -> &mut Family {
        let place = self.place(&name);
        &mut self.list[place]
    }

    /// Where the family of this name is, now if not before.
    fn place(&mut self, name: &str) -> usize {
        if let Some(&place) = self.places.get(name) {
            return place;
        }
        let name: Arc<str> = name.into();
        let snapshot = FamilySnapshot {
            name: name.clone(),
            help: "".into(),
            unit: None,
            kind: Kind::Unknown,
            bare: false,
            samples: Vec::new(),
        };
        self.list.push(Family { snapshot, has_help: false, has_type: false });
        self.places.insert(name, self.list.len() - 1);
        self.list.len() - 1
    }

    /// The snapshot: counters lose their `_total`, unless another family has that name.
    fn finish(mut self) -> Snapshot {
        let is_taken = |name: &str| self.places.contains_key(name);
        for Family { snapshot, .. } in
            self.list.iter_mut().filter(|family| family.snapshot.kind == Kind::Counter)
        {
            match snapshot.name.strip_suffix("_total") {
                Some(stem) if !stem.is_empty() && !is_taken(stem) => snapshot.name = stem.into(),
                // A counter of which nothing is known but its name is printed with `_total`, and somebody else
                // has that name: `# TYPE x counter` in front of `x_total`, from OpenMetrics read as text.
                None if snapshot.samples.is_empty() && is_taken(&format!("{}_total", snapshot.name)) => {
                    snapshot.kind = Kind::Unknown;
                }
                _ if snapshot.samples.is_empty() => snapshot.bare = true,
                _ => {}
            }
        }
        Snapshot { families: self.list.into_iter().map(|family| family.snapshot).collect() }
    }
}
