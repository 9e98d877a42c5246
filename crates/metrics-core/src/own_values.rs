//! This process's own values of a family, as a snapshot shows them.

use std::sync::Arc;

use crate::family::{FamilyState, Member};
use crate::{FamilySnapshot, Kind, Label, Part, Sample, Series, number};

impl FamilyState {
    /// The family as this process alone has counted it.
    pub(crate) fn snapshot(&self) -> FamilySnapshot {
        let desc = &self.desc;
        let mut samples = Vec::new();
        for (labels, member) in self.members.iter() {
            let series = member.series.get_or_init(|| self.series(labels));
            let values = self.values(member);
            samples.extend(
                series.iter().zip(values).map(|(series, value)| Sample::new(Arc::clone(series), value)),
            );
        }
        FamilySnapshot {
            name: desc.name().into(),
            help: desc.help().into(),
            unit: desc.unit().map(Arc::from),
            kind: desc.kind(),
            bare: false,
            samples,
        }
    }

    /// The lines of one label set, in the order of [`FamilyState::values`].
    fn series(&self, labels: &[u8]) -> Box<[Arc<Series>]> {
        let desc = &self.desc;
        // The table ends each value with 0xFF, which no text holds.
        let values = labels.split(|&byte| byte == 0xFF);
        let labels: Vec<Label> = desc
            .labels()
            .iter()
            .zip(values)
            .map(|(name, value)| Label { name: (**name).into(), value: value.into() })
            .collect();
        let line = |suffix: &str, le: Option<f64>| {
            let mut labels = labels.clone();
            labels.extend(le.map(|bound| Label { name: "le".into(), value: number(bound).into() }));
            labels.sort();
            Arc::new(Series::new(format!("{}{suffix}", desc.name()), labels))
        };
        match desc.kind() {
            Kind::Histogram => {
                let bounds = desc.buckets().bounds().iter().copied().chain([f64::INFINITY]);
                let buckets = bounds.map(|bound| line("_bucket", Some(bound)));
                std::iter::once(line("_sum", None)).chain(buckets).chain([line("_count", None)]).collect()
            }
            Kind::Summary => [line("_count", None), line("_sum", None)].into(),
            Kind::Counter => [line("_total", None)].into(),
            _ => [line("", None)].into(),
        }
    }

    /// The numbers of one label set: of a histogram the sum, the buckets, each with all below it, and the count.
    fn values(&self, member: &Member) -> Vec<f64> {
        let get = |part| member.child.get(part);
        match self.desc.kind() {
            Kind::Histogram => {
                let mut values = vec![get(Part::Sum)];
                let mut count = 0.0;
                for bucket in 0..=self.desc.buckets().bounds().len() {
                    count += get(Part::Bucket(bucket));
                    values.push(count);
                }
                // Not asked for: it must be that of `+Inf`, also while another thread observes.
                values.push(count);
                values
            }
            Kind::Summary => vec![get(Part::Count), get(Part::Sum)],
            _ => vec![get(Part::Value)],
        }
    }
}
