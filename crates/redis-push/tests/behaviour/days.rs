//! Bad days: Redis away, emptied; directories wiped, copied, damaged; files that cannot be read for a moment.

use std::fs;
use std::time::{Duration, Instant};

use collector::Source;
use redis_push::{Push, PushError};
use redis_testkit::RedisServer;

use crate::place::{Application, JOBS_TOTAL, Machine, server};

#[test]
fn a_redis_that_is_not_there_yet_gets_everything_once_it_is() {
    let mut redis = RedisServer::start();
    let application = Application::new(redis.url());
    redis.kill();
    let machine = Machine::new();
    machine.jobs("7", 5.0);
    let mut push = Push::new(machine.pusher(&application));
    push.start(Duration::from_millis(100)).unwrap();
    let own = |name: &str| {
        let own = push.report().own();
        own.families.iter().find(|family| &*family.name == name).unwrap().samples[0].value
    };
    let begun = Instant::now();
    while own("multiprom_push_failures") < 2.0 {
        assert!(begun.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!((own("multiprom_push_up"), own("multiprom_push_behind_seconds") > 0.0), (0.0, true));
    redis.restart();
    while own("multiprom_push_up") == 0.0 {
        assert!(begun.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!((own("multiprom_push_behind_seconds"), own("multiprom_push_series")), (0.0, 1.0));
    assert_eq!(application.value(JOBS_TOTAL), 5.0);
    machine.jobs("7", 6.0);
    assert!(push.end(Duration::from_secs(20), false));
    assert_eq!(application.value(JOBS_TOTAL), 6.0);
}

#[test]
fn an_emptied_database_gets_everything_again() {
    let redis = RedisServer::start();
    let application = Application::new(redis.url());
    let machine = Machine::new();
    machine.jobs("7", 5.0);
    let mut pusher = machine.pusher(&application);
    pusher.push(false).unwrap();
    redis.cli(&["FLUSHALL"]);
    pusher.push(false).unwrap();
    assert_eq!(application.value(JOBS_TOTAL), 5.0);
    redis.cli(&["FLUSHALL"]);
    drop(pusher);
    machine.pusher(&application).push(false).unwrap();
    assert_eq!(application.value(JOBS_TOTAL), 5.0);
}

#[test]
fn a_frozen_redis_gets_what_it_was_sent_once() {
    let redis = RedisServer::start();
    let application = Application::new(redis.url());
    let machine = Machine::new();
    machine.jobs("7", 5.0);
    let mut pusher = machine.pusher(&application);
    pusher.push(false).unwrap();
    redis.pause();
    machine.jobs("7", 8.0);
    assert!(matches!(pusher.push(false), Err(PushError::Link(_))));
    // Killed with a frame under way, which arrives when the server goes on.
    drop(pusher);
    machine.jobs("7", 9.0);
    redis.resume();
    application.retire_all();
    let mut pusher = machine.pusher(&application);
    pusher.push(false).unwrap();
    assert_eq!(application.value(JOBS_TOTAL), 9.0);
}

#[test]
fn where_the_application_deletes_its_files_and_begins_anew_counters_go_on() {
    for restarted in [false, true] {
        let application = Application::new(server().url());
        let machine = Machine::new();
        machine.jobs("7", 100.0);
        let mut pusher = machine.pusher(&application);
        pusher.push(false).unwrap();
        machine.wipe();
        if restarted {
            drop(pusher);
            pusher = machine.pusher(&application);
        } else {
            // Nothing there: nothing falls.
            pusher.push(false).unwrap();
            assert_eq!(application.value(JOBS_TOTAL), 100.0);
        }
        // More than before, and another one's: only that the files are others tells.
        machine.jobs("7", 101.0);
        pusher.push(false).unwrap();
        assert_eq!(application.value(JOBS_TOTAL), 201.0);
        machine.jobs("7", 102.0);
        machine.jobs("8", 1.0);
        pusher.push(false).unwrap();
        drop(pusher);
        machine.pusher(&application).push(false).unwrap();
        assert_eq!(application.value(JOBS_TOTAL), 203.0);
    }
}

#[test]
fn a_directory_that_is_wiped_dot_files_and_all_is_another_process() {
    let application = Application::new(server().url());
    let machine = Machine::new();
    machine.jobs("7", 100.0);
    let mut pusher = machine.pusher(&application);
    pusher.push(false).unwrap();
    let name = pusher.name().unwrap().to_owned();
    drop(pusher);
    for entry in fs::read_dir(machine.path()).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    machine.jobs("7", 3.0);
    let mut pusher = machine.pusher(&application);
    pusher.push(false).unwrap();
    assert_ne!(pusher.name().unwrap(), name);
    assert_eq!(application.value(JOBS_TOTAL), 103.0);
}

#[test]
fn a_wipe_under_a_running_exporter_is_survived() {
    let application = Application::new(server().url());
    let machine = Machine::new();
    machine.jobs("7", 100.0);
    let mut pusher = machine.pusher(&application);
    pusher.push(false).unwrap();
    for entry in fs::read_dir(machine.path()).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    machine.jobs("7", 3.0);
    pusher.push(false).unwrap();
    assert_eq!(application.value(JOBS_TOTAL), 103.0);
    drop(pusher);
    machine.jobs("7", 4.0);
    machine.pusher(&application).push(false).unwrap();
    assert_eq!(application.value(JOBS_TOTAL), 104.0);
}

#[test]
fn a_copy_of_a_directory_sends_what_is_counted_in_it_from_then_on() {
    let application = Application::new(server().url());
    let machine = Machine::new();
    machine.jobs("7", 100.0);
    let mut pusher = machine.pusher(&application);
    pusher.push(false).unwrap();
    let copy = machine.copy();
    copy.jobs("7", 101.0);
    let mut of_copy = copy.pusher(&application);
    of_copy.push(false).unwrap();
    assert_eq!(application.value(JOBS_TOTAL), 101.0);
    machine.jobs("7", 110.0);
    pusher.push(false).unwrap();
    assert_eq!(application.value(JOBS_TOTAL), 111.0);
    drop(of_copy);
    application.retire_all();
    copy.jobs("7", 102.0);
    copy.pusher(&application).push(false).unwrap();
    assert_eq!(application.value(JOBS_TOTAL), 112.0);
}

#[test]
fn after_more_than_a_day_what_was_sent_last_is_taken_for_folded() {
    let application = Application::new(server().url());
    let machine = Machine::new();
    machine.jobs("7", 100.0);
    machine.pusher(&application).push(false).unwrap();
    application.retire_all();
    // Its tomb has ended.
    server().cli(&["DEL", &application.key("tombs"), &application.key("tombs:until")]);
    // It is written down when Redis was heard last, behind a title and two numbers; a hash of all stands at the end.
    let mut notes = fs::read(machine.file(".multiprom-push")).unwrap();
    let now = u64::from_le_bytes(notes[33..41].try_into().unwrap());
    notes[33..41].copy_from_slice(&(now - 25 * 60 * 60).to_le_bytes());
    let end = notes.len() - 8;
    let hash = notes[..end].iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    notes[end..].copy_from_slice(&hash.to_le_bytes());
    fs::write(machine.file(".multiprom-push"), notes).unwrap();
    machine.jobs("7", 103.0);
    machine.pusher(&application).push(false).unwrap();
    assert_eq!(application.value(JOBS_TOTAL), 103.0);
}

#[test]
fn of_two_machines_that_are_clones_one_goes_on_under_another_name() {
    let application = Application::new(server().url());
    let machine = Machine::new();
    machine.jobs("7", 100.0);
    let mut pusher = machine.pusher(&application);
    pusher.push(false).unwrap();
    let name = pusher.name().unwrap().to_owned();
    drop(pusher);
    // To all that can be told, the files are the same.
    let clone = machine.copy();
    for name in [".multiprom-push-lock", "counter_7.db"] {
        fs::remove_file(clone.file(name)).unwrap();
        fs::hard_link(machine.file(name), clone.file(name)).unwrap();
    }
    clone.jobs("7", 110.0);
    let mut of_clone = clone.pusher(&application);
    of_clone.push(false).unwrap();
    assert_eq!((of_clone.name().unwrap(), application.value(JOBS_TOTAL)), (&*name, 110.0));
    drop(of_clone);
    machine.jobs("7", 105.0);
    let mut pusher = machine.pusher(&application);
    pusher.push(false).unwrap();
    assert_ne!(pusher.name().unwrap(), name);
    assert_eq!(application.value(JOBS_TOTAL), 115.0);
}

#[test]
fn of_two_programs_one_sends_and_the_other_says_so() {
    let application = Application::new(server().url());
    let machine = Machine::new();
    machine.jobs("7", 5.0);
    let [mut one, mut other] = [machine.pusher(&application), machine.pusher(&application)];
    one.push(false).unwrap();
    let error = other.push(false).unwrap_err().to_string();
    assert_eq!(error, format!("another multiprom sends the numbers of {}", machine.path().display()));
    drop(one);
    other.push(false).unwrap();
    assert_eq!(application.value(JOBS_TOTAL), 5.0);
}

#[test]
fn what_is_damaged_is_not_sent_anew() {
    let application = Application::new(server().url());
    let machine = Machine::new();
    machine.jobs("7", 5.0);
    machine.pusher(&application).push(false).unwrap();
    for (name, byte) in [(".multiprom-push", 40), (".multiprom-push-schema", 4)] {
        let path = machine.file(name);
        let whole = fs::read(&path).unwrap();
        let mut bytes = whole.clone();
        bytes[byte] ^= 1;
        fs::write(&path, bytes).unwrap();
        let error = machine.pusher(&application).push(false).unwrap_err().to_string();
        assert!(error.contains("it is damaged"), "{error}");
        fs::write(&path, whole).unwrap();
    }
    machine.pusher(&application).push(false).unwrap();
    assert_eq!(application.value(JOBS_TOTAL), 5.0);
}

#[test]
fn a_file_that_cannot_be_read_for_a_moment_makes_nothing_fall_and_nothing_double() {
    let application = Application::new(server().url());
    let machine = Machine::new();
    machine.jobs("7", 100.0);
    machine.jobs("8", 60.0);
    let mut pusher = machine.pusher(&application);
    pusher.push(false).unwrap();
    fs::rename(machine.file("counter_7.db"), machine.file("away")).unwrap();
    machine.jobs("8", 61.0);
    pusher.push(false).unwrap();
    assert_eq!(application.value(JOBS_TOTAL), 160.0);
    drop(pusher);
    pusher = machine.pusher(&application);
    pusher.push(false).unwrap();
    assert_eq!(application.value(JOBS_TOTAL), 160.0);
    fs::rename(machine.file("away"), machine.file("counter_7.db")).unwrap();
    pusher.push(false).unwrap();
    assert_eq!(application.value(JOBS_TOTAL), 161.0);
}

#[test]
fn where_nothing_changes_nothing_is_written_and_redis_hears_of_it() {
    let application = Application::new(server().url());
    let machine = Machine::new();
    machine.jobs("7", 5.0);
    let mut pusher = machine.pusher(&application);
    pusher.push(false).unwrap();
    pusher.push(false).unwrap();
    let written = fs::metadata(machine.file(".multiprom-push")).unwrap().modified().unwrap();
    let heard = || server().cli(&["ZRANGE", &application.key("processes"), "0", "-1", "WITHSCORES"]);
    let before = heard();
    std::thread::sleep(Duration::from_millis(5));
    pusher.push(false).unwrap();
    assert_ne!(heard(), before);
    assert_eq!(fs::metadata(machine.file(".multiprom-push")).unwrap().modified().unwrap(), written);
}
