use super::*;

fn change(released: &[(&str, u8)], taken: &[(&str, u8)], gone: &[u128], come: &[u128]) -> ClaimChange {
    let names = |names: &[(&str, u8)]| names.iter().map(|(name, tag)| ((*name).into(), *tag)).collect();
    ClaimChange {
        names_released: names(released),
        names_taken: names(taken),
        series_released: gone.to_vec(),
        series_taken: come.to_vec(),
    }
}

/// All of it, in order.
fn told(index: &Index) -> Vec<String> {
    let names = index.names.iter().map(|(name, held)| format!("{name} {} x{}", held.tag, held.count));
    let series = index.series.iter().map(|owned| format!("{:?} of {}", owned.series, owned.owner));
    let mut all: Vec<String> = names.chain(series).collect();
    all.sort();
    all
}

#[test]
fn a_change_that_clashes_changes_nothing() {
    let mut index = Index::default();
    index.change(&change(&[], &[("a", b'c'), ("b", b'g')], &[], &[1, 2]), 1).expect("all is free");
    index.change(&change(&[], &[("a", b'c')], &[], &[3]), 2).expect("a is the same there");
    index.settle();
    let before = told(&index);
    let clash = index.change(&change(&[("a", b'c')], &[("z", b'g'), ("b", b'c')], &[3], &[4]), 2);
    assert_eq!(clash, Err(Clash::Name { name: "b".into(), pushed: b'c', held: b'g' }));
    let clash = index.change(&change(&[("a", b'c')], &[("z", b'g')], &[3], &[4, 2]), 2);
    assert_eq!(clash, Err(Clash::Series(2)));
    assert_eq!(told(&index), before);
}

#[test]
fn what_was_not_settled_is_undone() {
    let mut index = Index::default();
    index.change(&change(&[], &[("a", b'c')], &[], &[1, u128::MAX]), 1).expect("all is free");
    index.settle();
    let before = told(&index);
    index.change(&change(&[("a", b'c')], &[("a", b'g')], &[1], &[5]), 1).expect("a was its own alone");
    index.change(&change(&[], &[("q", b'g')], &[], &[1]), 2).expect("1 was let go of");
    index.undo();
    assert_eq!(told(&index), before);
}

#[test]
fn nobody_lets_go_of_what_is_anothers() {
    let mut index = Index::default();
    index.change(&change(&[], &[("a", b'c')], &[], &[1]), 1).expect("all is free");
    let before = told(&index);
    index.change(&change(&[("a", b'g'), ("b", b'g')], &[], &[1, 9], &[]), 2).expect("takes nothing");
    assert_eq!(told(&index), before);
}
