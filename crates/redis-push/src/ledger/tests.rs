use metrics_core::{Label, Sample};
use proptest::prelude::*;

use super::*;

const UNTOUCHED: (bool, bool) = (false, false);
const WIPED: (bool, bool) = (true, false);

/// A page, by lines of family, kind, aggregation and samples.
#[derive(Default)]
struct Page(Snapshot, Vec<Meaning>);

/// What a sample's name has behind that of its family, its labels, and its value.
type Line<'a> = (&'a str, &'a [(&'a str, &'a str)], f64);

impl Page {
    fn family(mut self, kind: Kind, name: &str, how: &str, samples: &[Line<'_>]) -> Page {
        let sample = |&(suffix, labels, value): &Line<'_>| {
            let labels: Vec<Label> = labels.iter().map(|(name, value)| Label::new(name, value)).collect();
            Sample::new(Arc::new(Series::new(format!("{name}{suffix}"), labels)), value)
        };
        self.0.families.push(FamilySnapshot {
            name: name.into(),
            help: "Help.".into(),
            unit: None,
            kind,
            bare: false,
            samples: samples.iter().map(sample).collect(),
        });
        let aggregation = how.parse().unwrap();
        self.1.push(Meaning { aggregation, rules: Rules::Python, times: Vec::new() });
        self
    }

    fn counter(self, name: &str, value: f64) -> Page {
        self.family(Kind::Counter, name, "sum", &[("_total", &[], value)])
    }

    /// Cumulative buckets by their bounds, and the sum.
    fn histogram(self, name: &str, buckets: &[(&str, f64)], sum: f64) -> Page {
        let bounds: Vec<[(&str, &str); 1]> = buckets.iter().map(|(bound, _)| [("le", *bound)]).collect();
        let mut samples: Vec<Line<'_>> = vec![("_sum", &[], sum)];
        samples
            .extend(bounds.iter().zip(buckets).map(|(labels, &(_, count))| ("_bucket", &labels[..], count)));
        self.family(Kind::Histogram, name, "sum", &samples)
    }

    fn into(self, ledger: &mut Ledger, files: (bool, bool)) -> Vec<f64> {
        ledger.take(&self.0, &self.1, files, |_, time| time);
        ledger.moment().values
    }
}

#[test]
fn buckets_are_sent_each_for_itself() {
    let mut ledger = Ledger::default();
    let sent = Page::default()
        .histogram("h", &[("0.5", 1.0), ("1.0", 3.0), ("+Inf", 7.0)], 9.0)
        .into(&mut ledger, UNTOUCHED);
    assert_eq!(sent, [9.0, 1.0, 2.0, 4.0]);
    let [set] = ledger.schema().sets() else { panic!("it is one label set") };
    assert_eq!((set.desc.buckets().bounds(), set.desc.help()), (&[0.5, 1.0][..], "Help."));
}

#[test]
fn a_bucket_that_was_read_while_it_was_written_makes_no_count_fall() {
    let mut ledger = Ledger::default();
    Page::default()
        .histogram("h", &[("1", 4.0), ("2", 4.0), ("+Inf", 9.0)], 9.0)
        .into(&mut ledger, UNTOUCHED);
    // Of a client that adds to each bucket that is high enough, the lowest has it already.
    let sent = Page::default()
        .histogram("h", &[("1", 5.0), ("2", 4.0), ("+Inf", 10.0)], 9.5)
        .into(&mut ledger, UNTOUCHED);
    assert_eq!(sent, [9.5, 5.0, 0.0, 5.0]);
}

#[test]
fn a_sum_may_fall_where_less_than_nothing_is_observed() {
    let mut ledger = Ledger::default();
    Page::default().histogram("h", &[("+Inf", 4.0)], 9.0).into(&mut ledger, UNTOUCHED);
    let sent = Page::default().histogram("h", &[("+Inf", 5.0)], -2.0).into(&mut ledger, UNTOUCHED);
    assert_eq!(sent, [-2.0, 5.0]);
    // Of less that was observed nothing is taken, the sum neither.
    let sent = Page::default().histogram("h", &[("+Inf", 3.0)], 100.0).into(&mut ledger, UNTOUCHED);
    assert_eq!(sent, [-2.0, 5.0]);
    let sent = Page::default().histogram("h", &[("+Inf", 3.0)], 100.0).into(&mut ledger, WIPED);
    assert_eq!(sent, [98.0, 8.0]);
}

#[test]
fn bounds_that_change_take_what_was_counted_with_them() {
    let mut ledger = Ledger::default();
    Page::default().histogram("h", &[("1", 4.0), ("+Inf", 9.0)], 3.0).into(&mut ledger, UNTOUCHED);
    let sent = Page::default()
        .histogram("h", &[("1", 4.0), ("2", 6.0), ("+Inf", 10.0)], 4.0)
        .into(&mut ledger, UNTOUCHED);
    assert_eq!(sent, [0.0, 0.0, 0.0, 4.0, 4.0, 2.0, 4.0]);
    // What had been counted before a wipe stays where it was.
    let sent = Page::default().histogram("h", &[("1", 1.0), ("+Inf", 1.0)], 1.0).into(&mut ledger, WIPED);
    assert_eq!(sent, [1.0, 1.0, 0.0, 4.0, 4.0, 2.0, 4.0]);
}

#[test]
fn a_gauge_that_is_merged_in_another_way_is_another() {
    let mut ledger = Ledger::default();
    let gauge = |how: &str| Page::default().family(Kind::Gauge, "g", how, &[("", &[], 4.0)]);
    gauge("max").into(&mut ledger, UNTOUCHED);
    let sent = gauge("sum").into(&mut ledger, UNTOUCHED);
    assert!(page::is_gone(sent[0]) && sent[1] == 4.0, "{sent:?}");
    let sent = gauge("max").into(&mut ledger, UNTOUCHED);
    assert_eq!(sent, [4.0, 0.0]);
}

#[test]
fn rounding_is_no_fall_and_no_wipe() {
    let mut ledger = Ledger::default();
    let third = 1.0 / 3.0;
    Page::default().counter("c", 0.1 + 0.2 + third).into(&mut ledger, UNTOUCHED);
    let sent = Page::default().counter("c", 0.3 + third).into(&mut ledger, (true, true));
    assert_eq!(sent, [0.1 + 0.2 + third]);
}

#[test]
fn what_cannot_be_added_up_with_others_is_left_out_and_named() {
    let mut ledger = Ledger::default();
    let page = Page::default()
        .family(Kind::Info, "build", "all", &[("_info", &[("version", "1")], 1.0)])
        .family(Kind::Counter, "a.b", "sum", &[("_total", &[], 1.0)])
        .family(
            Kind::Counter,
            "c",
            "sum",
            &[("_total", &[("pid", "7")], 1.0), ("_total", &[("x", "y")], 2.0)],
        );
    assert_eq!(page.into(&mut ledger, UNTOUCHED), [2.0]);
    assert_eq!(ledger.counts(), (1, 3));
    let named: Vec<String> =
        ledger.take_left_out().iter().map(|(family, why)| format!("{family}: {why}")).collect();
    assert_eq!(
        named,
        [
            "build: there is no way to add a family of kind info up with others",
            "a.b: declare family \"a.b\": the name does not match [a-zA-Z_:][a-zA-Z0-9_:]*",
            "c: declare family \"c\": label \"pid\" is reserved"
        ]
    );
}

#[test]
fn label_values_that_are_no_text_are_left_out() {
    let mut ledger = Ledger::default();
    let mut page = Page::default().counter("c", 1.0);
    let label = Label { name: "x".into(), value: Arc::from(&b"\xff"[..]) };
    page.0.families[0].samples[0].series = Arc::new(Series::new("c_total", vec![label]));
    assert_eq!(page.into(&mut ledger, UNTOUCHED), [0.0; 0]);
    assert_eq!(ledger.counts(), (0, 1));
}

proptest! {
    #[test]
    fn a_ledger_that_is_read_again_goes_on_as_it_would_have(
        pages in proptest::collection::vec((0..3_usize, 0..50_u32, 0..50_u32, any::<bool>()), 1..20),
        at in 0..20_usize,
    ) {
        let page = |&(which, a, b, _): &(usize, u32, u32, bool)| {
            let (a, b) = (f64::from(a), f64::from(b));
            match which {
                0 => Page::default().counter("a", a),
                1 => Page::default().counter("b", b).histogram("h", &[("1", a), ("+Inf", a + b)], b),
                _ => Page::default().counter("a", a).family(Kind::Gauge, "g", "liveall", &[("", &[("pid", "7")], b)]),
            }
        };
        let mut one = Ledger::default();
        let mut other = Ledger::default();
        for (number, step) in pages.iter().enumerate() {
            let files = if step.3 { WIPED } else { UNTOUCHED };
            if number == at {
                let sent = other.moment();
                other = Ledger::resume(other.schema().bytes(), &sent, other.carried()).unwrap();
            }
            let before = one.moment().values;
            let sent = page(step).into(&mut one, files);
            let of_other = page(step).into(&mut other, files);
            prop_assert_eq!(page::write(&sent), page::write(&of_other));
            // What counts never falls.
            for set in one.schema().sets().iter().filter(|set| counts(set.desc.kind())) {
                let now = count(set.desc.kind(), &sent[set.numbers.clone()]);
                let last = before.get(set.numbers.clone()).map_or(0.0, |last| count(set.desc.kind(), last));
                prop_assert!(now >= last, "{} after {}", now, last);
            }
        }
        // Nor is anything counted lost by a new schema.
        let (new, counted) = one.renewed();
        let total = |ledger: &Ledger| ledger.moment().values.iter().filter(|value| !value.is_nan()).sum::<f64>();
        prop_assert_eq!(total(&new), total(&one));
        let adds_up = new.moment().values.into_iter().zip(new.adds_up()).filter(|(_, adds)| **adds);
        prop_assert_eq!(counted.iter().sum::<f64>(), adds_up.map(|(value, _)| value).sum::<f64>());
    }
}
