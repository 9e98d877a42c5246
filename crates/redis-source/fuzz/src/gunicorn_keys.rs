//! Any bytes as a key of gunicorn-prometheus-exporter and what stands under its twin.

use redis_source::fuzzed;

/// The bytes up to the first line feed are a key, those behind it an original key: a key that is one is made of its
/// parts, its twin is another key of the same parts, and a sample that is read is one of its family.
pub fn gunicorn_keys(bytes: &[u8]) {
    let end = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
    let (key, original) = (&bytes[..end], &bytes[(end + 1).min(bytes.len())..]);
    let twin = fuzzed::gunicorn_twin(key);
    let Some((prefix, sort, process, hash)) = fuzzed::gunicorn_key(key) else { return };
    let made = |marker: &[u8]| [prefix, sort, process.as_bytes(), marker, hash].join(&b':');
    assert_eq!(made(b"metric"), key);
    assert_eq!(twin, Some(made(b"meta")));
    if let Ok(prefix) = std::str::from_utf8(prefix) {
        assert!(fuzzed::is_gunicorn_key(prefix, key));
        assert!(!fuzzed::is_gunicorn_key(&format!("{prefix}x"), key));
    }
    match fuzzed::gunicorn_meaning(sort, original) {
        Some(Ok(((kind, family, sample, _), fits))) => {
            let doubled = sample == family && family.ends_with("_total_total");
            assert!(!family.is_empty() && (fits || doubled), "{kind} {family} {sample}");
        }
        Some(Err(why)) => assert!(!why.is_empty()),
        None => {}
    }
}
