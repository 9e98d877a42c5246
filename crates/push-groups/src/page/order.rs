//! In which order the lines of a family stand.

/// A key whose bytes ascend as the official push gateway sorts the metrics of a family: those with fewer labels
/// first, then by the label values, in the order of the label names. Names come last, for the rest.
///
/// Source: `MetricSorter` of Prometheus' Go client (`prometheus/internal/metric.go`).
pub(super) fn push_key(key: &mut Vec<u8>, labels: &[(&str, &str)]) {
    let count = u16::try_from(labels.len()).unwrap_or(u16::MAX);
    key.extend_from_slice(&count.to_be_bytes());
    for (_, value) in labels {
        push_piece(key, value);
    }
    for (name, _) in labels {
        push_piece(key, name);
    }
}

/// A text and its end, so that a longer text comes after its beginning: the end is below all that may follow.
fn push_piece(key: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    while let Some(at) = memchr::memchr(0, rest) {
        let (before, after) = rest.split_at(at);
        key.extend_from_slice(before);
        key.extend_from_slice(&[0, 0xFF]);
        rest = after.get(1..).unwrap_or_default();
    }
    key.extend_from_slice(rest);
    key.extend_from_slice(&[0, 0]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels() -> impl Strategy<Value = Vec<(String, String)>> {
        let text =
            || proptest::collection::vec(prop_oneof![Just('\0'), Just('\u{1}'), Just('a'), Just('ÿ')], 0..3);
        let label = (text(), text())
            .prop_map(|(name, value)| (name.into_iter().collect(), value.into_iter().collect()));
        proptest::collection::vec(label, 0..4)
    }

    fn key(labels: &[(String, String)]) -> Vec<u8> {
        let labels: Vec<(&str, &str)> = labels.iter().map(|(name, value)| (&**name, &**value)).collect();
        let mut key = Vec::new();
        push_key(&mut key, &labels);
        key
    }

    proptest! {
        #[test]
        fn keys_ascend_as_counts_then_values_then_names(left in labels(), right in labels()) {
            let order = |labels: &[(String, String)]| {
                let values: Vec<String> = labels.iter().map(|(_, value)| value.clone()).collect();
                let names: Vec<String> = labels.iter().map(|(name, _)| name.clone()).collect();
                (labels.len(), values, names)
            };
            prop_assert_eq!(key(&left).cmp(&key(&right)), order(&left).cmp(&order(&right)));
        }
    }
}
