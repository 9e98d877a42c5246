use std::os::unix::ffi::OsStringExt;

use super::*;

fn read(argument: &str) -> Result<(String, Vec<(String, String)>), String> {
    let directory = parse(argument.into())?;
    Ok((directory.path.to_str().unwrap().to_owned(), directory.labels))
}

#[test]
fn labels_follow_the_directory() {
    let table = [
        ("/run/app", "/run/app", &[][..]),
        ("/run/app,app=shop", "/run/app", &[("app", "shop")]),
        ("a,b=1,c=2", "a", &[("b", "1"), ("c", "2")]),
        ("a,b=", "a", &[("b", "")]),
        ("a,b=x=y", "a", &[("b", "x=y")]),
        (r"a\,b", "a,b", &[]),
        (r"a\,b,c=d\,e", "a,b", &[("c", "d,e")]),
        (r"a\\,b=1", r"a\", &[("b", "1")]),
        (r"a\b", r"a\b", &[]),
        (r"a\", r"a\", &[]),
    ];
    for (argument, path, labels) in table {
        let labels = labels.iter().map(|&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned()));
        assert_eq!(read(argument), Ok((path.to_owned(), labels.collect())), "{argument}");
    }
}

#[test]
fn a_wrong_label_is_named() {
    let table = [
        ("", "the directory is missing"),
        (",a=b", "the directory is missing"),
        ("/run/a,b", r#""b" is no label=value (a comma in a path is written \,)"#),
        ("a,", r#""" is no label=value (a comma in a path is written \,)"#),
        ("a,1x=y", r#"label name "1x" is not [a-zA-Z_][a-zA-Z0-9_]*"#),
        ("a,=y", r#"label name "" is not [a-zA-Z_][a-zA-Z0-9_]*"#),
        ("a,pid=y", r#"label name "pid" is reserved"#),
        ("a,__x=y", r#"label name "__x" is reserved"#),
        ("a,b=1,b=2", r#"label "b" is given twice"#),
    ];
    for (argument, reason) in table {
        assert_eq!(read(argument), Err(reason.to_owned()), "{argument}");
    }
}

#[test]
fn a_path_may_be_any_bytes() {
    let directory = parse(OsString::from_vec(b"/run/\xff,a=b".to_vec())).unwrap();
    assert_eq!(directory.path.into_os_string().into_vec(), b"/run/\xff");
}

#[test]
fn labels_follow_a_database_too() {
    let foreign = parse_database("redis://h?schema=promphp,app=shop,zone=a\\,b".into()).unwrap().foreign;
    let labels: Vec<(&str, &str)> = foreign.labels.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(labels, [("app", "shop"), ("zone", "a,b")]);
    let error = parse_database("redis://h,pid=1".into()).map(|_| ());
    assert_eq!(error, Err("label name \"pid\" is reserved".to_owned()));
}

#[test]
fn commas_between_sentinels_are_the_addresss() {
    let database = parse_database("redis+sentinel://:s3cret@a,b:7/shop/2?prefix=p,app=shop".into()).unwrap();
    let address = database.foreign.address.to_string();
    assert_eq!(address, "redis+sentinel://:***@a:26379,b:7/shop/2");
    assert_eq!(database.foreign.labels, [("app".to_owned(), "shop".to_owned())]);
}

#[test]
fn commas_between_hosts_are_the_addresss() {
    let cases = [
        ("redis+sentinel://a,b/shop,app=x", "redis+sentinel://a:26379,b:26379/shop/0", "x"),
        (
            "rediss+sentinel://:p@a,b/shop/2?sentinel_user=u,app=x",
            "rediss+sentinel://:***@a:26379,b:26379/shop/2",
            "x",
        ),
        ("redis+cluster://a,b:7001,app=x", "redis+cluster://a:6379,b:7001", "x"),
        ("redis+cluster://a,b?shards=4,app=x/y?z=1", "redis+cluster://a:6379,b:6379", "x/y?z=1"),
        ("redis+cluster://:p@a,b,app=x@y/z", "redis+cluster://:***@a:6379,b:6379", "x@y/z"),
        ("redis+cluster://a,b/,app=x", "redis+cluster://a:6379,b:6379", "x"),
        ("redis://a,app=x", "redis://a:6379/0", "x"),
    ];
    for (argument, address, app) in cases {
        let foreign = parse_database(argument.into()).unwrap().foreign;
        assert_eq!(foreign.address.to_string(), address, "{argument}");
        assert_eq!(foreign.labels, [("app".to_owned(), app.to_owned())], "{argument}");
    }
}
