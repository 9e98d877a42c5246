//! The table against a map, from several threads, and with work that a parent's thread left half done.

use std::collections::HashMap;
use std::sync::Barrier;

use proptest::prelude::*;

use super::*;

fn labels_of(number: u32) -> [String; 2] {
    [format!("{}", number % 7), format!("value {number}")]
}

fn insert(table: &Table<u32>, number: u32) -> Option<u32> {
    let [a, b] = labels_of(number);
    table.get_or_insert(&[&a, &b], number).copied()
}

fn get(table: &Table<u32>, number: u32) -> Option<u32> {
    let [a, b] = labels_of(number);
    table.get(&[&a, &b]).copied()
}

proptest! {
    #[test]
    fn the_table_is_a_map(steps in prop::collection::vec(
        (any::<bool>(), prop::array::uniform2("[ab\u{e9}]{0,2}"), any::<u32>()), 1..200,
    )) {
        let table = Table::new();
        let mut model = HashMap::new();
        let mut order = Vec::new();
        for (insert, labels, value) in steps {
            let borrowed = labels.each_ref().map(String::as_str);
            if insert {
                let kept = *model.entry(labels.clone()).or_insert_with(|| {
                    order.push(labels.join("\u{0}"));
                    value
                });
                prop_assert_eq!(table.get_or_insert(&borrowed, value), Some(&kept));
            }
            prop_assert_eq!(table.get(&borrowed), model.get(&labels));
        }
        let listed: Vec<String> = table
            .iter()
            .map(|(labels, _)| {
                let values: Vec<&[u8]> = labels.split(|&byte| byte == END).take(2).collect();
                String::from_utf8(values.join(&0)).unwrap()
            })
            .collect();
        prop_assert_eq!(listed, order);
    }
}

proptest! {
    /// Of all lengths, and mostly alike: each length is compared in its own way.
    #[test]
    fn joined_labels_are_those_that_were_joined(
        labels in prop::collection::vec("[ab]{0,20}", 0..4),
        at in any::<prop::sample::Index>(),
        byte in any::<prop::sample::Index>(),
    ) {
        let mut other = labels.clone();
        let same = |other: &[String]| {
            let [ours, theirs] = [&labels[..], other].map(|all| all.iter().map(|one| &**one).collect::<Vec<_>>());
            is_join(&join(&ours), &theirs)
        };
        prop_assert!(same(&other));
        if !other.is_empty() {
            let one = at.index(other.len());
            let label = &mut other[one];
            if !label.is_empty() {
                let byte = byte.index(label.len());
                label.replace_range(byte..=byte, "c");
                prop_assert!(!same(&other));
            }
            other[one].push('a');
            prop_assert_eq!(same(&other), other == labels);
            other.pop();
            prop_assert!(!same(&other));
        }
    }
}

#[test]
fn values_are_told_apart_where_one_ends() {
    let table = Table::new();
    table.get_or_insert(&["a", "bc"], 1);
    assert_eq!(table.get(&["ab", "c"]), None);
    assert_eq!(table.get(&["a", "b"]), None);
    assert_eq!(table.get(&["a", "bc"]), Some(&1));
}

#[test]
fn a_table_without_labels_has_one_entry() {
    let table = Table::new();
    assert_eq!(table.get(&[]), None);
    assert_eq!(table.get_or_insert(&[], 5), Some(&5));
    assert_eq!(table.get_or_insert(&[], 6), Some(&5));
}

#[test]
fn threads_agree_on_what_is_kept() {
    const NUMBERS: u32 = 2000;
    let table = Table::new();
    let start = Barrier::new(4);
    let kept: Vec<Vec<u32>> = std::thread::scope(|scope| {
        let work = |thread: u32| {
            let (table, start) = (&table, &start);
            scope.spawn(move || {
                start.wait();
                let keep = |number: u32| {
                    let [a, b] = labels_of(number);
                    let value = number + thread * NUMBERS;
                    *table.get_or_insert(&[&a, &b], value).unwrap()
                };
                // Half of the threads run backwards, so that they meet at every size of the table.
                let mut kept: Vec<u32> = match thread % 2 {
                    0 => (0..NUMBERS).map(keep).collect(),
                    _ => (0..NUMBERS).rev().map(keep).collect(),
                };
                kept.sort_by_key(|value| value % NUMBERS);
                kept
            })
        };
        let threads: Vec<_> = (0..4).map(work).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(kept.iter().all(|theirs| *theirs == kept[0]));
    assert_eq!(table.iter().count(), NUMBERS as usize);
    for (number, value) in kept[0].iter().enumerate() {
        let [a, b] = labels_of(number as u32);
        assert_eq!(table.get(&[&a, &b]), Some(value));
    }
}

/// The first so many steps of the insertion of `number`: what a forked process finds when a thread of its parent was
/// in the midst of it.
fn insert_partly(table: &Table<u32>, number: u32, steps: usize) {
    let [a, b] = labels_of(number);
    let labels = [&*a, &*b];
    let entry =
        Entry { hash: table.hash.of(&labels), labels: join(&labels), value: number, next: Reference::new() };
    let entry = &*Box::leak(Box::new(entry));
    let before = table.len.load(Ordering::Relaxed);
    let end = table.last.get().map_or(&table.first, |last| &last.next);
    let all: [&dyn Fn(); 4] = [
        &|| assert!(table.slots_for(before + 1).places.len() > 2 * before),
        &|| end.set(entry),
        &|| table.last.set(entry),
        &|| table.len.store(before + 1, Ordering::Relaxed),
    ];
    all[..steps].iter().for_each(|step| step());
}

#[test]
fn what_was_left_half_inserted_is_there_or_is_not_and_the_next_insert_goes_on() {
    // Up to two sizes of the slot array.
    for (before, steps) in (0..40).flat_map(|before| (0..=4).map(move |steps| (before, steps))) {
        let table = Table::new();
        (0..before).for_each(|number| assert_eq!(insert(&table, number), Some(number)));
        insert_partly(&table, before, steps);
        table.mend();
        table.mend();
        let linked = steps >= 2;
        assert_eq!(get(&table, before), linked.then_some(before), "{before} {steps}");
        for number in before..before + 40 {
            assert_eq!(insert(&table, number), Some(number));
        }
        assert!((0..before + 40).all(|number| get(&table, number) == Some(number)));
        assert!(table.iter().map(|(_, value)| *value).eq(0..before + 40));
        assert_eq!(table.len.load(Ordering::Relaxed), before as usize + 40);
        let slots = table.slots.get().unwrap();
        let taken = slots.places.iter().filter(|slot| slot.entry.get().is_some());
        assert_eq!(taken.count(), before as usize + 40);
    }
}

#[test]
fn a_full_table_refuses_and_keeps_what_it_has() {
    let table = Table::new();
    insert(&table, 0);
    table.len.store(MOST, Ordering::Relaxed);
    assert_eq!(insert(&table, 1), None);
    assert_eq!((insert(&table, 0), get(&table, 0)), (Some(0), Some(0)));
}
