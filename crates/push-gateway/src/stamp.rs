//! Moments as text.

use std::io::Write;

/// Unix nanoseconds as Go's `time.RFC3339Nano` has them, in UTC: `2024-02-29T12:00:00.5Z`.
pub(crate) fn push_stamp(out: &mut Vec<u8>, nanoseconds: u64) {
    let (seconds, rest) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    // A Vec takes every byte.
    let _ = write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if rest > 0 {
        let _ = write!(out, ".{rest:09}");
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
    out.push(b'Z');
}

/// Unix nanoseconds as text, as the JSON API has them: `2024-02-29T12:00:00.5Z`.
///
/// ```
/// assert_eq!(push_gateway::stamp(1_709_208_000_500_000_000), "2024-02-29T12:00:00.5Z");
/// ```
pub fn stamp(nanoseconds: u64) -> String {
    let mut out = Vec::new();
    push_stamp(&mut out, nanoseconds);
    String::from_utf8_lossy(&out).into_owned()
}

/// Year, month and day, so many days after 1970-01-01.
fn date(days: u64) -> (u64, u64, u64) {
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    // 400 years have 146,097 days; the rest is walked.
    let (mut year, mut left) = (1970 + days / 146_097 * 400, days % 146_097);
    while left >= if is_leap(year) { 366 } else { 365 } {
        left -= if is_leap(year) { 366 } else { 365 };
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    (year, month, left + 1)
}

#[cfg(test)]
mod tests {
    use super::push_stamp;

    #[test]
    fn moments_are_written_as_go_writes_them() {
        // `date -u -d @N +%FT%TZ`
        let table = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00Z"),
            (1_709_210_096_500_000_000, "2024-02-29T12:34:56.5Z"),
            (1_735_689_599_000_000_001, "2024-12-31T23:59:59.000000001Z"),
            (4_102_444_800_000_000_000, "2100-01-01T00:00:00Z"),
            (13_574_563_200_000_000_000, "2400-02-29T00:00:00Z"),
        ];
        for (nanoseconds, expected) in table {
            let mut out = Vec::new();
            push_stamp(&mut out, nanoseconds);
            assert_eq!(String::from_utf8_lossy(&out), expected);
        }
    }
}
