use proptest::prelude::*;

use super::*;

#[test]
fn an_address_is_shown_without_its_password() {
    let cases = [
        ("redis://", "redis://127.0.0.1:6379/0"),
        ("redis://redis.example", "redis://redis.example:6379/0"),
        ("redis://redis.example:6380/3", "redis://redis.example:6380/3"),
        ("redis://redis.example/3/", "redis://redis.example:6379/3"),
        ("redis://redis.example?db=4", "redis://redis.example:6379/4"),
        ("redis://:s3cr%40t@redis.example/0", "redis://:***@redis.example:6379/0"),
        ("redis://shop:s3cr@t@redis.example/0", "redis://shop:***@redis.example:6379/0"),
        ("redis://shop@redis.example/0", "redis://shop@redis.example:6379/0"),
        ("rediss://[::1]:6390/1", "rediss://[::1]:6390/1"),
        ("redis://[::1]", "redis://[::1]:6379/0"),
        ("unix:///run/redis/redis.sock", "redis+unix:///run/redis/redis.sock"),
        (
            "redis+unix:///run/a%20b.sock?db=2&pass=s3cr@t&user=shop",
            "redis+unix://shop:***@/run/a b.sock?db=2",
        ),
        ("unix://shop:s3cr@/run/redis.sock", "redis+unix://shop:***@/run/redis.sock"),
        ("redis+sentinel://:s3cr@a,[::1]:26380/shop/2", "redis+sentinel://:***@a:26379,[::1]:26380/shop/2"),
        ("redis+sentinel://a/shop", "redis+sentinel://a:26379/shop/0"),
        (
            "rediss+sentinel://a,b/shop?sentinel_user=eve&sentinel_pass=s3cret&sentinel_tls=no",
            "rediss+sentinel://a:26379,b:26379/shop/0",
        ),
        ("redis+cluster://shop:s3cr@a,[::1]:7001", "redis+cluster://shop:***@a:6379,[::1]:7001"),
        ("rediss+cluster://a:1/0?db=0", "rediss+cluster://a:1"),
    ];
    for (url, shown) in cases {
        let address = Address::parse(url).unwrap();
        assert_eq!(address.to_string(), shown, "{url}");
        assert_eq!(format!("{address:?}"), format!("Address({shown})"));
    }
    assert_eq!(Address::parse("redis://:s3cr%40t@h").unwrap().login().password, Some("s3cr@t"));
}

#[test]
fn what_is_no_address_is_refused_without_repeating_it() {
    let cases = [
        ("redis.example:6379", "it does not begin with redis://, rediss://, redis+unix:// or unix://"),
        ("http://s3cret@redis.example", "unknown scheme \"http\""),
        ("redis://:s3cret@redis.example:many", "\"many\" is no port"),
        ("redis://:s3cret@redis.example/shop", "\"shop\" is no number of a database"),
        ("redis://:s3cr%e@redis.example", "a % without two hexadecimal digits"),
        ("redis://:s3cr%ff@redis.example", "percent-encoded bytes are no UTF-8"),
        ("redis://[::1", "a [ without ]"),
        ("redis+sentinel://:s3cret@a", "the name of the master is missing behind the sentinels"),
        ("redis+sentinel://:s3cret@a/shop?sentinel_port=1", "unknown parameter \"sentinel_port\""),
        ("redis+sentinel://a/shop?sentinel_tls=s3cr", "sentinel_tls is yes or no"),
        ("redis://h?sentinel_pass=s3cret", "sentinel_pass where there is no Sentinel"),
        (
            "redis+cluster://:s3cret@a/1",
            "a cluster has no databases but 0: give what is to be apart a prefix of its own",
        ),
        ("unix://run/redis.sock", "the path of a unix socket begins with /"),
        ("redis://:s3cret@redis.example?schema=gunicorn", "unknown parameter \"schema\""),
    ];
    for (url, why) in cases {
        let error = Address::parse(url).unwrap_err().to_string();
        assert_eq!(error, format!("no address of a Redis: {why}"), "{url}");
        assert!(!error.contains("s3cr"), "{error}");
    }
}

#[test]
fn parameters_of_others_are_handed_back() {
    let url = "redis://h?schema=gunicorn&db=1&prefix=a%26b";
    let (address, others) = Address::parse_with_parameters(url).unwrap();
    assert_eq!(address.database, 1);
    let others: Vec<(&str, &str)> = others.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(others, [("schema", "gunicorn"), ("prefix", "a&b")]);
}

#[test]
fn what_sentinels_want_to_know_is_theirs_alone() {
    let url = "rediss+sentinel://:a@h/shop?sentinel_user=eve&sentinel_pass=b&sentinel_tls=no";
    let address = Address::parse(url).unwrap();
    let (login, theirs) = (address.login(), address.sentinel_login());
    assert_eq!((login.user, login.password), (None, Some("a")));
    assert_eq!((theirs.user, theirs.password), (Some("eve"), Some("b")));
    assert!(matches!(address.place, Place::Sentinel { tls: true, sentinel_tls: false, .. }));
    let plain = Address::parse("rediss+sentinel://h/shop").unwrap();
    assert!(plain.sentinel_login().password.is_none());
    assert!(matches!(plain.place, Place::Sentinel { tls: true, sentinel_tls: true, .. }));
}

proptest! {
    #[test]
    fn any_text_is_an_address_or_an_error(text in "\\PC*", scheme in "(redis|rediss|unix|redis\\+(unix|sentinel|cluster))://") {
        let _ = Address::parse(&text);
        if let Ok(address) = Address::parse(&format!("{scheme}{text}")) {
            let _ = address.to_string();
        }
    }
}
