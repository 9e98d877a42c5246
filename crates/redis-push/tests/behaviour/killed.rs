//! Programs that are killed at each step, retired, and started again.

use folding::{Folder, Options};
use proptest::prelude::*;
use redis_push::Pusher;

use crate::place::{Application, JOBS_TOTAL, Machine, push_killed_after, server};

#[test]
fn killed_before_each_change_it_goes_on_as_the_same_process() {
    for retired in [false, true] {
        for retired_after in [false, true] {
            let mut steps = 0;
            loop {
                let application = Application::new(server().unix_url());
                let machine = Machine::new();
                machine.jobs("7", 5.0);
                let mut pusher = machine.pusher(&application);
                pusher.push(false).unwrap();
                machine.jobs("7", 8.0);
                let killed = push_killed_after(&mut pusher, steps).is_none();
                drop(pusher);
                let shown = application.value(JOBS_TOTAL);
                assert!(shown == 5.0 || shown == 8.0, "{shown}");
                if retired {
                    application.retire_all();
                    assert_eq!(application.value(JOBS_TOTAL), shown);
                }
                machine.jobs("7", 9.0);
                let mut pusher = machine.pusher(&application);
                pusher.push(false).unwrap();
                assert_eq!(application.value(JOBS_TOTAL), 9.0, "killed after {steps} steps");
                if retired_after {
                    application.retire_all();
                    assert_eq!(application.value(JOBS_TOTAL), 9.0);
                    pusher.push(false).unwrap();
                    assert_eq!(application.value(JOBS_TOTAL), 9.0);
                }
                machine.jobs("7", 10.0);
                pusher.push(false).unwrap();
                assert_eq!(application.value(JOBS_TOTAL), 10.0, "killed after {steps} steps");
                if !killed {
                    break;
                }
                steps += 1;
            }
            assert!(steps >= 5, "it was killed only {steps} times");
        }
    }
}

#[test]
fn killed_at_its_very_first_steps_it_counts_once() {
    let mut steps = 0;
    loop {
        let application = Application::new(server().unix_url());
        let machine = Machine::new();
        machine.jobs("7", 5.0);
        let killed = push_killed_after(&mut machine.pusher(&application), steps).is_none();
        application.retire_all();
        machine.jobs("7", 6.0);
        machine.pusher(&application).push(false).unwrap();
        assert_eq!(application.value(JOBS_TOTAL), 6.0, "killed after {steps} steps");
        if !killed {
            break;
        }
        steps += 1;
    }
    assert!(steps >= 6, "it was killed only {steps} times");
}

#[derive(Clone, Debug)]
enum Step {
    /// A worker counts; now and then it is one that is new.
    Count {
        worker: usize,
        by: u8,
    },
    Push,
    /// The program is killed after so many steps, and started again.
    Kill {
        steps: usize,
    },
    Restart,
    Retire,
    /// The files of the dead, which all are, are added up; their pids come again.
    Fold,
    /// The application starts anew, and deletes its files.
    Wipe,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..4_usize, 1..9_u8).prop_map(|(worker, by)| Step::Count { worker, by }),
        4 => Just(Step::Push),
        3 => (0..12_usize).prop_map(|steps| Step::Kill { steps }),
        1 => Just(Step::Restart),
        2 => Just(Step::Retire),
        1 => Just(Step::Fold),
        1 => Just(Step::Wipe),
    ];
    proptest::collection::vec(step, 1..40)
}

/// A machine, and what was counted on it.
struct Scene {
    machine: Machine,
    pusher: Pusher,
    workers: [f64; 4],
    /// Of workers before the last wipe or fold.
    before: f64,
}

impl Scene {
    fn count(&mut self, worker: usize, by: f64) {
        self.workers[worker] += by;
        self.machine.jobs(&worker.to_string(), self.workers[worker]);
    }

    fn counted(&self) -> f64 {
        self.before + self.workers.iter().sum::<f64>()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn whatever_happens_each_count_is_there_once_and_the_page_never_falls(steps in steps()) {
        let application = Application::new(server().unix_url());
        let machine = Machine::new();
        let pusher = machine.pusher(&application);
        let mut scene = Scene { machine, pusher, workers: [0.0; 4], before: 0.0 };
        let mut shown = 0.0;
        for step in &steps {
            match *step {
                Step::Count { worker, by } => scene.count(worker, f64::from(by)),
                Step::Push => {
                    scene.pusher.push(false).unwrap();
                    prop_assert_eq!(application.value(JOBS_TOTAL), scene.counted());
                }
                Step::Kill { steps } => {
                    let _ = push_killed_after(&mut scene.pusher, steps);
                    // Its lock goes with it.
                    drop(std::mem::replace(&mut scene.pusher, Machine::new().pusher(&application)));
                    scene.pusher = scene.machine.pusher(&application);
                }
                Step::Restart => {
                    drop(std::mem::replace(&mut scene.pusher, Machine::new().pusher(&application)));
                    scene.pusher = scene.machine.pusher(&application);
                }
                Step::Retire => application.retire_all(),
                Step::Fold => {
                    // Were the directory wiped and folded before anybody looks, only a fall would tell.
                    scene.pusher.push(false).unwrap();
                    let stopped = Options { stopped: true, ..Options::default() };
                    Folder::new(scene.machine.path(), stopped).fold().unwrap();
                    scene.before = scene.counted();
                    scene.workers = [0.0; 4];
                }
                Step::Wipe => {
                    // What was counted since numbers were last sent goes with the files; here nothing is.
                    scene.pusher.push(false).unwrap();
                    scene.machine.wipe();
                    scene.before = scene.counted();
                    scene.workers = [0.0; 4];
                    // A file of the new generation may come before anybody looks, or after.
                    scene.count(0, 1.0);
                }
            }
            let now = application.value(JOBS_TOTAL);
            prop_assert!(now >= shown && now <= scene.counted(), "{} after {}, counted {}", now, shown, scene.counted());
            shown = now;
        }
        scene.pusher.push(false).unwrap();
        prop_assert_eq!(application.value(JOBS_TOTAL), scene.counted());
    }
}

/// A machine that had so many workers with a gauge of their own, all of whom have gone but the last.
fn recycled(application: &Application, workers: usize) -> (Machine, Pusher) {
    let machine = Machine::new();
    machine.jobs("7", 5.0);
    let mut pusher = machine.pusher(application);
    for first in (0..workers).step_by(400) {
        for worker in first..first + 400 {
            machine.write(&format!("gauge_liveall_{worker}.db"), &[(BUSY, worker as f64, 0.0)]);
        }
        pusher.push(false).unwrap();
        for worker in first..first + 400 {
            std::fs::remove_file(machine.file(&format!("gauge_liveall_{worker}.db"))).unwrap();
        }
    }
    machine.write("gauge_liveall_last.db", &[(BUSY, 1.0, 0.0)]);
    (machine, pusher)
}

const BUSY: &str = r#"["busy", "busy", {}, "Busy."]"#;

#[test]
fn where_workers_come_and_go_what_is_kept_for_them_is_given_up() {
    let application = Application::new(server().unix_url());
    let (machine, mut pusher) = recycled(&application, 1_200);
    let name = pusher.name().unwrap().to_owned();
    let schema = |name: &str| {
        let len = server().cli(&["STRLEN", &application.key(&format!("schema:{name}"))]);
        len.trim().parse::<usize>().unwrap()
    };
    assert!(schema(&name) > 15_000, "{}", schema(&name));
    machine.jobs("7", 6.0);
    pusher.push(false).unwrap();
    let other = pusher.name().unwrap().to_owned();
    assert!(other != name && schema(&other) < 300, "{name} {other} {}", schema(&other));
    let page = application.page();
    let busy: Vec<&String> = page.keys().filter(|sample| sample.starts_with("busy")).collect();
    assert_eq!(busy, [&format!("busy{{pid=\"{other}/last\"}}")]);
    assert_eq!(page[JOBS_TOTAL], 6.0);
    drop(pusher);
    machine.jobs("7", 7.0);
    application.retire_all();
    machine.pusher(&application).push(false).unwrap();
    assert_eq!(application.value(JOBS_TOTAL), 7.0);
}

#[test]
fn killed_while_it_takes_another_name_it_counts_once() {
    let mut steps = 0;
    loop {
        let application = Application::new(server().unix_url());
        let (machine, mut pusher) = recycled(&application, 1_200);
        machine.jobs("7", 6.0);
        let killed = push_killed_after(&mut pusher, steps).is_none();
        drop(pusher);
        let shown = application.value(JOBS_TOTAL);
        assert!(shown == 5.0 || shown == 6.0, "{shown}");
        if steps % 2 == 1 {
            application.retire_all();
        }
        machine.jobs("7", 7.0);
        let mut pusher = machine.pusher(&application);
        pusher.push(false).unwrap();
        assert_eq!(application.value(JOBS_TOTAL), 7.0, "killed after {steps} steps");
        application.retire_all();
        machine.jobs("7", 8.0);
        pusher.push(false).unwrap();
        assert_eq!(application.value(JOBS_TOTAL), 8.0, "killed after {steps} steps");
        let page = application.page();
        assert_eq!(page.keys().filter(|sample| sample.starts_with("busy")).count(), 1, "{page:#?}");
        if !killed {
            break;
        }
        steps += 1;
    }
    assert!(steps >= 15, "it was killed only {steps} times");
}
