use std::time::Duration;

use hyper::{HeaderMap, Method};
use metrics_core::Mode as Rule;
use push_groups::Mode;

use super::Wishes;

fn wishes(query: &str, headers: &[(&'static str, &str)]) -> Result<Wishes, String> {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (hyper::header::HeaderName::from_static(name), value.parse().unwrap()))
        .collect();
    Wishes::of(&Method::PUT, Some(query), &headers)
}

#[test]
fn wishes_are_read_from_query_and_headers() {
    let nothing = Wishes { mode: Mode::Replace, lives: None, once: None, group_by: vec![], dry_run: false };
    assert_eq!(wishes("x=1&y", &[]), Ok(nothing.clone()));
    assert_eq!(
        wishes(
            "mode=aggregate&gauges=max&group_by=a%2Cb&ttl=2m&dry_run=1",
            &[("x-push-ttl", "1h"), ("idempotency-key", "run-7")],
        ),
        Ok(Wishes {
            mode: Mode::Aggregate(Rule::Max),
            lives: Some(Some(Duration::from_secs(120))),
            once: Some("run-7".to_owned()),
            group_by: vec!["a".to_owned(), "b".to_owned()],
            dry_run: true,
        })
    );
    assert_eq!(wishes("", &[("x-push-ttl", "0")]), Ok(Wishes { lives: Some(None), ..nothing.clone() }));
    let post = Wishes::of(&Method::POST, None, &HeaderMap::new());
    assert_eq!(post, Ok(Wishes { mode: Mode::Merge, ..nothing }));
}

#[test]
fn what_cannot_be_understood_is_refused_with_a_reason() {
    let long = "x".repeat(129);
    let table = [
        ("mode=add", &[][..], r#"mode="add": there are replace, merge and aggregate"#),
        ("gauges=sum", &[], "gauges is for mode=aggregate alone"),
        ("mode=aggregate&gauges=avg", &[], r#"gauges="avg": there are sum, min, max, last and first"#),
        (
            "ttl=soon",
            &[],
            r#"ttl="soon": a length of time such as 90, 90s or 1h30m is wanted, or 0 for ever"#,
        ),
        ("dry_run=maybe", &[], r#"dry_run="maybe": 1 or 0 is wanted"#),
        ("group_by=a-b", &[], r#"group_by: improper label name "a-b""#),
        ("", &[("idempotency-key", &*long)], "Idempotency-Key has 129 bytes: 1 to 128 are wanted"),
    ];
    for (query, headers, expected) in table {
        assert_eq!(wishes(query, headers), Err(expected.to_owned()), "{query}");
    }
}
