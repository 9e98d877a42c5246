//! What a configuration string says.

use std::path::PathBuf;

use dialects::Dialect;
use metrics_core::StoreError;
use store_redis::{RedisStore, Sending};

/// What a configuration string says.
#[derive(Debug, PartialEq)]
pub(crate) enum Location {
    /// In this process.
    Hash(Discipline),
    /// Words in files of a directory.
    Mmap(PathBuf, Dialect),
    /// Numbers written to files of a directory.
    File(PathBuf, Dialect),
    /// In the Redis at this address.
    Redis { address: String, chosen: InRedis },
}

/// What is chosen of a store in Redis: what is not is as usual.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct InRedis {
    pub(crate) prefix: Option<String>,
    pub(crate) shards: Option<usize>,
    pub(crate) sending: Option<Sending>,
    /// Where numbers are kept until there is a Redis; nowhere but in memory if that is `Some(None)`.
    pub(crate) fallback: Option<Option<PathBuf>>,
}

/// How numbers in memory are kept from colliding.
#[derive(Debug, PartialEq)]
pub(crate) enum Discipline {
    Atomic,
    Mutex,
    Unsynchronised,
}

/// What is known, for who wrote something else.
const KNOWN: &str = "hash:, hash:mutex, hash:unsynchronised, mmap:DIR, file:DIR, redis://HOST";

impl Location {
    pub(crate) fn parse(text: &str) -> Result<Location, StoreError> {
        let wrong = |why: String| StoreError::new(format!("open store {text:?}"), why);
        let (scheme, rest) = text.split_once(':').ok_or_else(|| wrong(format!("it is none of {KNOWN}")))?;
        match scheme {
            "hash" => match rest {
                "" | "atomic" => Ok(Location::Hash(Discipline::Atomic)),
                "mutex" => Ok(Location::Hash(Discipline::Mutex)),
                "unsynchronised" => Ok(Location::Hash(Discipline::Unsynchronised)),
                _ => Err(wrong("after hash: comes atomic, mutex, unsynchronised or nothing".to_owned())),
            },
            "mmap" => {
                let (directory, dialect) = directory(rest).map_err(wrong)?;
                Ok(Location::Mmap(directory, dialect.unwrap_or(Dialect::PYTHON)))
            }
            "file" => {
                let (directory, dialect) = directory(rest).map_err(wrong)?;
                Ok(Location::File(directory, dialect.unwrap_or(Dialect::Ruby)))
            }
            _ if RedisStore::SCHEMES.contains(&scheme) => {
                // The text is not repeated in an error: it may hold a password.
                redis(text).map_err(|why| StoreError::new(format!("open the store at {scheme}://..."), why))
            }
            _ => Err(wrong(format!("{scheme:?} is no store; there are {KNOWN}"))),
        }
    }
}

/// A directory and the options behind it: `DIR?name=value&name=value`.
fn directory(text: &str) -> Result<(PathBuf, Option<Dialect>), String> {
    let (path, options) = text.split_once('?').unwrap_or((text, ""));
    if path.is_empty() {
        return Err("the directory is missing".to_owned());
    }
    let mut dialect = None;
    for option in options.split('&').filter(|option| !option.is_empty()) {
        dialect = Some(match option.split_once('=') {
            Some(("dialect", "python")) => Dialect::PYTHON,
            Some(("dialect", "ruby")) => Dialect::Ruby,
            _ => return Err(format!("unknown option {option:?}; there are dialect=python and dialect=ruby")),
        });
    }
    Ok((path.into(), dialect))
}

/// An address of a Redis, and what of its parameters is about the store.
fn redis(text: &str) -> Result<Location, String> {
    let (address, parameters) = text.split_once('?').unwrap_or((text, ""));
    let (mut chosen, mut others) = (InRedis::default(), Vec::new());
    for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
        match parameter.split_once('=') {
            Some(("prefix", _)) if chosen.prefix.is_some() => return Err("prefix stands twice".to_owned()),
            Some(("prefix", given)) => chosen.prefix = Some(given.to_owned()),
            Some(("shards", _)) if chosen.shards.is_some() => return Err("shards stands twice".to_owned()),
            Some(("shards", given)) => {
                let shards = given.parse().map_err(|_| format!("shards={given:?} is no number"))?;
                chosen.shards = Some(shards);
            }
            Some(("mode", _)) if chosen.sending.is_some() => return Err("mode stands twice".to_owned()),
            Some(("mode", "periodic")) => chosen.sending = Some(Sending::Periodic),
            Some(("mode", "synchronous")) => chosen.sending = Some(Sending::Synchronous),
            Some(("mode", "shared")) => chosen.sending = Some(Sending::Shared),
            Some(("mode", other)) => {
                return Err(format!("unknown mode {other:?}; there are periodic, synchronous and shared"));
            }
            Some(("fallback", _)) if chosen.fallback.is_some() => {
                return Err("fallback stands twice".to_owned());
            }
            Some(("fallback", "none")) => chosen.fallback = Some(None),
            Some(("fallback", given)) => {
                let directory = given.strip_prefix("file:").filter(|directory| !directory.is_empty());
                let Some(directory) = directory else {
                    return Err(format!("unknown fallback {given:?}; there are file:DIR and none"));
                };
                chosen.fallback = Some(Some(directory.into()));
            }
            _ => others.push(parameter),
        }
    }
    let address =
        if others.is_empty() { address.to_owned() } else { format!("{address}?{}", others.join("&")) };
    Ok(Location::Redis { address, chosen })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_string_says_one_thing() {
        let redis = |address: &str, prefix: Option<&str>, shards, sending| Location::Redis {
            address: address.to_owned(),
            chosen: InRedis { prefix: prefix.map(str::to_owned), shards, sending, fallback: None },
        };
        let table = [
            ("hash:", Location::Hash(Discipline::Atomic)),
            ("hash:atomic", Location::Hash(Discipline::Atomic)),
            ("hash:mutex", Location::Hash(Discipline::Mutex)),
            ("hash:unsynchronised", Location::Hash(Discipline::Unsynchronised)),
            ("mmap:/run/app", Location::Mmap("/run/app".into(), Dialect::PYTHON)),
            ("mmap:relative/dir", Location::Mmap("relative/dir".into(), Dialect::PYTHON)),
            ("mmap:/run/app?dialect=ruby", Location::Mmap("/run/app".into(), Dialect::Ruby)),
            ("mmap:/a:b?dialect=python", Location::Mmap("/a:b".into(), Dialect::PYTHON)),
            ("file:/run/app", Location::File("/run/app".into(), Dialect::Ruby)),
            ("file:/run/app?", Location::File("/run/app".into(), Dialect::Ruby)),
            ("file:/run/app?dialect=python", Location::File("/run/app".into(), Dialect::PYTHON)),
            ("redis://cache/2", redis("redis://cache/2", None, None, None)),
            ("redis://cache?prefix=shop", redis("redis://cache", Some("shop"), None, None)),
            ("redis://cache?mode=periodic", redis("redis://cache", None, None, Some(Sending::Periodic))),
            (
                "redis://cache?mode=shared&db=2",
                redis("redis://cache?db=2", None, None, Some(Sending::Shared)),
            ),
            (
                "redis+unix:///run/redis.sock?db=1&prefix=shop&mode=synchronous",
                redis("redis+unix:///run/redis.sock?db=1", Some("shop"), None, Some(Sending::Synchronous)),
            ),
            (
                "redis+cluster://a,b?shards=4&prefix=shop",
                redis("redis+cluster://a,b", Some("shop"), Some(4), None),
            ),
            (
                "rediss+sentinel://a,b/shop?sentinel_user=me",
                redis("rediss+sentinel://a,b/shop?sentinel_user=me", None, None, None),
            ),
        ];
        for (text, expected) in table {
            assert_eq!(Location::parse(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn a_fallback_is_a_directory_or_none() {
        let fallback = |text: &str| match Location::parse(text) {
            Ok(Location::Redis { address, chosen }) => Ok((address, chosen.fallback)),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.to_string()),
        };
        let at = |directory: &str| Some(Some(PathBuf::from(directory)));
        let table = [
            ("redis://cache?fallback=none", Ok(("redis://cache", Some(None)))),
            ("redis://cache?fallback=file:/run/app", Ok(("redis://cache", at("/run/app")))),
            ("redis://cache?db=2&fallback=file:d&mode=shared", Ok(("redis://cache?db=2", at("d")))),
            ("redis://cache?fallback=file:", Err(r#"unknown fallback "file:"; there are file:DIR and none"#)),
            (
                "redis://cache?fallback=mmap:d",
                Err(r#"unknown fallback "mmap:d"; there are file:DIR and none"#),
            ),
            ("redis://cache?fallback=none&fallback=none", Err("fallback stands twice")),
        ];
        for (text, expected) in table {
            let expected = expected.map(|(address, fallback)| (address.to_owned(), fallback));
            let expected = expected.map_err(|why| format!("open the store at redis://...: {why}"));
            assert_eq!(fallback(text), expected, "{text}");
        }
    }

    #[test]
    fn who_writes_something_else_is_told_what_there_is() {
        let table = [
            ("", "it is none of hash:, hash:mutex, hash:unsynchronised, mmap:DIR, file:DIR, redis://HOST"),
            (
                "/run/app",
                "it is none of hash:, hash:mutex, hash:unsynchronised, mmap:DIR, file:DIR, redis://HOST",
            ),
            (
                "memcached:x",
                r#""memcached" is no store; there are hash:, hash:mutex, hash:unsynchronised, mmap:DIR, file:DIR, redis://HOST"#,
            ),
            ("hash:fast", "after hash: comes atomic, mutex, unsynchronised or nothing"),
            ("mmap:", "the directory is missing"),
            ("file:?dialect=ruby", "the directory is missing"),
            (
                "mmap:/d?dialect=perl",
                r#"unknown option "dialect=perl"; there are dialect=python and dialect=ruby"#,
            ),
            ("mmap:/d?size=1", r#"unknown option "size=1"; there are dialect=python and dialect=ruby"#),
        ];
        for (text, why) in table {
            let error = Location::parse(text).unwrap_err().to_string();
            assert_eq!(error, format!("open store {text:?}: {why}"));
        }
    }

    #[test]
    fn an_error_does_not_repeat_a_password() {
        for text in [
            "redis://:secret@cache?prefix=a&prefix=b",
            "redis://:secret@cache?mode=shared&mode=shared",
            "redis://:secret@cache?mode=fast",
            "redis://:secret@cache?shards=many",
            "redis://:secret@cache?shards=0",
            "redis+sentinel://:secret@cache/shop?sentinel_pass=secret&sentinel_port=1",
            "redis://:secret@cache/none",
            "rediss://:secret@cache?x=1",
        ] {
            let error = crate::open(text).map(|_| ()).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn opening_makes_the_directory_and_says_when_it_cannot() {
        let directory = tempfile::tempdir().unwrap();
        let wanted = directory.path().join("a/b");
        assert!(crate::open(&format!("file:{}", wanted.display())).is_ok());
        assert!(wanted.is_dir());

        let file = directory.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = crate::open(&format!("mmap:{}", file.display())).map(|_| ()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("create directory {}: File exists (os error 17)", file.display())
        );
    }
}
