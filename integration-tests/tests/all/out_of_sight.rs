//! Writers that cannot be seen, or not wholly: in other pid namespaces, behind overlays, other users', hidden ones. Nobody
//! who lives is folded, and what is not known is said.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::apart::{
    Ground, as_nobody, grounds, in_another_pid_namespace, may_be_nobody, where_mounts_are_allowed,
};
use crate::http;
use crate::page;
use crate::running::Running;
use crate::tools::{app, collect, multiprom, output, python, worker};

#[test]
fn writers_in_another_pid_namespace_are_not_folded() {
    let test = "out_of_sight::writers_in_another_pid_namespace_are_not_folded";
    where_mounts_are_allowed(test, || {
        for ground in grounds() {
            Scene::of(ground, Apart::Writers);
        }
    });
}

#[test]
fn from_another_pid_namespace_writers_are_not_folded() {
    let test = "out_of_sight::from_another_pid_namespace_writers_are_not_folded";
    where_mounts_are_allowed(test, || {
        for ground in grounds() {
            Scene::of(ground, Apart::Multiprom);
        }
    });
}

/// Who is in a pid namespace of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Apart {
    Writers,
    Multiprom,
}

/// A directory with writers that live, two of Python's client and one of ours, and files of dead ones.
struct Scene {
    apart: Apart,
    metrics: PathBuf,
    living: Vec<String>,
}

impl Scene {
    /// Plays it through.
    fn of(ground: Ground, apart: Apart) {
        let directory = tempfile::tempdir().expect("make a directory");
        let path = directory.path();
        // What process 1 has left, when process 1 comes again: it goes on in the same files.
        let metrics = ground.make(path, |metrics| once(&in_another_pid_namespace(&stay(metrics))));
        let Some(metrics) = metrics else { return };
        let mut scene = Scene { apart, metrics, living: Vec::new() };
        let mut theirs = Running::start("python", &mut scene.writer(&stay(&scene.metrics)), path);
        let mut ours = Running::start("worker", &mut scene.writer(&ours(&scene.metrics)), path);
        for writer in [&mut theirs, &mut ours] {
            let ready = writer.wait_until("count", |log| {
                Some(log.lines().find_map(|line| line.strip_prefix("ready "))?.to_owned())
            });
            scene.living.extend(ready.split(' ').map(str::to_owned));
        }
        once(&stay(&scene.metrics));
        once(&self::ours(&scene.metrics));
        assert_eq!(scene.jobs(), 2.0 + 3.0 + 3.0);

        // A directory of which no writer is in sight, and no lease tells.
        let unseen = ground == Ground::Overlay && apart == Apart::Multiprom;
        let before = scene.files();
        let (is_sure, said) = scene.fold(&[]);
        assert_eq!(scene.jobs(), 8.0, "{said}");
        let after = scene.files();
        let lives =
            |file: &&(String, u64)| scene.living.iter().any(|id| file.0.ends_with(&format!("_{id}.db")));
        let stay: Vec<_> = before.iter().filter(lives).collect();
        assert!(
            stay.len() == 6 && stay.iter().all(|file| after.contains(file)),
            "{stay:?} {after:?}\n{said}"
        );
        if ground != Ground::AsItIs {
            assert_eq!(is_sure, !unseen, "{said}");
            let tells = |text: &str| said.contains(text);
            assert_eq!(unseen, tells("shareProcessNamespace: true") && tells("say --offline"), "{said}");
            // Where they are not seen the locks of our own stores still tell.
            let gone = before.iter().filter(|file| !after.contains(file)).count();
            assert_eq!(
                gone,
                before.len() - 6 - if unseen { scene.dead_of_python(&before) } else { 0 },
                "{said}"
            );
        }
        for (file, life) in scene.lives() {
            let is_ours = file.contains("-r");
            let lives = scene.living.iter().any(|id| file.ends_with(&format!("_{id}.db")));
            match &*life {
                "alive" => assert!(lives, "{file} is alive"),
                "unknown" => assert!(!is_ours && (unseen || ground == Ground::AsItIs), "{file} is unknown"),
                _ => assert!(!lives, "{file} is {life}"),
            }
        }

        // The living go on, in files that are theirs.
        for writer in [&mut theirs, &mut ours] {
            writer.tell(b"once more\n");
            writer.wait_until("count again", |log| log.contains("counted").then_some(()));
        }
        assert_eq!(scene.jobs(), 11.0);
        let (_, said) = scene.fold(&[]);
        assert_eq!(scene.jobs(), 11.0, "{said}");
        for mut writer in [theirs, ours] {
            writer.end_of_input();
            writer.wait_for_success();
        }
        let (is_sure, said) = scene.fold(&[]);
        assert_eq!((is_sure, scene.jobs()), (false, 11.0), "nobody has seen a writer: {said}");
        let (is_sure, said) = scene.fold(&["--offline"]);
        assert_eq!((is_sure, scene.jobs()), (true, 11.0), "{said}");
        let archive = scene.files().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(archive, ["counter_archive.db"], "{ground:?} {apart:?}: {said}");
    }

    /// A command of the application, wherever that is.
    fn writer(&self, command: &Command) -> Command {
        if self.apart == Apart::Writers { in_another_pid_namespace(command) } else { same(command) }
    }

    /// What `multiprom` says, wherever it is, and whether it was sure.
    fn multiprom(&self, arguments: &[&str]) -> (bool, String) {
        let mut command = multiprom();
        command.args(arguments).arg(&self.metrics);
        let mut command =
            if self.apart == Apart::Multiprom { in_another_pid_namespace(&command) } else { same(&command) };
        let output = command.output().expect("run multiprom");
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).expect("text"))
    }

    fn fold(&self, arguments: &[&str]) -> (bool, String) {
        self.multiprom(&[&["fold"], arguments].concat())
    }

    /// Each file and whether its writer lives, as `ls` tells.
    fn lives(&self) -> Vec<(String, String)> {
        let (_, text) = self.multiprom(&["ls", "--json"]);
        let life = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{text}"));
            let word = |name: &str| line[name].as_str().expect("it is told").to_owned();
            (word("path"), word("life"))
        };
        text.lines().map(life).collect()
    }

    /// The jobs on the page.
    fn jobs(&self) -> f64 {
        page::sum(&collect([&self.metrics]), "stay_jobs_total")
    }

    /// The metrics files with their inodes.
    fn files(&self) -> Vec<(String, u64)> {
        files(&self.metrics)
    }

    fn dead_of_python(&self, files: &[(String, u64)]) -> usize {
        let lives = |name: &str| self.living.iter().any(|id| name.ends_with(&format!("_{id}.db")));
        files.iter().filter(|(name, _)| !name.contains("-r") && !lives(name)).count()
    }
}

fn files(metrics: &Path) -> Vec<(String, u64)> {
    use std::os::unix::fs::DirEntryExt;
    let entries =
        std::fs::read_dir(metrics).expect("list the directory").map(|entry| entry.expect("list it"));
    let mut files: Vec<(String, u64)> = entries
        .map(|entry| (entry.file_name().into_string().expect("text"), entry.ino()))
        .filter(|(name, _)| !name.starts_with('.'))
        .collect();
    files.sort();
    files
}

/// Python's client in two processes, one of which has closed its files.
fn stay(metrics: &Path) -> Command {
    let mut command = python();
    command.arg(app("stay.py")).env("PROMETHEUS_MULTIPROC_DIR", metrics);
    command
}

/// A store of ours.
fn ours(metrics: &Path) -> Command {
    let mut command = worker();
    command.arg("stay").arg(metrics);
    command
}

/// Runs a writer to its end: it counts once.
fn once(command: &Command) {
    output(&mut same(command));
}

fn same(command: &Command) -> Command {
    crate::apart::again(command.get_program(), command, &[])
}

/// Files of root's and one of nobody's, whose writer is seen; nobody folds, and may look at nobody else.
#[test]
fn another_users_writers_are_not_folded_hidden_or_not() {
    let test = "out_of_sight::another_users_writers_are_not_folded_hidden_or_not";
    where_mounts_are_allowed(test, || {
        // Where there is no second user, all that can be shown is that one's own are seen.
        let table: &[(Option<u8>, &str)] = match may_be_nobody() {
            true => &[
                (None, "may be a writer and cannot be looked into; run as the application's user"),
                (Some(1), "processes may be hidden (/proc is mounted with hidepid)"),
                (Some(2), "processes may be hidden (/proc is mounted with hidepid)"),
            ],
            false => &[(None, "")],
        };
        for &(hidepid, doubt) in table {
            let nobody = |command: &Command| {
                if doubt.is_empty() { same(command) } else { as_nobody(command, hidepid) }
            };
            let directory = tempfile::tempdir().expect("make a directory");
            let path = directory.path();
            open_to_all(path);
            let metrics = path.join("metrics");
            std::fs::create_dir(&metrics).expect("make a directory");
            open_to_all(&metrics);
            // Where it is built nobody may not go.
            let program = path.join("multiprom");
            std::fs::copy(multiprom().get_program(), &program).expect("copy the program");
            let multiprom = |arguments: &[&str]| {
                let mut command = Command::new(&program);
                command.args(arguments).arg(&metrics).env_remove("MULTIPROM_LOG");
                let output = nobody(&command).output().expect("run multiprom");
                (
                    output.status.success(),
                    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
                )
            };

            let mut root = Running::start("root", &mut stay(&metrics), path);
            let ready = root.wait_until("count", |log| log.contains("ready").then(|| log.to_owned()));
            let living: Vec<&str> = ready.trim().split(' ').skip(1).collect();
            let counter = metrics.join(format!("counter_{}.db", living[0]));
            let dead = ["counter_7001.db", "counter_7002.db"].map(|name| metrics.join(name));
            let mut keeper = Command::new("sh");
            keeper.args(["-c", "cat \"$0\" > \"$1\" && exec 3>>\"$1\" && echo ready && read line"]);
            keeper.args([&counter, &dead[0]]);
            let mut keeper = Running::start("nobody", &mut nobody(&keeper), path);
            keeper.wait_until("open its file", |log| log.contains("ready").then_some(()));
            std::fs::copy(&counter, &dead[1]).expect("copy a file");

            let before = files(&metrics);
            let jobs = page::sum(&collect([&metrics]), "stay_jobs_total");
            let (is_sure, said) = multiprom(&["fold"]);
            assert_eq!(page::sum(&collect([&metrics]), "stay_jobs_total"), jobs, "{said}");
            if doubt.is_empty() {
                assert!(
                    files(&metrics).iter().filter(|file| before.contains(file)).count() >= before.len() - 1
                );
            } else {
                assert!(!is_sure && said.contains(doubt), "hidepid {hidepid:?}: {said}");
                assert_eq!(files(&metrics), before, "hidepid {hidepid:?}: {said}");
            }
        }
    });
}

fn open_to_all(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).expect("open a directory to all");
}

/// Two folds later it has been said once.
#[test]
fn that_no_writer_is_in_sight_is_said_once() {
    let test = "out_of_sight::that_no_writer_is_in_sight_is_said_once";
    where_mounts_are_allowed(test, || {
        let directory = tempfile::tempdir().expect("make a directory");
        let path = directory.path();
        let made = grounds().into_iter().rev().find_map(|ground| {
            let parent = path.join(format!("{ground:?}"));
            std::fs::create_dir(&parent).expect("make a directory");
            ground.make(&parent, |_| {})
        });
        let metrics = made.expect("there is always a ground");
        once(&stay(&metrics));
        let before = files(&metrics);
        let mut serve = multiprom();
        serve.args(["serve", "--fold", "--listen", "127.0.0.1:0"]).arg(&metrics);
        let mut serve = Running::start("multiprom", &mut in_another_pid_namespace(&serve), path);
        let address = serve.address("serving ");
        serve.wait_until("look three times", |_| {
            let own = http::page(address, "/metrics/self");
            let folds = page::sum(&own, "multiprom_folds_total");
            (folds >= 3.0).then_some(())
        });
        let said = serve.log();
        for once in ["whether writers live is not known, ", "nothing is folded whose process may live: "] {
            assert_eq!(said.matches(once).count(), 1, "{said}");
        }
        assert_eq!(said.matches("shareProcessNamespace: true").count(), 2, "{said}");
        assert_eq!(files(&metrics), before, "{said}");
        let jobs = page::sum(&http::page(address, "/metrics"), "stay_jobs_total");
        assert_eq!(jobs, 2.0);
    });
}
