//! Kinds, help, aggregation and bounds for sources that carry none.

use std::sync::Arc;

use exposition::Syntax;
use foldhash::HashMap;
use metrics_core::{Aggregation, Kind};

use crate::{Rules, Statement};

/// Kinds, help, aggregation and bounds for sources that carry none (Ruby's files).
///
/// Its text is a page of metrics as the application itself would serve it, saved, with a line
/// `# AGGREGATION name mode` where the usual mode is not the right one. Of its samples only the bounds of buckets
/// count. Families are printed in its order, also those without series.
///
/// ```
/// let page = [
///     "# HELP jobs_total Jobs done.",
///     "# TYPE jobs_total counter",
///     "# HELP queue_age_seconds Age of the oldest job.",
///     "# TYPE queue_age_seconds gauge",
///     "# AGGREGATION queue_age_seconds max",
///     "# TYPE job_seconds histogram",
///     "job_seconds_bucket{le=\"0.5\"} 0",
///     "job_seconds_bucket{le=\"+Inf\"} 0",
/// ];
/// let catalog = collector::Catalog::parse(page.join("\n").as_bytes())?;
/// assert_eq!(catalog.kind("jobs_total"), Some(metrics_core::Kind::Counter));
/// # Ok::<(), collector::CatalogError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    entries: Vec<Entry>,
    /// By name with and without `_total`, as files may spell it.
    numbers: HashMap<Box<str>, usize>,
}

/// What the catalog tells of one family.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// As a [`Statement`] has it, which loses one `_total`.
    name: Arc<str>,
    pub(crate) help: Arc<str>,
    pub(crate) unit: Option<Arc<str>>,
    pub(crate) kind: Kind,
    pub(crate) aggregation: Option<Aggregation>,
    /// As spelled, in the order of the page, without `+Inf`.
    pub(crate) bounds: Arc<[Box<str>]>,
}

/// Why a catalog cannot be read.
#[derive(Clone, Debug, PartialEq)]
pub struct CatalogError {
    /// Line, counted from 1.
    pub line: usize,
    /// Why.
    pub why: String,
}

impl std::fmt::Display for CatalogError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "read catalog, line {}: {}", self.line, self.why)
    }
}

impl std::error::Error for CatalogError {}

impl Catalog {
    /// Reads a saved exposition page, with `# AGGREGATION name mode` lines where needed.
    ///
    /// # Errors
    /// At the first line that is neither, names an unknown mode, or names a family that the page does not have.
    pub fn parse(text: &[u8]) -> Result<Catalog, CatalogError> {
        let open_metrics = text.trim_ascii_end().ends_with(b"# EOF");
        let syntax = if open_metrics { Syntax::OpenMetrics1 } else { Syntax::Text0 };
        // A page saved by hand may lack its last line feed.
        let mut ended = text.to_vec();
        if !ended.ends_with(b"\n") {
            ended.push(b'\n');
        }
        let page = exposition::parse(syntax, &ended)
            .map_err(|error| CatalogError { line: error.line, why: error.why })?;
        let mut catalog = Catalog::default();
        for family in &page.families {
            let mut bounds: Vec<Box<str>> = Vec::new();
            if family.kind == Kind::Histogram {
                let les = family.samples.iter().filter_map(|sample| sample.series.label("le"));
                for le in les.filter_map(|le| std::str::from_utf8(le).ok()) {
                    if !bounds.iter().any(|known| **known == *le) && le != "+Inf" {
                        bounds.push(le.into());
                    }
                }
            }
            let number = catalog.entries.len();
            if family.kind == Kind::Counter {
                catalog.numbers.insert(format!("{}_total", family.name).into(), number);
            }
            catalog.numbers.insert((*family.name).into(), number);
            // Ruby's name of a counter: with the `_total` that the family's name is without.
            let first = family.samples.first();
            let bare = first.map_or(family.bare, |sample| *sample.series.name == *family.name);
            let lost_total = family.kind == Kind::Counter && !bare;
            catalog.entries.push(Entry {
                name: if lost_total {
                    format!("{}_total", family.name).into()
                } else {
                    Arc::clone(&family.name)
                },
                help: Arc::clone(&family.help),
                unit: family.unit.clone(),
                kind: family.kind,
                aggregation: None,
                bounds: bounds.into(),
            });
        }
        catalog.read_aggregations(text)?;
        Ok(catalog)
    }

    fn read_aggregations(&mut self, text: &[u8]) -> Result<(), CatalogError> {
        for (at, line) in text.split(|&byte| byte == b'\n').enumerate() {
            let line = String::from_utf8_lossy(line);
            let mut words = line.split_ascii_whitespace();
            if (words.next(), words.next()) != (Some("#"), Some("AGGREGATION")) {
                continue;
            }
            let failed = |why| CatalogError { line: at + 1, why };
            let (Some(name), Some(mode), None) = (words.next(), words.next(), words.next()) else {
                return Err(failed("expected # AGGREGATION name mode".to_owned()));
            };
            let mode = mode.parse::<Aggregation>().map_err(|error| failed(error.to_string()))?;
            let entry = self.numbers.get(name).and_then(|&number| self.entries.get_mut(number));
            entry.ok_or_else(|| failed(format!("no family {name} in this catalog")))?.aggregation =
                Some(mode);
        }
        Ok(())
    }

    /// The kind of a metric, by its name with or without `_total`; none where the catalog does not have it.
    pub fn kind(&self, metric: &str) -> Option<Kind> {
        self.entry(metric).map(|entry| entry.kind)
    }

    /// How the numbers of metrics are merged, by name as a file may spell it: counters, histograms and summaries are
    /// added up, gauges as the catalog says. Gauges of which it does not say it are left out.
    ///
    /// ```
    /// let page = "# TYPE jobs_total counter\n# TYPE depth gauge\n# AGGREGATION depth max\n# TYPE other gauge\n";
    /// let catalog = collector::Catalog::parse(page.as_bytes())?;
    /// let mut found: Vec<_> = catalog.aggregations().map(|(name, how)| format!("{name} {how}")).collect();
    /// found.sort();
    /// assert_eq!(found, ["depth max", "jobs sum", "jobs_total sum"]);
    /// # Ok::<(), collector::CatalogError>(())
    /// ```
    pub fn aggregations(&self) -> impl Iterator<Item = (&str, Aggregation)> {
        self.numbers.iter().filter_map(|(name, &number)| {
            let entry = &self.entries[number];
            let counted = matches!(entry.kind, Kind::Counter | Kind::Histogram | Kind::Summary);
            Some((&**name, entry.aggregation.or(counted.then_some(Aggregation::SUM))?))
        })
    }

    /// What is known of a metric.
    pub(crate) fn entry(&self, metric: &str) -> Option<&Entry> {
        self.numbers.get(metric).map(|&number| &self.entries[number])
    }

    /// A statement of each family, in order, by the Ruby client's rules; of a counter under the name that its sample has.
    pub fn statements(&self) -> impl Iterator<Item = Statement> {
        self.entries.iter().map(|entry| Statement {
            name: Arc::clone(&entry.name),
            help: Arc::clone(&entry.help),
            unit: entry.unit.clone(),
            kind: entry.kind,
            aggregation: entry.aggregation.unwrap_or(Aggregation::SUM),
            rules: Rules::Ruby,
            bounds: Arc::clone(&entry.bounds),
        })
    }
}

#[cfg(test)]
mod tests;
