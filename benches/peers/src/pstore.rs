//! A store that reads and writes its whole file for every update: a reference point of the talk.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use metrics_core::{Child, Children, Desc, Part, Store, StoreError};

/// A store that does what Ruby's `PStore` does: for every update it locks its file, reads all of it, changes a
/// number, and writes all of it.
///
/// Kinder than the original: no `Marshal`, no checksum, no second file.
pub struct PStore {
    path: PathBuf,
    children: Children,
}

impl PStore {
    /// A store in the file at `path`; several processes may open it.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(path: &Path) -> anyhow::Result<PStore> {
        File::options()
            .append(true)
            .create(true)
            .open(path)
            .with_context(|| format!("make {}", path.display()))?;
        Ok(PStore { path: path.to_owned(), children: Children::new() })
    }
}

impl Store for PStore {
    fn child(&self, desc: &Arc<Desc>, labels: &[&str]) -> Result<&'static dyn Child, StoreError> {
        self.children.get_or_make(desc, labels, || {
            let key = format!("{}{{{}}}", desc.name(), labels.join(","));
            Box::new(Entry { path: self.path.clone(), key })
        })
    }
}

/// The numbers of one label set.
struct Entry {
    path: PathBuf,
    key: String,
}

type Numbers = BTreeMap<String, f64>;

impl Entry {
    /// One transaction, and how the file is kept: a line of key and number for each.
    fn transaction(&self, change: impl FnOnce(&mut Numbers)) -> std::io::Result<()> {
        let mut file = File::options().read(true).write(true).open(&self.path)?;
        file.lock()?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let entries = text.lines().filter_map(|line| line.rsplit_once(' '));
        let mut numbers: Numbers =
            entries.map(|(key, value)| (key.to_owned(), value.parse().unwrap_or(0.0))).collect();
        change(&mut numbers);
        text.clear();
        for (key, value) in &numbers {
            text.push_str(&format!("{key} {value}\n"));
        }
        file.seek(SeekFrom::Start(0))?;
        file.write_all(text.as_bytes())?;
        file.set_len(text.len() as u64)
    }

    fn change(&self, change: impl FnOnce(&mut Numbers)) {
        self.transaction(change).expect("the file is ours");
    }
}

impl Child for Entry {
    fn add(&self, by: f64) {
        self.change(|numbers| *numbers.entry(self.key.clone()).or_default() += by);
    }

    fn set(&self, to: f64) {
        self.change(|numbers| {
            numbers.insert(self.key.clone(), to);
        });
    }

    fn observe(&self, bucket: usize, value: f64) {
        self.change(|numbers| {
            *numbers.entry(format!("{} {bucket}", self.key)).or_default() += 1.0;
            *numbers.entry(self.key.clone()).or_default() += value;
        });
    }

    fn get(&self, part: Part) -> f64 {
        let key = match part {
            Part::Bucket(bucket) => format!("{} {bucket}", self.key),
            _ => self.key.clone(),
        };
        let mut found = 0.0;
        self.change(|numbers| found = numbers.get(&key).copied().unwrap_or(0.0));
        found
    }
}
