//! Processes and directories apart from each other: pid namespaces, mounts, users, as far as the system lets us.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a directory of metrics is on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ground {
    /// A tmpfs, where the kernel knows every writer.
    Memory,
    /// An overlay, over files that are there already; where only those are known that one can look at.
    Overlay,
    /// What there is, where nothing may be mounted; nobody is apart then.
    AsItIs,
}

/// Which test the program is run for, in namespaces of its own.
const ALONE: &str = "INTEGRATION_APART";

/// How a program gets into namespaces in which it may mount, and sees no process but its own.
const MAY_MOUNT: [&[&str]; 2] = [&["--mount"], &["--user", "--map-root-user", "--mount"]];

/// And further into a pid namespace, as process 1.
const APART: [&str; 5] = ["--pid", "--fork", "--mount-proc", "--kill-child", "--"];

/// Runs the body of a test where it may mount, in a process of its own; here where that is not to be had.
pub(crate) fn where_mounts_are_allowed(test: &str, body: impl FnOnce()) {
    if may_mount() {
        return body();
    }
    let Some(way) = MAY_MOUNT.into_iter().find(|way| is_allowed(way)) else { return body() };
    let program = std::env::current_exe().expect("a test program runs from a file");
    let mut unshare = Command::new("unshare");
    unshare.args(way).args(APART).arg(program).args(["--exact", test, "--test-threads=1", "--nocapture"]);
    let output = unshare.env(ALONE, test).output().expect("a program that runs can be run again");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// Whether this process may mount without anybody seeing it.
pub(crate) fn may_mount() -> bool {
    std::env::var_os(ALONE).is_some()
}

/// Whether this process may start others as another user.
pub(crate) fn may_be_nobody() -> bool {
    let mut nobody = as_nobody(&Command::new("true"), None);
    may_mount() && nobody.output().is_ok_and(|output| output.status.success())
}

/// The grounds that are to be had.
pub(crate) fn grounds() -> Vec<Ground> {
    if may_mount() { vec![Ground::Memory, Ground::Overlay] } else { vec![Ground::AsItIs] }
}

impl Ground {
    /// A directory on it in `parent`, with what `prepare` puts there; on an overlay the lower layer has that. None where
    /// this system mounts no overlays.
    pub(crate) fn make(self, parent: &Path, prepare: impl FnOnce(&Path)) -> Option<PathBuf> {
        let at = |name: &str| {
            let path = parent.join(name);
            std::fs::create_dir(&path).expect("make a directory");
            path
        };
        let metrics = at("metrics");
        if self != Ground::Overlay {
            if self == Ground::Memory {
                assert!(mount(&["-t", "tmpfs", "multiprom-test"], &metrics), "mount a tmpfs");
            }
            prepare(&metrics);
            return Some(metrics);
        }
        // Layers must not be on an overlay themselves, as the directory of a test in a container may be.
        let layers = at("layers");
        assert!(mount(&["-t", "tmpfs", "multiprom-test"], &layers), "mount a tmpfs");
        let [lower, upper, work] = ["lower", "upper", "work"].map(|name| at(&format!("layers/{name}")));
        prepare(&lower);
        let options =
            format!("lowerdir={},upperdir={},workdir={}", lower.display(), upper.display(), work.display());
        mount(&["-t", "overlay", "-o", &options, "multiprom-test"], &metrics).then_some(metrics)
    }
}

/// The command in a pid namespace of its own, with its own `/proc`, as process 1; as it is where there is none to be had.
pub(crate) fn in_another_pid_namespace(command: &Command) -> Command {
    if !may_mount() {
        return again(command.get_program(), command, &[]);
    }
    let program = command.get_program().to_owned();
    let before: Vec<&OsStr> = APART.map(OsStr::new).into_iter().chain([&*program]).collect();
    again(OsStr::new("unshare"), command, &before)
}

/// The command as a user who may do nothing, with a `/proc` that is mounted with this value of `hidepid`, if any.
pub(crate) fn as_nobody(command: &Command, hidepid: Option<u8>) -> Command {
    let script = "test -z \"$1\" || mount -t proc -o \"hidepid=$1\" multiprom-test /proc || exit 99; shift; \
                  exec setpriv --reuid=65534 --regid=65534 --clear-groups -- \"$@\"";
    let hidepid = hidepid.map_or(String::new(), |value| value.to_string());
    let program = command.get_program().to_owned();
    let arguments: Vec<&OsStr> = ["--mount", "--", "sh", "-c", script, "sh", &hidepid]
        .map(OsStr::new)
        .into_iter()
        .chain([&*program])
        .collect();
    again(OsStr::new("unshare"), command, &arguments)
}

/// A program with these arguments before those of a command, in its environment.
pub(crate) fn again(program: &OsStr, command: &Command, before: &[&OsStr]) -> Command {
    let mut other = Command::new(program);
    other.args(before).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => other.env(name, value),
            None => other.env_remove(name),
        };
    }
    other
}

fn is_allowed(way: &[&str]) -> bool {
    let mut unshare = Command::new("unshare");
    unshare.args(way).args([
        "--pid",
        "--fork",
        "--mount-proc",
        "--",
        "mount",
        "-t",
        "tmpfs",
        "multiprom-test",
        "/tmp",
    ]);
    unshare.output().is_ok_and(|output| output.status.success())
}

pub(crate) fn mount(arguments: &[&str], at: &Path) -> bool {
    let output = Command::new("mount").args(arguments).arg(at).output();
    output.is_ok_and(|output| output.status.success())
}
