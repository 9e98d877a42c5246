use proptest::collection::vec;
use proptest::prelude::*;
use redis::{parse_redis_value, pipe};

use super::*;

fn answer(line: &str) -> Value {
    parse_redis_value(format!("{line}\r\n").as_bytes()).unwrap()
}

fn from() -> Node {
    Node { host: "a".to_owned(), port: 1 }
}

fn of(pipeline: &Pipeline, answers: &[Value]) -> Option<Redirected> {
    Redirected::of(pipeline, answers, Slot(7), &from())
}

#[test]
fn only_what_was_sent_elsewhere_is_sent_again() {
    let mut pipeline = pipe();
    pipeline.cmd("TIME").cmd("GET").arg("x").cmd("GET").arg("y");
    let mut answers = vec![Value::Okay, answer("-MOVED 7 b:2"), answer("-MOVED 7 b:2")];
    let redirected = of(&pipeline, &answers).unwrap();
    assert!(redirected.for_good && !redirected.is_all(&pipeline));
    let (bytes, count) = redirected.commands(&pipeline);
    assert_eq!(
        String::from_utf8_lossy(&bytes),
        "*2\r\n$3\r\nGET\r\n$1\r\nx\r\n*2\r\n$3\r\nGET\r\n$1\r\ny\r\n"
    );
    assert_eq!(count, 2);
    redirected.put(vec![Value::Int(1), Value::Int(2)], &mut answers);
    assert_eq!(answers, [Value::Okay, Value::Int(1), Value::Int(2)]);
    assert_eq!(of(&pipeline, &answers), None);
}

#[test]
fn who_takes_single_commands_is_told_so_each_time() {
    let mut pipeline = pipe();
    pipeline.cmd("GET").arg("x");
    let mut answers = vec![answer("-ASK 7 b:2")];
    let redirected = of(&pipeline, &answers).unwrap();
    assert!(!redirected.for_good && redirected.is_all(&pipeline));
    let (bytes, count) = redirected.commands(&pipeline);
    assert_eq!(String::from_utf8_lossy(&bytes), "*1\r\n$6\r\nASKING\r\n*2\r\n$3\r\nGET\r\n$1\r\nx\r\n");
    assert_eq!(count, 2);
    redirected.put(vec![Value::Okay, Value::Int(5)], &mut answers);
    assert_eq!(answers, [Value::Int(5)]);
}

#[test]
fn a_transaction_goes_elsewhere_as_a_whole() {
    let mut pipeline = pipe();
    pipeline.atomic().cmd("GET").arg("x").cmd("GET").arg("y");
    let queued = || answer("+QUEUED");
    let mut answers = vec![Value::Okay, queued(), answer("-ASK 7 b:2"), answer("-EXECABORT Discarded")];
    let redirected = of(&pipeline, &answers).unwrap();
    assert!(redirected.is_all(&pipeline));
    let (bytes, count) = redirected.commands(&pipeline);
    assert!(bytes.starts_with(b"*1\r\n$6\r\nASKING\r\n*1\r\n$5\r\nMULTI\r\n"));
    assert_eq!(count, 5);
    let told = vec![Value::Okay, Value::Okay, queued(), queued(), Value::Array(vec![])];
    redirected.put(told, &mut answers);
    assert_eq!(answers, [Value::Okay, queued(), queued(), Value::Array(vec![])]);
}

#[test]
fn who_may_not_say_asking_is_told_that_and_not_where_the_keys_are() {
    let refused = || answer("-NOPERM this user has no permissions to run the 'asking' command");
    let mut pipeline = pipe();
    pipeline.cmd("GET").arg("x").cmd("GET").arg("y");
    let asked = || vec![answer("-ASK 7 b:2"), answer("-ASK 7 b:2")];
    let mut answers = asked();
    let told = vec![refused(), answer("-MOVED 7 a:1"), refused(), Value::Int(5)];
    of(&pipeline, &answers).unwrap().put(told, &mut answers);
    assert_eq!(answers, [refused(), Value::Int(5)], "what was carried out was");

    pipeline.atomic();
    let mut answers = vec![Value::Okay, answer("-ASK 7 b:2"), answer("-ASK 7 b:2"), answer("-EXECABORT x")];
    let moved = || answer("-MOVED 7 a:1");
    let told = vec![refused(), Value::Okay, moved(), moved(), answer("-EXECABORT x")];
    of(&pipeline, &answers).unwrap().put(told, &mut answers);
    assert_eq!(answers, [refused(), moved(), moved(), answer("-EXECABORT x")]);
}

#[test]
fn where_to_for_another_slot_or_nowhere_is_an_error_like_others() {
    let mut pipeline = pipe();
    pipeline.cmd("GET").arg("x");
    for line in ["-MOVED 8 b:2", "-MOVED 7", "-MOVED 7 b", "-MOVED", "-ERR 7 b:2", "$-1"] {
        assert_eq!(of(&pipeline, &[answer(line)]), None, "{line}");
    }
}

proptest! {
    /// Two nodes, and answers that come in any number: each command has the answer of the node that has carried it out.
    #[test]
    fn each_command_is_carried_out_once(fates in vec(0..3_u8, 1..20), answered in 0..60_usize) {
        let mut pipeline = pipe();
        for at in 0..fates.len() {
            pipeline.cmd("GET").arg(at);
        }
        let lines = ["+here", "-MOVED 7 b:2", "-ASK 7 c:3"];
        let mut answers: Vec<Value> = fates.iter().map(|&fate| answer(lines[usize::from(fate)])).collect();
        let mut rounds = 0;
        while let Some(redirected) = of(&pipeline, &answers) {
            let (bytes, count) = redirected.commands(&pipeline);
            prop_assert_eq!(bytes.iter().filter(|&&byte| byte == b'*').count(), count);
            let whom = answer(&format!("+{}", redirected.to.host));
            redirected.put(vec![whom; count], &mut answers);
            rounds += 1;
            prop_assert!(rounds <= 2);
        }
        let expected = ["+here", "+b", "+c"];
        let expected: Vec<Value> = fates.iter().map(|&fate| answer(expected[usize::from(fate)])).collect();
        prop_assert_eq!(answers, expected);
        // Too few or too many answers do no harm.
        let mut short = vec![answer("-ASK 7 c:3")];
        if let Some(redirected) = of(&pipeline, &short) {
            redirected.put(vec![Value::Okay; answered], &mut short);
        }
    }
}
