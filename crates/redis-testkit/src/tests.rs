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
