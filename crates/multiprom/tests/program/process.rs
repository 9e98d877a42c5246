//! The program, run.

use std::process::{Command, Output};

/// The program with these arguments, in an environment without variables that it knows.
pub(crate) fn multiprom(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_multiprom"));
    command.args(arguments);
    for variable in ["PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir", "MULTIPROM_LOG", "NO_COLOR"] {
        command.env_remove(variable);
    }
    command
}

/// Exit code, standard output and standard error.
pub(crate) fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}
