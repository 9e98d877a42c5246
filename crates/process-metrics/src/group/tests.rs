use super::*;

fn stat(pid: u32, parent: u32, own: u64, children: u64) -> Stat {
    Stat { pid, parent, state: b'S', own_ticks: own, children_ticks: children, ..Stat::default() }
}

#[test]
fn descendants_are_all_below_and_count_with_those_who_have_ended() {
    let ended = Stat { state: b'Z', ..stat(14, 12, 1000, 0) };
    let all = [
        stat(1, 0, 9999, 9999),
        stat(10, 1, 5000, 107),
        stat(11, 1, 9999, 0),
        stat(13, 12, 1, 2),
        stat(12, 10, 10, 20),
        ended,
    ];
    assert_eq!(descendants(&all, 10, 7), Members { pids: vec![12, 13], ticks: Some(100 + 30 + 3 + 1000) });
    assert_eq!(descendants(&all, 13, 2), Members { pids: vec![], ticks: Some(0) });
    assert_eq!(descendants(&[], 13, 0), Members { pids: vec![], ticks: Some(0) });
}

#[test]
fn processes_in_a_ring_are_no_endless_loop() {
    let members = descendants(&[stat(1, 2, 1, 0), stat(2, 1, 1, 0)], 1, 0);
    assert_eq!(members.pids, [1, 2]);
}

#[test]
fn a_process_whose_parent_ended_meanwhile_is_looked_at_again() {
    let mut all = vec![stat(10, 1, 0, 0), stat(13, 12, 1, 0), stat(15, 14, 1, 0), stat(1, 0, 0, 0)];
    attach(&mut all, |pid| (pid == 13).then(|| stat(13, 10, 2, 0)));
    assert_eq!(descendants(&all, 10, 0), Members { pids: vec![13], ticks: Some(2) });
}

#[test]
fn a_list_is_taken_in_order_and_each_process_once() {
    let members = Group::of(|| Ok(vec![3, 1, 3])).members().unwrap();
    assert_eq!(members, Members { pids: vec![1, 3], ticks: None });
}
