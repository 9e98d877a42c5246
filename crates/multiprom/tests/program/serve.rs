//! `multiprom serve`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::process::{multiprom, run};
use crate::recorded::Recorded;

/// A server that ends with the test.
pub(crate) struct Server {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Server {
    pub(crate) fn start(arguments: &[&str]) -> Server {
        let mut process = multiprom(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        Server { process, output }
    }

    /// `HOST:PORT` of the next line that announces a page.
    pub(crate) fn next_address(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        let url = line.strip_prefix("multiprom: serving http://").unwrap_or_else(|| panic!("{line:?}"));
        url.split_once("/metrics").unwrap_or_else(|| panic!("{line:?}")).0.to_owned()
    }

    /// Sends a signal and waits. The exit code, none where the signal itself ended it.
    pub(crate) fn end(mut self, signal: &str) -> Option<i32> {
        let sent = Command::new("kill").args([signal, &self.process.id().to_string()]).status().unwrap();
        assert!(sent.success());
        self.process.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Status line and body.
pub(crate) fn get(address: &str, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

#[test]
fn it_prints_the_url_where_the_page_is() {
    let recorded = Recorded::new("python-multiprocess/01-basic");
    let mut server = Server::start(&["serve", "--listen", "127.0.0.1:0", recorded.path()]);
    let address = server.next_address();
    let page = get(&address, "/metrics");
    assert_eq!(page, ("HTTP/1.1 200 OK".to_owned(), recorded.expected("expected.txt")));
}

#[test]
fn it_listens_on_several_addresses() {
    let recorded = Recorded::new("python-multiprocess/01-basic");
    let mut server = Server::start(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--listen",
        "0.0.0.0:0",
        "--listen=:0",
        recorded.path(),
    ]);
    let addresses = [server.next_address(), server.next_address(), server.next_address()];
    for address in &addresses {
        assert_eq!(get(address, "/metrics").1, recorded.expected("expected.txt"), "{address}");
    }
}

#[test]
fn a_directory_that_is_missing_is_a_503_until_it_is_there() {
    let parent = tempfile::TempDir::new().unwrap();
    let directory = parent.path().join("metrics");
    let mut server = Server::start(&["serve", "--listen", "127.0.0.1:0", directory.to_str().unwrap()]);
    let address = server.next_address();
    let (status, body) = get(&address, "/metrics");
    assert_eq!(status, "HTTP/1.1 503 Service Unavailable");
    assert!(body.contains(directory.to_str().unwrap()), "{body}");
    std::fs::create_dir(&directory).unwrap();
    assert_eq!(get(&address, "/metrics"), ("HTTP/1.1 200 OK".to_owned(), String::new()));
}

#[test]
fn a_directory_that_is_missing_is_in_the_log_from_the_start() {
    let mut process = multiprom(&["serve", "--listen", "127.0.0.1:0", "/no/such/directory"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stderr.take().unwrap()).read_line(&mut line).unwrap();
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(line.contains("WARN") && line.contains("/no/such/directory: No such file"), "{line}");
    assert!(!line.contains('\x1b'), "colour without a terminal: {line:?}");
}

#[test]
fn own_metrics_can_stand_on_the_page() {
    let recorded = Recorded::new("python-multiprocess/01-basic");
    let mut server =
        Server::start(&["serve", "--own-metrics-inline", "--listen", "127.0.0.1:0", recorded.path()]);
    let (_, page) = get(&server.next_address(), "/metrics");
    assert!(page.starts_with(&recorded.expected("expected.txt")));
    assert!(page.contains("\nmultiprom_http_scrapes_total{code=\"200\"} "), "{page}");
}

#[test]
fn signals_end_it_in_peace() {
    for signal in ["-TERM", "-INT"] {
        let mut server = Server::start(&["serve", "--listen", "127.0.0.1:0", "/tmp"]);
        server.next_address();
        assert_eq!(server.end(signal), Some(0), "{signal}");
    }
}

#[test]
fn a_taken_address_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, _, errors) = run(&mut multiprom(&["serve", "--listen", &address, "/tmp"]));
    assert_eq!(code, Some(1));
    assert!(errors.contains(&format!("listen on {address}: Address already in use")), "{errors}");
}

#[test]
fn an_address_that_is_none_is_named() {
    let (code, _, errors) = run(&mut multiprom(&["serve", "--listen", "nonsense", "/tmp"]));
    assert_eq!(code, Some(1));
    assert!(errors.contains("listen on nonsense"), "{errors}");
}
