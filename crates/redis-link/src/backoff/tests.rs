use super::*;

#[test]
fn pauses_double_up_to_the_most_and_begin_anew_when_it_went_well() {
    let milliseconds = Duration::from_millis;
    let mut backoff = Backoff::new(milliseconds(100), milliseconds(350));
    let mut within = |range: [u64; 2]| {
        let pause = backoff.pause();
        assert!((milliseconds(range[0])..=milliseconds(range[1])).contains(&pause), "{pause:?} of {range:?}");
    };
    within([50, 100]);
    within([100, 200]);
    within([175, 350]);
    within([175, 350]);
    backoff.reset();
    assert!(backoff.pause() <= milliseconds(100));
}

#[test]
fn two_who_lost_the_same_server_do_not_come_back_at_once() {
    let mut pauses: Vec<Duration> =
        (0..20).map(|_| Backoff::new(Duration::from_secs(1), Duration::from_secs(1)).pause()).collect();
    pauses.sort();
    pauses.dedup();
    assert!(pauses.len() > 15, "{pauses:?}");
}
