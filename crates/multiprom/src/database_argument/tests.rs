use super::*;

#[test]
fn parameters_say_whose_database_it_is() {
    let url = "redis://:s3cret@redis.example/2?schema=gunicorn&prefix=shop%3A&pids=local";
    let Database { writer, foreign, shards, .. } =
        database(url, vec![("app".to_owned(), "shop".to_owned())]).unwrap();
    assert_eq!((writer, shards), (Writer::Other, 1));
    assert_eq!(foreign.address.to_string(), "redis://:***@redis.example:6379/2");
    assert_eq!((foreign.schema, foreign.prefix.as_deref()), (Schema::Gunicorn, Some("shop:")));
    assert!(foreign.pids_are_local);
    for (parameter, writer) in
        [("", Writer::Unknown), ("?schema=auto", Writer::Unknown), ("?schema=multiprom", Writer::Multiprom)]
    {
        let database = database(&format!("unix:///run/redis.sock{parameter}"), vec![]).unwrap();
        assert_eq!(
            (database.writer, database.foreign.schema, database.prefix()),
            (writer, Schema::Auto, "multiprom")
        );
    }
}

#[test]
fn of_a_cluster_what_stores_of_our_own_keep_is_meant() {
    let read = |url: &str| {
        let Database { writer, foreign, shards, .. } = database(url, vec![]).unwrap();
        (writer, foreign.schema, shards)
    };
    assert_eq!(read("redis+cluster://a,b?shards=4"), (Writer::Multiprom, Schema::Auto, 4));
    let promphp = read("redis+cluster://a,b?schema=promphp&prefix=%7Bshop%7D_");
    assert_eq!(promphp, (Writer::Other, Schema::PromPhp, 1));
}

#[test]
fn a_wrong_address_is_explained_without_its_password() {
    let cases = [
        ("redis://:s3cret@h:x", "no address of a Redis: \"x\" is no port"),
        (
            "redis://:s3cret@h?schema=php",
            "unknown schema \"php\": there are gunicorn, pytheus, promphp and auto, and multiprom",
        ),
        ("redis://:s3cret@h?shards=0", "shards=\"0\": there are 1 to 1024"),
        ("redis://:s3cret@h?pids=some", "pids=\"some\": they are local or remote"),
        (
            "redis://:s3cret@h?prefx=a",
            "unknown parameter \"prefx\": there are schema, prefix, shards, pids and db",
        ),
    ];
    for (url, why) in cases {
        assert_eq!(
            database(url, vec![]).map(|database| database.foreign.address),
            Err(why.to_owned()),
            "{url}"
        );
    }
}

#[test]
fn the_exporters_variables_are_understood() {
    let of = |variables: &[(&str, &str)]| {
        let find = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let found = database_of(find).map_err(|error| error.to_string())?;
        Ok(found.map(|Database { foreign, .. }| (foreign.address.to_string(), foreign.prefix)))
    };
    assert_eq!(of(&[("REDIS_HOST", "h")]), Ok(None));
    assert_eq!(of(&[("REDIS_ENABLED", "false"), ("REDIS_HOST", "h")]), Ok(None));
    let usual = "redis://127.0.0.1:6379/0".to_owned();
    assert_eq!(of(&[("REDIS_ENABLED", "True")]), Ok(Some((usual, None))));
    let all = [
        ("REDIS_ENABLED", "1"),
        ("REDIS_HOST", "redis.example"),
        ("REDIS_PORT", "6380"),
        ("REDIS_DB", "3"),
        ("REDIS_PASSWORD", "s3cret"),
        ("REDIS_KEY_PREFIX", "shop"),
        ("REDIS_TTL_SECONDS", "60"),
    ];
    let shown = "redis://:***@redis.example:6380/3".to_owned();
    assert_eq!(of(&all), Ok(Some((shown, Some("shop".to_owned())))));
    let wrong = [("REDIS_ENABLED", "1"), ("REDIS_PORT", "65536")];
    assert_eq!(of(&wrong), Err("REDIS_PORT=65536 is no port".to_owned()));
    let wrong = [("REDIS_ENABLED", "1"), ("REDIS_DB", "shop")];
    assert_eq!(of(&wrong), Err("REDIS_DB=\"shop\" is no number".to_owned()));
}
