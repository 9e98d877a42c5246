//! Processes that are killed while they count.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Duration;

use redis_testkit::RedisServer;

use super::{Hasty, Missing, Storm, Watch, exporter, page, wait_for, wait_until_retired_but};

/// What a process has counted so long ago is in Redis, however busy the machine is: its interval, and much more.
const SURELY_SENT: Duration = Duration::from_millis(2_500);

#[test]
fn of_workers_that_are_killed_all_is_there_but_the_last_interval_and_nothing_twice() {
    let server = RedisServer::start();
    let directory = tempfile::tempdir().expect("make a directory");
    let directory = directory.path();
    let (_exporter, address) = exporter("multiprom", &[], &server.url(), directory);
    let watch = Watch::start(address, Missing::Never);
    let janitor = Hasty::start(&server.url(), Duration::from_secs(1));
    let behind_a_bad_line = format!("redis://127.0.0.1:{}/0", bad_line(server.port()));
    let mut dead = Vec::new();
    for round in 0..4 {
        let storms = [
            Storm::start(&format!("one-{round}"), &server.url(), directory),
            Storm::start(&format!("two-{round}"), &server.url(), directory),
            Storm::start(&format!("bad-line-{round}"), &behind_a_bad_line, directory),
        ];
        for storm in &storms {
            wait_for(address, "each one is heard", |page| storm.counted(page).iter().all(|&it| it > 0.0));
        }
        let mut sure = storms.each_ref().map(Storm::acknowledged);
        // Of who has a bad line nobody can say when something arrives.
        sure[2] = [1.0; 2];
        // Not always at the same place between two frames.
        std::thread::sleep(SURELY_SENT + Duration::from_millis(37 * round));
        for (storm, sure) in storms.into_iter().zip(sure) {
            let name = storm.name.clone();
            let last = storm.kill();
            dead.push((name, sure, last));
        }
        let page = page(address).expect("the server is there");
        for (name, sure, last) in &dead {
            assert_within(name, *sure, counted(name, &page), *last);
        }
    }
    wait_until_retired_but(0, &server);
    let page = wait_for(address, "a page of the dead", |_| true);
    for (name, sure, last) in &dead {
        assert_within(name, *sure, counted(name, &page), *last);
        let buckets = format!("storm_seconds_bucket{{le=\"+Inf\",worker=\"{name}\"}}");
        assert_eq!(page.0.get(&buckets), page.0.get(&format!("storm_seconds_count{{worker=\"{name}\"}}")));
    }
    assert!(janitor.end() >= dead.len());
    let watched = watch.end();
    assert!(watched.failed.is_empty(), "{:?}", watched.failed);
    assert_eq!(watched.last.0, page.0, "nothing changes any more");
}

#[test]
fn where_each_change_is_sent_at_once_whoever_is_killed_has_lost_nothing() {
    let server = RedisServer::start();
    let directory = tempfile::tempdir().expect("make a directory");
    let directory = directory.path();
    let (_exporter, address) = exporter("multiprom", &[], &server.url(), directory);
    let watch = Watch::start(address, Missing::Never);
    let janitor = Hasty::start(&server.url(), Duration::from_secs(1));
    let mut dead = Vec::new();
    for round in 0..12 {
        let name = format!("one-{round}");
        let storm = Storm::start_as("synchronous", &name, &server.url(), directory);
        std::thread::sleep(Duration::from_millis(41 * round));
        let last = storm.kill();
        dead.push((name, last));
        let page = page(address).expect("the server is there");
        dead.iter().for_each(|(name, last)| assert_within(name, *last, counted(name, &page), *last));
    }
    wait_until_retired_but(0, &server);
    assert!(janitor.end() >= dead.len());
    let page = page(address).expect("the server is there");
    dead.iter().for_each(|(name, last)| assert_within(name, *last, counted(name, &page), *last));
    let watched = watch.end();
    assert!(watched.failed.is_empty(), "{:?}", watched.failed);
}

#[test]
fn of_workers_that_share_their_numbers_and_are_killed_nothing_is_added_twice() {
    let server = RedisServer::start();
    let directory = tempfile::tempdir().expect("make a directory");
    let directory = directory.path();
    let (_exporter, address) = exporter("multiprom", &[], &server.url(), directory);
    let watch = Watch::start(address, Missing::Never);
    let behind_a_bad_line = format!("redis://127.0.0.1:{}/0", bad_line(server.port()));
    let mut dead = Vec::new();
    for round in 0..3 {
        let storms = [("one", server.url()), ("bad-line", behind_a_bad_line.clone())]
            .map(|(name, url)| Storm::start_as("shared", &format!("{name}-{round}"), &url, directory));
        for storm in &storms {
            wait_for(address, "each one is heard", |page| storm.counted(page).iter().all(|&it| it > 0.0));
        }
        let sure = [storms[0].acknowledged(), [1.0; 2]];
        std::thread::sleep(SURELY_SENT + Duration::from_millis(53 * round));
        for (storm, sure) in storms.into_iter().zip(sure) {
            let name = storm.name.clone();
            dead.push((name, sure, storm.kill()));
        }
    }
    // One that ends in its own way, behind the same line, has added all.
    let mut last = Storm::start_as("shared", "last", &behind_a_bad_line, directory);
    wait_for(address, "it is heard", |page| last.counted(page).iter().all(|&it| it > 100.0));
    let all = last.end();
    let page = page(address).expect("the server is there");
    assert_eq!(last.counted(&page), all);
    for (name, sure, last) in &dead {
        assert_within(name, *sure, counted(name, &page), *last);
    }
    let watched = watch.end();
    assert!(watched.failed.is_empty(), "{:?}", watched.failed);
}

fn counted(name: &str, page: &super::Page) -> [f64; 2] {
    [super::UPDATES, super::OBSERVATIONS].map(|series| page.of_worker(series, name).unwrap_or(0.0))
}

/// What each of its threads has surely sent is there, and no more than it has begun to count.
fn assert_within(name: &str, sure: [f64; 2], counted: [f64; 2], last: [f64; 2]) {
    for thread in 0..2 {
        let (sure, counted, most) = (sure[thread], counted[thread], last[thread] + 1.0);
        assert!(sure <= counted && counted <= most, "{name}: {sure} <= {counted} <= {most}");
    }
}

/// A line to this port that holds answers back, up to a tenth of a second, and of each nine loses one, and the connection
/// with it. Its port.
fn bad_line(port: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let ours = listener.local_addr().expect("it has an address").port();
    std::thread::spawn(move || {
        for (number, client) in listener.incoming().enumerate() {
            let Ok(client) = client else { return };
            std::thread::spawn(move || pass_on(client, port, number));
        }
    });
    ours
}

/// Passes everything on, until it loses an answer or somebody hangs up.
fn pass_on(mut client: TcpStream, port: u16, number: usize) -> Option<()> {
    let mut server = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let (mut asks, mut asked) = (client.try_clone().ok()?, server.try_clone().ok()?);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut asks, &mut asked);
        let _ = asked.shutdown(Shutdown::Both);
    });
    let mut answer = [0; 1 << 16];
    for turn in number.. {
        let len = server.read(&mut answer).ok().filter(|&len| len > 0);
        std::thread::sleep(Duration::from_millis(turn as u64 * 17 % 100));
        let Some(len) = len.filter(|_| turn % 9 != 8) else { break };
        client.write_all(&answer[..len]).ok()?;
    }
    client.shutdown(Shutdown::Both).ok()
}
