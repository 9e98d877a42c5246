//! The printed numbers, against a table and against the rule said naively.

use proptest::prelude::*;

use super::*;

fn page(value: f64) -> String {
    String::from_utf8(number(value)).unwrap()
}

#[test]
fn edge_cases_print_as_python_prints_them() {
    let table = [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (-1.0, "-1.0"),
        (3.0, "3.0"),
        (0.1, "0.1"),
        (0.30000000000000004, "0.30000000000000004"),
        (0.005, "0.005"),
        (0.0001, "0.0001"),
        (0.00012, "0.00012"),
        (-0.0001, "-0.0001"),
        (0.00009999999999999999, "9.999999999999999e-05"),
        (0.00001, "1e-05"),
        (-0.00001, "-1e-05"),
        (0.00000015, "1.5e-07"),
        (999999.0, "999999.0"),
        (999999.5, "999999.5"),
        (1e6, "1e+06"),
        (1_000_000.5, "1.0000005e+06"),
        (1_200_000.0, "1.2e+06"),
        (123_456_789.0, "1.23456789e+08"),
        (123_456_789.25, "1.2345678925e+08"),
        (1e10, "1e+10"),
        (9_007_199_254_740_991.0, "9.007199254740991e+15"),
        (9_007_199_254_740_992.0, "9.007199254740992e+15"),
        (9_999_999_999_999_998.0, "9.999999999999998e+15"),
        (1e16, "1e+16"),
        (1e22, "1e+22"),
        // Halfway between two numbers of the fewest digits: the even one.
        (1e15 + 0.25, "1.0000000000000002e+15"),
        (-1e15 - 0.75, "-1000000000000000.8"),
        (2_f64.powi(-44), "5.684341886080802e-14"),
        (2_f64.powi(-24), "5.960464477539063e-08"),
        (1e100, "1e+100"),
        (-999_999.5, "-999999.5"),
        (-1e6, "-1000000.0"),
        (-1_000_000.5, "-1000000.5"),
        (-1e10, "-10000000000.0"),
        (-1e15, "-1000000000000000.0"),
        (-9_999_999_999_999_998.0, "-9999999999999998.0"),
        (-1e16, "-1e+16"),
        (-1.5e17, "-1.5e+17"),
        (5e-324, "5e-324"),
        (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
        (f64::MAX, "1.7976931348623157e+308"),
        (f64::MIN, "-1.7976931348623157e+308"),
        (f64::INFINITY, "+Inf"),
        (f64::NEG_INFINITY, "-Inf"),
        (f64::NAN, "NaN"),
        (-f64::NAN, "NaN"),
    ];
    for (value, expected) in table {
        assert_eq!(page(value), expected, "{value:e}");
    }
}

#[test]
fn numbers_are_appended_to_what_is_there() {
    let mut out = b"up ".to_vec();
    push_number(&mut out, 1.0);
    assert_eq!(out, b"up 1.0");
}

#[test]
fn every_small_whole_number_prints_its_digits() {
    let mut out = Vec::new();
    for whole in 0..1_000_000_u32 {
        out.clear();
        push_number(&mut out, f64::from(whole));
        let digits = out.strip_suffix(b".0").unwrap();
        assert!(digits.first() != Some(&b'0') || whole == 0, "{whole}");
        assert_eq!(digits.iter().fold(0, |sum, digit| 10 * sum + u32::from(digit - b'0')), whole);
    }
}

/// Python's `repr` and the switch of `floatToGoString`, said once more, as a rule over digits and power of ten.
///
/// The digits are the fewest that read back when the exact number is rounded to them. (std's own shortest
/// digits are not Python's: halfway cases go up there, to the even digit here.)
fn naive(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let reads_back = |text: &String| text.parse() == Ok(value);
    let shortest = (0..17).map(|digits| format!("{value:.digits$e}")).find(reads_back).unwrap();
    let (mantissa, exponent) = shortest.split_once('e').unwrap();
    let exponent: i32 = exponent.parse().unwrap();
    let positional = (-4..16).contains(&exponent);
    if !positional || (value > 0.0 && exponent >= 6) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    let (sign, digits) = match mantissa.strip_prefix('-') {
        Some(digits) => ("-", digits.replace('.', "")),
        None => ("", mantissa.replace('.', "")),
    };
    if exponent < 0 {
        return format!("{sign}0.{}{digits}", "0".repeat(-exponent as usize - 1));
    }
    let padded = format!("{digits:0<width$}", width = exponent as usize + 2);
    let (whole, fraction) = padded.split_at(exponent as usize + 1);
    format!("{sign}{whole}.{fraction}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn any_bits_print_by_the_rule_and_read_back(bits in any::<u64>()) {
        let value = f64::from_bits(bits);
        let text = page(value);
        prop_assert_eq!(&text, &naive(value));
        if !value.is_nan() {
            prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), bits);
        }
    }

    #[test]
    fn numbers_of_everyday_size_print_by_the_rule(
        whole in -20_000_000_000_i64..20_000_000_000,
        power in -12_i32..6,
    ) {
        let value = whole as f64 * 10_f64.powi(power);
        prop_assert_eq!(page(value), naive(value));
    }

    #[test]
    fn integers_print_by_the_rule(whole in any::<i64>(), shift in 0_u32..63) {
        let value = (whole >> shift) as f64;
        prop_assert_eq!(page(value), naive(value));
    }

    #[test]
    fn powers_of_ten_and_their_neighbours_print_by_the_rule(power in -30_i32..30, step in -2_i64..=2) {
        let value = f64::from_bits((10_f64.powi(power).to_bits() as i64 + step) as u64);
        prop_assert_eq!(page(value), naive(value));
        prop_assert_eq!(page(-value), naive(-value));
    }
}
