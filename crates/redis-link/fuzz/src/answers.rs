//! Any bytes as the answers of a server.

use redis_link::fuzzed;
use redis_link::redis::Value;

/// The first byte says in what pieces the others come: they are the same values whatever the pieces are, and there is no
/// more in them than bytes have come.
pub fn answers(bytes: &[u8]) {
    let Some((&piece, bytes)) = bytes.split_first() else { return };
    let (values, nonsense) = fuzzed::answers(bytes, usize::from(piece));
    let whole = fuzzed::answers(bytes, bytes.len());
    assert_eq!((&values, &nonsense), (&whole.0, &whole.1));
    assert!(values.iter().map(size).sum::<usize>() <= bytes.len());
}

/// At least so many bytes stand for it.
fn size(value: &Value) -> usize {
    match value {
        Value::Array(values) => 4 + values.iter().map(size).sum::<usize>(),
        Value::BulkString(text) => 5 + text.len(),
        // What is no UTF-8 becomes three bytes for each.
        Value::SimpleString(text) => 3 + text.chars().count(),
        Value::Okay => 5,
        _ => 3,
    }
}
