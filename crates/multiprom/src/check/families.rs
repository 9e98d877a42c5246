//! What the files of a directory say of each family, and where they differ.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use dialects::{Dialect, KeyText};
use metrics_core::{Aggregation, Kind};

use super::finding::{Finding, What};
use crate::inside::folder::shown_name;
use crate::inside::nature::Nature;
use crate::inside::output::number_text;

/// Families by name.
#[derive(Default)]
pub(super) struct Families(BTreeMap<String, Family>);

#[derive(Default)]
struct Family {
    kinds: Said<Kind>,
    modes: Said<Aggregation>,
    helps: Said<String>,
    bounds: Said<Vec<u64>>,
}

/// What was said, by whom first, and in how many files.
struct Said<T>(Vec<(T, PathBuf, usize)>);

/// What one file says of its families. Kept until the file is read: a damaged one may lack some.
#[derive(Default)]
pub(super) struct OfFile(HashMap<String, FamilyOfFile>);

#[derive(Default)]
struct FamilyOfFile {
    helps: Vec<Option<String>>,
    /// As bits of the number, in the order met.
    bounds: Vec<u64>,
}

impl OfFile {
    /// Takes note of a record that counts.
    pub(super) fn add(&mut self, nature: &Nature, key: &KeyText<'_>) {
        // Ruby's files have neither help nor all the bounds.
        if nature.dialect == Some(Dialect::Ruby) {
            return;
        }
        if !self.0.contains_key(&*key.family) {
            self.0.insert(key.family.to_string(), FamilyOfFile::default());
        }
        let Some(family) = self.0.get_mut(&*key.family) else { return };
        if !family.helps.iter().any(|help| help.as_deref() == key.help.as_deref()) {
            family.helps.push(key.help.as_deref().map(str::to_owned));
        }
        if nature.kind == Some(Kind::Histogram)
            && let Some(le) = key.labels.iter().find(|label| label.name == "le")
            && let Some(bound) =
                std::str::from_utf8(&le.value).ok().and_then(|le| le.trim().parse::<f64>().ok())
        {
            let bound = (bound + 0.0).to_bits(); // -0.0 + 0.0 is 0.0
            if !family.bounds.contains(&bound) {
                family.bounds.push(bound);
            }
        }
    }
}

impl Families {
    /// Takes in what a file has said.
    pub(super) fn add(&mut self, path: &Path, nature: &Nature, of_file: OfFile, whole: bool) {
        let Some(kind) = nature.kind else { return };
        for (name, said) in of_file.0 {
            let family = self.0.entry(name).or_default();
            family.kinds.say(kind, path);
            if let Some(mode) = nature.mode {
                family.modes.say(mode, path);
            }
            for help in said.helps.into_iter().flatten() {
                family.helps.say(help, path);
            }
            if whole && !said.bounds.is_empty() {
                let mut bounds = said.bounds;
                bounds.sort_unstable_by(|a, b| f64::from_bits(*a).total_cmp(&f64::from_bits(*b)));
                family.bounds.say(bounds, path);
                if nature.dialect == Some(Dialect::Gitlab) {
                    family.bounds.drop_parts();
                }
            }
        }
    }

    /// Says where files differ.
    pub(super) fn check(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (name, family) in &self.0 {
            if let Some((path, said)) = family.kinds.differ(|kind| kind.to_string()) {
                let why = format!("family {name} is of several kinds: {said}");
                let advice = "the first kind by file name is on pages, the others are left out: give each metric one \
                              name and one kind, and start with an empty directory";
                findings.push(Finding::fault(What::KindsDiffer, path, why, advice));
            }
            if let Some((path, said)) = family.modes.differ(|mode| mode.to_string()) {
                let why = format!("gauge {name} is merged in several ways: {said}");
                let advice = "the mode of the last file decides: declare one mode everywhere, and start with an empty \
                              directory";
                findings.push(Finding::fault(What::ModesDiffer, path, why, advice));
            }
            if let Some((path, said)) = family.helps.differ(|help| format!("{help:?}")) {
                let why = format!("family {name} has several help texts: {said}");
                let advice = "pages show the first; it does no harm";
                findings.push(Finding::remark(What::HelpDiffers, path, why, advice));
            }
            if let Some((path, said)) = family.bounds.differ(|bounds| bounds_text(bounds)) {
                let why = format!("histogram {name} has several sets of bounds: {said}");
                let advice = "pages have all bounds, and between them counts that are too low for processes without \
                              them: declare one set everywhere, and start with an empty directory";
                findings.push(Finding::fault(What::BucketsDiffer, path, why, advice));
            }
        }
        findings
    }
}

fn bounds_text(bounds: &[u64]) -> String {
    bounds.iter().map(|bound| number_text(f64::from_bits(*bound))).collect::<Vec<_>>().join(" ")
}

impl<T> Default for Said<T> {
    fn default() -> Said<T> {
        Said(Vec::new())
    }
}

impl Said<Vec<u64>> {
    /// Forgets sets that are parts of others: a child forked from a GitLab process writes only the buckets that it
    /// counts in, and as these are cumulative none of its numbers is missing.
    fn drop_parts(&mut self) {
        let all: Vec<Vec<u64>> = self.0.iter().map(|(bounds, _, _)| bounds.clone()).collect();
        let part =
            |some: &Vec<u64>, of: &Vec<u64>| some.len() < of.len() && some.iter().all(|it| of.contains(it));
        self.0.retain(|(bounds, _, _)| !all.iter().any(|other| part(bounds, other)));
    }
}

impl<T: PartialEq> Said<T> {
    fn say(&mut self, what: T, path: &Path) {
        match self.0.iter_mut().find(|(said, _, _)| *said == what) {
            Some((_, _, files)) => *files += 1,
            None => self.0.push((what, path.to_owned(), 1)),
        }
    }

    /// If not all say the same: a file that says something else than the first, and what is said where.
    fn differ(&self, text: impl Fn(&T) -> String) -> Option<(&Path, String)> {
        const MOST: usize = 4;
        let (_, path, _) = self.0.get(1)?;
        let each = self.0.iter().take(MOST).map(|(said, path, files)| {
            let name = shown_name(path);
            let more = if *files > 1 { format!(" and {} more", files - 1) } else { String::new() };
            format!("{} in {name}{more}", text(said))
        });
        let mut said = each.collect::<Vec<_>>().join("; ");
        if self.0.len() > MOST {
            said.push_str("; and others");
        }
        Some((path, said))
    }
}
