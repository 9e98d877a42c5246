//! The program, run.

use std::process::{Command, Output};

/// Those of gunicorn-prometheus-exporter.
const REDIS: [&str; 7] = [
    "REDIS_ENABLED",
    "REDIS_HOST",
    "REDIS_PORT",
    "REDIS_DB",
    "REDIS_PASSWORD",
    "REDIS_KEY_PREFIX",
    "REDIS_TTL_SECONDS",
];

/// The program with these arguments, in an environment without variables that it knows.
pub(crate) fn multiprom(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_multiprom"));
    command.args(arguments);
    for variable in ["PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir", "MULTIPROM_LOG", "NO_COLOR"]
        .into_iter()
        .chain(REDIS)
    {
        command.env_remove(variable);
    }
    command
}

/// The program with these words as arguments, on a terminal of so many columns and 24 lines, which is script(1)'s.
pub(crate) fn on_a_terminal(columns: u16, arguments: &str) -> Command {
    let program = env!("CARGO_BIN_EXE_multiprom");
    let line = format!("stty cols {columns} rows 24; exec {program} {arguments}");
    let mut command = Command::new("script");
    command.args(["-qefc", &line, "/dev/null"]).env_remove("NO_COLOR").env("TERM", "xterm");
    command
}

/// Exit code, standard output and standard error.
pub(crate) fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}
