//! Numbers short enough for a column: `0.25`, `1234`, `56.7k`, `4.1ms`.

/// A number in at most eight letters.
pub(super) fn short(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return crate::inside::output::number_text(value);
    }
    if size >= 999_950.0 {
        for (unit, amount) in [("M", 1e6), ("G", 1e9), ("T", 1e12)] {
            if size < amount * 999.95 {
                return format!("{:.1}{unit}", value / amount);
            }
        }
        return format!("{value:.1e}");
    }
    match size {
        _ if value.fract() == 0.0 && size < 1e5 => format!("{value:.0}"),
        1e5.. => format!("{:.1}k", value / 1e3),
        100.0.. => format!("{value:.1}"),
        0.01.. => format!("{value:.2}"),
        _ => format!("{value:.1e}"),
    }
}

/// A rate: no more than two digits behind the point.
pub(super) fn rate(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(0.0) => "0".to_owned(),
        Some(value) if (0.005..100.0).contains(&value.abs()) => format!("{value:.2}"),
        Some(value) if (100.0..1e5).contains(&value.abs()) => format!("{value:.1}"),
        Some(value) => short(value),
    }
}

/// The mean of what a histogram or summary observes; seconds in a unit that suits them.
pub(super) fn mean(name: &str, value: Option<f64>) -> String {
    let Some(value) = value else { return String::new() };
    if !name.ends_with("_seconds") {
        return short(value);
    }
    match value.abs() {
        1.0.. => format!("{value:.2}s"),
        1e-3.. => format!("{:.1}ms", value * 1e3),
        _ => format!("{:.1}us", value * 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_short() {
        let table = [
            (0.0, "0"),
            (3.0, "3"),
            (0.25, "0.25"),
            (-1234.56, "-1234.6"),
            (99_999.0, "99999"),
            (123_456.0, "123.5k"),
            (999_999.0, "1.0M"),
            (1_795_000_000.0, "1.8G"),
            (1e18, "1.0e18"),
            (1e-5, "1.0e-5"),
            (f64::NAN, "NaN"),
        ];
        for (value, expected) in table {
            assert_eq!(short(value), expected);
        }
    }

    #[test]
    fn seconds_are_shown_in_a_unit_that_suits_them() {
        assert_eq!(mean("wait_seconds", Some(0.0041)), "4.1ms");
        assert_eq!(mean("wait_seconds", Some(2.5)), "2.50s");
        assert_eq!(mean("size_bytes", Some(2048.0)), "2048");
        assert_eq!(mean("wait_seconds", None), "");
    }
}
