//! The families and label sets that the sequences are about.

use std::fmt;
use std::sync::{Arc, LazyLock};

use metrics_core::{Aggregation, Buckets, Declaration, Desc, Kind};

/// One label set of one family; known by its address.
#[derive(Clone)]
pub(crate) struct Series {
    pub(crate) desc: Arc<Desc>,
    pub(crate) labels: Vec<String>,
}

impl Series {
    pub(crate) fn labels(&self) -> Vec<&str> {
        self.labels.iter().map(String::as_str).collect()
    }
}

impl fmt::Display for Series {
    /// `gauge level_max{room="a"}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.desc.kind(), self.desc.name())?;
        let pairs = self.desc.labels().iter().zip(&self.labels);
        f.write_str(&pairs.map(|(name, value)| format!("{{{name}={value:?}}}")).collect::<String>())
    }
}

/// All series that there are: every kind, every aggregation, none to two labels, values that need escaping.
pub(crate) fn pool() -> &'static [Series] {
    static POOL: LazyLock<Vec<Series>> = LazyLock::new(|| {
        let values = [
            "",
            "a",
            "b=c&d;e",
            "\u{fc} \u{1f642}",
            "quote\" back\\slash\nline",
            "%41+",
            "ends in space ",
            "a long one, so that keys differ in their padding: 0123456789",
        ];
        let mut pool = Vec::new();
        for (at, desc) in descs().into_iter().enumerate() {
            // Four label sets for each family; which ones depends on the family.
            let sets = if desc.labels().is_empty() { 1 } else { 4 };
            for set in 0..sets {
                let value = |label: usize| values[(at + 3 * set + 5 * label) % values.len()].to_owned();
                let labels = (0..desc.labels().len()).map(value).collect();
                pool.push(Series { desc: Arc::clone(&desc), labels });
            }
        }
        pool
    });
    &POOL
}

fn descs() -> Vec<Arc<Desc>> {
    let mut all = vec![
        family(Kind::Counter, "jobs_total", &[], None, None),
        family(Kind::Counter, "requests_total", &["method", "code"], None, None),
        // Out of alphabetical order, as label names may be declared.
        family(Kind::Counter, "traffic_total", &["zone", "area"], None, None),
        family(Kind::Summary, "wait_seconds", &["queue"], None, None),
        family(Kind::Summary, "pause_seconds", &[], None, None),
        family(Kind::Histogram, "latency_seconds", &["route"], None, None),
        family(Kind::Histogram, "size_bytes", &[], None, Some(&[-1.5, 0.0, 2.5, 1e6])),
        family(Kind::Histogram, "anything", &["of"], None, Some(&[])),
        family(Kind::Gauge, "temperature", &[], None, None),
    ];
    all.extend(Aggregation::WORDS.map(|word| {
        let aggregation = word.parse().expect("the words of all aggregations are aggregations");
        family(Kind::Gauge, &format!("level_{word}"), &["room"], Some(aggregation), None)
    }));
    all
}

fn family(
    kind: Kind,
    name: &str,
    labels: &[&str],
    aggregation: Option<Aggregation>,
    bounds: Option<&[f64]>,
) -> Arc<Desc> {
    let help = format!("What {name} is: \"quoted\", back\\slash,\nsecond line, \u{fc}.");
    let buckets = bounds
        .map(|bounds| Buckets::new(bounds.iter().copied()).expect("the bounds above are finite and rise"));
    let declaration = Declaration { labels, aggregation, buckets, ..Declaration::new(kind, name, &help) };
    Arc::new(Desc::new(&declaration).expect("the families above are declared as they should be"))
}
