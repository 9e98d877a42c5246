//! Base64 as PHP's `base64_encode` writes it.

/// The bytes behind a text in base64, padded or not; none where it is none.
pub(crate) fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.strip_suffix(b"==").or(text.strip_suffix(b"=")).unwrap_or(text);
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for four in text.chunks(4) {
        let mut word = 0u32;
        for &byte in four {
            word = word << 6 | u32::from(six_bits(byte)?);
        }
        let [_, three @ ..] = (word << (6 * (4 - four.len()))).to_be_bytes();
        // Four digits are three bytes, three are two, two are one.
        let whole = four.len().checked_sub(1).filter(|&whole| whole > 0)?;
        bytes.extend_from_slice(&three[..whole]);
    }
    Some(bytes)
}

fn six_bits(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}
