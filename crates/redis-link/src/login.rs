//! As whom a server is spoken to, and a connection on which it has let that one in.

use std::time::Instant;

use forked::Descriptors;
use redis::{Cmd, Pipeline, Value};

use crate::address::Place;
use crate::connection::Connection;
use crate::error::Cause;

/// As whom a server is spoken to.
#[derive(Clone, Copy)]
pub(crate) struct Login<'a> {
    pub(crate) user: Option<&'a str>,
    pub(crate) password: Option<&'a str>,
    pub(crate) database: u32,
}

impl Login<'_> {
    /// Connects, is let in, and asks one thing if there is one to ask: one round trip, if any. With the answer, which
    /// is nothing where nothing was asked.
    pub(crate) fn open(
        &self,
        place: &Place,
        question: Option<Cmd>,
        descriptors: &Descriptors,
        deadline: Instant,
    ) -> Result<(Connection, Value), Cause> {
        let mut connection = Connection::open(place, descriptors, deadline)?;
        let asked = question.is_some();
        let greeting = self.greeting(question);
        if greeting.is_empty() {
            return Ok((connection, Value::Nil));
        }
        let mut answers = connection
            .exchange(&greeting.get_packed_pipeline(), greeting.len(), deadline)
            .map_err(|broken| broken.cause)?;
        for answer in &answers {
            if let Value::ServerError(error) = answer {
                return Err(Cause::server(error, self.password));
            }
        }
        let told = if asked { answers.pop() } else { None };
        Ok((connection, told.unwrap_or(Value::Nil)))
    }

    fn greeting(&self, question: Option<Cmd>) -> Pipeline {
        let mut greeting = Pipeline::new();
        if let Some(password) = self.password {
            let command = greeting.cmd("AUTH");
            if let Some(user) = self.user {
                command.arg(user);
            }
            command.arg(password);
        }
        if self.database != 0 {
            greeting.cmd("SELECT").arg(self.database);
        }
        if let Some(question) = question {
            greeting.add_command(question);
        }
        greeting
    }
}
