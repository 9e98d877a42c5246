//! The testkit passes a store that is right and fails stores that are wrong in one way each.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use metrics_core::{
    Child, Desc, FamilySnapshot, Kind, Label, Mode, Part, Sample, Series, Snapshot, Store, StoreError, number,
};
use store_testkit::Subject;

/// What is wrong with a store or the reading of its page.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Nothing,
    /// A histogram or summary appears with its first observation; allowed where a subject says so.
    Lazy,
    RefusesEmptyLabels,
    Panics,
    MakesAnotherChildEachTime,
    KnowsChildrenByTheAddressOfTheirDesc,
    JoinsLabelsCarelessly,
    AddsWhatIsSet,
    SetsWhatIsAdded,
    DropsEveryFifthUpdate,
    CountsInTheNextBucket,
    ForgetsTheSum,
    NeverCounts,
    SharesNumbersBetweenStores,
    ForgetsDroppedStores,
    ShowsNothingBeforeTheFirstUpdate,
    ShowsMinAsMax,
    ShowsTheFirstInsteadOfTheLast,
    ShowsAllWithoutPid,
    SumsAverages,
    ShowsBucketsThatAreNotCumulative,
    ShowsNoInfinity,
    ShowsACounterWithoutTotal,
    LosesTheHelp,
    ShowsAStrangeFamily,
}

use Fault::*;

/// A place: what each store opened in it has handed out.
type Place = Arc<Mutex<Vec<Opened>>>;
/// The children of one store, by description and label values.
type Opened = Vec<(Arc<Desc>, Vec<String>, &'static Plain)>;

struct Shared {
    place: Place,
    number: usize,
    fault: Fault,
}

/// A child that keeps all that happened.
struct Plain {
    desc: Arc<Desc>,
    fault: Fault,
    happened: Mutex<Vec<Event>>,
}

#[derive(Clone, Copy)]
enum Event {
    Add(f64),
    /// A value, and when, by a count of all settings.
    Set(f64, u64),
    Observe(usize, f64),
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store for Shared {
    fn child(&self, desc: &Arc<Desc>, labels: &[&str]) -> Result<&'static dyn Child, StoreError> {
        if self.fault == RefusesEmptyLabels && labels.contains(&"") {
            return Err(StoreError::new("keep a label set", "a value is empty"));
        }
        let labels: Vec<String> = labels.iter().map(|&label| label.to_owned()).collect();
        let mut place = lock(&self.place);
        let number = if self.fault == SharesNumbersBetweenStores { 0 } else { self.number };
        let known = place[number].iter().find(|(of, values, _)| match self.fault {
            MakesAnotherChildEachTime => false,
            KnowsChildrenByTheAddressOfTheirDesc => Arc::ptr_eq(of, desc) && *values == labels,
            JoinsLabelsCarelessly => values.join("") == labels.join("") && of == desc,
            _ => *values == labels && of == desc,
        });
        if let Some((_, _, child)) = known {
            return Ok(*child);
        }
        let plain = Plain { desc: Arc::clone(desc), fault: self.fault, happened: Mutex::default() };
        let child: &'static Plain = Box::leak(Box::new(plain));
        place[number].push((Arc::clone(desc), labels, child));
        Ok(child)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if self.fault == ForgetsDroppedStores {
            lock(&self.place)[self.number].clear();
        }
    }
}

impl Plain {
    fn push(&self, event: Event) {
        let mut happened = lock(&self.happened);
        if self.fault == Panics && happened.len() == 3 {
            panic!("the third update was one too many");
        }
        if self.fault != DropsEveryFifthUpdate || happened.len() % 5 != 4 {
            happened.push(event);
        }
    }

    /// When it was set last.
    fn set_at(&self) -> u64 {
        let times = lock(&self.happened)
            .iter()
            .map(|event| if let Event::Set(_, at) = event { *at } else { 0 })
            .max();
        times.unwrap_or(0)
    }
}

fn settings() -> u64 {
    static SETTINGS: Mutex<u64> = Mutex::new(0);
    let mut settings = lock(&SETTINGS);
    *settings += 1;
    *settings
}

impl Child for Plain {
    fn add(&self, by: f64) {
        self.push(if self.fault == SetsWhatIsAdded { Event::Set(by, settings()) } else { Event::Add(by) });
    }

    fn set(&self, to: f64) {
        self.push(if self.fault == AddsWhatIsSet { Event::Add(to) } else { Event::Set(to, settings()) });
    }

    fn observe(&self, bucket: usize, value: f64) {
        let bucket = if self.fault == CountsInTheNextBucket { bucket + 1 } else { bucket };
        self.push(Event::Observe(bucket, value));
    }

    fn get(&self, part: Part) -> f64 {
        let (mut value, mut sum, mut count, mut in_bucket) = (0.0, 0.0, 0.0, 0.0);
        for event in &*lock(&self.happened) {
            match *event {
                Event::Add(by) => value += by,
                Event::Set(to, _) => value = to,
                Event::Observe(bucket, observed) => {
                    sum += if self.fault == ForgetsTheSum { 0.0 } else { observed };
                    count += if self.fault == NeverCounts { 0.0 } else { 1.0 };
                    if part == Part::Bucket(bucket) && self.desc.kind() == Kind::Histogram {
                        in_bucket += 1.0;
                    }
                }
            }
        }
        match part {
            Part::Value => value,
            Part::Sum => sum,
            Part::Count => count,
            _ => in_bucket,
        }
    }
}

/// Merges the stores of a place: once more and otherwise than the testkit's model does it.
fn read(place: &Place, fault: Fault) -> Snapshot {
    let place = lock(place);
    let mut page = Snapshot::default();
    for (process, (desc, labels, child)) in place
        .iter()
        .enumerate()
        .flat_map(|(process, opened)| opened.iter().map(move |entry| (process, entry)))
    {
        let untouched = lock(&child.happened).is_empty();
        let observes = matches!(desc.kind(), Kind::Histogram | Kind::Summary);
        if untouched && (fault == ShowsNothingBeforeTheFirstUpdate || fault == Lazy && observes) {
            continue;
        }
        let name: Arc<str> = desc.name().into();
        let known = page.families.iter().position(|family| family.name == name);
        let family = known.unwrap_or_else(|| {
            let help = if fault == LosesTheHelp { "" } else { desc.help() }.into();
            page.families.push(FamilySnapshot {
                name,
                help,
                unit: None,
                kind: desc.kind(),
                bare: false,
                samples: Vec::new(),
            });
            page.families.len() - 1
        });
        let samples = &mut page.families[family].samples;
        // How many processes have the label set, for the mean.
        let of_set = |(of, values, _): &&(Arc<Desc>, Vec<String>, &Plain)| of == desc && values == labels;
        let having = place.iter().flatten().filter(of_set).count() as f64;
        let latest =
            place.iter().flatten().filter(of_set).map(|(_, _, child)| child.set_at()).max().unwrap_or(0);
        for (suffix, le, value) in lines(desc, child, fault) {
            let mut all: Vec<Label> =
                desc.labels().iter().zip(labels).map(|(name, value)| Label::new(name, value)).collect();
            all.extend(le.map(|le| Label { name: "le".into(), value: number(le).into() }));
            let mode = desc.aggregation().mode;
            if mode == Mode::All && fault != ShowsAllWithoutPid {
                all.push(Label::new("pid", &process.to_string()));
            }
            let series = Series::new(format!("{}{suffix}", desc.name()), all);
            let value = match mode {
                Mode::Average if fault != SumsAverages => value / having,
                _ => value,
            };
            let Some(there) = samples.iter_mut().find(|sample| *sample.series == series) else {
                samples.push(Sample::new(Arc::new(series), value));
                continue;
            };
            match mode {
                Mode::Min if fault != ShowsMinAsMax => there.value = there.value.min(value),
                Mode::Min | Mode::Max => there.value = there.value.max(value),
                Mode::MostRecent if child.set_at() == latest && fault != ShowsTheFirstInsteadOfTheLast => {
                    there.value = value;
                }
                Mode::MostRecent | Mode::First => {}
                _ => there.value += value,
            }
        }
    }
    if fault == ShowsAStrangeFamily && !page.families.is_empty() {
        let strange = FamilySnapshot { name: "strange".into(), ..page.families[0].clone() };
        page.families.push(strange);
    }
    page
}

/// The lines of one child: suffix, bound, value.
fn lines(desc: &Desc, child: &Plain, fault: Fault) -> Vec<(&'static str, Option<f64>, f64)> {
    match desc.kind() {
        Kind::Counter if fault == ShowsACounterWithoutTotal => vec![("", None, child.get(Part::Value))],
        Kind::Counter => vec![("_total", None, child.get(Part::Value))],
        Kind::Gauge => vec![("", None, child.get(Part::Value))],
        kind => {
            let mut lines =
                vec![("_count", None, child.get(Part::Count)), ("_sum", None, child.get(Part::Sum))];
            let mut below = 0.0;
            let bounds = desc.buckets().bounds().iter().copied();
            let infinity = (fault != ShowsNoInfinity).then_some(f64::INFINITY);
            for (bucket, bound) in bounds.chain(infinity).enumerate().take_while(|_| kind == Kind::Histogram)
            {
                let here = child.get(Part::Bucket(bucket));
                below += here;
                let value = if fault == ShowsBucketsThatAreNotCumulative { here } else { below };
                lines.push(("_bucket", Some(bound), value));
            }
            lines
        }
    }
}

fn subject(fault: Fault, lazy: bool) -> Subject {
    let place = Place::default();
    let same = Arc::clone(&place);
    Subject {
        open: Box::new(move || {
            let mut opened = lock(&place);
            opened.push(Opened::new());
            Ok(Box::new(Shared { place: Arc::clone(&place), number: opened.len() - 1, fault }))
        }),
        read: Some(Box::new(move |_| read(&same, fault))),
        lazy,
    }
}

/// Why the testkit fails a store with this fault.
fn verdict(fault: Fault, lazy: bool) -> Option<String> {
    let outcome = catch_unwind(AssertUnwindSafe(|| store_testkit::check(|| subject(fault, lazy))));
    outcome.err().map(|panic| panic.downcast_ref::<String>().cloned().unwrap_or_default())
}

#[test]
fn a_store_that_is_right_passes() {
    assert_eq!(verdict(Nothing, false), None);
    store_testkit::check_threads(|| subject(Nothing, false));
    store_testkit::equal(
        || (subject(Nothing, false).open)().unwrap(),
        || (subject(Lazy, true).open)().unwrap(),
    );
}

#[test]
fn only_a_lazy_subject_may_hide_what_nobody_observed() {
    assert_eq!(verdict(Lazy, true), None);
    assert!(verdict(Lazy, false).is_some());
}

#[test]
fn every_fault_is_found() {
    for fault in [
        RefusesEmptyLabels,
        Panics,
        MakesAnotherChildEachTime,
        KnowsChildrenByTheAddressOfTheirDesc,
        JoinsLabelsCarelessly,
        AddsWhatIsSet,
        SetsWhatIsAdded,
        DropsEveryFifthUpdate,
        CountsInTheNextBucket,
        ForgetsTheSum,
        NeverCounts,
        SharesNumbersBetweenStores,
        ForgetsDroppedStores,
        ShowsNothingBeforeTheFirstUpdate,
        ShowsMinAsMax,
        ShowsTheFirstInsteadOfTheLast,
        ShowsAllWithoutPid,
        SumsAverages,
        ShowsBucketsThatAreNotCumulative,
        ShowsNoInfinity,
        ShowsACounterWithoutTotal,
        LosesTheHelp,
        ShowsAStrangeFamily,
    ] {
        assert!(verdict(fault, false).is_some(), "a store that {fault:?} passes");
    }
}

#[test]
fn the_verdict_tells_a_short_story() {
    let verdict = verdict(AddsWhatIsSet, false).unwrap();
    let lines: Vec<&str> = verdict.lines().collect();
    let [after, opened, steps @ .., why] = &lines[..] else { panic!("no story:\n{verdict}") };
    assert_eq!((*after, *opened), ("the store and the model disagree after", "  store 0: opened"));
    // Two updates of one gauge are the shortest; now and then a step stays that cannot be taken out by itself.
    let updates = steps.iter().filter(|step| step.contains(": gauge ")).count();
    assert!((2..=6).contains(&steps.len()) && updates >= 2, "not a short story:\n{verdict}");
    assert!(why.starts_with("store ") && why.contains(": gauge ") && why.contains("expected"), "{why}");
}

#[test]
fn a_store_that_loses_updates_between_threads_is_found() {
    // Every fifth update of a child: what a lost race looks like, but each time.
    let found = catch_unwind(|| store_testkit::check_threads(|| subject(DropsEveryFifthUpdate, false)));
    assert!(found.is_err());
}

#[test]
fn stores_that_count_differently_are_not_equal() {
    let open = |fault| move || (subject(fault, false).open)().unwrap();
    let found = catch_unwind(AssertUnwindSafe(|| store_testkit::equal(open(Nothing), open(ForgetsTheSum))));
    let why = found.unwrap_err().downcast_ref::<String>().cloned().unwrap();
    assert!(why.starts_with("the stores' snapshots differ after\n"), "{why}");
}
