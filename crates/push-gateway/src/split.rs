//! A body that is split into groups by the values of labels.

use std::collections::BTreeMap;

use push_groups::{Family, GroupKey, Metric};

/// The groups that these families make: the labels of `key`, and those of `by` with the values that a metric has. A
/// metric that lacks one is of a group without it.
///
/// # Errors
/// Where `key` has one of the labels itself.
pub(crate) fn split(
    key: &GroupKey,
    families: Vec<Family>,
    by: &[String],
) -> Result<Vec<(GroupKey, Vec<Family>)>, String> {
    if by.is_empty() {
        return Ok(vec![(key.clone(), families)]);
    }
    if let Some(label) = by.iter().find(|label| key.label(label).is_some()) {
        return Err(format!("group_by: the path names {label:?} already"));
    }
    let key_of = |metric: &Metric| {
        let own = metric.labels.iter().filter(|(name, _)| by.iter().any(|label| **label == **name));
        let labels = key.labels().chain(own.map(|(name, value)| (&**name, &**value)));
        GroupKey::new(labels).map_err(|error| format!("group_by: {error}"))
    };
    split_by(families, key_of)
}

/// The groups of metrics: each is of that which `key_of` gives for it, and lacks the labels of that.
///
/// # Errors
/// Those of `key_of`.
pub(crate) fn split_by(
    families: Vec<Family>,
    key_of: impl Fn(&Metric) -> Result<GroupKey, String>,
) -> Result<Vec<(GroupKey, Vec<Family>)>, String> {
    let mut groups: BTreeMap<GroupKey, Vec<Family>> = BTreeMap::new();
    for Family { name, help, kind, unit, metrics } in families {
        for mut metric in metrics {
            let key = key_of(&metric)?;
            metric.labels.retain(|(name, _)| key.label(name).is_none());
            let families = groups.entry(key).or_default();
            if families.last().is_none_or(|last| last.name != name) {
                let (name, help, unit) = (name.clone(), help.clone(), unit.clone());
                families.push(Family { name, help, kind, unit, metrics: Vec::new() });
            }
            if let Some(family) = families.last_mut() {
                family.metrics.push(metric);
            }
        }
    }
    Ok(groups.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use push_groups::{GroupKey, ReadLimits, Syntax, read};

    use super::split;

    #[test]
    fn a_body_becomes_a_group_for_each_value() {
        let key = GroupKey::new([("job", "j")]).unwrap();
        let body =
            b"a{disk=\"x\",n=\"1\"} 1\na{disk=\"y\"} 2\na{disk=\"x\",n=\"2\"} 3\nb 4\nc{disk=\"y\"} 5\n";
        let families = read(Syntax::Text, &key, body, &ReadLimits::default()).unwrap().families;
        let groups = split(&key, families.clone(), &["disk".to_owned()]).unwrap();
        let told: Vec<String> = groups
            .iter()
            .map(|(key, families)| {
                let families =
                    families.iter().map(|family| format!(" {} {}", family.name, family.metrics.len()));
                format!("{key}{}", families.collect::<String>())
            })
            .collect();
        assert_eq!(told, [r#"{disk="x",job="j"} a 2"#, r#"{disk="y",job="j"} a 1 c 1"#, r#"{job="j"} b 1"#]);
        let refused = split(&key, families, &["job".to_owned()]).unwrap_err();
        assert_eq!(refused, "group_by: the path names \"job\" already");
    }
}
