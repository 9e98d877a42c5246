//! A gateway on a port of its own, and the plainest client.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use groups_log::{LogStore, Options};
use push_gateway::{Gateway, GatewayOptions, Surface, SurfaceOptions, serve};
use tokio::runtime::Runtime;

/// A gateway that runs until this is dropped.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    clock: Arc<AtomicU64>,
    _runtime: Runtime,
}

/// What a client got.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// 2026-01-01, as good a time as any.
const BEGIN: u64 = 1_767_225_600_000_000_000;

pub(crate) fn gateway(change: impl FnOnce(&mut SurfaceOptions, &mut GatewayOptions)) -> Served {
    let (mut options, mut gateway) = (SurfaceOptions::default(), GatewayOptions::default());
    change(&mut options, &mut gateway);
    let clock = Arc::new(AtomicU64::new(BEGIN));
    let tells = clock.clone();
    let store = LogStore::open(Options {
        clock: Some(Arc::new(move || tells.fetch_add(1_000_000, Ordering::Relaxed))),
        ..Options::in_memory()
    });
    let gateway = Gateway::new(vec![Arc::new(store.unwrap())], &gateway).unwrap();
    let surface = Arc::new(Surface::new(gateway, options, Box::new(|| Ok(()))));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(serve(listener, surface, std::future::pending()));
    Served { address, clock, _runtime: runtime }
}

impl Served {
    /// Lets the store's clock go on.
    pub(crate) fn pass(&self, time: Duration) {
        self.clock.fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
    }

    /// Sends these bytes, closes this side, and takes all that comes.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(bytes).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        answer
    }

    /// One request; `headers` are lines.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[&str], body: &str) -> Got {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
        head.extend(headers.iter().map(|line| format!("{line}\r\n")));
        if !body.is_empty() || matches!(method, "PUT" | "POST") {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        Got::of(&self.raw(format!("{head}\r\n{body}").as_bytes()))
    }

    pub(crate) fn get(&self, path: &str) -> Got {
        self.ask("GET", path, &[], "")
    }

    pub(crate) fn put(&self, path: &str, body: &str) -> Got {
        self.ask("PUT", path, &[], body)
    }

    /// The lines of the page that are of these families, comments left out.
    pub(crate) fn lines(&self, families: &[&str]) -> Vec<String> {
        let page = self.get("/metrics").text();
        let of = |line: &&str| families.iter().any(|name| line.starts_with(name));
        page.lines().filter(of).map(str::to_owned).collect()
    }
}

impl Got {
    pub(crate) fn of(bytes: &[u8]) -> Got {
        let text = String::from_utf8_lossy(bytes);
        let end = text.find("\r\n\r\n").unwrap_or_else(|| panic!("no whole head: {text:?}"));
        // Heads are ASCII, so that offsets are those of bytes as well.
        let (head, body) = bytes.split_at(end + 4);
        let head = String::from_utf8_lossy(head).to_lowercase();
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        Got { status, head, body: body.to_vec() }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}
