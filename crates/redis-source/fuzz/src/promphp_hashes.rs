//! Any bytes as metadata, fields and keys of PromPHP.

use metrics_core::Kind;
use redis_source::fuzzed;

/// The first byte says of what kind, the first line is metadata, the second a field or the key of a summary. A field has
/// a value for each name, and its sample is one of the family; base64 is read as it is written; a quantile of numbers is
/// one of them.
pub fn promphp_hashes(bytes: &[u8]) {
    let Some((&which, bytes)) = bytes.split_first() else { return };
    let kinds = [Kind::Counter, Kind::Gauge, Kind::Histogram, Kind::Summary];
    let kind = kinds[usize::from(which) % kinds.len()];
    let end = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
    let (meta, field) = (&bytes[..end], &bytes[(end + 1).min(bytes.len())..]);
    if let Ok((family, names, sample)) = fuzzed::promphp(kind, meta, field) {
        if let Ok((sample, labels)) = sample {
            let bucket = sample == format!("{family}_bucket") && kind == Kind::Histogram;
            assert_eq!(labels.len(), names.len() + usize::from(bucket));
            assert!(sample.starts_with(&family));
        }
        let values: Vec<String> = names.iter().map(|name| format!("{name}/+")).collect();
        let encoded = base64(serde_json::json!(values).to_string().as_bytes());
        let labels = fuzzed::promphp_labels(&names, &encoded).expect("there is a text for each name");
        let read: Vec<String> =
            labels.iter().map(|label| String::from_utf8_lossy(&label.value).into_owned()).collect();
        assert_eq!(read, values);
        // Whatever it says.
        let _ = fuzzed::promphp_labels(&names, field);
    }
    if let Some((family, labels)) = fuzzed::promphp_summary("P_", field) {
        let begins = format!("P_summary_METRIC_KEYS:{family}:");
        assert!(field.starts_with(begins.as_bytes()));
        assert!(labels.is_none_or(
            |labels| field.windows(labels.len().max(1)).any(|part| part == labels) || labels.is_empty()
        ));
    }
    let mut numbers: Vec<f64> =
        field.as_chunks().0.iter().map(|&number| f64::from_le_bytes(number)).collect();
    numbers.sort_by(f64::total_cmp);
    let of = meta.first_chunk().map_or(0.5, |number| f64::from_le_bytes(*number));
    match fuzzed::quantile(&numbers, of) {
        Some(found) => assert!(numbers.iter().any(|number| number.to_bits() == found.to_bits())),
        None => assert!(numbers.is_empty()),
    }
}

/// As PHP writes it.
fn base64(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = Vec::new();
    for three in bytes.chunks(3) {
        let word =
            three.iter().fold(0_u32, |word, &byte| word << 8 | u32::from(byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= three.len() { digit } else { b'=' });
        }
    }
    text
}
