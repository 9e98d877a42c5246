//! What the talk's table lets every store do.

use std::fmt;
use std::hint::black_box;

use clap::ValueEnum;
use metrics_core::{Buckets, DeclareError, Registry};

use crate::team::Deed;

/// Upper bounds of the 11 buckets that all histograms here have.
pub const BOUNDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// One column of the talk's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Operation {
    /// Increment of a counter without labels.
    Inc,
    /// Increment by a kept handle of a label set with 2 labels.
    Kept,
    /// The label set looked up in its family by 2 labels, then incremented.
    Lookup2,
    /// The same with 10 labels.
    Lookup10,
    /// A gauge set.
    Set,
    /// A histogram of 11 buckets observed.
    Observe,
}

impl Operation {
    /// In the order of the table.
    pub const ALL: [Operation; 6] = [
        Operation::Inc,
        Operation::Kept,
        Operation::Lookup2,
        Operation::Lookup10,
        Operation::Set,
        Operation::Observe,
    ];

    /// The deed on this store: always on the same label set, as in the talk.
    ///
    /// # Errors
    /// When the store refuses the family.
    pub fn deed(self, registry: &Registry) -> Result<Deed, DeclareError> {
        Ok(match self {
            Operation::Inc => {
                let counter = registry.counter("plain", "Without labels.").register()?;
                repeat(move || counter.inc())
            }
            Operation::Kept => {
                let family = registry.counter("kept", "By a kept handle.").labels(["method", "code"])?;
                let counter = family.with(["GET", "200"]);
                repeat(move || counter.inc())
            }
            Operation::Lookup2 => {
                let family = registry.counter("looked_up", "By two labels.").labels(["method", "code"])?;
                repeat(move || family.with(black_box(["GET", "200"])).inc())
            }
            Operation::Lookup10 => {
                let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
                let values = ["GET", "200", "/", "eu-west", "blue", "v2", "web", "7", "https", "shop"];
                let family = registry.counter("looked_up_by_ten", "By ten labels.").labels(names)?;
                repeat(move || family.with(black_box(values)).inc())
            }
            Operation::Set => {
                let gauge = registry.gauge("level", "Set.").register()?;
                repeat(move || gauge.set(black_box(3.0)))
            }
            Operation::Observe => {
                let buckets = Buckets::new(BOUNDS).expect("the bounds rise");
                let histogram = registry.histogram("latency", "Observed.").buckets(buckets).register()?;
                repeat(move || histogram.observe(black_box(0.3)))
            }
        })
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Operation::Inc => "inc",
            Operation::Kept => "inc, kept handle, 2 labels",
            Operation::Lookup2 => "lookup by 2 labels + inc",
            Operation::Lookup10 => "lookup by 10 labels + inc",
            Operation::Set => "gauge set",
            Operation::Observe => "histogram observe",
        })
    }
}

/// The same thing again and again, whatever the thread.
pub fn repeat(deed: impl Fn() + Send + Sync + 'static) -> Deed {
    Box::new(move |_, times| {
        for _ in 0..times {
            deed();
        }
    })
}

/// The 0th thing to the 63rd, then from the beginning.
pub fn rotate<T: Send + Sync + 'static>(things: [T; 64], deed: impl Fn(&T) + Send + Sync + 'static) -> Deed {
    Box::new(move |_, times| {
        for turn in 0..times {
            deed(&things[(turn % 64) as usize]);
        }
    })
}
