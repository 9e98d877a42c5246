//! Directories that are sent to a real cluster, in one shard and in several.

use redis_schema::Keys;
use redis_testkit::{RedisCluster, RedisServer};

use crate::place::{Application, JOBS_TOTAL, Machine, push_killed_after};

#[test]
fn machines_are_shared_out_among_the_shards_of_a_cluster() {
    let cluster = RedisCluster::start(3);
    for shards in [1, 4] {
        let application = Application::new(cluster.url()).sharded(shards);
        let machines: Vec<_> = (0..8).map(|_| Machine::new()).collect();
        let mut pushers: Vec<_> = machines.iter().map(|machine| machine.pusher(&application)).collect();
        for (machine, pusher) in machines.iter().zip(&mut pushers) {
            machine.jobs("7", 2.0);
            pusher.push(false).unwrap();
        }
        assert_eq!(application.value(JOBS_TOTAL), 16.0);
        for pusher in &pushers {
            let name = pusher.name().unwrap();
            let key = application.key_of(Keys::shard_of(name, shards), &format!("values:{name}"));
            assert_eq!(cluster.nodes[cluster.owner(&key)].cli(&["EXISTS", &key]), "1\n", "{key}");
        }

        // All are taken out, and come back where they were.
        application.retire_all();
        assert_eq!(application.value(JOBS_TOTAL), 16.0);
        for (machine, pusher) in machines.iter().zip(&mut pushers) {
            machine.jobs("7", 3.0);
            pusher.push(false).unwrap();
        }
        assert_eq!(application.value(JOBS_TOTAL), 24.0);

        // Programs that begin again are who they were.
        let names: Vec<_> = pushers.iter().map(|pusher| pusher.name().unwrap().to_owned()).collect();
        drop(pushers);
        for (machine, name) in machines.iter().zip(names) {
            machine.jobs("7", 4.0);
            let mut pusher = machine.pusher(&application);
            pusher.push(false).unwrap();
            assert_eq!(pusher.name().unwrap(), name);
        }
        assert_eq!(application.value(JOBS_TOTAL), 32.0);
    }
}

#[test]
fn a_slot_that_moves_takes_its_numbers_along() {
    let cluster = RedisCluster::start(3);
    let application = Application::new(cluster.url()).sharded(4);
    let machine = Machine::new();
    machine.jobs("7", 5.0);
    let mut pusher = machine.pusher(&application);
    pusher.push(false).unwrap();
    let key = application.key_of(Keys::shard_of(pusher.name().unwrap(), 4), "processes");
    let from = cluster.owner(&key);
    let to = (from + 1) % 3;
    cluster.begin_move(&key, from, to);
    while cluster.move_keys(&key, from, to) > 0 {}
    cluster.end_move(&key, from, to);
    machine.jobs("7", 6.0);
    pusher.push(false).unwrap();
    assert_eq!(application.value(JOBS_TOTAL), 6.0);
    assert_eq!(cluster.owner(&key), to);
}

#[test]
fn who_has_sent_stays_in_its_shard_when_their_number_changes() {
    let server = RedisServer::start();
    for (before, after) in [(1, 4), (4, 1), (4, 7)] {
        let mut steps = 0;
        loop {
            let first = Application::new(server.unix_url()).sharded(before);
            let machine = Machine::new();
            machine.jobs("7", 5.0);
            let mut pusher = machine.pusher(&first);
            pusher.push(false).unwrap();
            let name = pusher.name().unwrap().to_owned();
            machine.jobs("7", 8.0);
            let killed = push_killed_after(&mut pusher, steps).is_none();
            drop(pusher);

            let then = first.sharded(after);
            machine.jobs("7", 9.0);
            let mut pusher = machine.pusher(&then);
            pusher.push(false).unwrap();
            assert_eq!(pusher.name().unwrap(), name);
            assert_eq!(then.value(JOBS_TOTAL), 9.0, "{before} to {after}, killed after {steps} steps");
            // Where it was it is found, also if nobody remembers how many there were.
            server.cli(&["FLUSHALL"]);
            pusher.push(false).unwrap();
            assert_eq!(then.value(JOBS_TOTAL), 9.0, "{before} to {after}, killed after {steps} steps");
            if !killed {
                break;
            }
            steps += 1;
        }
        assert!(steps >= 3, "it was killed only {steps} times");
    }
}
