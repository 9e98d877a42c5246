use super::*;

fn family(name: &str, kind: Kind, values: &[(&str, Value)]) -> Family {
    let metrics = values.iter().map(|(label, value)| {
        let labels = if label.is_empty() { vec![] } else { vec![("x".into(), (*label).into())] };
        Metric { labels, value: value.clone(), created: None }
    });
    Family { name: name.into(), help: "".into(), kind, unit: "".into(), metrics: metrics.collect() }
}

fn number(value: f64) -> Value {
    Value::Number { value, exemplar: None }
}

fn histogram(buckets: &[(f64, u64)], count: u64, sum: f64) -> Value {
    let buckets =
        buckets.iter().map(|(le, count)| Bucket { le: *le, count: *count, exemplar: None }).collect();
    Value::Histogram { count, sum, buckets }
}

fn summary(quantiles: &[(f64, f64)], count: u64, sum: f64) -> Value {
    Value::Summary { count, sum, quantiles: quantiles.to_vec() }
}

/// What is held after `held` and then `pushed` are pushed.
fn both(held: Family, pushed: Family, gauges: Rule) -> Result<Family, Misfit> {
    let held = aggregate(&[], &[held], gauges).map_err(|error| error.why)?;
    let mut all = aggregate(&held, &[pushed], gauges).map_err(|error| error.why)?;
    assert_eq!(all.len(), 1);
    Ok(all.remove(0).family)
}

#[test]
fn counters_add_up_series_by_series() {
    let held = family("c", Kind::Counter, &[("a", number(1.0)), ("b", number(2.0))]);
    let pushed = family("c", Kind::Counter, &[("b", number(3.0)), ("c", number(4.0))]);
    let sum = family("c", Kind::Counter, &[("a", number(1.0)), ("b", number(5.0)), ("c", number(4.0))]);
    assert_eq!(both(held, pushed, Rule::MostRecent), Ok(sum));
}

#[test]
fn gauges_follow_the_rule_that_was_asked_for() {
    let rules =
        [(Rule::MostRecent, 2.0), (Rule::Sum, 5.0), (Rule::Min, 2.0), (Rule::Max, 3.0), (Rule::First, 3.0)];
    for (rule, expected) in rules {
        let one = |value| family("g", Kind::Gauge, &[("", number(value))]);
        assert_eq!(both(one(3.0), one(2.0), rule), Ok(one(expected)), "{rule:?}");
    }
}

#[test]
fn histograms_of_the_same_bounds_add_up_and_of_others_are_refused() {
    let one = |buckets: &[(f64, u64)], count, sum| {
        family("h", Kind::Histogram, &[("", histogram(buckets, count, sum))])
    };
    let sum = one(&[(1.0, 4), (2.0, 6)], 9, 3.5);
    assert_eq!(
        both(one(&[(1.0, 1), (2.0, 2)], 3, 1.5), one(&[(1.0, 3), (2.0, 4)], 6, 2.0), Rule::Sum),
        Ok(sum)
    );
    assert_eq!(both(one(&[(1.0, 1)], 3, 1.5), one(&[(2.0, 3)], 6, 2.0), Rule::Sum), Err(Misfit::Bounds));
    assert_eq!(both(one(&[], 3, 1.5), one(&[(2.0, 3)], 6, 2.0), Rule::Sum), Err(Misfit::Bounds));
}

#[test]
fn summaries_add_up_and_lose_their_quantiles_from_the_first_push_on() {
    let one = |quantiles: &[(f64, f64)], count, sum| {
        family("s", Kind::Summary, &[("", summary(quantiles, count, sum))])
    };
    assert_eq!(
        both(one(&[(0.5, 1.0)], 3, 1.5), one(&[(0.5, 9.0)], 1, 9.0), Rule::Sum),
        Ok(one(&[], 4, 10.5))
    );
    let first = aggregate(&[], &[one(&[(0.5, 1.0)], 3, 1.5)], Rule::Sum).expect("it fits");
    assert_eq!(first[0].family, one(&[], 3, 1.5));
}

#[test]
fn a_counter_that_falls_is_refused_with_all_that_came_with_it() {
    let held = aggregate(&[], &[family("a", Kind::Gauge, &[("", number(1.0))])], Rule::Sum).expect("it fits");
    let pushed =
        [family("a", Kind::Gauge, &[("", number(2.0))]), family("c", Kind::Counter, &[("", number(-1.0))])];
    let error = aggregate(&held, &pushed, Rule::Sum).expect_err("it falls");
    assert_eq!(error.to_string(), "c cannot be added up: a counter cannot grow by -1");
    let nan = [family("c", Kind::Counter, &[("", number(f64::NAN))])];
    assert!(aggregate(&held, &nan, Rule::Sum).is_err());
}

#[test]
fn a_name_that_is_held_as_something_else_is_refused() {
    let held = family("n", Kind::Gauge, &[("", number(1.0))]);
    let pushed = family("n", Kind::Counter, &[("", number(1.0))]);
    assert_eq!(both(held, pushed, Rule::Sum), Err(Misfit::Kind { held: Kind::Gauge, pushed: Kind::Counter }));
}

#[test]
fn infos_are_replaced_whole_and_families_that_are_not_pushed_stay() {
    let held = [
        Held { family: family("a_info", Kind::Info, &[("1", number(1.0))]), time: 7 },
        Held { family: family("b", Kind::Counter, &[("", number(1.0))]), time: 7 },
    ];
    let pushed = [family("a_info", Kind::Info, &[("2", number(1.0))])];
    let after = aggregate(&held, &pushed, Rule::Sum).expect("it fits");
    assert_eq!(after, [Held { family: pushed[0].clone(), time: 0 }, held[1].clone()]);
}
