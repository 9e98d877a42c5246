//! A real redis-server for a test: on a free port and a unix socket, with nothing in it, gone when it is dropped; or
//! a [cluster](RedisCluster) of them, or [Sentinels](RedisServer::start_sentinels).
//!
//! ```no_run
//! let server = redis_testkit::RedisServer::start();
//! server.cli(&["SET", "greeting", "hello"]);
//! assert_eq!(server.cli(&["GET", "greeting"]), "hello\n");
//! ```
//!
//! Everything here panics where it fails: it is for tests.
#![forbid(unsafe_code)]

mod certificates;
mod cluster;
#[cfg(test)]
mod tests;

pub use certificates::Certificates;
pub use cluster::RedisCluster;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A redis-server that is this test's own.
#[derive(Debug)]
pub struct RedisServer {
    directory: TempDir,
    port: u16,
    arguments: Vec<String>,
    /// The shell that ends the server when this program ends, however it does.
    guard: Child,
    server: Pid,
}

/// What is said where there is no redis-server.
const MISSING: &str = "no redis-server on PATH: `cargo xtask setup` installs it";

/// Starts the server, says its pid, and kills it when the standard input ends: that happens also when whoever
/// started this is killed.
const GUARD: &str = r#""$@" >server.log 2>&1 & echo $!; read -r _; kill -KILL $! 2>/dev/null; wait"#;

impl RedisServer {
    /// An empty server that writes nothing to disk.
    ///
    /// # Panics
    /// When there is no redis-server, or it does not start within ten seconds.
    pub fn start() -> RedisServer {
        RedisServer::start_with(&[])
    }

    /// A Sentinel, alone, that watches this server as the master `shop` and replaces it when it has not answered for
    /// half a second.
    ///
    /// # Panics
    /// As [`start`](RedisServer::start).
    pub fn start_sentinel(&self) -> RedisServer {
        RedisServer::start_sentinel_of(self.port, "", &[])
    }

    /// The same for whoever listens on this port, with further lines of its configuration and further arguments.
    ///
    /// # Panics
    /// As [`start`](RedisServer::start).
    pub fn start_sentinel_of(port: u16, lines: &str, arguments: &[&str]) -> RedisServer {
        start_sentinel(port, 1, lines, arguments)
    }

    /// Three Sentinels that do the same when two of them agree; further lines of their configuration are
    /// `"requirepass s3cret\n"` and the like. They know each other, and that this server has one replica.
    ///
    /// # Panics
    /// As [`start`](RedisServer::start); or when they do not find each other and a replica within a minute.
    pub fn start_sentinels(&self, lines: &str) -> [RedisServer; 3] {
        let sentinels = [(); 3].map(|()| start_sentinel(self.port, 2, lines, &[]));
        let password = lines.lines().find_map(|line| line.strip_prefix("requirepass "));
        for sentinel in &sentinels {
            let mut command = vec!["SENTINEL", "MASTER", "shop"];
            if let Some(password) = password {
                command.splice(0..0, ["--no-auth-warning", "-a", password]);
            }
            // They ask a master for its replicas every ten seconds, and do nothing for thirty after they were held up.
            wait_for(Duration::from_secs(60), "the sentinels know each other and the replica", || {
                let told = sentinel.cli(&command);
                told.contains("num-other-sentinels\n2\n") && told.contains("num-slaves\n1\n")
            });
        }
        sentinels
    }

    /// The same with further arguments: `&["--maxmemory-policy", "allkeys-lru"]`.
    ///
    /// # Panics
    /// As [`start`](RedisServer::start).
    pub fn start_with(arguments: &[&str]) -> RedisServer {
        RedisServer::start_configured(None, arguments)
    }

    /// One that speaks TLS besides, and on which port; with further arguments.
    ///
    /// # Panics
    /// As [`start`](RedisServer::start).
    pub fn start_tls(certificates: &Certificates, arguments: &[&str]) -> (RedisServer, u16) {
        let port = free_port();
        let (of_tls, number) = (certificates.arguments(), port.to_string());
        let of_tls: Vec<&str> = of_tls.iter().map(String::as_str).collect();
        let server = RedisServer::start_with(&[&["--tls-port", &number], &of_tls[..], arguments].concat());
        (server, port)
    }

    fn start_configured(configuration: Option<&str>, arguments: &[&str]) -> RedisServer {
        let directory = tempfile::Builder::new().prefix("redis-").tempdir().expect("make a directory");
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        if let Some(text) = configuration {
            std::fs::write(configuration_file(directory.path()), text).expect("write the configuration");
        }
        // Somebody else may take the port in the moment between.
        for _ in 0..20 {
            let port = free_port();
            if let Some((guard, server)) = launch(directory.path(), port, &arguments) {
                return RedisServer { directory, port, arguments, guard, server };
            }
        }
        let log = std::fs::read_to_string(directory.path().join("server.log")).unwrap_or_default();
        panic!("redis-server does not start: {log}");
    }

    /// `redis://127.0.0.1:PORT/0`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// `redis+unix://PATH`.
    pub fn unix_url(&self) -> String {
        format!("redis+unix://{}", self.unix_socket().display())
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its socket.
    pub fn unix_socket(&self) -> PathBuf {
        unix_socket(self.directory.path())
    }

    /// Runs one command with redis-cli and returns what it prints.
    ///
    /// # Panics
    /// When redis-cli fails.
    pub fn cli(&self, arguments: &[&str]) -> String {
        self.cli_with(arguments, b"")
    }

    /// The same with `input` for its standard input: `server.cli_with(&["--pipe"], dump)`.
    ///
    /// # Panics
    /// When redis-cli fails.
    pub fn cli_with(&self, arguments: &[&str], input: &[u8]) -> String {
        let mut cli = Command::new("redis-cli")
            .arg("-s")
            .arg(self.unix_socket())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect(MISSING);
        let mut standard_input = cli.stdin.take().expect("it is piped");
        let output = std::thread::scope(|scope| {
            scope.spawn(move || standard_input.write_all(input));
            cli.wait_with_output().expect("wait for redis-cli")
        });
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "redis-cli {arguments:?}: {text}{complaint}");
        text
    }

    /// Stops it in its tracks (SIGSTOP): connections are taken by the system, and nothing answers.
    ///
    /// # Panics
    /// When it is not there.
    pub fn pause(&self) {
        kill_process(self.server, Signal::STOP).expect("pause redis-server");
        // The signal is on its way; a moment later nothing moves any more.
        let stopped = || self.state() == Some('T');
        wait_until("redis-server stops", stopped);
    }

    /// Lets it go on (SIGCONT).
    ///
    /// # Panics
    /// When it is not there.
    pub fn resume(&self) {
        kill_process(self.server, Signal::CONT).expect("resume redis-server");
    }

    /// Kills it (SIGKILL). What it had in memory is gone.
    ///
    /// # Panics
    /// When it does not end.
    pub fn kill(&mut self) {
        let _ = kill_process(self.server, Signal::KILL);
        self.guard.stdin = None;
        let _ = self.guard.wait();
        let _ = std::fs::remove_file(self.unix_socket());
    }

    /// Kills it, and starts it on the same port and socket; empty, unless its arguments make it save.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&mut self) {
        self.kill();
        let (guard, server) = launch(self.directory.path(), self.port, &self.arguments)
            .expect("the port was ours a moment ago");
        self.guard = guard;
        self.server = server;
    }

    /// The letter that Linux gives its state.
    fn state(&self) -> Option<char> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.server.as_raw_nonzero())).ok()?;
        stat.rsplit_once(") ")?.1.chars().next()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A Sentinel that replaces the master `shop` when so many agree.
fn start_sentinel(port: u16, quorum: usize, lines: &str, arguments: &[&str]) -> RedisServer {
    let text = format!(
        "sentinel monitor shop 127.0.0.1 {port} {quorum}\nsentinel down-after-milliseconds shop 500\n\
         sentinel failover-timeout shop 5000\n{lines}"
    );
    RedisServer::start_configured(Some(&text), &[&["--sentinel"], arguments].concat())
}

/// One that has another 10,000 above it, on which the nodes of a cluster speak to each other.
fn free_port() -> u16 {
    loop {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        if port <= u16::MAX - 10_000 {
            return port;
        }
    }
}

fn configuration_file(directory: &Path) -> PathBuf {
    directory.join("server.conf")
}

fn unix_socket(directory: &Path) -> PathBuf {
    directory.join("redis.sock")
}

/// A server that answers, with its guard; none where it has ended at once.
fn launch(directory: &Path, port: u16, arguments: &[String]) -> Option<(Child, Pid)> {
    let found = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status();
    assert!(found.is_ok_and(|status| status.success()), "{MISSING}");
    let mut guard = Command::new("sh")
        .args(["-c", GUARD, "sh", "redis-server"])
        .args(Some(configuration_file(directory)).filter(|file| file.exists()))
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .arg("--unixsocket")
        .arg(unix_socket(directory))
        .args(["--save", "", "--appendonly", "no", "--daemonize", "no"])
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("start a shell");
    let mut pid = String::new();
    let said = guard.stdout.as_mut().expect("it is piped");
    BufReader::new(said).read_line(&mut pid).expect("the shell says a pid");
    let server = pid.trim().parse().ok().and_then(Pid::from_raw).expect("the shell says a pid");
    let mut ended = false;
    wait_until("redis-server answers", || {
        ended = rustix::process::test_kill_process(server).is_err() || is_zombie(server);
        ended || answers(directory)
    });
    if ended {
        guard.stdin = None;
        let _ = guard.wait();
        return None;
    }
    Some((guard, server))
}

/// Whether it has ended, and the shell that waits for something else has not asked yet.
fn is_zombie(server: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.as_raw_nonzero()));
    stat.is_ok_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z')))
}

fn answers(directory: &Path) -> bool {
    let ping =
        Command::new("redis-cli").arg("-s").arg(unix_socket(directory)).arg("PING").output().expect(MISSING);
    // A server with a password answers too, in its way.
    ping.stdout.starts_with(b"PONG") || ping.stdout.starts_with(b"NOAUTH")
}

/// Waits until `done`, ten seconds at most.
fn wait_until(what: &str, done: impl FnMut() -> bool) {
    wait_for(Duration::from_secs(10), what, done);
}

/// Waits until `done`, so long at most.
fn wait_for(patience: Duration, what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !done() {
        assert!(Instant::now() < deadline, "{} seconds, and still not: {what}", patience.as_secs());
        sleep(Duration::from_millis(5));
    }
}
