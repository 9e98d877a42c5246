//! Numbers as Go reads them.

/// The number that `word` is to Go's `ParseFloat` as the text parser asks it: decimal, `Inf`, `Infinity` or `NaN` in
/// any case; not hexadecimal, without underscores, not too large. What is too small is 0.
pub(super) fn number(word: &[u8]) -> Option<f64> {
    const EXACT: usize = 15; // digits that every double has room for
    if word.len() <= EXACT && !word.is_empty() && word.iter().all(u8::is_ascii_digit) {
        let whole = word.iter().fold(0, |whole, digit| whole * 10 + u64::from(digit - b'0'));
        return Some(whole as f64);
    }
    let number: f64 = std::str::from_utf8(word).ok()?.parse().ok()?;
    let is_too_large = number.is_infinite() && word.iter().any(u8::is_ascii_digit);
    let is_signed_nan = number.is_nan() && !word.eq_ignore_ascii_case(b"nan");
    (!is_too_large && !is_signed_nan).then_some(number)
}

/// `uint64(value)` as Go computes it on amd64, whatever the value: towards zero, negative ones modulo 2^64, and 2^63
/// for what has no place.
///
/// Source: pushed to the official push gateway 1.5.1, which shows it.
pub(super) fn count(value: f64) -> u64 {
    const HALF: f64 = (1_u64 << 63) as f64;
    // What the processor makes of a double: an i64, or the lowest one where it has no place.
    let truncated = |value: f64| if (-HALF..HALF).contains(&value) { value as i64 } else { i64::MIN };
    if value >= HALF { truncated(value - HALF) as u64 | 1 << 63 } else { truncated(value) as u64 }
}

#[cfg(test)]
mod tests;
