//! What several machines make together.

use collector::Liveness;
use redis_push::Pushed;

use crate::place::{Application, JOBS_TOTAL, Machine, server};

const LATENCY_SUM: &str = r#"["latency", "latency_sum", {"path": "/"}, "Seconds."]"#;
const LATENCY_LOW: &str = r#"["latency", "latency_bucket", {"path": "/", "le": "0.5"}, "Seconds."]"#;
const LATENCY_ALL: &str = r#"["latency", "latency_bucket", {"path": "/", "le": "+Inf"}, "Seconds."]"#;
const SIZE_SUM: &str = r#"["size", "size_sum", {}, "Bytes."]"#;
const SIZE_COUNT: &str = r#"["size", "size_count", {}, "Bytes."]"#;

fn gauge(name: &str) -> String {
    format!(r#"["{name}", "{name}", {{"of": "x"}}, "A gauge."]"#)
}

/// A worker that has everything.
fn worker(machine: &Machine, pid: &str, number: f64) {
    machine.jobs(pid, number);
    machine.write(
        &format!("histogram_{pid}.db"),
        &[(LATENCY_SUM, number, 0.0), (LATENCY_LOW, 1.0, 0.0), (LATENCY_ALL, number, 0.0)],
    );
    machine.write(&format!("summary_{pid}.db"), &[(SIZE_SUM, 10.0 * number, 0.0), (SIZE_COUNT, number, 0.0)]);
    for mode in ["sum", "livesum", "min", "max", "livemax", "all", "liveall", "mostrecent"] {
        let time = if mode == "mostrecent" { 1_795_000_000.0 + number } else { 0.0 };
        machine.write(&format!("gauge_{mode}_{pid}.db"), &[(&gauge(mode), number, time)]);
    }
}

#[test]
fn machines_make_one_page_of_all_kinds_and_modes() {
    let application = Application::new(server().url());
    let [one, other] = [Machine::new(), Machine::new()];
    worker(&one, "7", 3.0);
    worker(&one, "8", 4.0);
    worker(&other, "7", 5.0);
    let mut pushers = [one.pusher(&application), other.pusher(&application)];
    for (pusher, series) in pushers.iter_mut().zip([13, 11]) {
        assert_eq!(pusher.push(false).unwrap(), Pushed { series, left_out: 0 });
    }
    let page = application.page();
    let is = |sample: &str, value: f64| assert_eq!(page.get(sample), Some(&value), "{sample} of {page:#?}");
    is(JOBS_TOTAL, 12.0);
    is(r#"latency_sum{path="/"}"#, 12.0);
    is(r#"latency_bucket{le="0.5",path="/"}"#, 3.0);
    is(r#"latency_bucket{le="+Inf",path="/"}"#, 15.0);
    is(r#"latency_count{path="/"}"#, 15.0);
    is("size_sum{}", 120.0);
    is("size_count{}", 12.0);
    is(r#"sum{of="x"}"#, 12.0);
    is(r#"livesum{of="x"}"#, 12.0);
    is(r#"min{of="x"}"#, 3.0);
    is(r#"max{of="x"}"#, 5.0);
    is(r#"livemax{of="x"}"#, 5.0);
    is(r#"mostrecent{of="x"}"#, 5.0);
    // Workers of one pid on two machines are two.
    for mode in ["all", "liveall"] {
        let [one, other] = [0, 1].map(|at| pushers[at].name().unwrap().to_owned());
        is(&format!(r#"{mode}{{of="x",pid="{one}/7"}}"#), 3.0);
        is(&format!(r#"{mode}{{of="x",pid="{one}/8"}}"#), 4.0);
        is(&format!(r#"{mode}{{of="x",pid="{other}/7"}}"#), 5.0);
    }
    assert_eq!(page.len(), 13 + 6);
}

#[test]
fn the_page_of_one_machine_is_what_it_was_but_for_pids() {
    let application = Application::new(server().url());
    let machine = Machine::new();
    worker(&machine, "7", 3.0);
    worker(&machine, "8", 0.1);
    let mut pusher = machine.pusher(&application);
    pusher.push(false).unwrap();
    let of_redis: Vec<(String, f64)> = application
        .page()
        .into_iter()
        .map(|(sample, value)| (sample.replace(&format!("{}/", pusher.name().unwrap()), ""), value))
        .collect();
    let mut own: Vec<(String, f64)> = machine.page().into_iter().collect();
    own.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(of_redis, own);
}

#[test]
fn gauges_of_workers_go_with_them_and_what_they_counted_stays() {
    let application = Application::new(server().url());
    let machine = Machine::new();
    worker(&machine, "7", 3.0);
    worker(&machine, "8", 4.0);
    let mut pusher = machine.pusher(&application);
    pusher.push(false).unwrap();
    let name = pusher.name().unwrap().to_owned();
    // As `mark_process_dead` does, and a fold that drops gauges of mode `all`.
    for file in ["gauge_liveall_7.db", "gauge_livesum_7.db", "gauge_all_7.db"] {
        std::fs::remove_file(machine.file(file)).unwrap();
    }
    for file in ["gauge_livemax_7.db", "gauge_livemax_8.db"] {
        std::fs::remove_file(machine.file(file)).unwrap();
    }
    pusher.push(false).unwrap();
    let is_there = |sample: &str| application.page().contains_key(sample);
    for mode in ["all", "liveall"] {
        assert!(!is_there(&format!(r#"{mode}{{of="x",pid="{name}/7"}}"#)));
        assert!(is_there(&format!(r#"{mode}{{of="x",pid="{name}/8"}}"#)));
    }
    assert!(!is_there(r#"livemax{of="x"}"#));
    assert_eq!(application.value(r#"livesum{of="x"}"#), 4.0);
    assert_eq!(application.value(JOBS_TOTAL), 7.0);
    // Also once the exporter is retired; gauges that say how things are go with it.
    application.retire_all();
    let page = application.page();
    assert!(!page.contains_key(&format!(r#"all{{of="x",pid="{name}/7"}}"#)), "{page:#?}");
    assert_eq!(page.get(&format!(r#"all{{of="x",pid="{name}/8"}}"#)), Some(&4.0), "{page:#?}");
    assert_eq!(page.keys().filter(|sample| sample.starts_with("live")).count(), 0, "{page:#?}");
    // It comes back, and the worker has gone meanwhile: what was kept for it is out of date.
    std::fs::remove_file(machine.file("gauge_all_8.db")).unwrap();
    pusher.push(false).unwrap();
    assert_eq!(application.page().keys().filter(|sample| sample.starts_with("all")).count(), 0);
    application.retire_all();
    assert_eq!(application.page().keys().filter(|sample| sample.starts_with("all")).count(), 0);
    assert_eq!(application.value(JOBS_TOTAL), 7.0);
}

#[test]
fn gauges_of_the_living_are_shown_as_long_as_the_exporter_is_heard() {
    let application = Application::new(server().url());
    let machine = Machine::new();
    worker(&machine, "7", 3.0);
    let mut pusher = machine.pusher(&application);
    pusher.push(false).unwrap();
    assert_eq!(application.page_of(Liveness::Observed).get(r#"livesum{of="x"}"#), Some(&3.0));
    pusher.push(true).unwrap();
    let page = application.page_of(Liveness::Observed);
    assert_eq!((page.get(r#"livesum{of="x"}"#), page.get(r#"sum{of="x"}"#)), (None, Some(&3.0)));
}
