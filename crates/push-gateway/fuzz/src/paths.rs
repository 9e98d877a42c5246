//! Any bytes as what follows `/metrics/job`, and as a length of time.

use push_gateway::{PathError, PushPath, parse_duration};
use push_groups::is_group_label;

/// A path names a group, whose labels then name the same one in base64, or says why it names none, in one line. The
/// same bytes as a length of time are one that is not below 0, or none.
pub fn paths(bytes: &[u8]) {
    let path = [b"/metrics/job", bytes].concat();
    if let Some(path) = PushPath::of(&path) {
        match path.key() {
            Ok(key) => {
                let mut again = format!("/metrics/job@base64/{}", base64(key.job().as_bytes()));
                for (name, value) in key.labels().filter(|(name, _)| *name != "job") {
                    assert!(is_group_label(name));
                    again.push_str(&format!("/{name}@base64/{}=", base64(value.as_bytes())));
                }
                let again = PushPath::of(again.as_bytes()).expect("it is the path of a push");
                assert_eq!(again.key(), Ok(key));
            }
            Err(error) => {
                let text = error.to_string();
                assert!(!text.contains('\n'), "{text:?}");
                if let PathError::Base64 { value, at, .. } = error {
                    assert!(at < value.len());
                }
            }
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Some(time) = parse_duration(text)
    {
        assert!(time.as_secs() <= 100 * 366 * 86_400);
    }
}

/// With the alphabet of URLs, without padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0_u32, |bits, at| bits << 8 | u32::from(chunk.get(at).copied().unwrap_or(0)));
        for at in 0..=chunk.len() {
            text.push(char::from(ALPHABET[(bits >> (18 - 6 * at)) as usize & 63]));
        }
    }
    text
}
