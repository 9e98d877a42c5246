//! Every test of the workspace, with the foreign programs that they run.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use cargo_metadata::Message;

use crate::step::{cargo, run as run_step, shown, succeeds};
use crate::tools::set_up;
use crate::workspace::Workspace;

/// Installs what is missing, then runs every test; with arguments for the test runner, those that they name.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> anyhow::Result<()> {
    let tools = set_up(workspace)?;
    let program = build_program(workspace)?;
    let with_tools = |command: &mut Command| {
        command.env("MULTIPROM_PYTHON", &tools.python);
        command.env("MULTIPROM_REDIS_PYTHON", &tools.redis_python);
        command.env("MULTIPROM_RUBY", &tools.ruby);
        command.env("MULTIPROM_PROGRAM", &program);
        if arguments.is_empty() {
            command.arg("--workspace");
        }
        run_step(command.args(arguments))
    };
    let mut cargo_here = cargo(workspace.root());
    if succeeds(cargo(workspace.root()).args(["nextest", "--version"])) {
        with_tools(cargo_here.args(["nextest", "run"]))?;
        // nextest does not know documentation examples.
        if arguments.is_empty() {
            run_step(cargo(workspace.root()).args(["test", "--doc", "--workspace"]))?;
        }
        return Ok(());
    }
    println!("cargo-nextest is not installed: running `cargo test`, one test program after the other");
    with_tools(cargo_here.arg("test"))
}

/// Builds the program that the integration tests run, in the profile that tests are built in.
fn build_program(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let mut build = cargo(workspace.root());
    build.args(["build", "--package", "multiprom", "--bin", "multiprom"]);
    build.arg("--message-format=json-render-diagnostics");
    println!("+ {}", shown(&build));
    let built = build.stderr(Stdio::inherit()).output().context("start cargo")?;
    ensure!(built.status.success(), "`{}` failed: {}", shown(&build), built.status);
    Message::parse_stream(built.stdout.as_slice())
        .filter_map(|message| match message {
            Ok(Message::CompilerArtifact(artifact)) => artifact.executable,
            _ => None,
        })
        .map(PathBuf::from)
        .last()
        .context("cargo built multiprom without saying where")
}
