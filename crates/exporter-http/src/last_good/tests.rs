use metrics_core::{FamilySnapshot, Kind, Label};

use super::*;

const LIMIT: Duration = Duration::from_secs(30);

fn page(value: f64) -> Arc<Snapshot> {
    let family = |name| FamilySnapshot::of_numbers(Kind::Gauge, name, "", [([] as [Label; 0], value)]);
    Arc::new(Snapshot { families: vec![family("a"), family("b")] })
}

fn names(name: &str) -> Names {
    Some(Arc::from([name.to_owned()]))
}

/// The value of each family.
fn shown(page: &Snapshot) -> Vec<(&str, f64)> {
    page.families.iter().map(|family| (&*family.name, family.samples[0].value)).collect()
}

#[test]
fn a_page_stands_in_until_it_is_too_old() {
    let (last, begun) = (LastGood::new(LIMIT), Instant::now());
    assert!(last.get(&None, begun).is_none());
    last.keep(&None, begun, &page(1.0));
    last.keep(&None, begun + Duration::from_secs(1), &page(2.0));
    let (page, age) = last.get(&None, begun + LIMIT).unwrap();
    assert_eq!((shown(&page), age), (vec![("a", 2.0), ("b", 2.0)], Duration::from_secs(29)));
    assert!(last.get(&None, begun + LIMIT + Duration::from_secs(2)).is_none());
}

#[test]
fn a_page_of_everything_has_every_name_and_one_of_a_name_has_no_other() {
    let (last, begun) = (LastGood::new(LIMIT), Instant::now());
    last.keep(&names("a"), begun, &page(1.0));
    assert!(last.get(&names("b"), begun).is_none() && last.get(&None, begun).is_none());
    last.keep(&None, begun + Duration::from_secs(5), &page(2.0));
    let get = |names| last.get(&names, begun + LIMIT).unwrap();
    assert_eq!(shown(&get(names("b")).0), [("b", 2.0)]);
    // The same names, whatever else there is.
    assert_eq!(get(names("a")).1, LIMIT);
    let late = last.get(&names("a"), begun + LIMIT + Duration::from_secs(1)).unwrap();
    assert_eq!((shown(&late.0), late.1), (vec![("a", 2.0)], Duration::from_secs(26)));
}

#[test]
fn few_pages_are_kept() {
    let (last, begun) = (LastGood::new(LIMIT), Instant::now());
    for name in 0..100 {
        last.keep(&names(&name.to_string()), begun, &page(1.0));
    }
    assert_eq!(last.pages.lock().unwrap().len(), MOST);
    last.keep(&None, begun + LIMIT * 2, &page(1.0));
    assert_eq!(last.pages.lock().unwrap().len(), 1);
}
