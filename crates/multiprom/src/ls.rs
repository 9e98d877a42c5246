//! `multiprom ls`: what lies in metrics directories, a line for each file, and in databases.

mod database;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use dialects::{Damage, Dialect, KeyText};
use metrics_core::Kind;
use serde::Serialize;

use crate::cli::inside::{Ls, Order};
use crate::inside::database::Held;
use crate::inside::file::MetricsFile;
use crate::inside::folder::{Named, shown_name};
use crate::inside::leftover::left_over;
use crate::inside::lives::{Lives, Writer, count_text};
use crate::inside::nature::Nature;
use crate::inside::output::{Output, Tint};
use crate::inside::table::{Cell, Column, Table};
use crate::inside::text::visible;
use crate::inside::walk::{Met, walk};
use crate::sources::places_or_environment;

/// Prints the files of all directories.
pub(crate) fn ls(command: Ls) -> anyhow::Result<ExitCode> {
    let places = places_or_environment(command.places, command.catalog.as_deref())?;
    let paths = places.paths;
    let mut files = Vec::new();
    let mut left = 0;
    let mut trouble = false;
    for path in &paths {
        match Named::open(path) {
            Ok(named) => {
                files.extend(named.metrics_files());
                if let Named::Directory(folder) = &named {
                    left += left_over(folder).iter().filter(|left| !folder.counts(left.entry)).count();
                }
            }
            Err(error) => {
                trouble = true;
                crate::complain(&error);
            }
        }
    }
    let lives = Lives::of(&files);
    let mut lines: Vec<Line> =
        files.iter().filter_map(|file| Line::of(file, lives.get(file), paths.len() > 1)).collect();
    trouble |= lines.iter().any(|line| line.error.is_some());
    match command.sort {
        Order::Name => {}
        Order::Used => lines.sort_by_key(|line| Reverse(line.used)),
        Order::Series => lines.sort_by_key(|line| Reverse(line.series)),
        Order::Process => lines.sort_by_cached_key(|line| by_number(line.process.as_deref())),
    }
    let mut out = Output::new();
    if command.json {
        lines.iter().try_for_each(|line| out.json(line))?;
    } else if !lines.is_empty() {
        print_table(&lines, left, &mut out)?;
        lives
            .doubts
            .iter()
            .try_for_each(|doubt| out.paragraph(&[("unknown: ", Tint::Bold), (doubt, Tint::Plain)]))?;
    } else if !trouble && !paths.is_empty() {
        out.line(&format!("no metrics files{}", left_text(left)))?;
    }
    for database in &places.databases {
        match Held::read(database) {
            Ok(held) => {
                let lines = database::lines(&held, command.sort);
                if command.json {
                    lines.iter().try_for_each(|line| out.json(line))?;
                } else {
                    database::print(&held, &lines, &mut out)?;
                }
            }
            Err(error) => {
                trouble = true;
                crate::complain(&error.context(format!("read {}", database.foreign.address)));
            }
        }
    }
    out.flush()?;
    Ok(if trouble { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A file, as `--json` prints it: names of fields are promised in `--help`.
#[derive(Debug, Default, Serialize)]
struct Line {
    path: String,
    /// The name that its writer gave it, also while it is folded.
    file: String,
    #[serde(skip)]
    shown: String,
    client: Option<&'static str>,
    versions: Option<&'static str>,
    kind: Option<&'static str>,
    /// Whether the kind is guessed from keys and name.
    guessed: bool,
    mode: Option<&'static str>,
    process: Option<String>,
    /// `alive`, `dead`, `unknown`, `folding` or `archive`.
    life: &'static str,
    #[serde(skip)]
    writer: Option<Writer>,
    /// Records that count.
    series: usize,
    used: i64,
    length: u64,
    damage: Option<DamageLine>,
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct DamageLine {
    offset: usize,
    why: String,
}

impl Line {
    /// None where the file is gone since it was listed.
    fn of(path: &Path, writer: Writer, with_directory: bool) -> Option<Line> {
        let file = shown_name(path);
        let shown = match with_directory {
            true => path.with_file_name(&file).to_string_lossy().into_owned(),
            false => file.clone(),
        };
        let mut line = Line {
            path: path.to_string_lossy().into_owned(),
            file,
            shown: visible(shown.as_bytes()),
            life: writer.as_str(),
            writer: Some(writer),
            ..Line::default()
        };
        match line.look_at(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                line.take(&Nature::of_name(&line.file));
                line.error = Some(error.to_string());
            }
            Ok(()) => {}
        }
        Some(line)
    }

    fn look_at(&mut self, path: &Path) -> io::Result<()> {
        let file = MetricsFile::open(path)?;
        self.used = file.stored_used.into();
        self.length = file.len;
        let nature = Nature::of(&file)?;
        let mut evidence = Evidence::default();
        walk(&file, &nature, |met| {
            let damage = match met {
                Met::Record(entry) => {
                    self.series += usize::from(entry.counts);
                    match entry.key {
                        Ok(key) if entry.counts => {
                            evidence.add(&key);
                            None
                        }
                        Ok(_) => None,
                        Err(damage) => Some(damage),
                    }
                }
                Met::Damage(damage) => Some(damage),
            };
            // The first one says how far the file counts.
            if let (Some(Damage { at, why }), None) = (damage, &self.damage) {
                self.damage = Some(DamageLine { offset: at, why: why.to_owned() });
            }
            io::Result::Ok(())
        })?;
        if nature.is_kindless() {
            self.series = 0;
            self.damage =
                Some(DamageLine { offset: 0, why: "left out: its name tells no kind of metric".to_owned() });
        }
        self.take(&nature);
        if let (Some(Dialect::Ruby), Some(metric)) = (nature.dialect, &nature.metric) {
            self.kind = Some(evidence.kind(metric).as_str());
            self.guessed = true;
            self.mode = evidence.by_process.then_some("all");
        }
        Ok(())
    }

    fn take(&mut self, nature: &Nature) {
        self.client = nature.client();
        self.versions = nature.versions();
        self.process = nature.process.clone();
        self.kind = nature.kind.map(Kind::as_str);
        self.mode = nature.mode.map(|mode| mode.as_str());
    }
}

/// What the keys of a Ruby metric tell of it, as the collector guesses where there is no catalog.
#[derive(Default)]
struct Evidence {
    histogram: bool,
    summary: bool,
    by_process: bool,
}

impl Evidence {
    fn add(&mut self, key: &KeyText<'_>) {
        for label in &key.labels {
            match (&*label.name, &*label.value) {
                ("le", b"sum") => self.histogram = true,
                ("quantile", b"count" | b"sum") => self.summary = true,
                ("pid", _) => self.by_process = true,
                _ => {}
            }
        }
    }

    fn kind(&self, metric: &str) -> Kind {
        match self {
            Evidence { histogram: true, .. } => Kind::Histogram,
            Evidence { summary: true, .. } => Kind::Summary,
            _ if metric.ends_with("_total") => Kind::Counter,
            _ => Kind::Gauge,
        }
    }
}

/// Sorts processes as people do: 9 before 10, what is no number behind those.
fn by_number(process: Option<&str>) -> (u64, String) {
    let process = process.unwrap_or_default();
    let digits = process.bytes().take_while(u8::is_ascii_digit).count();
    (process.get(..digits).and_then(|digits| digits.parse().ok()).unwrap_or(u64::MAX), process.to_owned())
}

fn print_table(lines: &[Line], left: usize, out: &mut Output) -> anyhow::Result<()> {
    let mut table = Table::new([
        Column::shrinking("FILE", 24),
        Column::left("CLIENT").dropped(3),
        Column::left("KIND").dropped(2),
        Column::left("PROCESS").dropped(4),
        Column::left("WRITER"),
        Column::right("SERIES"),
        Column::right("USED").dropped(1),
        Column::sentence("DAMAGE"),
    ]);
    for line in lines {
        let word = |word: Option<&str>| Cell::plain(visible(word.unwrap_or("-").as_bytes()));
        let client = match (line.client, line.versions) {
            (Some(client), Some(versions)) => Cell::tinted(format!("{client} {versions}"), Tint::Odd),
            (client, _) => word(client),
        };
        let kind = match (line.kind, line.mode) {
            (Some(kind), None) if line.guessed => Cell::tinted(format!("{kind}?"), Tint::Dim),
            (Some(kind), Some(mode)) if line.guessed => Cell::tinted(format!("{kind} {mode}?"), Tint::Dim),
            (Some(kind), Some(mode)) => Cell::plain(format!("{kind} {mode}")),
            (kind, _) => word(kind),
        };
        let damage = match (&line.error, &line.damage) {
            (Some(error), _) => error.clone(),
            (None, Some(DamageLine { offset, why })) if *offset > 0 => format!("at {offset}: {why}"),
            (None, Some(DamageLine { why, .. })) => why.clone(),
            (None, None) => String::new(),
        };
        table.push(vec![
            Cell::plain(&line.shown),
            client,
            kind,
            word(line.process.as_deref()),
            Cell::tinted(line.life, line.writer.map_or(Tint::Plain, Writer::tint)),
            Cell::plain(line.series.to_string()),
            Cell::plain(format!("{}/{}", line.used_text(), size(line.length))),
            Cell::tinted(visible(damage.as_bytes()), Tint::Bad),
        ]);
    }
    table.drop_empty_columns();
    table.print(out)?;
    out.paragraph(&[(&total(lines), Tint::Bold), (&left_text(left), Tint::Bold)])
}

/// `; 2 files are left over, see multiprom check`, where there are any.
fn left_text(left: usize) -> String {
    match left {
        0 => String::new(),
        1 => "; 1 file is left over, see multiprom check".to_owned(),
        left => format!("; {left} files are left over, see multiprom check"),
    }
}

impl Line {
    fn used_text(&self) -> String {
        u64::try_from(self.used).map_or_else(|_| self.used.to_string(), size)
    }
}

/// `3 files of 2 processes (1 alive, 1 dead): 1204 series, 96.0K of 192K used, 1 damaged`.
fn total(lines: &[Line]) -> String {
    let mut processes: BTreeMap<&str, Writer> = BTreeMap::new();
    for line in lines {
        let (Some(process), Some(writer)) = (line.process.as_deref(), line.writer) else { continue };
        if writer != Writer::Archive {
            // A process lives that has one living file.
            let writer = writer.as_process();
            let known = processes.entry(process).or_insert(writer);
            *known = (*known).min(writer);
        }
    }
    let lives = match count_text(processes.values().copied()) {
        none if none.is_empty() => none,
        lives => format!(" ({lives})"),
    };
    let count =
        |count: usize, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    let series: usize = lines.iter().map(|line| line.series).sum();
    let used: u64 = lines.iter().map(|line| u64::try_from(line.used).unwrap_or(0).min(line.length)).sum();
    let length: u64 = lines.iter().map(|line| line.length).sum();
    let damaged = lines.iter().filter(|line| line.damage.is_some() || line.error.is_some()).count();
    let damaged = if damaged > 0 { format!(", {damaged} damaged or unreadable") } else { String::new() };
    format!(
        "{} of {}{lives}: {series} series, {} of {} used{damaged}",
        count(lines.len(), "file", "files"),
        count(processes.len(), "process", "processes"),
        size(used),
        size(length),
    )
}

/// `72`, `64.0K`, `1.5M`: bytes, in powers of 1024 where there are many.
fn size(bytes: u64) -> String {
    let mut amount = bytes as f64;
    if bytes < 10_000 {
        return bytes.to_string();
    }
    for unit in ["K", "M", "G"] {
        amount /= 1024.0;
        if amount < 1024.0 {
            let digits = if amount < 100.0 { 1 } else { 0 };
            return format!("{amount:.digits$}{unit}");
        }
    }
    format!("{:.0}T", amount / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        let table = [
            (0, "0"),
            (9_999, "9999"),
            (65_536, "64.0K"),
            (1 << 20, "1.0M"),
            (3 << 30, "3.0G"),
            (1 << 41, "2T"),
        ];
        for (bytes, expected) in table {
            assert_eq!(size(bytes), expected);
        }
    }

    #[test]
    fn processes_are_sorted_as_people_sort_numbers() {
        let mut processes = ["10", "9-r1", "worker_2", "9", "100"];
        processes.sort_by_key(|process| by_number(Some(process)));
        assert_eq!(processes, ["9", "9-r1", "10", "100", "worker_2"]);
    }
}
