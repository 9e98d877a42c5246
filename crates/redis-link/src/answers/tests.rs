use proptest::prelude::*;

use super::*;

/// All answers in `bytes`, which come in pieces of `step`.
fn all(bytes: &[u8], step: usize) -> Result<Vec<Value>, Nonsense> {
    let mut answers = Answers::default();
    let mut values = Vec::new();
    for piece in bytes.chunks(step) {
        answers.push(piece);
        while let Some(value) = answers.next()? {
            values.push(value);
        }
    }
    Ok(values)
}

#[test]
fn answers_are_read_in_whatever_pieces_they_come() {
    let bytes =
        b"+OK\r\n+PONG\r\n:-7\r\n$-1\r\n$0\r\n\r\n$4\r\na\r\nb\r\n*2\r\n*0\r\n*2\r\n:1\r\n$1\r\nx\r\n*-1\r\n";
    let string = |text: &str| Value::BulkString(text.as_bytes().to_vec());
    let nested = Value::Array(vec![Value::Int(1), string("x")]);
    let expected = vec![
        Value::Okay,
        Value::SimpleString("PONG".to_owned()),
        Value::Int(-7),
        Value::Nil,
        string(""),
        string("a\r\nb"),
        Value::Array(vec![Value::Array(vec![]), nested]),
        Value::Nil,
    ];
    for step in 1..=bytes.len() {
        assert_eq!(all(bytes, step).as_ref(), Ok(&expected), "in pieces of {step}");
    }
}

#[test]
fn an_error_of_the_server_is_a_value_with_its_code() {
    let values = all(b"-WRONGTYPE Operation against a key\r\n", 3).unwrap();
    let [Value::ServerError(error)] = &values[..] else { panic!("{values:?}") };
    assert_eq!((error.code(), error.details()), ("WRONGTYPE", Some("Operation against a key")));
}

#[test]
fn what_no_redis_sends_is_an_error() {
    let cases: [(&[u8], &str); 7] = [
        (b"HTTP/1.1 400 Bad Request\r\n", "an answer of no known type"),
        (b":seven\r\n", "a number that is none"),
        (b"+OK\n", "a line that does not end in CR LF"),
        (b"$2\r\nabcd\r\n", "a string that does not end where it says"),
        (b"$99999999999\r\n", "a string longer than 512 MiB"),
        (&[b'+'; LONGEST_LINE + 1], "a line without end"),
        (&b"*1\r\n".repeat(DEEPEST + 1), "arrays in arrays without end"),
    ];
    for (bytes, why) in cases {
        assert_eq!(all(bytes, bytes.len()), Err(Nonsense(why)), "{}", String::from_utf8_lossy(bytes));
    }
}

proptest! {
    #[test]
    fn any_bytes_are_values_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200), step in 1usize..20) {
        prop_assert_eq!(all(&bytes, step), all(&bytes, 1));
    }

    #[test]
    fn almost_answers_are_values_or_an_error(text in "([+:$*-][0-9a-z]{0,3}\r\n|[a-z]{0,3}\r\n){0,20}", step in 1usize..20) {
        prop_assert_eq!(all(text.as_bytes(), step), all(text.as_bytes(), 1));
    }
}
