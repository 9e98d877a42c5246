use push_groups::Version;

use super::*;

fn key(group: u64) -> GroupKey {
    GroupKey::new([("job", &*group.to_string())]).expect("a good key")
}

fn step(group: u64, seq: u64, is_there: bool) -> Step {
    let entry = Entry {
        version: Version(seq),
        born: seq,
        seq,
        pushed: 1,
        failed: 0,
        expires: None,
        content: vec![].into(),
    };
    Step { key: key(group), ordinal: group as u32, seq, entry: is_there.then(|| Arc::new(entry)) }
}

/// Groups of an answer, with what they are.
fn told(updates: &Updates) -> Vec<(String, Option<u64>)> {
    let version = |entry: &Option<Arc<Entry>>| entry.as_ref().map(|entry| entry.version.0);
    let mut told: Vec<_> =
        updates.groups.iter().map(|(key, entry)| (key.job().to_owned(), version(entry))).collect();
    told.sort();
    told
}

#[test]
fn what_changed_since_is_told_once_and_as_it_is_now() {
    let mut groups = Groups::new(7, 0);
    for change in [step(1, 1, true), step(2, 2, true), step(1, 3, false), step(2, 4, true), step(1, 5, false)]
    {
        groups.apply(change);
    }
    groups.apply(step(3, 6, true));
    groups.apply(step(3, 7, false));
    groups.apply(step(3, 8, true));
    let since = |seq| groups.follow(Some(Cursor { epoch: 7, seq }), 0);
    let expected = [("1".to_owned(), None), ("2".to_owned(), Some(4)), ("3".to_owned(), Some(8))];
    assert_eq!(told(&since(2)), expected);
    assert_eq!(told(&since(5)), expected[2..]);
    assert_eq!(told(&since(8)), []);
    assert!(!since(8).whole);
}

#[test]
fn who_has_missed_too_many_deletions_is_told_everything() {
    let mut groups = Groups::new(7, 0);
    groups.apply(step(0, 1, true));
    let mut seq = 1;
    for group in 1..=GONE as u64 + 1 {
        groups.apply(step(group, seq + 1, true));
        groups.apply(step(group, seq + 2, false));
        seq += 2;
    }
    // The first deletion was change 3.
    let since = |seq| groups.follow(Some(Cursor { epoch: 7, seq }), 0);
    assert_eq!((since(2).whole, told(&since(2))), (true, vec![("0".to_owned(), Some(1))]));
    assert_eq!((since(3).whole, since(3).groups.len()), (false, GONE));
}

#[test]
fn a_cursor_of_another_order_or_from_ahead_is_told_everything() {
    let mut groups = Groups::new(7, 5);
    groups.apply(step(1, 6, true));
    for cursor in [Cursor { epoch: 8, seq: 6 }, Cursor { epoch: 7, seq: 7 }, Cursor { epoch: 7, seq: 4 }] {
        assert!(groups.follow(Some(cursor), 0).whole, "{cursor:?}");
    }
    let cursor = groups.follow(None, 0).cursor;
    let gone = groups.wipe(7);
    assert_eq!((gone.len(), groups.len()), (1, 0));
    let updates = groups.follow(Some(cursor), 0);
    assert_eq!((updates.whole, updates.groups.len()), (true, 0));
}
