//! A directory of metrics files, and its page.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use collector::{Ask, Catalog, Collector, DirSource, Directory, Liveness};
use dialects::{Dialect, HEADER_LEN, push_record};
use folding::{Folded, Folder, Options};
use tempfile::TempDir;

pub(crate) struct Scene {
    path: PathBuf,
    _made: Option<TempDir>,
}

/// A line of a page with a number: what is before it, and the number.
pub(crate) type Line = (String, f64);

impl Scene {
    pub(crate) fn new() -> Scene {
        let made = tempfile::tempdir().unwrap();
        Scene { path: made.path().to_owned(), _made: Some(made) }
    }

    /// In a directory that is made here and removed by somebody else.
    pub(crate) fn within(path: PathBuf) -> Scene {
        fs::create_dir(&path).unwrap();
        Scene { path, _made: None }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// A file of these records: key, value, time.
    pub(crate) fn write(&self, dialect: Dialect, name: &str, records: &[(&str, f64, f64)]) {
        let mut bytes = vec![0; HEADER_LEN];
        for (key, value, time) in records {
            push_record(dialect, key.as_bytes(), *value, *time, &mut bytes);
        }
        let used = bytes.len() as u32;
        bytes[..4].copy_from_slice(&used.to_ne_bytes());
        bytes.resize(bytes.len().next_multiple_of(4096), 0);
        fs::write(self.at(name), bytes).unwrap();
    }

    /// A Python counter's file with one number for each series.
    pub(crate) fn counter(&self, process: &str, numbers: &[(&str, f64)]) {
        let keys: Vec<String> = numbers.iter().map(|(series, _)| counter_key(series)).collect();
        let records: Vec<(&str, f64, f64)> =
            keys.iter().zip(numbers).map(|(key, (_, value))| (&**key, *value, 0.0)).collect();
        self.write(Dialect::PYTHON, &format!("counter_{process}.db"), &records);
    }

    /// The names of all files but those of locks, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != dialects::FOLD_LOCK && name != dialects::FOLD_WINDOW)
            .collect();
        names.sort();
        names
    }

    /// The page's lines with numbers, in byte order.
    pub(crate) fn page(&self) -> Vec<Line> {
        self.page_as(Liveness::AsFiled)
    }

    pub(crate) fn page_as(&self, liveness: Liveness) -> Vec<Line> {
        let directory = Directory { path: self.path().to_owned(), labels: vec![] };
        let source = DirSource::new(vec![directory], Catalog::default()).unwrap();
        page_of(&Collector::new(vec![Box::new(source)]), liveness)
    }

    pub(crate) fn folder(&self) -> Folder {
        Folder::new(self.path(), Options { stopped: true, ..Options::default() })
    }

    /// Folds the directory of an application that is stopped.
    pub(crate) fn fold(&self) -> Folded {
        self.folder().fold().unwrap()
    }
}

pub(crate) fn counter_key(series: &str) -> String {
    format!(r#"["c", "c_total", {{"s": "{series}"}}, "Help."]"#)
}

pub(crate) fn page_of(collector: &Collector, liveness: Liveness) -> Vec<Line> {
    let mut ask = Ask::default();
    ask.liveness = liveness;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let page = runtime.block_on(collector.collect(&ask)).unwrap();
    let mut text = Vec::new();
    exposition::encode(exposition::Format::TEXT, &page, &mut text);
    let text = String::from_utf8(text).unwrap();
    let mut lines: Vec<Line> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (series, number) = line.rsplit_once(' ').unwrap();
            (series.to_owned(), number.replace("Inf", "inf").parse().unwrap())
        })
        .collect();
    lines.sort_by(|a, b| a.0.cmp(&b.0));
    lines
}

/// Holds a file open for writing, as a worker does.
pub(crate) fn hold(path: &Path) -> File {
    File::options().append(true).open(path).unwrap()
}
