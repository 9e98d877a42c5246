//! What a server answers, in pieces of any length: for the fuzz target.

use redis::Value;

use crate::answers::Answers;

/// The answers in `bytes`, which come in pieces of this length; with the reason where there is something that no Redis
/// says. What has come of an answer that is not whole is nothing.
pub fn answers(bytes: &[u8], piece: usize) -> (Vec<Value>, Option<String>) {
    let (mut answers, mut values) = (Answers::default(), Vec::new());
    for piece in bytes.chunks(piece.max(1)) {
        answers.push(piece);
        loop {
            match answers.next() {
                Ok(Some(value)) => values.push(value),
                Ok(None) => break,
                Err(nonsense) => return (values, Some(nonsense.to_string())),
            }
        }
    }
    (values, None)
}
