//! A real cluster for a test: a few servers that share the keys.

use crate::{RedisServer, free_port, wait_until};

/// A cluster of masters that is this test's own: its slots are shared out in as many stretches as there are nodes.
///
/// ```no_run
/// let cluster = redis_testkit::RedisCluster::start(3);
/// let node = cluster.owner("{shop}:a");
/// cluster.nodes[node].cli(&["SET", "{shop}:a", "1"]);
/// ```
#[derive(Debug)]
pub struct RedisCluster {
    /// The nodes, in the order of their slots.
    pub nodes: Vec<RedisServer>,
    /// Where each listens with TLS, if they do.
    pub tls_ports: Vec<u16>,
    /// Those of each node.
    arguments: Vec<String>,
}

const SLOTS: usize = 16_384;

/// A node that has not answered for so long is taken for dead by the others.
const NODE_TIMEOUT: &str = "2000"; // milliseconds

impl RedisCluster {
    /// An empty one of so many nodes, without replicas.
    ///
    /// # Panics
    /// When there is no redis-server, or they do not agree within ten seconds.
    pub fn start(nodes: usize) -> RedisCluster {
        RedisCluster::start_with(nodes, &[])
    }

    /// The same with further arguments for each: `&["--appendonly", "yes"]`.
    ///
    /// # Panics
    /// As [`start`](RedisCluster::start).
    pub fn start_with(nodes: usize, arguments: &[&str]) -> RedisCluster {
        RedisCluster::start_on(vec![None; nodes], arguments)
    }

    /// The same with TLS, also among themselves: the further arguments must say with which certificates.
    ///
    /// # Panics
    /// As [`start`](RedisCluster::start).
    pub fn start_tls(nodes: usize, arguments: &[&str]) -> RedisCluster {
        let arguments = [&["--tls-cluster", "yes"], arguments].concat();
        RedisCluster::start_on((0..nodes).map(|_| Some(free_port())).collect(), &arguments)
    }

    /// A node for each of these ports with TLS.
    fn start_on(tls_ports: Vec<Option<u16>>, arguments: &[&str]) -> RedisCluster {
        let usual = ["--cluster-enabled", "yes", "--cluster-node-timeout", NODE_TIMEOUT];
        let arguments = [&usual[..], arguments].concat();
        let start = |tls_port: &Option<u16>| {
            let port = tls_port.map(|port| port.to_string());
            let port: Vec<&str> = port.iter().flat_map(|port| ["--tls-port", port]).collect();
            RedisServer::start_with(&[&arguments, &port[..]].concat())
        };
        let nodes: Vec<RedisServer> = tls_ports.iter().map(start).collect();
        for (at, node) in nodes.iter().enumerate() {
            let [from, to] = [at, at + 1].map(|at| at * SLOTS / nodes.len());
            node.cli_ok(&["CLUSTER", "ADDSLOTSRANGE", &from.to_string(), &(to - 1).to_string()]);
            // Otherwise they would have to find out among themselves whose word counts more.
            node.cli_ok(&["CLUSTER", "SET-CONFIG-EPOCH", &(at + 1).to_string()]);
        }
        let first = tls_ports[0].unwrap_or(nodes[0].port()).to_string();
        for node in &nodes[1..] {
            node.cli_ok(&["CLUSTER", "MEET", "127.0.0.1", &first]);
        }
        let tls_ports = tls_ports.into_iter().flatten().collect();
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let cluster = RedisCluster { nodes, tls_ports, arguments };
        cluster.wait();
        cluster
    }

    /// Adds a node, the last from then on, that has what this one has and takes its place when it dies.
    ///
    /// # Panics
    /// As [`start`](RedisCluster::start); or when it has nothing within ten seconds.
    pub fn add_replica(&mut self, of: usize) {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        let replica = RedisServer::start_with(&arguments);
        replica.cli_ok(&["CLUSTER", "MEET", "127.0.0.1", &self.nodes[of].port().to_string()]);
        let id = self.id(of);
        wait_until("the replica knows its master", || replica.cli(&["CLUSTER", "REPLICATE", &id]) == "OK\n");
        wait_until("the replica has what its master has", || {
            replica.cli(&["INFO", "replication"]).contains("master_link_status:up\r\n")
        });
        self.nodes.push(replica);
        self.wait();
    }

    /// Waits until all nodes know each other and have all slots among them.
    ///
    /// # Panics
    /// When they do not within ten seconds.
    pub fn wait(&self) {
        let count = format!("cluster_known_nodes:{}\r\n", self.nodes.len());
        wait_until("the nodes of the cluster agree", || {
            self.nodes.iter().all(|node| {
                let told = node.cli(&["CLUSTER", "INFO"]);
                told.contains("cluster_state:ok\r\n") && told.contains(&count)
            })
        });
    }

    /// `redis+cluster://127.0.0.1:PORT,...` of all nodes.
    pub fn url(&self) -> String {
        let hosts: Vec<String> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
        format!("redis+cluster://{}", hosts.join(","))
    }

    /// The slot of a key.
    pub fn slot(&self, key: &str) -> String {
        self.nodes[0].cli(&["CLUSTER", "KEYSLOT", key]).trim().to_owned()
    }

    /// Which node has a key, by the word of the first one that does not send elsewhere.
    ///
    /// # Panics
    /// When none has it, or none says so within ten seconds: a node that has just lost sight of others says nothing of
    /// keys.
    pub fn owner(&self, key: &str) -> usize {
        let mut owner = None;
        // `ASK` says who still has the slot of a key that has gone ahead.
        let owns = |node: &RedisServer| {
            let told = node.cli(&["EXISTS", key]);
            ["0", "1", "ASK "].iter().any(|beginning| told.starts_with(beginning))
        };
        wait_until("some node has every key", || {
            owner = self.nodes.iter().position(owns);
            owner.is_some()
        });
        owner.expect("one was waited for")
    }

    /// Begins to move the slot of a key from one node to another: keys that the first does not have are asked for at
    /// the second from now on.
    pub fn begin_move(&self, key: &str, from: usize, to: usize) {
        let slot = self.slot(key);
        let [from_id, to_id] = [from, to].map(|at| self.id(at));
        self.nodes[to].cli_ok(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]);
        self.nodes[from].cli_ok(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]);
    }

    /// Moves the keys that there are in the slot of this one. How many.
    pub fn move_keys(&self, key: &str, from: usize, to: usize) -> usize {
        let slot = self.slot(key);
        let port = self.nodes[to].port().to_string();
        let found = self.nodes[from].cli(&["CLUSTER", "GETKEYSINSLOT", &slot, "10000"]);
        let keys: Vec<&str> = found.lines().filter(|line| !line.is_empty()).collect();
        for key in &keys {
            self.nodes[from].cli(&["MIGRATE", "127.0.0.1", &port, key, "0", "5000"]);
        }
        keys.len()
    }

    /// Ends the move: the slot is the second node's, and all know.
    pub fn end_move(&self, key: &str, from: usize, to: usize) {
        let (slot, id) = (self.slot(key), self.id(to));
        // Who takes it first, who gives it last: never is it nobody's.
        self.nodes[to].cli_ok(&["CLUSTER", "SETSLOT", &slot, "NODE", &id]);
        self.nodes[from].cli_ok(&["CLUSTER", "SETSLOT", &slot, "NODE", &id]);
    }

    fn id(&self, at: usize) -> String {
        self.nodes[at].cli(&["CLUSTER", "MYID"]).trim().to_owned()
    }
}

impl RedisServer {
    /// Runs a command that is answered with OK.
    fn cli_ok(&self, arguments: &[&str]) {
        let told = self.cli(arguments);
        assert_eq!(told, "OK\n", "{arguments:?}");
    }
}
