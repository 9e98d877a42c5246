//! Bounds, and which one holds a value.

use proptest::prelude::*;

use super::*;

#[test]
fn bounds_must_be_finite_and_rise() {
    for (bounds, at) in [
        (&[1.0, 1.0][..], 1),
        (&[2.0, 1.0], 1),
        (&[f64::NAN], 0),
        (&[0.0, f64::NAN], 1),
        (&[f64::NEG_INFINITY, 0.0], 0),
        (&[f64::INFINITY, f64::INFINITY], 0),
        (&[0.0, -0.0], 1),
    ] {
        let error = Buckets::new(bounds.iter().copied()).unwrap_err();
        assert!(
            matches!(error, DeclareError::Buckets { at: found, .. } if found == at),
            "{bounds:?}: {error}"
        );
    }
    for bounds in [&[][..], &[0.0], &[-2.5, 0.0, 1e300], &[f64::MIN, f64::MAX]] {
        assert_eq!(Buckets::new(bounds.iter().copied()).unwrap().bounds(), bounds);
    }
}

#[test]
fn steps_that_do_not_rise_are_refused() {
    assert!(Buckets::linear(1.0, 0.0, 2).is_err());
    assert!(Buckets::linear(1.0, -1.0, 2).is_err());
    assert!(Buckets::exponential(0.0, 2.0, 2).is_err());
    assert!(Buckets::exponential(1.0, 1.0, 2).is_err());
    assert!(Buckets::exponential(1.0, 10.0, 400).is_err(), "the last bounds are infinite");
    assert!(Buckets::linear(1.0, 1.0, 0).unwrap().bounds().is_empty());
    assert!(
        Buckets::exponential(1.0, 2.0, usize::MAX).is_err(),
        "and are refused before they fill the memory"
    );
}

#[test]
fn a_bound_holds_its_own_value() {
    let buckets = Buckets::new([-1.0, 0.0, 2.5]).unwrap();
    for (value, bucket) in [
        (f64::NEG_INFINITY, 0),
        (-1.0, 0),
        (-0.5, 1),
        (-0.0, 1),
        (0.0, 1),
        (2.5, 2),
        (2.5000000001, 3),
        (f64::INFINITY, 3),
        (f64::NAN, 3),
    ] {
        assert_eq!(buckets.find(value), bucket, "{value}");
    }
}

proptest! {
    #[test]
    fn a_value_belongs_to_the_first_bound_that_is_not_below_it(
        mut bounds in prop::collection::vec(-50_i32..50, 0..20),
        value in -60_i32..60,
    ) {
        bounds.sort_unstable();
        bounds.dedup();
        let naive = bounds.iter().position(|&bound| value <= bound).unwrap_or(bounds.len());
        let buckets = Buckets::new(bounds.iter().copied().map(f64::from)).unwrap();
        prop_assert_eq!(buckets.find(f64::from(value)), naive);
    }
}

proptest! {
    /// Few bounds are counted and many searched; a walk along them is dumber than both.
    #[test]
    fn every_value_is_found_where_a_walk_along_the_bounds_ends(
        mut bounds in proptest::collection::vec(-1e3_f64..1e3, 0..80),
        values in proptest::collection::vec(proptest::num::f64::ANY, 1..20),
    ) {
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        let buckets = Buckets::new(bounds.iter().copied()).unwrap();
        for value in values.into_iter().chain(bounds.iter().copied()).chain([f64::INFINITY, f64::NAN]) {
            let walked = bounds.iter().position(|&bound| value <= bound).unwrap_or(bounds.len());
            prop_assert_eq!(buckets.find(value), walked);
        }
    }
}
