//! A Lua script that is sent once and called by its hash from then on.

use redis::{Cmd, ToRedisArgs};

/// A Lua script that is sent once and called by its hash from then on.
#[derive(Clone, Debug)]
pub struct Script {
    code: String,
    hash: String,
}

impl Script {
    /// A script; costs one hash of its text.
    pub fn new(code: impl Into<String>) -> Script {
        let code = code.into();
        let hash = redis::Script::new(&code).get_hash().to_owned();
        Script { code, hash }
    }

    /// Calls it by its hash (`EVALSHA`): a server that has not seen it answers `NOSCRIPT` and does nothing. For
    /// pipelines; [`Link::script`](crate::Link::script) sends the text then.
    pub fn by_hash(&self, keys: &[impl ToRedisArgs], arguments: &[impl ToRedisArgs]) -> Cmd {
        called("EVALSHA", &self.hash, keys, arguments)
    }

    /// Calls it by its text (`EVAL`): the server knows it from then on.
    pub fn by_text(&self, keys: &[impl ToRedisArgs], arguments: &[impl ToRedisArgs]) -> Cmd {
        called("EVAL", &self.code, keys, arguments)
    }
}

fn called(command: &str, script: &str, keys: &[impl ToRedisArgs], arguments: &[impl ToRedisArgs]) -> Cmd {
    let mut call = redis::cmd(command);
    call.arg(script).arg(keys.len());
    for key in keys {
        call.arg(key);
    }
    for argument in arguments {
        call.arg(argument);
    }
    call
}
