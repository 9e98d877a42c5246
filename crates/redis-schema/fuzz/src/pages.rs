//! Any bytes as a field of a process's hash and the page in it, as a prefix of keys, and as an answer.

use redis_schema::{Answer, Keys, page};

/// The bytes up to the first line feed are a field, those behind it a page: its numbers are the bytes, and written again
/// they are the same. A field that is a page's is that which is written for it, but for leading zeros and a plus.
pub fn pages(bytes: &[u8]) {
    let end = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
    let (field, page) = (&bytes[..end], &bytes[(end + 1).min(bytes.len())..]);
    let numbers = page::read(page);
    assert_eq!(numbers.len(), page.len() / 8);
    assert_eq!(page::write(&numbers), page[..numbers.len() * 8]);

    if let Some((number, of_times)) = page::of_field(field) {
        let written = if of_times { page::time_field(number) } else { page::field(number) };
        assert_eq!(page::of_field(written.as_bytes()), Some((number, of_times)));
        let digits: Vec<u8> = field[1..].iter().copied().skip_while(|byte| b"+0".contains(byte)).collect();
        assert!(written.as_bytes()[1..] == *digits || number == 0, "{written}");
    }
    if let Ok(text) = std::str::from_utf8(field)
        && let Ok(keys) = Keys::new(text, page.len())
    {
        let tag = format!("{{{text}#{}}}:", page.len());
        assert!(
            [keys.processes(), keys.values(text), keys.retired()].iter().all(|key| key.starts_with(&tag))
        );
    }
    let number = page.first_chunk().map_or(-1, |number| i64::from_le_bytes(*number));
    match Answer::of(field, number) {
        Ok(Answer::Other { before: Some(known) } | Answer::Retired { at: Some(known) }) => {
            assert_eq!(i64::try_from(known), Ok(number));
        }
        Ok(_) => {}
        Err(error) => assert_eq!(error.0, String::from_utf8_lossy(field)),
    }
}
