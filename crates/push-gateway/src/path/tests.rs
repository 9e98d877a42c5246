use proptest::prelude::*;
use push_groups::{GroupKey, is_group_label};

use super::{PathError, PushPath, decode_base64, percent_decode};

/// What a path names, or why not, as one text.
fn named(path: &str) -> String {
    let decoded = percent_decode(path.as_bytes()).expect("a test's path is well formed");
    match PushPath::of(&decoded).map(|path| path.key()) {
        None => "no push".to_owned(),
        Some(Ok(key)) => key.to_string(),
        Some(Err(error)) => error.to_string(),
    }
}

#[test]
fn paths_name_groups_as_the_official_gateway_reads_them() {
    let table = [
        ("/metrics/job/j", r#"{job="j"}"#),
        ("/metrics/job/j/", r#"{job="j"}"#),
        ("/metrics/job/j/x/", r#"{job="j",x=""}"#),
        ("/metrics/job/j/x/1/", r#"odd number of components in label string "/x/1/""#),
        ("/metrics/job/j/x", r#"odd number of components in label string "/x""#),
        ("/metrics/job/j/x/1/y/2", r#"{job="j",x="1",y="2"}"#),
        ("/metrics/job/j/x/1/x/2", r#"{job="j",x="2"}"#),
        ("/metrics/job/j/job/k", r#"{job="j"}"#),
        ("/metrics/job/a%2Fb/c", r#"{b="c",job="a"}"#),
        ("/metrics/job/a+b", r#"{job="a+b"}"#),
        ("/metrics/job/100%25", r#"{job="100%"}"#),
        ("/metrics/job/j/a-b/1", r#"improper label name "a-b""#),
        ("/metrics/job/j/__x/1", r#"improper label name "__x""#),
        ("/metrics/job/j/_x/1", r#"{_x="1",job="j"}"#),
        ("/metrics/job/j/1x/1", r#"improper label name "1x""#),
        ("/metrics/job/j/x:y/1", r#"improper label name "x:y""#),
        ("/metrics/job/j/x@base64@base64/YQ", r#"improper label name "x@base64""#),
        ("/metrics/job/j/x@BASE64/YQ", r#"improper label name "x@BASE64""#),
        ("/metrics/job/j/@base64/YQ", r#"improper label name """#),
        ("/metrics/job@base64/YS9i", r#"{job="a/b"}"#),
        ("/metrics/job@base64/dGVzdC9qb2I%3D", r#"{job="test/job"}"#),
        ("/metrics/job@base64/=", "job name is required"),
        ("/metrics/job/j/x@base64/=", r#"{job="j",x=""}"#),
        ("/metrics/job/j/x@base64/====", r#"{job="j",x=""}"#),
        ("/metrics/job/j/x@base64/YR", r#"{job="j",x="a"}"#),
        (
            "/metrics/job@base64/foo.bar",
            r#"invalid base64 encoding in job name "": illegal base64 data at input byte 3"#,
        ),
        (
            "/metrics/job/j/x@base64/abcde",
            r#"invalid base64 encoding for label x="abcde": illegal base64 data at input byte 4"#,
        ),
        ("/metrics/job/a%FFb", r#"the group has a label named "job" whose value is not utf8: "a\xffb""#),
        ("/metrics/job/", "no push"),
        ("/metrics/job", "no push"),
        ("/metrics/job@base64/", "no push"),
        ("/metrics/jobs/j", "no push"),
        ("/metrics/instance/i/job/j", "no push"),
    ];
    for (path, expected) in table {
        assert_eq!(named(path), expected, "{path}");
    }
}

#[test]
fn a_percent_sign_needs_two_digits() {
    assert_eq!(percent_decode(b"/a%4"), None);
    assert_eq!(percent_decode(b"/a%zz"), None);
    assert_eq!(percent_decode(b"/%41%2f%FF"), Some(b"/A/\xff".to_vec()));
}

/// The encoder that clients have.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut bits = 0_u32;
        for at in 0..3 {
            bits = bits << 8 | u32::from(chunk.get(at).copied().unwrap_or(0));
        }
        for at in 0..=chunk.len() {
            text.push(char::from(ALPHABET[(bits >> (18 - 6 * at)) as usize & 63]));
        }
    }
    text
}

proptest! {
    #[test]
    fn base64_comes_back(bytes in proptest::collection::vec(any::<u8>(), 0..20), padding in 0..4_usize) {
        let text = base64(&bytes) + &"=".repeat(padding);
        prop_assert_eq!(decode_base64(text.as_bytes()), Ok(bytes));
    }

    #[test]
    fn a_group_can_be_named_by_a_path(
        job in ".{1,8}",
        labels in proptest::collection::btree_map("[a-z_]{1,3}", ".{0,6}", 0..4),
    ) {
        let mut labels = labels;
        labels.retain(|name, _| name != "job" && is_group_label(name));
        let mut path = format!("/metrics/job@base64/{}", base64(job.as_bytes()));
        for (name, value) in &labels {
            path.push_str(&format!("/{name}@base64/{}", base64(value.as_bytes())));
        }
        labels.insert("job".to_owned(), job);
        let key = GroupKey::new(labels.iter().map(|(name, value)| (&**name, &**value))).unwrap();
        let path = PushPath::of(path.as_bytes()).ok_or_else(|| TestCaseError::fail("no push"))?;
        prop_assert_eq!(path.key(), Ok(key));
    }

    /// Whatever the bytes, the labels are those of a naive reading, or there is an error.
    #[test]
    fn any_path_is_read_as_a_naive_reader_reads_it(path in "/metrics/job(@base64)?/[ab/@=\\-_\u{e9}]{0,12}") {
        let decoded = path.into_bytes();
        let Some(taken_apart) = PushPath::of(&decoded) else { return Ok(()) };
        let naive: Vec<String> =
            String::from_utf8(decoded.clone()).unwrap().split('/').skip(2).map(str::to_owned).collect();
        match taken_apart.key() {
            Ok(key) => {
                for pair in naive.chunks(2).skip(1).filter(|pair| pair.len() == 2 && !pair[0].contains('@')) {
                    prop_assert!(key.label(&pair[0]).is_some());
                }
                prop_assert!(naive.len().is_multiple_of(2) || naive.last().is_some_and(String::is_empty));
            }
            Err(PathError::Odd(_)) => prop_assert!(!naive.len().is_multiple_of(2)),
            Err(_) => {}
        }
    }
}
