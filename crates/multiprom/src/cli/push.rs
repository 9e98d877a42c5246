//! The arguments by which numbers of directories are forwarded.

use std::ffi::OsStr;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Args, Command};
use redis_link::Address;
use redis_schema::Keys;

/// Where numbers of directories are forwarded to.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Forwarding {
    /// Send the numbers of the directories to this Redis as well, every second, so that several machines make one page
    ///
    /// redis://USER:PASSWORD@HOST:PORT/DB and the like, clusters and Sentinels too, as a SOURCE may be written; ?prefix=
    /// tells the application from others, &shards= into how many shards its processes are shared out. `multiprom serve --fold redis://HOST/DB`, anywhere, serves the page of all machines. A directory is one
    /// process there, whoever restarts: dot-files in it, .multiprom-push and others, say which, so that it must be
    /// possible to write there. Gauges of mode `all` have a `pid` of this process and the worker.
    #[arg(long, value_name = "ADDRESS", value_parser = DestinationParser)]
    pub(crate) push_redis: Option<Destination>,
}

/// A Redis, under which prefix, and of how many shards the application is.
#[derive(Clone, Debug)]
pub(crate) struct Destination {
    pub(crate) address: Address,
    pub(crate) prefix: Option<String>,
    pub(crate) shards: usize,
}

/// Reads a [`Destination`] for clap. One that is wrong is not repeated: it may hold a password.
#[derive(Clone)]
struct DestinationParser;

impl TypedValueParser for DestinationParser {
    type Value = Destination;

    fn parse_ref(
        &self,
        command: &Command,
        _: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Destination, clap::Error> {
        let text = value.to_str().ok_or_else(|| "it is not UTF-8".to_owned());
        text.and_then(destination).map_err(|why| {
            let error = clap::Error::raw(ErrorKind::ValueValidation, format!("--push-redis: {why}\n"));
            error.with_cmd(command)
        })
    }
}

fn destination(text: &str) -> Result<Destination, String> {
    let (address, parameters) = Address::parse_with_parameters(text).map_err(|error| error.to_string())?;
    let mut destination = Destination { address, prefix: None, shards: 1 };
    for (name, value) in parameters {
        match &*name {
            "prefix" => destination.prefix = Some(value),
            "shards" => {
                let shards = value.parse().ok().filter(|shards| (1..=Keys::MOST_SHARDS).contains(shards));
                let wrong = || format!("shards={value:?}: there are 1 to {}", Keys::MOST_SHARDS);
                destination.shards = shards.ok_or_else(wrong)?;
            }
            _ => return Err(format!("unknown parameter {name:?}: there are prefix, shards and db")),
        }
    }
    Ok(destination)
}
