//! Push gateways that are killed, or whose servers are: what was acknowledged is there, and Prometheus sees nothing fall.

mod fail_overs;
mod killed;
mod pushing;
mod ruby;
mod scraping;

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::running::Running;
use crate::tools::multiprom;

/// How long to wait for a fail-over: Sentinels that were held up do nothing for half a minute.
const PATIENCE: Duration = Duration::from_secs(120);

/// A gateway with these flags, on a port of its own.
fn gateway(name: &str, directory: &Path, flags: &[&str]) -> (Running, SocketAddr) {
    let mut command = multiprom();
    command.args(["push-gateway", "--web.listen-address=127.0.0.1:0"]).args(flags);
    let mut running = Running::start(name, &mut command, directory);
    let address = running.address("url=");
    (running, address)
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "{PATIENCE:?}, and still not: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
