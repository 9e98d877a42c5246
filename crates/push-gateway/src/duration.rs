//! Lengths of time as people write them: Go's `1h30m`, or plain seconds.

use std::time::Duration;

/// A length of time as Go's `time.ParseDuration` reads it (`300ms`, `1.5h`, `2h45m`), or a number of seconds.
/// None for anything else, for what is below 0, and for more than a hundred years.
///
/// ```
/// use push_gateway::parse_duration;
/// use std::time::Duration;
/// assert_eq!(parse_duration("1h30m"), Some(Duration::from_secs(5400)));
/// assert_eq!(parse_duration("1.5"), Some(Duration::from_millis(1500)));
/// assert_eq!(parse_duration("5 minutes"), None);
/// ```
pub fn parse_duration(text: &str) -> Option<Duration> {
    const LONGEST: f64 = 100.0 * 366.0 * 86_400.0; // seconds
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seconds = if is_plain { text.parse().ok()? } else { parts(text)? };
    (0.0..=LONGEST).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

/// The sum of numbers with their units, in seconds.
fn parts(text: &str) -> Option<f64> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !(letter.is_ascii_digit() || letter == '.'))?;
        let (number, behind) = rest.split_at_checked(digits)?;
        let unit_len =
            behind.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(behind.len());
        let (unit, behind) = behind.split_at_checked(unit_len)?;
        let unit = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * unit;
        rest = behind;
    }
    Some(seconds)
}

#[cfg(test)]
mod tests {
    use super::parse_duration;

    #[test]
    fn lengths_of_time_are_read_as_go_reads_them() {
        let table = [
            ("5m", Some(300.0)),
            ("1h15m30.5s", Some(4530.5)),
            ("100ms", Some(0.1)),
            ("0", Some(0.0)),
            ("90", Some(90.0)),
            ("+1s", Some(1.0)),
            ("-1s", None),
            ("1d", None),
            ("1s ", None),
            ("", None),
            ("s", None),
            (".", None),
            ("1h1", None),
            ("1e3s", None),
            ("99999999999", None),
        ];
        for (text, expected) in table {
            assert_eq!(parse_duration(text).map(|duration| duration.as_secs_f64()), expected, "{text:?}");
        }
    }
}
