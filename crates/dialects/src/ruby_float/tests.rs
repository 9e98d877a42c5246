//! Tests of Ruby's number format.

use proptest::prelude::*;

use super::ruby_float;

#[test]
fn numbers_read_as_ruby_prints_them() {
    for (value, text) in [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (-2.5, "-2.5"),
        (0.005, "0.005"),
        (0.1 + 0.2, "0.30000000000000004"),
        (100.0, "100.0"),
        (0.0001, "0.0001"),
        (9.9e-5, "9.9e-05"),
        (1e-5, "1.0e-05"),
        (123456.789, "123456.789"),
        (999_999_999_999_999.0, "999999999999999.0"),
        (1e15, "1.0e+15"),
        (1_000_000_000_000_000.9, "1000000000000000.9"),
        // Of .2 and .3, both of which read back, Ruby has the even one.
        (934_136_493_799_300.0 + 0.25, "934136493799300.2"),
        (1e20, "1.0e+20"),
        (1.5e300, "1.5e+300"),
        (f64::MAX, "1.7976931348623157e+308"),
        (5e-324, "5.0e-324"),
        (f64::INFINITY, "Infinity"),
        (f64::NEG_INFINITY, "-Infinity"),
        (f64::NAN, "NaN"),
    ] {
        assert_eq!(ruby_float(value), text);
    }
}

proptest! {
    #[test]
    fn every_number_reads_back_as_itself(bits: u64) {
        let value = f64::from_bits(bits);
        prop_assume!(value.is_finite());
        prop_assert_eq!(ruby_float(value).parse::<f64>().unwrap().to_bits(), bits);
    }
}
