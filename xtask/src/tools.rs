//! The foreign programs that the tests run: found, or installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};

use crate::step::{run, succeeds};
use crate::workspace::Workspace;

/// Where the programs are, once they are there. The tests get them through the environment.
pub(crate) struct Tools {
    /// Python with the packages of `integration-tests/requirements.txt`.
    pub(crate) python: PathBuf,
    /// Python with the packages of `integration-tests/requirements-redis.txt`.
    pub(crate) redis_python: PathBuf,
    /// A Ruby that can load `prometheus-client-mmap`.
    pub(crate) ruby: PathBuf,
}

/// Installs what is missing; quick when nothing is.
///
/// # Errors
/// When something is missing and cannot be installed: says what, and the command that would.
pub(crate) fn set_up(workspace: &Workspace) -> anyhow::Result<Tools> {
    let missing = missing_packages();
    if !missing.is_empty() {
        install(&missing)?;
        let still = missing_packages();
        ensure!(
            still.is_empty(),
            "apt-get installed what it was asked for, but what {} should bring cannot be run: is another ruby, \
             python3, puma, prometheus, prometheus-pushgateway, chromium or redis-server first on PATH, or /usr/bin \
             not on it?",
            still.join(" ")
        );
    }
    let ruby = ruby().context("no ruby can load prometheus/client")?;
    let python = python_environment(
        workspace,
        "requirements.txt",
        "venv",
        "import prometheus_client, gunicorn, celery",
    )?;
    let redis_python = python_environment(
        workspace,
        "requirements-redis.txt",
        "venv-redis",
        "import gunicorn_prometheus_exporter, pytheus, pytheus_backend_rs",
    )?;
    println!("setup: the tests have all they need");
    Ok(Tools { python, redis_python, ruby })
}

/// Installs a C++ compiler where there is none: libFuzzer is compiled by it.
///
/// # Errors
/// As [`set_up`].
pub(crate) fn need_cpp_compiler() -> anyhow::Result<()> {
    let compiles = || succeeds(Command::new("c++").arg("--version"));
    // Who names one by CXX knows what it is.
    if std::env::var_os("CXX").is_some() || compiles() {
        return Ok(());
    }
    install(&["g++"])?;
    ensure!(compiles(), "apt-get installed g++, but c++ cannot be run: is /usr/bin not on PATH?");
    Ok(())
}

/// The Debian packages whose programs this machine lacks.
fn missing_packages() -> Vec<&'static str> {
    let mut missing = Vec::new();
    // Debian splits these two modules off, without which there is no virtual environment.
    if !succeeds(Command::new("python3").args(["-c", "import ensurepip, venv"])) {
        missing.push("python3-venv");
    }
    if ruby().is_none() {
        missing.extend(["ruby", "ruby-prometheus-client-mmap"]);
    }
    if !succeeds(Command::new("puma").arg("--version")) {
        missing.push("puma");
    }
    if !succeeds(Command::new("promtool").arg("--version"))
        || !succeeds(Command::new("prometheus").arg("--version"))
    {
        missing.push("prometheus");
    }
    if !succeeds(Command::new("prometheus-pushgateway").arg("--version")) {
        missing.push("prometheus-pushgateway");
    }
    if !succeeds(Command::new("redis-server").arg("--version"))
        || !succeeds(Command::new("redis-cli").arg("--version"))
    {
        missing.push("redis-server");
    }
    // The tests of web pages.
    if !succeeds(Command::new("chromium").arg("--version")) {
        missing.push("chromium");
    }
    if !succeeds(Command::new("chromedriver").arg("--version")) {
        missing.push("chromium-driver");
    }
    // Makes the certificates of tests.
    if !succeeds(Command::new("openssl").arg("version")) {
        missing.push("openssl");
    }
    missing
}

/// A Ruby that can load GitLab's client: Debian's package is seen by Debian's Ruby alone, which need not be the
/// first on the path.
fn ruby() -> Option<PathBuf> {
    let loads = |ruby: &str| {
        succeeds(
            Command::new(ruby)
                .args(["-e", "require 'prometheus/client'; FastMmapedFile.method(:to_metrics)"]),
        )
    };
    ["/usr/bin/ruby", "ruby"].into_iter().find(|ruby| loads(ruby)).map(PathBuf::from)
}

fn install(packages: &[&str]) -> anyhow::Result<()> {
    let update = apt_get(&["update", "--quiet"]);
    let mut arguments = vec!["install", "--yes", "--quiet", "--no-install-recommends"];
    arguments.extend(packages);
    let install = apt_get(&arguments);
    let by_hand = format!(
        "needed and not there: {}; install it with\n    sudo apt-get update && sudo apt-get {}\n\
         (or, where there is no apt-get, by what this system has: python3 with venv, Ruby with the \
         prometheus-client-mmap gem, puma, prometheus with promtool, prometheus-pushgateway, Chromium with \
         chromedriver, redis-server with redis-cli, a C++ compiler), then try again",
        packages.join(" "),
        arguments.join(" ")
    );
    let (Some(mut update), Some(mut install)) = (update, install) else {
        bail!("no apt-get, or neither root nor sudo: {by_hand}");
    };
    // Lists that cannot be fetched anew may be good enough; the installation says so if they are not.
    if let Err(error) = run(&mut update) {
        println!("setup: {error:#}; going on with the package lists that are there");
    }
    run(&mut install).with_context(|| by_hand)
}

/// `apt-get`, as root; none where that cannot be.
fn apt_get(arguments: &[&str]) -> Option<Command> {
    const QUIET: &str = "DEBIAN_FRONTEND=noninteractive";
    if !succeeds(Command::new("apt-get").arg("--version")) {
        return None;
    }
    let id = Command::new("id").arg("-u").output().ok()?;
    let mut command = if id.stdout.trim_ascii() == b"0" {
        Command::new("env")
    } else if succeeds(Command::new("sudo").arg("--version")) {
        let mut sudo = Command::new("sudo");
        sudo.arg("env");
        sudo
    } else {
        return None;
    };
    command.arg(QUIET).arg("apt-get").args(arguments);
    Some(command)
}

/// The Python of a virtual environment called `name` that holds exactly the packages that the tests want by
/// `requirements`, and can do `proof`.
fn python_environment(
    workspace: &Workspace,
    requirements: &str,
    name: &str,
    proof: &str,
) -> anyhow::Result<PathBuf> {
    let requirements = workspace.root().join("integration-tests").join(requirements);
    let wanted = read(&requirements)?;
    let environment = workspace.tools().join(name);
    let python = environment.join("bin/python");
    // Written last: without it an installation was cut short.
    let installed = environment.join("installed.txt");
    if std::fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted)
        && succeeds(Command::new(&python).args(["-c", proof]))
    {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--requirement"]);
    pip.arg(&requirements);
    run(&mut pip).with_context(|| format!("install the Python packages of {}", requirements.display()))?;
    std::fs::write(&installed, wanted).with_context(|| format!("write {}", installed.display()))?;
    Ok(python)
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}
