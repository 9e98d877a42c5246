//! The arguments that limit how many series a page has.

use clap::Args;

/// How many label sets get series of their own.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct SeriesLimits {
    /// Series that one family of a directory may have; any number where this is not given
    ///
    /// Counted are label sets: a histogram is one, whatever its buckets. Further label sets are added up in one more
    /// series, in which all labels are replaced by overflow="true", so that sums stay right. Whoever has a series keeps
    /// it; after a restart of multiprom the order of the files decides. The log names the family and its label with the
    /// most values, once; multiprom_directory_refused_series_total on /metrics/self counts.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) max_series_per_family: Option<usize>,

    /// Series that all families of a directory may have together, counted in the same way; any number where this is
    /// not given
    ///
    /// Each family that has too many gets one series more, for the rest of them.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) max_series: Option<usize>,
}

impl From<SeriesLimits> for collector::Limits {
    fn from(limits: SeriesLimits) -> collector::Limits {
        collector::Limits { series_per_family: limits.max_series_per_family, series: limits.max_series }
    }
}
