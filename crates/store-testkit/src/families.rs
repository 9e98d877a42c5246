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
        let pairs = self.desc.labels().iter().zip(&self.labels);
        let pairs: Vec<String> = pairs.map(|(name, value)| format!("{name}={value:?}")).collect();
        write!(f, "{} {}{{{}}}", self.desc.kind(), self.desc.name(), pairs.join(","))
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
        // Those that run together where a store joins them carelessly, and some of the above.
        let pairs = [
            ["a", ""],
            ["", "a"],
            ["a,b", "c"],
            ["a", "b,c"],
            [values[3], values[4]],
            [values[7], values[2]],
        ];
        let mut pool = Vec::new();
        for (at, desc) in descs().into_iter().enumerate() {
            let sets: Vec<Vec<&str>> = match desc.labels().len() {
                0 => vec![vec![]],
                // Four for each family; which ones depends on the family.
                1 => (0..4).map(|set| vec![values[(at + 3 * set) % values.len()]]).collect(),
                _ => pairs.iter().map(|pair| pair.to_vec()).collect(),
            };
            for set in sets {
                let labels = set.into_iter().map(str::to_owned).collect();
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
