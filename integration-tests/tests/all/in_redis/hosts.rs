//! Processes whose pids are equal, as they are on different hosts; and forks.

use std::process::Command;

use redis_testkit::RedisServer;

use super::{exporter, wait_for};
use crate::apart::{again, in_another_pid_namespace, may_mount, where_mounts_are_allowed};
use crate::tools::{output, worker};

#[test]
fn equal_pids_on_two_hosts_are_two_processes() {
    where_mounts_are_allowed("in_redis::hosts::equal_pids_on_two_hosts_are_two_processes", || {
        let server = RedisServer::start();
        for (host, count) in [("web-1", "3"), ("web-2", "4")] {
            // Not closed: both stay there, side by side.
            let mut jobs = worker();
            jobs.args(["redis-jobs", &server.url(), count, "flush"]);
            output(&mut as_process_1_of(host, &jobs));
        }
        let names = server.cli(&["--raw", "ZRANGE", "{multiprom#0}:processes", "0", "-1"]);
        let mut names: Vec<&str> = names.lines().filter_map(|name| Some(name.rsplit_once('-')?.0)).collect();
        names.sort_unstable();
        if may_mount() {
            assert_eq!(names, ["web-1-1", "web-2-1"]);
        }
        assert_eq!(names.len(), 2);
        let directory = tempfile::tempdir().expect("make a directory");
        let (_exporter, address) = exporter("multiprom", &[], &server.url(), directory.path());
        let page = wait_for(address, "a page", |_| true);
        assert_eq!(page.sum("jobs_total"), 7.0);
        assert_eq!(page.sum("job_duration_seconds_count"), 7.0);
    });
}

/// The command as process 1 of a host of this name; as it is where none is to be had.
fn as_process_1_of(host: &str, command: &Command) -> Command {
    if !may_mount() {
        return again(command.get_program(), command, &[]);
    }
    let program = command.get_program().to_owned();
    let script = "hostname \"$1\"; shift; exec \"$@\"";
    let before = ["--uts", "--", "sh", "-c", script, "sh", host].map(std::ffi::OsStr::new);
    let before: Vec<_> = before.into_iter().chain([&*program]).collect();
    in_another_pid_namespace(&again(std::ffi::OsStr::new("unshare"), command, &before))
}

#[test]
fn a_master_that_forks_while_it_counts_and_its_children_are_counted_each_once() {
    let server = RedisServer::start();
    let (children, count) = (4, 30_000);
    output(worker().args(["redis-prefork", &server.url(), &children.to_string(), &count.to_string()]));
    let directory = tempfile::tempdir().expect("make a directory");
    let (_exporter, address) = exporter("multiprom", &[], &server.url(), directory.path());
    assert_eq!(super::processes(&server), children + 1, "each one is a process of its own");
    let page = wait_for(address, "a page", |_| true);
    // The master counts before and after the fork.
    let turns = f64::from(count) * (children as f64 + 2.0);
    assert_eq!(page.sum("jobs_total{queue=\"mail\"}"), turns);
    assert_eq!(page.sum("jobs_total{queue=\"print\"}"), turns);
}
