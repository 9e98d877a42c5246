use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::*;

/// A directory with empty files of these names.
fn directory(names: &[&str]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for name in names {
        File::create(directory.path().join(name)).unwrap();
    }
    directory
}

/// A process that has a file open, and ends when it is dropped.
struct Worker(Child);

impl Worker {
    fn with(path: &Path, how: &str) -> Worker {
        let script = format!("exec 3{how}\"$0\"; echo ready; exec sleep 600");
        let mut child =
            Command::new("sh").arg("-c").arg(script).arg(path).stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut ready).unwrap();
        assert_eq!(ready, "ready\n");
        Worker(child)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// A `/proc` of our own making.
struct Pretended(TempDir);

impl Pretended {
    fn new() -> Pretended {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("1")).unwrap();
        fs::write(root.path().join("1/status"), "Name:\tinit\n").unwrap();
        Pretended(root)
    }

    fn process(&self, pid: u32, maps: &str) {
        let path = self.0.path().join(pid.to_string());
        fs::create_dir_all(path.join("fd")).unwrap();
        fs::write(path.join("maps"), maps).unwrap();
    }

    fn watch(&self) -> Watch {
        Watch::in_processes(self.0.path().to_owned())
    }
}

/// How a file stands in `maps`.
fn mapped(path: &Path, device: Option<&str>, name: &str) -> String {
    let about = fs::metadata(path).unwrap();
    let own = format!("{:x}:{:x}", rustix::fs::major(about.dev()), rustix::fs::minor(about.dev()));
    format!("7f0-7f1 rw-s 00000000 {} {}   /run/{name}\n", device.unwrap_or(&own), about.ino())
}

#[test]
fn a_file_lives_as_long_as_somebody_has_it_open_for_writing() {
    let names = ["counter_1.db", "counter_2.db", "counter_3.db"];
    let directory = directory(&names);
    let at = |name| directory.path().join(name);
    let mut watch = Watch::default();
    let writer = Worker::with(&at("counter_1.db"), ">>");
    let other = Worker::with(&at("counter_2.db"), ">>");
    let reader = Worker::with(&at("counter_3.db"), "<");
    let found = watch.look(directory.path(), &names).unwrap();
    assert_eq!(found.lives, [Life::Alive, Life::Alive, Life::Dead]);
    let mut pids = [writer.0.id(), other.0.id()];
    pids.sort_unstable();
    assert_eq!(examine(directory.path(), &names).unwrap().holders, pids);
    drop(other);
    let found = watch.look(directory.path(), &names).unwrap();
    assert_eq!(found.lives, [Life::Alive, Life::Dead, Life::Dead]);
    drop((writer, reader));
    // Of this directory writers were seen, so that none in sight means none.
    let found = watch.look(directory.path(), &names).unwrap();
    assert_eq!((found.lives, found.doubt), (vec![Life::Dead; 3], None));
}

#[test]
fn a_stopped_process_lives() {
    let directory = directory(&["counter_1.db"]);
    let writer = Worker::with(&directory.path().join("counter_1.db"), ">>");
    let signal = |name: &str| {
        let pid = writer.0.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    };
    signal("-STOP");
    assert_eq!(examine(directory.path(), &["counter_1.db"]).unwrap().lives, [Life::Alive]);
    signal("-CONT");
}

#[test]
fn where_no_writer_was_ever_seen_nothing_is_known() {
    let directory = directory(&["counter_1.db"]);
    let names = ["counter_1.db", "counter_2.db"];
    let found = examine(directory.path(), &names).unwrap();
    assert_eq!(found.lives, [Life::Unknown, Life::Unknown]);
    assert_eq!(found.doubt, Some(Doubt::NoWriterSeen));
    assert!(found.doubt.unwrap().to_string().contains("shareProcessNamespace: true"));
    // Unless somebody vouches for it.
    let found = Watch::of_stopped().look(directory.path(), &names).unwrap();
    assert_eq!(found.lives, [Life::Dead, Life::Unknown]);
}

#[test]
fn an_application_that_is_said_to_be_stopped_and_is_not_lives() {
    let directory = directory(&["counter_1.db", "counter_2.db"]);
    let _writer = Worker::with(&directory.path().join("counter_1.db"), ">>");
    let found = Watch::of_stopped().look(directory.path(), &["counter_1.db", "counter_2.db"]).unwrap();
    assert_eq!(found.lives, [Life::Alive, Life::Dead]);
}

#[test]
fn a_directory_made_anew_is_another_one() {
    let first = directory(&["counter_1.db"]);
    let second = directory(&["counter_1.db"]);
    let mut watch = Watch::default();
    let writer = Worker::with(&first.path().join("counter_1.db"), ">>");
    assert_eq!(watch.look(first.path(), &["counter_1.db"]).unwrap().lives, [Life::Alive]);
    drop(writer);
    assert_eq!(watch.look(second.path(), &["counter_1.db"]).unwrap().lives, [Life::Unknown]);
}

#[test]
fn a_mapped_file_is_told_by_device_and_inode_and_on_overlays_by_its_name() {
    let names = ["counter_1.db", "counter_2.db", "counter_3.db", "counter_4.db"];
    let directory = directory(&names);
    let at = |name| directory.path().join(name);
    let processes = Pretended::new();
    processes.process(7, &mapped(&at("counter_1.db"), None, "any_name"));
    processes.process(8, &mapped(&at("counter_2.db"), Some("ff:ff"), "counter_2.db (deleted)"));
    processes.process(9, &mapped(&at("counter_3.db"), Some("ff:ff"), "something_else"));
    let found = processes.watch().look(directory.path(), &names).unwrap();
    assert_eq!(found.lives, [Life::Alive, Life::Alive, Life::Dead, Life::Dead]);
    assert_eq!(found.holders, [7, 8]);
}

#[test]
fn a_lock_proves_life() {
    let directory = directory(&["counter_a-0.db", "counter_b-0.db", "counter_c-0.db"]);
    let processes = Pretended::new();
    processes.process(7, &mapped(&directory.path().join("counter_a-0.db"), None, "x"));
    let about = fs::metadata(directory.path().join("counter_b-0.db")).unwrap();
    let device = format!("{:x}:{:x}", rustix::fs::major(about.dev()), rustix::fs::minor(about.dev()));
    let line = format!("1: FLOCK  ADVISORY  WRITE 99 {device}:{} 0 EOF\n", about.ino());
    fs::write(processes.0.path().join("locks"), line).unwrap();
    let names = ["counter_a-0.db", "counter_b-0.db", "counter_c-0.db"];
    let found = processes.watch().look(directory.path(), &names).unwrap();
    assert_eq!(found.lives, [Life::Alive, Life::Alive, Life::Dead]);
}

#[test]
fn a_process_that_cannot_be_looked_into_may_be_a_writer_by_its_user() {
    let directory = directory(&["counter_1.db", "counter_2.db"]);
    let owner = fs::metadata(directory.path()).unwrap().uid();
    let names = ["counter_1.db", "counter_2.db"];
    let doubt = |uids: [u32; 4]| {
        let processes = Pretended::new();
        processes.process(7, &mapped(&directory.path().join("counter_1.db"), None, "x"));
        let closed = processes.0.path().join("8");
        fs::create_dir(&closed).unwrap();
        // Root may read everything; a link that leads in circles nobody can.
        symlink(closed.join("maps"), closed.join("maps")).unwrap();
        let [a, b, c, d] = uids;
        fs::write(closed.join("status"), format!("Name:\tx\nUid:\t{a}\t{b}\t{c}\t{d}\n")).unwrap();
        let mut watch = processes.watch();
        watch.look(directory.path(), &names).unwrap()
    };
    let stranger = owner + 1;
    let found = doubt([stranger; 4]);
    assert_eq!((found.lives, found.doubt), (vec![Life::Alive, Life::Dead], None));
    let found = doubt([stranger, stranger, owner, stranger]);
    assert_eq!(found.lives, [Life::Alive, Life::Unknown]);
    assert_eq!(found.doubt, Some(Doubt::Unreadable { pid: 8, uid: stranger }));
}

#[test]
fn where_processes_are_hidden_what_nobody_in_sight_has_is_unknown() {
    let directory = directory(&["counter_1.db", "counter_2.db"]);
    let names = ["counter_1.db", "counter_2.db"];
    let processes = Pretended::new();
    processes.process(7, &mapped(&directory.path().join("counter_1.db"), None, "x"));
    fs::remove_file(processes.0.path().join("1/status")).unwrap();
    let found = processes.watch().look(directory.path(), &names).unwrap();
    assert_eq!(found.lives, [Life::Alive, Life::Unknown]);
    assert_eq!(found.doubt, Some(Doubt::OthersHidden));
    let mut stopped = Watch { stopped: true, ..processes.watch() };
    assert_eq!(stopped.look(directory.path(), &names).unwrap().lives, [Life::Alive, Life::Dead]);
}

#[test]
fn on_a_network_what_nobody_in_sight_has_is_unknown() {
    let directory = directory(&["counter_1.db", "counter_2.db"]);
    let names = ["counter_1.db", "counter_2.db"];
    let processes = Pretended::new();
    processes.process(7, &mapped(&directory.path().join("counter_1.db"), None, "x"));
    let mut watch = Watch { shared: true, in_sight: true, ..processes.watch() };
    let found = watch.look(directory.path(), &names).unwrap();
    assert_eq!(found.lives, [Life::Alive, Life::Unknown]);
    assert_eq!(found.doubt, Some(Doubt::OtherMachines));
}

#[test]
fn where_all_processes_are_in_sight_that_none_was_seen_means_that_there_is_none() {
    let directory = directory(&["counter_1.db", "counter_2.db"]);
    let names = ["counter_1.db", "counter_2.db"];
    let look = |watch: &mut Watch| {
        let found = watch.look(directory.path(), &names).unwrap();
        (found.lives, found.doubt)
    };
    let mut watch = Watch::of_processes_in_sight();
    assert_eq!(look(&mut watch), (vec![Life::Dead; 2], None));
    let processes = Pretended::new();
    let mut watch = Watch { in_sight: true, ..processes.watch() };
    assert_eq!(look(&mut watch), (vec![Life::Dead; 2], None));
    processes.process(7, &mapped(&directory.path().join("counter_1.db"), None, "x"));
    assert_eq!(look(&mut watch), (vec![Life::Alive, Life::Dead], None));
    // It vouches for none that cannot be looked into.
    let closed = processes.0.path().join("8");
    fs::create_dir(&closed).unwrap();
    symlink(closed.join("maps"), closed.join("maps")).unwrap();
    let owner = fs::metadata(directory.path()).unwrap().uid();
    fs::write(closed.join("status"), format!("Uid:\t{owner}\t{owner}\t{owner}\t{owner}\n")).unwrap();
    let doubt = Doubt::Unreadable { pid: 8, uid: owner };
    assert_eq!(look(&mut watch), (vec![Life::Alive, Life::Unknown], Some(doubt)));
}

#[test]
fn a_watch_looks_first_at_those_that_had_the_files() {
    let directory = directory(&["counter_1.db"]);
    let processes = Pretended::new();
    processes.process(7, &mapped(&directory.path().join("counter_1.db"), None, "x"));
    let mut watch = processes.watch();
    assert_eq!(watch.look(directory.path(), &["counter_1.db"]).unwrap().lives, [Life::Alive]);
    processes.process(8, &mapped(&directory.path().join("counter_1.db"), None, "x"));
    assert_eq!(watch.look(directory.path(), &["counter_1.db"]).unwrap().holders, [7]);
    fs::remove_dir_all(processes.0.path().join("7")).unwrap();
    assert_eq!(watch.look(directory.path(), &["counter_1.db"]).unwrap().holders, [8]);
}

#[test]
fn a_watch_forgets_who_had_files_that_are_gone() {
    let processes = Pretended::new();
    let mut watch = processes.watch();
    for round in 0..8 {
        let names: Vec<String> = (0..400).map(|worker| format!("counter_{round}{worker:03}.db")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let directory = directory(&names);
        let maps: String = names.iter().map(|name| mapped(&directory.path().join(name), None, "x")).collect();
        processes.process(7, &maps);
        assert_eq!(watch.look(directory.path(), &names).unwrap().lives, [Life::Alive; 400]);
        // Inodes may come again.
        assert!(watch.holders.len() <= MOST_GONE + 2 * names.len());
        watch.holders.extend((0..400).map(|gone| ((round, u64::MAX - gone), 7)));
    }
}

#[test]
fn our_own_files_are_as_alive_as_the_lock_of_their_dot_file() {
    let names = ["counter_7-r0.db", "counter_8-r0.db", "counter_9-r0.db", "counter_1.db"];
    let directory = directory(&[]);
    let boot = fs::read_to_string(dialects::BOOT).unwrap();
    for writer in ["7-r0", "8-r0"] {
        let claim = directory.path().join(dialects::claim_file(writer));
        fs::write(claim, format!("format 1\npid 7\nboot {boot}")).unwrap();
    }
    for name in names {
        File::create(directory.path().join(name)).unwrap();
    }
    let lock = File::open(directory.path().join(dialects::claim_file("7-r0"))).unwrap();
    lock.lock().unwrap();
    let lives = || Watch::default().look(directory.path(), &names).unwrap().lives;
    assert_eq!(lives(), [Life::Alive, Life::Dead, Life::Unknown, Life::Unknown]);
    drop(lock);
    assert_eq!(lives(), [Life::Dead, Life::Dead, Life::Unknown, Life::Unknown]);
}
