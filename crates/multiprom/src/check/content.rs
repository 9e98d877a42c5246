//! What is wrong inside one metrics file.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::io;
use std::path::Path;

use dialects::{Damage, Dialect, KeyText, is_archive_name, read_key, records, writer_of};
use foldhash::fast::RandomState;
use metrics_core::{Kind, Mode};

use super::families::OfFile;
use super::finding::{Finding, What};
use crate::inside::file::MetricsFile;
use crate::inside::lives::Writer;
use crate::inside::nature::Nature;
use crate::inside::series::{labels_of, sample_name, series_text};
use crate::inside::walk::{Met, walk};

/// What there is to say about a file.
pub(super) struct Content {
    pub(super) nature: Nature,
    writer: Writer,
    pub(super) families: OfFile,
    /// Whether all its records count.
    pub(super) whole: bool,
    pub(super) findings: Vec<Finding>,
}

/// Reads a file and finds what is wrong in it.
pub(super) fn check_content(path: &Path, writer: Writer) -> io::Result<Content> {
    let file = MetricsFile::open(path)?;
    let nature = Nature::of(&file)?;
    let mut content =
        Content { nature, writer, families: OfFile::default(), whole: true, findings: Vec::new() };
    content.check_header(path, &file);
    if content.nature.is_kindless() {
        content.findings.push(Finding::fault(
            What::UnknownKind,
            path,
            "its name tells no kind of metric: pages leave it out",
            "names begin with counter_, gauge_MODE_, histogram_ or summary_: rename it, or delete it",
        ));
        return Ok(content);
    }
    if content.nature.damage.is_none() {
        content.check_records(path, &file)?;
    }
    Ok(content)
}

impl Content {
    fn check_header(&mut self, path: &Path, file: &MetricsFile) {
        let cure = self.cure(0);
        if file.len == 0 {
            let advice = match self.writer {
                Writer::Dead | Writer::Folding => format!("{cure}: Python's own reader fails on it"),
                _ => format!(
                    "it may be in the making. If it stays so, {cure}: Python's own reader fails on it"
                ),
            };
            self.findings.push(Finding::fault(What::Empty, path, "empty", advice));
        } else if file.stored_used < 0 {
            let why = format!("its header says that {} bytes are in use", file.stored_used);
            let advice = format!("nothing of it is on pages; {cure}");
            self.findings.push(Finding::fault(What::NegativeUsed, path, why, advice).at(0));
        }
        if self.nature.dialect.is_none()
            && let Some(Damage { at, why }) = &self.nature.damage
        {
            let why = format!("no metrics file of a known client, or damaged from the start: {why}");
            let advice = format!(
                "nothing of it is on pages; if it is no metrics file, move it elsewhere; else {cure}"
            );
            self.findings.push(Finding::fault(What::Foreign, path, why, advice).at(*at));
        }
    }

    fn check_records(&mut self, path: &Path, file: &MetricsFile) -> io::Result<()> {
        let (mut counting, mut lost, mut bad_keys) = (0_usize, 0_usize, 0_usize);
        let mut first_bad = None;
        let mut damage = None;
        let mut twice = Twice::new(file, &self.nature);
        let families = &mut self.families;
        walk(file, &self.nature, |met| {
            match met {
                Met::Damage(found) => damage = Some(found),
                Met::Record(entry) => {
                    counting += usize::from(entry.counts);
                    lost += usize::from(!entry.counts);
                    match entry.key {
                        Ok(key) if entry.counts => {
                            families.add(&self.nature, &key);
                            twice.meet(entry.at, &key)?;
                        }
                        Ok(_) => {}
                        Err(found) => {
                            bad_keys += 1;
                            first_bad.get_or_insert(found);
                        }
                    }
                }
            }
            io::Result::Ok(())
        })?;
        let Twice { found: twice, count: doubled, .. } = twice;
        self.whole = damage.is_none() && first_bad.is_none();
        let cure = self.cure(counting);
        if let Some(Damage { at, why }) = first_bad {
            let more = if bad_keys > 1 { format!(", nor can {} more", bad_keys - 1) } else { String::new() };
            let why = format!("a key cannot be read{more}: {why}");
            let advice = format!(
                "pages have {}, not the {lost} from there on; `multiprom dump` shows them; {cure}",
                before(counting)
            );
            self.findings.push(Finding::fault(What::BadKey, path, why, advice).at(at));
        }
        if let Some(Damage { at, why }) = damage {
            let header = if file.used() as u64 > file.len {
                format!(" (its header says {} bytes, there are {}: it was cut)", file.used(), file.len)
            } else {
                String::new()
            };
            let advice = format!("pages have {}; {cure}", before(counting));
            self.findings
                .push(Finding::fault(What::Damaged, path, format!("damaged{header}: {why}"), advice).at(at));
        }
        if let Some((at, again, series)) = twice {
            let more = if doubled > 1 { format!(", and {} more", doubled - 1) } else { String::new() };
            let why = format!("series twice in one file: {series}, first at {at}{more}");
            let added = self.adds_up();
            let advice = match (added, self.nature.dialect) {
                (true, _) => "pages add them up: see that no two metrics have the same name and labels",
                (false, Some(Dialect::Ruby)) => {
                    "pages have the last one: see that one process writes the file"
                }
                (false, _) => {
                    "only one of them is on pages: see that no two metrics have the same name and labels"
                }
            };
            self.findings.push(Finding::fault(What::DuplicateSeries, path, why, advice).at(again));
        }
        Ok(())
    }

    /// How to be rid of the file, of which so many records count.
    fn cure(&self, counting: usize) -> String {
        let process = self.nature.process.as_ref();
        let process = process.map_or_else(|| "its writer".to_owned(), |process| format!("process {process}"));
        let delete = match counting {
            0 => "delete the file",
            _ => "delete the file, if what pages have of it may go",
        };
        match self.writer {
            Writer::Alive => format!("{process} lives: have it start anew, then {delete}"),
            Writer::Dead => format!("{process} has ended: {delete}"),
            Writer::Unknown => format!("once {process} has ended, {delete}"),
            Writer::Folding => format!("the next `multiprom fold` gives it its name back; then {delete}"),
            Writer::Archive => {
                "it is an archive: bring it back from a backup, or delete it, and counters begin anew"
                    .to_owned()
            }
        }
    }

    fn adds_up(&self) -> bool {
        adds_up(&self.nature)
    }
}

/// What of a file is on pages, where so many records count.
fn before(counting: usize) -> String {
    match counting {
        0 => "nothing of it".to_owned(),
        1 => "the record before it".to_owned(),
        _ => format!("the {counting} records before it"),
    }
}

/// Whether two records of one series are added up.
fn adds_up(nature: &Nature) -> bool {
    match nature.kind {
        Some(Kind::Gauge) => nature.mode.is_some_and(|mode| mode.mode == Mode::Sum),
        Some(_) => true,
        None => false,
    }
}

/// Finds series that stand in a file twice.
struct Twice<'a> {
    file: &'a MetricsFile,
    nature: &'a Nature,
    hasher: RandomState,
    /// By hash of the series, where its first record stands.
    seen: HashMap<u64, usize, RandomState>,
    /// The first one: where it stood, where again, and what it is.
    found: Option<(usize, usize, String)>,
    count: usize,
}

impl<'a> Twice<'a> {
    fn new(file: &'a MetricsFile, nature: &'a Nature) -> Twice<'a> {
        let seen = HashMap::default();
        Twice { file, nature, hasher: RandomState::default(), seen, found: None, count: 0 }
    }

    fn meet(&mut self, at: usize, key: &KeyText<'_>) -> io::Result<()> {
        // Threads of one process have a record each, in our own stores, and what rounding left of a sum in archives.
        let name = &self.file.name;
        if adds_up(self.nature) && (writer_of(name).is_some() || is_archive_name(name)) {
            return Ok(());
        }
        let series = series(self.nature, key);
        let hash = self.hasher.hash_one(&series);
        let first = *self.seen.entry(hash).or_insert(at);
        if first == at || !self.is_at(first, &series)? {
            return Ok(());
        }
        self.count += 1;
        if self.found.is_none() {
            let text = series_text(sample_name(self.nature, key), labels_of(key));
            self.found = Some((first, at, text));
        }
        Ok(())
    }

    /// Whether the record that starts there is of this series: two may have one hash.
    fn is_at(&self, at: usize, wanted: &Series<'_>) -> io::Result<bool> {
        let Some(dialect) = self.nature.dialect else { return Ok(false) };
        let mut bytes = Vec::new();
        self.file.read(at, 4, &mut bytes)?;
        let length = bytes.first_chunk().map_or(0, |length| u32::from_le_bytes(*length) as usize);
        self.file.read(at, length.min(self.file.in_use()) + 4 + 24, &mut bytes)?;
        let Some(Ok(record)) = records(dialect, &bytes, 0).next() else { return Ok(false) };
        let Ok(key) = read_key(dialect, record.key) else { return Ok(false) };
        Ok(series(self.nature, &key) == *wanted)
    }
}

/// What tells a series from others of its file: the sample's name and the labels, by name.
type Series<'a> = (&'a str, Vec<(&'a str, &'a [u8])>);

fn series<'a>(nature: &'a Nature, key: &'a KeyText<'_>) -> Series<'a> {
    let mut labels: Vec<_> = labels_of(key).collect();
    labels.sort_unstable();
    (sample_name(nature, key), labels)
}
