//! Whatever stands in Redis, the page stays up with everything else.

use collector::Liveness;
use metrics_core::Registry;
use proptest::collection::vec;
use proptest::prelude::*;
use redis_testkit::RedisServer;

use crate::place::{PATIENCE, Place};

#[test]
fn keys_of_another_kind_cost_their_process_and_nobody_else() {
    let server = RedisServer::start();
    let place = Place::new(server.unix_url());
    let [good, bad] = [place.open(), place.open()];
    for (store, by) in [(&good, 1.0), (&bad, 10.0)] {
        Registry::new(store.clone()).counter("jobs", "Jobs.").register().unwrap().inc_by(by);
    }
    place.flush();
    assert_eq!(place.value("jobs_total"), 11.0);
    let values = place.key(&format!("values:{}", bad.process().unwrap()));
    bad.close(PATIENCE).unwrap();
    server.cli(&["DEL", &values]);
    server.cli(&["SET", &values, "none of ours"]);
    server.cli(&["ZADD", &place.key("processes"), "1", "nobody"]);
    server.cli(&["HSET", &place.key("values:nobody"), "v0", "abc", "v99999999", "x", "t7", "y", "#seq", "z"]);
    server.cli(&["SET", &place.key("schema:nobody"), "none of ours"]);
    server.cli(&["HSET", &place.key("lengths"), "nobody", "12", "strange", "-1"]);
    assert_eq!(place.strangers_value("jobs_total"), Ok(1.0));
    // Who has read it before goes on with that.
    assert_eq!(place.value("jobs_total"), 11.0);
    server.cli(&["SET", &place.key("retired:schema"), "none of ours"]);
    server.cli(&["HSET", &place.key("retired"), "#version", "1", "v0", "12345678", "#hash", "none"]);
    assert_eq!((place.value("jobs_total"), place.strangers_value("jobs_total")), (11.0, Ok(1.0)));
    // Another schema than is there, for ever.
    server.cli(&["HSET", &place.key("retired"), "#version", "2", "#hash", "12345"]);
    assert_eq!((place.value("jobs_total"), place.strangers_value("jobs_total")), (11.0, Ok(1.0)));
}

fn garbage() -> impl Strategy<Value = String> {
    // What redis-cli takes as an argument: any text without the byte that ends one.
    prop_oneof!["[^\\x00]{0,40}", "[0-9]{1,20}", Just("#seq".to_owned()), Just("v0".to_owned())]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_text_under_our_keys_gives_a_page(
        schema in garbage(),
        fields in vec((garbage(), garbage()), 1..6),
        retired in vec((garbage(), garbage()), 1..6),
        name in "[a-z]{1,4}(\\+[0-9]{1,3})?",
    ) {
        let server = crate::place::server();
        let place = Place::new(server.unix_url());
        let store = place.open();
        Registry::new(store.clone()).counter("jobs", "Jobs.").register().unwrap().inc();
        place.flush();
        let hset = |key: &str, fields: &[(String, String)]| {
            let key = place.key(key);
            let mut command = vec!["HSET", &*key];
            command.extend(fields.iter().flat_map(|(field, value)| [&**field, &**value]));
            server.cli(&command);
        };
        server.cli(&["ZADD", &place.key("processes"), "1", &name]);
        server.cli(&["HSET", &place.key("lengths"), &name, "1000"]);
        server.cli(&["SET", &place.key(&format!("schema:{name}")), &schema]);
        server.cli(&["SET", &place.key("retired:schema"), &schema]);
        hset(&format!("values:{name}"), &fields);
        hset("retired", &retired);
        let page = place.page(Liveness::AsFiled).unwrap();
        prop_assert!(page.families.iter().any(|family| &*family.name == "jobs" && family.samples[0].value == 1.0));
    }
}
