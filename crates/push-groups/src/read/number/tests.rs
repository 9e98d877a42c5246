use super::*;

#[test]
fn numbers_are_what_go_takes_them_for() {
    for (word, expected) in [
        ("1", 1.0),
        ("007", 7.0),
        ("999999999999999", 999_999_999_999_999.0),
        ("12345678901234567890", 12_345_678_901_234_567_890.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1.e5", 100_000.0),
        ("+1", 1.0),
        ("-1E-3", -0.001),
        ("inf", f64::INFINITY),
        ("-iNfInItY", f64::NEG_INFINITY),
        ("1e-400", 0.0),
        ("1.7976931348623157e308", f64::MAX),
        ("5e-324", 5e-324),
    ] {
        assert_eq!(number(word.as_bytes()), Some(expected), "{word}");
    }
    assert!(number(b"nAn").is_some_and(f64::is_nan));
    assert!(number(b"-0").is_some_and(f64::is_sign_negative));
    for word in
        ["", "+", ".", "e5", "1e", "1e+", "infi", "+nan", "-nan", "1e400", "0x10", "0x1p4", "1_000", "1,5"]
    {
        assert_eq!(number(word.as_bytes()), None, "{word}");
    }
    assert_eq!(number(b"1\xff"), None);
}

#[test]
fn counts_are_cut_as_go_cuts_them_on_amd64() {
    const HALF: u64 = 1 << 63;
    for (value, expected) in [
        (0.0, 0),
        (1.5, 1),
        (-0.5, 0),
        (-1.0, u64::MAX),
        (-1.5, u64::MAX),
        (9_223_372_036_854_775_808.0, HALF),
        (1e19, 10_000_000_000_000_000_000),
        (18_446_744_073_709_549_568.0, 18_446_744_073_709_549_568),
        (18_446_744_073_709_551_616.0, HALF),
        (1e20, HALF),
        (-1e19, HALF),
        (f64::NAN, HALF),
        (f64::INFINITY, HALF),
        (f64::NEG_INFINITY, HALF),
    ] {
        assert_eq!(count(value), expected, "{value}");
    }
}
