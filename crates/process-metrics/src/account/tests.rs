use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

fn stat(pid: u32, start_ticks: u64, own_ticks: u64) -> Stat {
    Stat { pid, start_ticks, own_ticks, ..Stat::default() }
}

#[test]
fn what_is_kept_is_text_for_people_too() {
    let living = HashMap::from([((7, 900), 12), ((5, 800), 3)]);
    let state = State { living, ended: 40, told: 55 };
    let text = text(9, "b00t", &state);
    assert_eq!(
        text,
        "multiprom: CPU time of processes, 1\n9 b00t\n55 40\n5 800 3\n7 900 12\nd179d14254710a36\n"
    );
    assert_eq!(parse(&text), Some((9, "b00t".to_owned(), state)));
}

#[test]
fn another_program_goes_on_with_it_whichever_write_was_cut_short() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cpu");
    let mut first = Account::new(Some(&path));
    for ticks in 1..=4 {
        first.count([stat(1, 5, ticks)].iter(), None);
    }
    assert_eq!(Account::new(Some(&path)).count([].iter(), None), 4);
    // That was the fifth write. If it was cut short, the fourth one is whole.
    let newest = directory.path().join("cpu-1");
    let whole = fs::read(&newest).unwrap();
    for len in 0..whole.len() {
        fs::write(&newest, &whole[..len]).unwrap();
        let mut kept = Account::new(Some(&path)).kept.unwrap();
        assert_eq!(kept.read().state().told, 4, "{len} bytes");
    }
}

#[test]
fn where_nothing_can_be_kept_it_counts_all_the_same() {
    let mut account = Account::new(Some(Path::new("/nowhere/at/all/cpu")));
    assert_eq!(account.count([stat(1, 5, 10)].iter(), None), 10);
    assert_eq!(account.count([stat(2, 5, 10)].iter(), None), 20);
}

#[test]
fn an_unchanged_ledger_is_not_written_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut account = Account::new(Some(&directory.path().join("cpu")));
    account.count([stat(1, 5, 10)].iter(), None);
    assert_eq!(account.kept.as_ref().unwrap().turn, Some(1));
    account.count([stat(1, 5, 10)].iter(), None);
    assert_eq!(account.kept.as_ref().unwrap().turn, Some(1));
}

proptest! {
    /// Programs that end at any moment, one after the other, beside one that never does.
    #[test]
    fn it_never_falls_and_is_what_one_program_would_have_told(
        looks in prop::collection::vec((prop::collection::btree_map(0..4_u32, 0..100_u64, 0..4), any::<bool>()), 1..40),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cpu");
        let (mut ours, mut always) = (Account::new(Some(&path)), Account::new(None));
        let mut used: HashMap<u32, (u64, u64)> = HashMap::new();
        let mut told = 0;
        for (turn, (who, ends)) in looks.into_iter().enumerate() {
            // Who is not there has ended; its pid comes again with another start.
            used.retain(|pid, _| who.contains_key(pid));
            let stats: Vec<Stat> = who.into_iter().map(|(pid, more)| {
                let (start, ticks) = used.entry(pid).or_insert((turn as u64, 0));
                *ticks += more;
                stat(pid, *start, *ticks)
            }).collect();
            let now = ours.count(stats.iter(), None);
            prop_assert!(now >= told);
            prop_assert_eq!(now, always.count(stats.iter(), None));
            told = now;
            if ends {
                ours = Account::new(Some(&path));
            }
        }
    }

    #[test]
    fn damaged_text_is_never_taken_for_another_ledger(at in 0..80_usize, byte in any::<u8>(), text_of in ".{0,200}") {
        let living = HashMap::from([((7, 900), 12), ((5, 800), 3)]);
        let whole = text(9, "b00t", &State { living, ended: 40, told: 55 });
        let mut damaged = whole.clone().into_bytes();
        let at = at % damaged.len();
        damaged[at] = byte;
        if let Ok(damaged) = String::from_utf8(damaged) && damaged != whole {
            // Digits of the sum may be written large.
            prop_assert!(parse(&damaged).is_none_or(|parsed| Some(parsed) == parse(&whole)));
        }
        prop_assert_eq!(parse(&text_of), None);
    }
}
