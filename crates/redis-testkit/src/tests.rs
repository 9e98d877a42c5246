use super::*;

#[test]
fn a_server_keeps_what_it_is_told_and_forgets_it_at_a_restart() {
    let mut server = RedisServer::start();
    assert_eq!(server.cli(&["SET", "greeting", "hello"]), "OK\n");
    assert_eq!(server.cli(&["GET", "greeting"]), "hello\n");
    let port = server.port();
    server.restart();
    assert_eq!((server.port(), server.cli(&["EXISTS", "greeting"])), (port, "0\n".to_owned()));
}

#[test]
fn a_server_is_gone_when_it_is_dropped() {
    let server = RedisServer::start();
    let (pid, directory) = (server.server, server.directory.path().to_owned());
    drop(server);
    assert!(rustix::process::test_kill_process(pid).is_err());
    assert!(!directory.exists());
}

#[test]
fn commands_are_piped_in() {
    let server = RedisServer::start();
    let said = server.cli_with(&["--pipe"], b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n7\r\n");
    assert!(said.contains("errors: 0, replies: 1"), "{said}");
    assert_eq!(server.cli(&["GET", "a"]), "7\n");
}

#[test]
fn a_cluster_shares_the_keys_and_moves_them() {
    let cluster = RedisCluster::start(3);
    let node = cluster.owner("{shop}:a");
    let other = (node + 1) % 3;
    assert_eq!(cluster.nodes[node].cli(&["SET", "{shop}:a", "1"]), "OK\n");
    assert!(cluster.nodes[other].cli(&["GET", "{shop}:a"]).starts_with("MOVED "));
    cluster.begin_move("{shop}:a", node, other);
    assert!(cluster.nodes[node].cli(&["GET", "{shop}:b"]).starts_with("ASK "));
    assert_eq!(cluster.move_keys("{shop}:a", node, other), 1);
    cluster.end_move("{shop}:a", node, other);
    assert_eq!(cluster.nodes[other].cli(&["GET", "{shop}:a"]), "1\n");
    assert!(cluster.nodes[node].cli(&["GET", "{shop}:a"]).starts_with("MOVED "));
}

#[test]
fn a_node_that_was_killed_finds_its_cluster_again() {
    let mut cluster = RedisCluster::start(3);
    let node = cluster.owner("a");
    cluster.nodes[node].kill();
    cluster.nodes[node].restart();
    cluster.wait();
    assert_eq!(cluster.owner("a"), node);
}
