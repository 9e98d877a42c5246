//! What the server answers to a process that sends what has changed.

use std::fmt;

/// What the server answers to [`FLUSH`](crate::script::FLUSH).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is there now.
    Ok,
    /// Not taken: what is there is neither this frame nor the one that it was to follow. The server is not as it was at
    /// the last answer, as after a fail-over that lost the last ones.
    Other {
        /// The sequence number that is there; none where there is none.
        before: Option<u64>,
    },
    /// Not taken: this process is not among those that are alive.
    Retired {
        /// The sequence number that it had when it was retired; none where nothing is known of it.
        at: Option<u64>,
    },
    /// Not taken: the database is another one than at the last answer. It was emptied.
    Lost,
}

/// What no script of ours answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadAnswer(pub String);

impl Answer {
    /// The answer of this first word and last number.
    ///
    /// # Errors
    /// When there is no such answer.
    ///
    /// ```
    /// use redis_schema::Answer;
    ///
    /// assert_eq!(Answer::of(b"OTHER", 4)?, Answer::Other { before: Some(4) });
    /// assert_eq!(Answer::of(b"RETIRED", -1)?, Answer::Retired { at: None });
    /// # Ok::<(), redis_schema::BadAnswer>(())
    /// ```
    pub fn of(word: &[u8], number: i64) -> Result<Answer, BadAnswer> {
        let number = u64::try_from(number).ok();
        match word {
            b"OK" => Ok(Answer::Ok),
            b"OTHER" => Ok(Answer::Other { before: number }),
            b"RETIRED" => Ok(Answer::Retired { at: number }),
            b"LOST" => Ok(Answer::Lost),
            _ => Err(BadAnswer(String::from_utf8_lossy(word).into_owned())),
        }
    }
}

impl fmt::Display for BadAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the script answered {:?}", self.0)
    }
}

impl std::error::Error for BadAnswer {}
