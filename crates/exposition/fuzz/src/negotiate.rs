//! Any header.

/// Any `Accept` header gets an answer that can stand in a header itself, any `Accept-Encoding` header gets one.
pub fn negotiate(header: &[u8]) {
    let header = String::from_utf8_lossy(header);
    let answer = exposition::negotiate(Some(&header));
    assert!(answer.content_type.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    exposition::negotiate_coding(Some(&header));
}
