use super::*;

fn made(version: u64) -> Made {
    Made { version, seq: version, born: version, time: 1 }
}

fn all(recent: &Recent) -> (Vec<u64>, Vec<(u64, Arc<str>)>) {
    (recent.all_made().map(|made| made.version).collect(), recent.all_ids().collect())
}

#[test]
fn what_was_not_settled_is_forgotten_alone() {
    let mut recent = Recent::default();
    recent.remember(made(1), Some(("a", 10)));
    recent.settle();
    let before = all(&recent);
    recent.remember(made(2), Some(("b", 5)));
    recent.remember(made(3), None);
    assert!(recent.knows("b", 4) && recent.made(3).is_some());
    recent.undo();
    assert_eq!(all(&recent), before);
    assert!(!recent.knows("b", 4) && recent.made(3).is_none());
}

#[test]
fn a_request_is_known_until_its_time_is_over() {
    let mut recent = Recent::default();
    recent.remember_id("a", 10);
    recent.settle();
    assert!(recent.knows("a", 9));
    assert!(!recent.knows("a", 10));
    recent.expire(9);
    assert_eq!(recent.all_ids().count(), 1);
    recent.expire(10);
    assert_eq!(recent.all_ids().count(), 0);
}

#[test]
fn the_oldest_changes_and_the_first_requests_to_end_make_room() {
    let mut recent = Recent::default();
    for version in 1..=MADE as u64 + 3 {
        recent.remember(made(version), None);
        recent.settle();
    }
    assert_eq!(recent.all_made().count(), MADE);
    assert!(recent.made(3).is_none() && recent.made(4).is_some());
    // The last one to come is the first to end.
    let last = IDS as u64;
    for at in 0..=last {
        recent.remember_id(&at.to_string(), 1000 + last - at);
        recent.settle();
    }
    assert_eq!(recent.all_ids().count(), IDS);
    assert!(!recent.knows(&last.to_string(), 1) && recent.knows("0", 1));
}
