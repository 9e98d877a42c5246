//! Which node of a cluster has a key, as the cluster says it.

#[cfg(test)]
mod tests;

use std::io;
use std::time::Instant;

use forked::Descriptors;
use redis::{Value, cmd};

use crate::address::{Place, shown};
use crate::error::Cause;
use crate::login::Login;

/// A place for keys: each is in one of 16,384, and each of those on one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(pub(crate) u16);

/// Where a node listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// What is known of the nodes of a cluster, for the sake of one slot.
pub(crate) struct Route {
    /// Whom to ask: at first the seeds; who answered last, first.
    nodes: Vec<Node>,
    /// Who has the slot, as far as is known.
    pub(crate) owner: Option<Node>,
}

const SLOTS: u16 = 16_384;

/// So many nodes are remembered.
const MOST_NODES: usize = 64;

/// So many are asked before it is given up.
const MOST_ASKED: usize = 8;

impl Slot {
    /// That of a key: by what stands between its first `{` and the next `}`, or by all of it where that is nothing.
    pub(crate) fn of(key: &[u8]) -> Slot {
        let tag = key.iter().position(|&byte| byte == b'{').and_then(|begin| {
            let rest = &key[begin + 1..];
            let end = rest.iter().position(|&byte| byte == b'}')?;
            Some(&rest[..end]).filter(|tag| !tag.is_empty())
        });
        Slot(crc16(tag.unwrap_or(key)) % SLOTS)
    }
}

/// The checksum that XMODEM has.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum, &byte| {
        (0..8).fold(sum ^ (u16::from(byte) << 8), |sum, _| {
            if sum & 0x8000 == 0 { sum << 1 } else { (sum << 1) ^ 0x1021 }
        })
    })
}

impl Route {
    pub(crate) fn new(seeds: &[(String, u16)]) -> Route {
        let nodes = seeds.iter().map(|(host, port)| Node { host: host.clone(), port: *port }).collect();
        Route { nodes, owner: None }
    }

    /// Asks who has a slot: the first of the nodes that answers and knows. Each that does not takes its share of the
    /// time, and is asked last from then on.
    pub(crate) fn ask(
        &mut self,
        slot: Slot,
        tls: bool,
        login: Login<'_>,
        descriptors: &Descriptors,
        deadline: Instant,
    ) -> Result<Node, Cause> {
        let mut last = None;
        let asked = self.nodes.len().min(MOST_ASKED);
        for at in 0..asked {
            let Some(node) = self.nodes.first().cloned() else { break };
            let now = Instant::now();
            // The owner wants some of it, too.
            let share = deadline.saturating_duration_since(now) / (asked - at + 1) as u32;
            let mut question = cmd("CLUSTER");
            question.arg("SLOTS");
            let told = login.open(&node.place(tls), Some(question), descriptors, now + share);
            let told = told.and_then(|(_, answer)| {
                let (owner, others) = owner_and_others(answer, slot, &node);
                let owner = owner.ok_or_else(|| unknown(slot))?;
                Ok((owner, others))
            });
            match told {
                Ok((owner, others)) => {
                    self.learn(others);
                    return Ok(self.owner.insert(owner).clone());
                }
                Err(cause) => {
                    last = Some(cause.of(&node.to_string()));
                    self.nodes.rotate_left(1);
                }
            }
        }
        Err(last.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "there are no nodes").into()))
    }

    /// Remembers these behind those that are known, as many as there is room for.
    fn learn(&mut self, nodes: Vec<Node>) {
        for node in nodes {
            if self.nodes.len() < MOST_NODES && !self.nodes.contains(&node) {
                self.nodes.push(node);
            }
        }
    }
}

impl Node {
    /// What `HOST:PORT` says, an IPv6 host without brackets; the host of `of` where there is none.
    pub(crate) fn parse(text: &str, of: &Node) -> Option<Node> {
        let (host, port) = text.rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let host = if host.is_empty() { &of.host } else { host };
        Some(Node { host: host.to_owned(), port: port.parse().ok().filter(|&port| port != 0)? })
    }

    pub(crate) fn place(&self, tls: bool) -> Place {
        Place::Tcp { host: self.host.clone(), port: self.port, tls }
    }
}

impl std::fmt::Display for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the node {}", shown(&self.host, self.port))
    }
}

fn unknown(slot: Slot) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("it knows no node that has slot {}", slot.0))
}

/// The master of a slot, and other nodes, by the answer of `asked` to `CLUSTER SLOTS`: an array of ranges, each of first
/// and last slot, the master, and its replicas; each node of host, port and more.
fn owner_and_others(answer: Value, slot: Slot, asked: &Node) -> (Option<Node>, Vec<Node>) {
    let (mut owner, mut others) = (None, Vec::new());
    let Value::Array(ranges) = answer else { return (None, others) };
    for range in ranges {
        let Value::Array(parts) = range else { continue };
        let [Value::Int(first), Value::Int(last), master, replicas @ ..] = &parts[..] else { continue };
        let master = node(master, asked);
        if (*first..=*last).contains(&i64::from(slot.0)) {
            owner.clone_from(&master);
        }
        let new = master.into_iter().chain(replicas.iter().filter_map(|replica| node(replica, asked)));
        others.extend(new.take(MOST_NODES.saturating_sub(others.len())));
    }
    (owner, others)
}

/// A node as it is told of; one without a host, or of an unknown one, listens where `asked` does.
fn node(told: &Value, asked: &Node) -> Option<Node> {
    let Value::Array(parts) = told else { return None };
    let [host, Value::Int(port), ..] = &parts[..] else { return None };
    let host = match host {
        Value::BulkString(host) => std::str::from_utf8(host).ok()?,
        Value::SimpleString(host) => host,
        Value::Nil => "",
        _ => return None,
    };
    let host = if host.is_empty() || host == "?" { &asked.host } else { host };
    Some(Node { host: host.to_owned(), port: u16::try_from(*port).ok().filter(|&port| port != 0)? })
}
