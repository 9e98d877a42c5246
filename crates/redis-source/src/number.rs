//! Numbers as clients spell them, to floats and back.

/// The number that a text spells, as Python, PHP and Redis do: `1`, `1.5e+22`, `inf`, `NAN`.
///
/// ```text
/// 2.50 -> 2.5      -INF -> -inf      "" -> none      0x10 -> none
/// ```
pub(crate) fn number(text: &[u8]) -> Option<f64> {
    // A text that long is none, and looking costs time.
    const LONGEST: usize = 400; // 1e308 as an integer has 309 digits
    if text.len() > LONGEST {
        return None;
    }
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

/// A bound or a quantile as PHP prints it: the shortest text that reads back, without a fraction where there is none.
pub(crate) fn shortest(number: f64) -> String {
    let text = as_python(number);
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// A number as Python prints it: `1.0`, `1e+22`, `+Inf`.
pub(crate) fn as_python(number: f64) -> String {
    String::from_utf8(metrics_core::number(number)).expect("numbers are spelled in ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_clients_spell_them() {
        let cases: [(&str, Option<f64>); 11] = [
            ("1", Some(1.0)),
            ("-0.001", Some(-0.001)),
            ("1.5e+22", Some(1.5e22)),
            ("1.0E+25", Some(1e25)),
            ("inf", Some(f64::INFINITY)),
            ("-INF", Some(f64::NEG_INFINITY)),
            ("", None),
            ("0x10", None),
            ("1,5", None),
            ("not-a-number", None),
            ("1 2", None),
        ];
        for (text, expected) in cases {
            assert_eq!(number(text.as_bytes()), expected, "{text}");
        }
        assert!(number(b"nan").unwrap().is_nan() && number(b"NAN").unwrap().is_nan());
        assert_eq!(number(&[b'1'; 309]), Some("1".repeat(309).parse().unwrap()));
        assert_eq!((number(&[b'1'; 500]), number(b"\xff")), (None, None));
    }

    #[test]
    fn bounds_are_spelled_without_an_empty_fraction() {
        for (number, text) in [(1.0, "1"), (2.5, "2.5"), (f64::INFINITY, "+Inf"), (0.005, "0.005")] {
            assert_eq!(shortest(number), text);
        }
    }
}
