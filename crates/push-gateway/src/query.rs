//! The query string of a request.

/// Names and values, decoded: `+` is a space, a `%` without two digits is itself, bytes that are not UTF-8 become
/// U+FFFD.
pub(crate) fn parameters(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}

fn decode(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        let digit = |byte: u8| char::from(byte).to_digit(16);
        match (byte, behind.split_first_chunk()) {
            (b'+', _) => decoded.push(b' '),
            (b'%', Some((&[high, low], behind))) if digit(high).is_some() && digit(low).is_some() => {
                decoded.push((digit(high).unwrap_or(0) << 4 | digit(low).unwrap_or(0)) as u8);
                rest = behind;
            }
            _ => decoded.push(*byte),
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::parameters;

    #[test]
    fn queries_are_taken_apart() {
        let expected = [("a b", "c%d"), ("match[]", "{job=\"x\"}"), ("e", ""), ("f", "é=1")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(parameters("a+b=c%25d&match%5B%5D=%7Bjob%3D%22x%22%7D&&e&f=%C3%A9=1"), expected);
    }
}
