//! `multiprom run`.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::files::Files;
use crate::process::{multiprom, run};
use crate::recorded::Recorded;
use crate::serve::get;

/// A command that runs, by `sh -c`.
pub(crate) struct Running {
    process: Child,
    /// What the command prints.
    output: BufReader<ChildStdout>,
    address: String,
    errors: BufReader<std::process::ChildStderr>,
}

impl Running {
    pub(crate) fn start(options: &[&str], script: &str) -> Running {
        let mut process = multiprom(&["run", "--listen", "127.0.0.1:0"]);
        process.args(options).args(["--", "sh", "-c", script]);
        let mut process =
            process.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let mut errors = BufReader::new(process.stderr.take().unwrap());
        let mut line = String::new();
        let address = loop {
            line.clear();
            assert_ne!(errors.read_line(&mut line).unwrap(), 0, "no address");
            if let Some((_, url)) = line.split_once("serving http://") {
                break url.split_once("/metrics").unwrap().0.to_owned();
            }
        };
        Running { process, output, address, errors }
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn signal(&self, signal: &str) {
        kill(signal, &self.process.id().to_string());
    }

    /// Ends the command's standard input, and waits: status, and what is left of its output and our messages.
    pub(crate) fn end(mut self) -> (Option<i32>, String, String) {
        drop(self.process.stdin.take());
        let (mut output, mut errors) = (String::new(), String::new());
        self.output.read_to_string(&mut output).unwrap();
        self.errors.read_to_string(&mut errors).unwrap();
        (self.process.wait().unwrap().code(), output, errors)
    }

    /// A number on the page.
    pub(crate) fn number(&self, series: &str) -> f64 {
        let (status, page) = get(&self.address, "/metrics");
        assert_eq!(status, "HTTP/1.1 200 OK", "{page}");
        let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{series}: {page}")).parse().unwrap()
    }
}

fn kill(signal: &str, whom: &str) {
    assert!(Command::new("kill").args([signal, whom]).status().unwrap().success());
}

/// Waits for something that comes by itself.
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < until, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// State and parent of each process.
fn processes() -> Vec<(u32, char, u32)> {
    let stat = |entry: std::io::Result<fs::DirEntry>| {
        let stat = fs::read_to_string(entry.ok()?.path().join("stat")).ok()?;
        let (pid, rest) = stat.split_once(' ')?;
        let mut words = rest.rsplit_once(") ")?.1.split(' ');
        let state = words.next()?.chars().next()?;
        Some((pid.parse().ok()?, state, words.next()?.parse().ok()?))
    };
    fs::read_dir("/proc").unwrap().filter_map(stat).collect()
}

#[test]
fn it_ends_as_the_command_ends() {
    for (script, status) in [("exit 0", 0), ("exit 3", 3), ("kill -KILL $$", 137), ("kill -TERM $$", 143)] {
        let (code, _, _) = run(&mut multiprom(&["run", "--listen", "127.0.0.1:0", "--", "sh", "-c", script]));
        assert_eq!(code, Some(status), "{script}");
    }
}

#[test]
fn a_command_that_cannot_be_started_is_named_and_told_by_the_status() {
    let no_program = tempfile::NamedTempFile::new().unwrap();
    let no_program = no_program.path().to_str().unwrap();
    for (command, status) in [("/no/such/program", 127), ("no-such-program", 127), (no_program, 126)] {
        let (code, output, errors) = run(&mut multiprom(&["run", "--listen", "127.0.0.1:0", command]));
        assert_eq!((code, output.as_str()), (Some(status), ""), "{errors}");
        assert!(errors.contains(&format!("start {command}: ")), "{errors}");
    }
}

#[test]
fn where_it_cannot_listen_the_command_is_not_started_and_nothing_wiped() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let recorded = Recorded::new("python-multiprocess/01-basic");
    let before = names(recorded.path());
    let mut command = multiprom(&["run", "--listen", &address, "--directory", recorded.path()]);
    let (code, output, errors) = run(command.args(["sh", "-c", "echo started"]));
    assert_eq!((code, output.as_str()), (Some(125), ""));
    assert!(errors.contains(&format!("listen on {address}: Address already in use")), "{errors}");
    assert_eq!(names(recorded.path()), before);
}

#[test]
fn the_command_has_its_input_and_output_to_itself_and_a_directory_that_nobody_else_sees() {
    let script = "echo \"$PROMETHEUS_MULTIPROC_DIR $prometheus_multiproc_dir\"; cat";
    let mut running = Running::start(&[], script);
    let line = running.line();
    let (directory, old) = line.split_once(' ').unwrap();
    assert_eq!(directory, old);
    let about = fs::metadata(directory).unwrap();
    assert_eq!((about.is_dir(), about.permissions().mode() & 0o777), (true, 0o700));
    running.process.stdin.as_mut().unwrap().write_all(b"through\n").unwrap();
    let address = running.address.clone();
    assert_eq!(running.line(), "through");
    assert_eq!(running.end(), (Some(0), String::new(), String::new()));
    assert!(!Path::new(directory).exists());
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_directory_can_be_kept() {
    let (_, output, _) = run(&mut multiprom(&[
        "run",
        "--keep-directory",
        "--listen",
        "127.0.0.1:0",
        "sh",
        "-c",
        "echo $PROMETHEUS_MULTIPROC_DIR",
    ]));
    fs::remove_dir_all(output.trim_end()).unwrap();
}

#[test]
fn what_a_killed_run_has_left_is_removed_when_nothing_of_it_lives() {
    let mut running = Running::start(&[], "echo $PROMETHEUS_MULTIPROC_DIR; while :; do sleep 0.02; done");
    let directory = running.line();
    let own = running.process.id();
    let command = processes().into_iter().find(|&(_, _, parent)| parent == own).unwrap().0;
    running.signal("-KILL");
    running.process.wait().unwrap();
    let next = || run(&mut multiprom(&["run", "--listen", "127.0.0.1:0", "true"])).0;
    // The command may write yet.
    assert_eq!(next(), Some(0));
    assert!(Path::new(&directory).exists());
    kill("-KILL", &command.to_string());
    wait_until("the directory is gone", || next() == Some(0) && !Path::new(&directory).exists());
}

#[test]
fn the_page_has_what_the_command_and_its_children_use() {
    let mut running = Running::start(&[], "sleep 60 & echo $!; read line; kill $!");
    let sleep = running.line();
    assert_eq!(running.number("process_threads"), 2.0);
    assert!(running.number("process_resident_memory_bytes") > 0.0);
    let (status, own) = get(&running.address, "/metrics/self");
    assert!(status.ends_with("200 OK") && own.contains("multiprom_collections_total"), "{own}");
    assert_eq!(running.end().0, Some(0));
    assert!(!Path::new(&format!("/proc/{sleep}")).exists());

    let running = Running::start(&["--process-metrics", "off"], "read line");
    assert_eq!(get(&running.address, "/metrics"), ("HTTP/1.1 200 OK".to_owned(), String::new()));
    running.end();
}

#[test]
fn signals_are_passed_on_once_each() {
    let signals =
        ["HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "WINCH", "TTIN", "TTOU", "CONT", "URG", "TSTP"];
    let traps: String = signals.iter().map(|signal| format!("trap 'echo {signal}' {signal}; ")).collect();
    let script = format!("{traps} trap 'echo end; exit 9' ALRM; echo ready; while :; do sleep 0.02; done");
    let mut running = Running::start(&[], &script);
    assert_eq!(running.line(), "ready");
    for signal in signals {
        running.signal(&format!("-{signal}"));
        assert_eq!(running.line(), signal);
    }
    running.signal("-ALRM");
    assert_eq!(running.end(), (Some(9), "end\n".to_owned(), String::new()));
}

#[test]
fn orphans_are_taken_over_reaped_and_waited_for() {
    // The shell in the middle ends at once.
    let script = "exec 3<&0; sh -c 'sh -c \"read line <&3; echo orphan \" &' ; echo left; exit 5";
    let mut running = Running::start(&["--log-level", "warn"], script);
    let own = running.process.id();
    assert_eq!(running.line(), "left");
    // The command is reaped while the orphan is waited for, and the page stays.
    wait_until("one child is left", || {
        let children: Vec<_> = processes().into_iter().filter(|&(_, _, parent)| parent == own).collect();
        children.len() == 1 && children[0].1 != 'Z'
    });
    assert_eq!(running.number("process_threads"), 1.0);
    let (code, output, errors) = running.end();
    assert_eq!((code, output.as_str(), errors.as_str()), (Some(5), "orphan\n", ""));
}

#[test]
fn what_is_left_behind_is_asked_to_end_with_the_command() {
    // The last sleep becomes ours when the shell that it is a child of has ended.
    let script = "sh -c 'trap \"echo bye; exit 0\" TERM; sleep 60 & echo ready; while :; do sleep 0.02; done' & \
                  trap 'exit 6' TERM; while :; do sleep 0.02; done";
    let mut running = Running::start(&["--log-level", "warn"], script);
    assert_eq!(running.line(), "ready");
    running.signal("-TERM");
    assert_eq!(running.end(), (Some(6), "bye\n".to_owned(), String::new()));
}

#[test]
fn a_new_master_takes_the_place_of_the_command() {
    // As after SIGUSR2: the new master is a program started by the old one, and has a worker.
    let script = "sh -c 'trap \"echo asked\" USR1; trap \"kill \\$!; exit 7\" USR2; sleep 60 & echo ready; \
                  while :; do sleep 0.02; done' & trap 'exit 0' QUIT; while :; do sleep 0.02; done";
    let mut running = Running::start(&[], script);
    assert_eq!(running.line(), "ready");
    let own = running.process.id();
    let old = processes().into_iter().find(|&(_, _, parent)| parent == own).unwrap().0;
    kill("-QUIT", &old.to_string());
    wait_until("the old master is gone", || !Path::new(&format!("/proc/{old}")).exists());
    let mut line = String::new();
    running.errors.read_line(&mut line).unwrap();
    assert!(
        line.contains(&format!("process {old} has ended")) && line.contains("goes on in its place"),
        "{line}"
    );
    running.signal("-USR1");
    assert_eq!(running.line(), "asked");
    running.signal("-USR2");
    assert_eq!(running.end().0, Some(7));
}

#[test]
fn nobody_is_killed_unless_that_was_wanted() {
    let deaf = "trap '' TERM; echo ready; while :; do sleep 0.02; done";
    let mut patient = Running::start(&[], deaf);
    let mut impatient = Running::start(&["--stop-timeout", "0.2"], deaf);
    for running in [&mut patient, &mut impatient] {
        assert_eq!(running.line(), "ready");
        running.signal("-TERM");
    }
    let (code, _, errors) = impatient.end();
    assert_eq!(code, Some(137));
    assert!(errors.contains("the time to end is over, killing "), "{errors}");
    patient.signal("-TERM");
    assert!(patient.process.try_wait().unwrap().is_none());
    let own = patient.process.id();
    let command = processes().into_iter().find(|&(_, _, parent)| parent == own).unwrap().0;
    kill("-KILL", &command.to_string());
    assert_eq!(patient.end().0, Some(137));
}

#[test]
fn a_terminal_reaches_the_command_by_itself() {
    let heard = tempfile::NamedTempFile::new().unwrap();
    let heard = heard.path().to_str().unwrap();
    // In the shell a signal is handled between two commands; one that came twice would be handled twice.
    let script = format!(
        "trap 'echo INT >> {heard}' INT; trap 'echo QUIT >> {heard}; exit 4' QUIT; echo ready; \
         while :; do sleep 0.1; done"
    );
    let mut command = multiprom(&[]);
    let program = command.get_program().to_str().unwrap().to_owned();
    let line = format!("exec {program} run --listen 127.0.0.1:0 -- sh -c \"{script}\"");
    command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).env("SHELL", "/bin/sh");
    let mut terminal = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(terminal.stdout.take().unwrap());
    let mut shown = String::new();
    while !shown.contains("ready") {
        assert_ne!(output.read_line(&mut shown).unwrap(), 0, "{shown}");
    }
    let mut keys = terminal.stdin.take().unwrap();
    keys.write_all(b"\x03").unwrap();
    wait_until("Ctrl-C is heard", || fs::read_to_string(heard).unwrap().contains("INT"));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(fs::read_to_string(heard).unwrap(), "INT\n");
    keys.write_all(b"\x1c").unwrap();
    wait_until("Ctrl-\\ is heard", || fs::read_to_string(heard).unwrap().contains("QUIT"));
    drop(keys);
    output.read_to_string(&mut shown).unwrap();
    assert_eq!(terminal.wait().unwrap().code(), Some(4), "{shown}");
    assert_eq!(fs::read_to_string(heard).unwrap(), "INT\nQUIT\n");
}

/// The names in a directory, in order.
fn names(directory: &str) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<String> = fs::read_dir(directory).unwrap().map(name).collect();
    names.sort();
    names
}

#[test]
fn metrics_of_before_are_removed_and_nothing_else() {
    let recorded = Recorded::new("python-multiprocess/01-basic");
    let path = Path::new(recorded.path());
    for name in [
        ".multiprom-4711-r0",
        ".counter_4711-r0.db.new",
        ".multiprom-fold",
        ".multiprom-fold~7~counter_archive.db~counter_4711.db",
        "metric_served_total___4711.bin",
        ".profile",
        "notes.txt",
        "exemplar_4711.db",
    ] {
        fs::write(path.join(name), "").unwrap();
    }
    let mut command =
        multiprom(&["run", "--no-fold", "--listen", "127.0.0.1:0", "--directory", recorded.path()]);
    let (code, _, errors) = run(command.arg("true"));
    assert_eq!(code, Some(0), "{errors}");
    assert!(errors.contains("metrics files of before"), "{errors}");
    assert_eq!(names(recorded.path()), [".multiprom-fold", ".profile", "exemplar_4711.db", "notes.txt"]);
}

#[test]
fn metrics_that_somebody_still_writes_are_not_removed() {
    let recorded = Recorded::new("python-multiprocess/01-basic");
    let before = names(recorded.path());
    let name = before.iter().find(|name| name.ends_with(".db")).unwrap();
    let open = fs::OpenOptions::new().append(true).open(Path::new(recorded.path()).join(name)).unwrap();
    let start = |more: &[&str]| {
        let mut command = multiprom(&["run", "--no-fold", "--listen", "127.0.0.1:0"]);
        command.args(["--directory", recorded.path()]);
        run(command.args(more).args(["sh", "-c", "echo started"]))
    };
    let (code, output, errors) = start(&[]);
    assert_eq!((code, output.as_str()), (Some(125), ""));
    let by = format!("{name} is still written by process {}", std::process::id());
    assert!(errors.contains(&by) && errors.contains("--on-restart keep"), "{errors}");
    assert_eq!(names(recorded.path()), before);
    drop(open);
    let folding = fs::File::create(Path::new(recorded.path()).join(".multiprom-fold")).unwrap();
    folding.lock().unwrap();
    assert!(start(&[]).2.contains("another multiprom folds the files of this directory"));
    drop(folding);
    assert_eq!(start(&[]).1, "started\n");
    assert_eq!(names(recorded.path()), [".multiprom-fold"]);
}

#[test]
fn counters_can_go_on_and_gauges_of_the_dead_do_not() {
    let directory = tempfile::TempDir::new().unwrap();
    let write = |name: &str| fs::write(directory.path().join(name), [0; 8]).unwrap();
    let stay = [
        ".multiprom-9-r0",
        ".multiprom-fold~7~counter_archive.db~counter_3.db",
        "counter_1.db",
        "counter_9-r0.db",
        "histogram_1.db",
        "metric_jobs_total___1.bin",
        "metric_unknown___1.bin",
        "summary_1.db",
    ];
    stay.iter().for_each(|name| write(name));
    [
        ".multiprom-fold~7~gauge_max_archive.db~gauge_max_3.db",
        "gauge_all_1.db",
        "gauge_livesum_1.db",
        "gauge_max_1-0.db",
        "gauge_sum_9-r0.db",
        "metric_queue___1.bin",
    ]
    .iter()
    .for_each(|name| write(name));
    let alive = "gauge_liveall_2.db";
    write(alive);
    let open = fs::OpenOptions::new().append(true).open(directory.path().join(alive)).unwrap();
    let catalog = tempfile::NamedTempFile::new().unwrap();
    fs::write(&catalog, "# TYPE queue gauge\n# TYPE jobs_total counter\n").unwrap();
    let path = directory.path().to_str().unwrap();
    let mut command = multiprom(&["run", "--no-fold", "--on-restart=keep", "--listen", "127.0.0.1:0"]);
    command.args(["--directory", path]);
    let (code, _, errors) = run(command.arg("--catalog").arg(catalog.path()).arg("true"));
    assert_eq!(code, Some(0), "{errors}");
    assert!(errors.contains("7 metrics files of before go on, 5 "), "{errors}");
    let mut expected: Vec<String> = stay.iter().map(|name| (*name).to_owned()).collect();
    expected.push(alive.to_owned());
    expected.sort();
    assert_eq!(names(path), expected);
    drop(open);
}

#[test]
fn what_an_earlier_run_left_is_folded_though_no_worker_of_this_one_has_counted_yet() {
    let files = Files::new();
    let key = r#"["a", "a_total", {}, "A."]"#;
    files.python("counter_4711.db", &[(key, 1.0)]).python("counter_4712.db", &[(key, 2.0)]);
    let options = ["--directory", files.path(), "--on-restart=keep"];
    let running = Running::start(&options, "read line; true");
    let archive = files.join("counter_archive.db");
    wait_until("there is no archive", || archive.exists() && !files.join("counter_4712.db").exists());
    assert_eq!(running.number("a_total"), 3.0);
    let (code, _, errors) = running.end();
    assert_eq!(code, Some(0));
    assert!(!errors.contains("may live"), "{errors}");
}

#[test]
fn a_directory_that_is_missing_is_made_and_labels_are_put_on_all() {
    let parent = tempfile::TempDir::new().unwrap();
    let directory = parent.path().join("a/b");
    let argument = format!("{},app=shop", directory.display());
    let mut running =
        Running::start(&["--directory", &argument], "echo $PROMETHEUS_MULTIPROC_DIR; read line; true");
    assert_eq!(running.line(), directory.to_str().unwrap());
    assert_eq!(fs::metadata(&directory).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(running.number("process_threads{app=\"shop\"}"), 1.0);
    assert_eq!(running.end().0, Some(0));
    assert!(directory.exists());
}
