//! Addresses to listen on, and the URLs that lead there.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::Context;
use tokio::net::TcpListener;

/// Listens on `address`: `ADDRESS:PORT`, `[IPV6]:PORT`, `NAME:PORT`, or `:PORT` for every address.
pub(crate) async fn listen(address: &str) -> anyhow::Result<TcpListener> {
    let bound = match address.strip_prefix(':') {
        None => TcpListener::bind(address).await,
        Some(port) => match TcpListener::bind(format!("[::]:{port}")).await {
            // A machine without IPv6.
            Err(error) if error.kind() != std::io::ErrorKind::AddrInUse => {
                TcpListener::bind(format!("0.0.0.0:{port}")).await
            }
            bound => bound,
        },
    };
    bound.with_context(|| format!("listen on {address}"))
}

/// The URL of `path` on a listener at `address`, as it can be opened on this machine.
pub(crate) fn url(address: SocketAddr, path: &str) -> String {
    format!("http://{}{path}", reachable(address))
}

/// Where a listener at `address` can be reached from this machine: the loopback address for one that listens
/// on every address.
pub(crate) fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

#[cfg(test)]
mod tests {
    use super::url;

    #[test]
    fn a_url_can_be_opened_on_this_machine() {
        let table = [
            ("10.0.0.7:80", "http://10.0.0.7:80/metrics"),
            ("0.0.0.0:80", "http://127.0.0.1:80/metrics"),
            ("[::]:80", "http://[::1]:80/metrics"),
            ("[fe80::1]:80", "http://[fe80::1]:80/metrics"),
        ];
        for (address, expected) in table {
            assert_eq!(url(address.parse().unwrap(), "/metrics"), expected);
        }
    }
}
