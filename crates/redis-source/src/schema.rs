//! Which client's keys and values a database holds.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

/// Which client's keys and values a database holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Schema {
    /// Whichever is found there.
    #[default]
    Auto,
    /// Those of gunicorn-prometheus-exporter.
    Gunicorn,
    /// Those of pytheus, of both its backends.
    Pytheus,
    /// Those of PromPHP's adapters Redis, RedisNg and Predis.
    PromPhp,
}

/// A word that names no schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownSchema(String);

impl Schema {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Schema::Auto => "auto",
            Schema::Gunicorn => "gunicorn",
            Schema::Pytheus => "pytheus",
            Schema::PromPhp => "promphp",
        }
    }

    /// What its client's keys begin with where it is not told otherwise.
    pub(crate) const fn usual_prefix(self) -> &'static str {
        match self {
            Schema::Gunicorn => "gunicorn",
            Schema::PromPhp => "PROMETHEUS_",
            Schema::Auto | Schema::Pytheus => "",
        }
    }
}

impl FromStr for Schema {
    type Err = UnknownSchema;

    /// ```
    /// use redis_source::Schema;
    /// assert_eq!("promphp".parse(), Ok(Schema::PromPhp));
    /// assert!("php".parse::<Schema>().is_err());
    /// ```
    fn from_str(word: &str) -> Result<Schema, UnknownSchema> {
        let all = [Schema::Auto, Schema::Gunicorn, Schema::Pytheus, Schema::PromPhp];
        all.into_iter().find(|schema| schema.as_str() == word).ok_or_else(|| UnknownSchema(word.to_owned()))
    }
}

impl Display for Schema {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Display for UnknownSchema {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "unknown schema {:?}: there are gunicorn, pytheus, promphp and auto", self.0)
    }
}

impl std::error::Error for UnknownSchema {}
