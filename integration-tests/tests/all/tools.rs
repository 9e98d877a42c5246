//! The programs that the tests run, as `cargo xtask setup` leaves them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

/// Python with `prometheus_client`, gunicorn and Celery: `MULTIPROM_PYTHON`, else what setup put into the target directory.
pub(crate) fn python() -> Command {
    static PYTHON: LazyLock<PathBuf> = LazyLock::new(|| {
        let python = chosen("MULTIPROM_PYTHON", &target().join("tools/venv/bin/python"));
        must_run(Command::new(&python).args(["-c", "import prometheus_client, gunicorn, celery"]));
        python
    });
    let mut command = Command::new(&*PYTHON);
    // Nothing of ours lands beside the sources, and nothing of the caller's gets in.
    command.env("PYTHONDONTWRITEBYTECODE", "1").env_remove("PROMETHEUS_MULTIPROC_DIR");
    command
}

/// Python with clients that keep their metrics in Redis: `MULTIPROM_REDIS_PYTHON`, else what setup put into the target
/// directory.
pub(crate) fn redis_python() -> Command {
    static PYTHON: LazyLock<PathBuf> = LazyLock::new(|| {
        let python = chosen("MULTIPROM_REDIS_PYTHON", &target().join("tools/venv-redis/bin/python"));
        must_run(
            Command::new(&python)
                .args(["-c", "import gunicorn_prometheus_exporter, pytheus, pytheus_backend_rs"]),
        );
        python
    });
    let mut command = Command::new(&*PYTHON);
    command.env("PYTHONDONTWRITEBYTECODE", "1").env_remove("PROMETHEUS_MULTIPROC_DIR");
    command
}

/// Ruby with GitLab's client: `MULTIPROM_RUBY`, else Debian's.
pub(crate) fn ruby() -> Command {
    static RUBY: LazyLock<PathBuf> = LazyLock::new(|| {
        let ruby = chosen("MULTIPROM_RUBY", Path::new("/usr/bin/ruby"));
        must_run(Command::new(&ruby).args(["-e", "require 'prometheus/client'"]));
        ruby
    });
    Command::new(&*RUBY)
}

/// puma, as Debian has it.
pub(crate) fn puma() -> Command {
    static RUNS: LazyLock<()> = LazyLock::new(|| must_run(Command::new("puma").arg("--version")));
    LazyLock::force(&RUNS);
    Command::new("puma")
}

/// `prometheus` or `promtool`.
pub(crate) fn prometheus(program: &str) -> Command {
    static BOTH_RUN: LazyLock<()> = LazyLock::new(|| {
        must_run(Command::new("promtool").arg("--version"));
        must_run(Command::new("prometheus").arg("--version"));
    });
    LazyLock::force(&BOTH_RUN);
    Command::new(program)
}

/// The driver of Chromium, which starts the browser itself.
pub(crate) fn chromedriver() -> Command {
    static BOTH_RUN: LazyLock<()> = LazyLock::new(|| {
        must_run(Command::new("chromium").arg("--version"));
        must_run(Command::new("chromedriver").arg("--version"));
    });
    LazyLock::force(&BOTH_RUN);
    Command::new("chromedriver")
}

/// Prometheus' own push gateway, as Debian has it.
pub(crate) fn official_gateway() -> Command {
    static RUNS: LazyLock<()> = LazyLock::new(|| {
        must_run(Command::new("prometheus-pushgateway").arg("--version"));
    });
    LazyLock::force(&RUNS);
    Command::new("prometheus-pushgateway")
}

/// The program of this workspace: `MULTIPROM_PROGRAM`, else it is built here.
pub(crate) fn multiprom() -> Command {
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
        if let Some(program) = std::env::var_os("MULTIPROM_PROGRAM") {
            return program.into();
        }
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--package", "multiprom", "--target-dir"]).arg(target());
        output(build.current_dir(env!("CARGO_MANIFEST_DIR")));
        target().join("debug/multiprom")
    });
    let mut command = Command::new(&*PROGRAM);
    command.env_remove("PROMETHEUS_MULTIPROC_DIR").env_remove("MULTIPROM_LOG");
    command
}

/// The page that `multiprom collect` prints.
pub(crate) fn collect(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Vec<u8> {
    output(multiprom().arg("collect").args(arguments))
}

/// The writer of this package, see `src/worker.rs`.
pub(crate) fn worker() -> Command {
    Command::new(env!("CARGO_BIN_EXE_integration-worker"))
}

/// A file of `integration-tests/apps`.
pub(crate) fn app(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("apps").join(name)
}

/// What the command prints; it must succeed.
pub(crate) fn output(command: &mut Command) -> Vec<u8> {
    let done =
        command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("start {command:?}: {error}"));
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{command:?} failed: {}\n{errors}", done.status);
    done.stdout
}

fn chosen(variable: &str, default: &Path) -> PathBuf {
    std::env::var_os(variable).map_or_else(|| default.to_owned(), PathBuf::from)
}

fn must_run(command: &mut Command) {
    let done = command.stdin(Stdio::null()).output();
    let why = match done {
        Ok(done) if done.status.success() => return,
        Ok(done) => String::from_utf8_lossy(&done.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    panic!("{command:?} does not run: {why}\n\nRun `cargo xtask setup`, which installs what the tests need.");
}

/// Cargo's target directory.
fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("cargo puts tmp into the target directory")
}
