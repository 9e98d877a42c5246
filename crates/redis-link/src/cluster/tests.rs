use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn node(port: u16) -> Node {
    Node { host: "127.0.0.1".to_owned(), port }
}

fn told(host: Value, port: i64) -> Value {
    Value::Array(vec![host, Value::Int(port), Value::BulkString(b"an id".to_vec())])
}

fn text(text: &str) -> Value {
    Value::BulkString(text.as_bytes().to_vec())
}

#[test]
fn the_checksum_is_that_of_the_specification() {
    assert_eq!(crc16(b"123456789"), 0x31c3);
}

#[test]
fn what_stands_in_the_first_braces_decides() {
    for (key, same) in [("{shop#0}:a", "shop#0"), ("a{b}{c}", "b"), ("foo{{bar}}zap", "{bar")] {
        assert_eq!(Slot::of(key.as_bytes()), Slot(crc16(same.as_bytes()) % SLOTS), "{key}");
    }
    for whole in ["foo{}{bar}", "{", "}{", "a{b"] {
        assert_eq!(Slot::of(whole.as_bytes()), Slot(crc16(whole.as_bytes()) % SLOTS), "{whole}");
    }
}

#[test]
fn the_owner_and_all_nodes_are_read_and_whoever_has_no_host_is_where_was_asked() {
    let range = |first: i64, last: i64, nodes: Vec<Value>| {
        Value::Array([vec![Value::Int(first), Value::Int(last)], nodes].concat())
    };
    let answer = || {
        Value::Array(vec![
            range(0, 99, vec![told(text("10.0.0.1"), 1), told(text("10.0.0.2"), 2)]),
            range(100, 16_383, vec![told(Value::Nil, 3), told(text(""), 4), told(text("?"), 70_000)]),
        ])
    };
    let (owner, others) = owner_and_others(answer(), Slot(100), &node(9));
    assert_eq!(owner, Some(node(3)));
    let others: Vec<String> = others.iter().map(Node::to_string).collect();
    assert_eq!(
        others,
        ["the node 10.0.0.1:1", "the node 10.0.0.2:2", "the node 127.0.0.1:3", "the node 127.0.0.1:4"]
    );
}

#[test]
fn whatever_is_told_no_more_is_remembered_than_there_is_room_for() {
    let many = (0..10_000).map(|at| {
        Value::Array(vec![Value::Int(at), Value::Int(at), told(text("h"), 1 + at), Value::Nil, text("x")])
    });
    let (owner, others) = owner_and_others(Value::Array(many.collect()), Slot(20), &node(9));
    assert_eq!((owner.map(|owner| owner.port), others.len()), (Some(21), MOST_NODES));
    let mut route = Route::new(&[("seed".to_owned(), 1)]);
    route.learn(others.clone());
    route.learn(others);
    assert_eq!((route.nodes.len(), &*route.nodes[0].host), (MOST_NODES, "seed"));
    for nonsense in [Value::Nil, Value::Int(1), Value::Array(vec![Value::Array(vec![]), Value::Nil])] {
        assert_eq!(owner_and_others(nonsense, Slot(20), &node(9)), (None, vec![]));
    }
}

#[test]
fn where_a_node_sends_one_is_read_with_any_kind_of_host() {
    let of = node(9);
    let place = |text: &str| Node::parse(text, &of).map(|node| node.to_string());
    assert_eq!(place("redis.example:6380").as_deref(), Some("the node redis.example:6380"));
    assert_eq!(place("::1:6380").as_deref(), Some("the node [::1]:6380"));
    assert_eq!(place(":6380").as_deref(), Some("the node 127.0.0.1:6380"));
    for nonsense in ["", "h", "h:", "h:0", "h:65536", "h:x"] {
        assert_eq!(place(nonsense), None, "{nonsense}");
    }
}

#[test]
fn a_real_node_finds_the_same_slots() {
    let server = redis_testkit::RedisServer::start_with(&["--cluster-enabled", "yes"]);
    let link = crate::Link::new(crate::Address::parse(&server.url()).unwrap(), crate::Timeouts::default());
    // All bytes, braces most of all.
    let mut seed = 1_u64;
    let mut letter = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        match (seed >> 33) % 8 {
            0..=1 => b'{',
            2..=3 => b'}',
            _ => (seed >> 40) as u8,
        }
    };
    let keys: Vec<Vec<u8>> = (0..5_000).map(|at| (0..at % 20).map(|_| letter()).collect()).collect();
    let mut pipeline = redis::pipe();
    for key in &keys {
        pipeline.cmd("CLUSTER").arg("KEYSLOT").arg(key);
    }
    for (key, told) in keys.iter().zip(link.run(&pipeline).unwrap()) {
        assert_eq!(told, Value::Int(i64::from(Slot::of(key).0)), "{key:?}");
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Nil),
        Just(Value::Okay),
        any::<i64>().prop_map(Value::Int),
        (0..20_000_i64).prop_map(Value::Int),
        vec(any::<u8>(), 0..6).prop_map(Value::BulkString),
        "[a-z.?]{0,4}".prop_map(|text| Value::BulkString(text.into_bytes())),
    ];
    leaf.prop_recursive(3, 64, 6, |inner| vec(inner, 0..6).prop_map(Value::Array))
}

proptest! {
    #[test]
    fn whatever_a_node_answers_is_nodes_that_can_be_asked(answer in any_value(), slot in 0..SLOTS) {
        let (owner, others) = owner_and_others(answer, Slot(slot), &node(9));
        prop_assert!(others.len() <= MOST_NODES);
        for node in owner.iter().chain(&others) {
            prop_assert!(!node.host.is_empty() && node.port > 0);
        }
    }

    #[test]
    fn wherever_a_node_sends_one_can_be_asked_or_is_no_place(text in "\\PC{0,12}:?[0-9]{0,6}") {
        if let Some(node) = Node::parse(&text, &node(9)) {
            prop_assert!(!node.host.is_empty() && node.port > 0);
        }
    }
}
