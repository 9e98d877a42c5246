//! Why a push does not fit, for the person who reads it.

use push_groups::{Clash, PART, Push, Unfit, series_hash, series_labels, tag_word};

/// Why what a push makes excludes itself, or does not add up.
pub(crate) fn unfit_reason(unfit: &Unfit) -> String {
    match unfit {
        Unfit::Clash(clash) => clash_reason(clash, None),
        Unfit::Aggregate(error) => error.to_string(),
    }
}

/// What excludes what.
pub(crate) fn clash_reason(clash: &Clash, push: Option<&Push>) -> String {
    match clash {
        Clash::Name { name, pushed, held } => match (*pushed, *held) {
            (_, PART) => format!(
                "collected metric named {name:?} collides with previously collected histogram or summary named {:?}",
                whole(name)
            ),
            (PART, _) => format!(
                "collected histogram or summary named {:?} collides with previously collected metric named {name:?}",
                whole(name)
            ),
            (pushed, held) => {
                let word = |tag| tag_word(tag).to_ascii_uppercase();
                format!(
                    "gathered metric family {name} has type {} but should have {}",
                    word(pushed),
                    word(held)
                )
            }
        },
        Clash::Series(hash) => match push.and_then(|push| series_of(push, *hash)) {
            Some(series) => {
                format!("collected metric {series} was collected before with the same name and label values")
            }
            None => "a series was collected before with the same name and label values".to_owned(),
        },
    }
}

/// The family whose part has this name.
fn whole(part: &str) -> &str {
    let suffixes = ["_bucket", "_sum", "_count"];
    suffixes.iter().find_map(|suffix| part.strip_suffix(suffix)).unwrap_or(part)
}

/// The series of a push that has this hash, as it would stand on a page.
fn series_of(push: &Push, hash: u128) -> Option<String> {
    push.families.iter().find_map(|family| {
        family.metrics.iter().find_map(|metric| {
            let labels = series_labels(push.key.labels(), &metric.labels);
            (series_hash(&family.name, &labels) == hash).then(|| {
                let labels: Vec<String> =
                    labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
                format!("{}{{{}}}", family.name, labels.join(","))
            })
        })
    })
}
