//! What a process has sent, and how what there is now gets there, in as many frames as that takes.

use std::fmt;
use std::ops::ControlFlow;
use std::time::Instant;

use metrics_core::StoreError;
use redis_link::{LinkError, Script};
use redis_schema::{Answer, page, script};
use redis_session::policy::{self, Unfit};
use redis_session::{SendError, Session, patch, send};

use crate::Sending;
use crate::numbers::Numbers;
use crate::sharing::Sharing;
use crate::store::{Own, Shared};

/// What a process has sent, and with what.
pub(crate) struct Sender {
    session: Session,
    script: Script,
    patch: Script,
    /// Instead of the session, where numbers are those of all processes.
    sharing: Option<Sharing>,
    /// For whom the last frame was made.
    made_for: For,
    /// When everything was last sent, not only what somebody waited for.
    whole: Option<Instant>,
    /// Whether Redis was found fit, since the connection was last lost.
    fit: bool,
    warned: bool,
}

/// For whom a frame is made.
#[derive(Clone, Copy, Default, PartialEq)]
pub(crate) struct For {
    /// So many of those who have ever waited for everything.
    pub(crate) waiting: u64,
    /// So many of the changes that somebody waits for.
    pub(crate) changes: u64,
    /// Whether it is to be the last.
    pub(crate) closing: bool,
}

/// Why a frame has not arrived.
pub(crate) enum Trouble {
    Link(LinkError),
    Other(StoreError),
}

/// So many frames in a row are enough for whatever has happened to the server: the last one once more, what that has
/// shown to be missing, and all of it.
const FRAMES: usize = 8;

impl Sender {
    pub(crate) fn new(name: String, sending: Sending) -> Sender {
        let page = match sending {
            Sending::Synchronous => page::SHORT_LEN,
            Sending::Periodic | Sending::Shared => page::LEN,
        };
        Sender {
            sharing: (sending == Sending::Shared).then(|| Sharing::new(name.clone())),
            session: Session::new(name).with_pages_of(page),
            script: Script::new(script::FLUSH),
            patch: Script::new(script::PATCH),
            made_for: For::default(),
            whole: None,
            fit: false,
            warned: false,
        }
    }

    /// Sends what there is now of these numbers; of all where that cannot be done, or has no answer.
    pub(crate) fn send_changed(
        &mut self,
        shared: &Shared,
        own: &'static Own,
        numbers: &[&Numbers],
        changes: u64,
    ) -> Result<(), Trouble> {
        let asked = For { changes, ..self.made_for };
        // That is the heartbeat. The thread may wait for its turn for long, where many do not stop to send.
        if self.whole.is_none_or(|whole| whole.elapsed() > shared.options.interval) {
            return self.send(shared, own, asked);
        }
        let changed = own.book().changes(numbers, &own.clock);
        if self.fit
            && let Some(frame) = self.session.patch(changed)
        {
            self.made_for = asked;
            let shard = own.flusher.shard(shared);
            match patch(&shard.link, &shard.keys, &self.patch, frame) {
                Ok(true) => {
                    self.session.patched();
                    return Ok(());
                }
                // The same frame again, and what it is answered says what to do.
                Ok(false) => {}
                Err(error) => {
                    self.fit = false;
                    // Once more on another connection; but who has waited long enough does not wait twice.
                    if error.is_late() {
                        return Err(Trouble::Link(error));
                    }
                }
            }
        }
        self.send(shared, own, asked)
    }

    /// Sends what there is now, for those who ask.
    pub(crate) fn send(&mut self, shared: &Shared, own: &'static Own, asked: For) -> Result<(), Trouble> {
        if !self.fit {
            match policy::check(&own.flusher.shard(shared).link) {
                Ok(()) => self.fit = true,
                Err(Unfit::Unreachable(error)) => return Err(Trouble::Link(error)),
                Err(Unfit::Evicts(evicts)) => {
                    return Err(Trouble::Other(StoreError::new("send to Redis", evicts)));
                }
            }
        }
        if let Some(sharing) = &mut self.sharing {
            sharing.send(shared, own, asked).inspect_err(|_| self.fit = false)?;
            self.warned = false;
            return Ok(());
        }
        for _ in 0..FRAMES {
            if self.exchange(shared, own, asked)?.is_break() {
                self.whole = Some(Instant::now());
                self.warned = false;
                return Ok(());
            }
        }
        Err(Trouble::Other(StoreError::new("send to Redis", "it is never as it was a moment ago")))
    }

    /// Sends one frame; breaks where it has arrived and was made for those who ask now.
    fn exchange(
        &mut self,
        shared: &Shared,
        own: &'static Own,
        asked: For,
    ) -> Result<ControlFlow<()>, Trouble> {
        if !self.session.has_flying() {
            self.made_for = asked;
            if !self.session.is_registered() {
                let (first, mine) = (&shared.shards[0], own.flusher.shard(shared));
                first.agree(mine, shared.shards.len(), &own.clock).map_err(Trouble::Link)?;
            }
        }
        let frame = self.session.next(|| own.book().moment(&own.clock));
        let schema = own.book().schema(frame.schema).to_vec();
        let shard = own.flusher.shard(shared);
        let sent = send(&shard.link, &shard.keys, &self.script, frame, &schema, self.made_for.closing);
        let (answer, epoch) = sent.map_err(|error| match error {
            SendError::Link(error) => {
                self.fit = false;
                Trouble::Link(error)
            }
            SendError::Answer(what) => Trouble::Other(StoreError::new("read the answer of Redis", what)),
        })?;
        self.session.answer(&answer, &epoch, own.book().adds_up());
        Ok(if answer == Answer::Ok && self.made_for == asked {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        })
    }

    /// Once, until it went well again.
    pub(crate) fn warn(&mut self, shared: &Shared, trouble: &Trouble) {
        if !std::mem::replace(&mut self.warned, true) {
            match trouble {
                Trouble::Link(error) => {
                    (shared.options.warn)(&StoreError::new("send numbers to Redis", error.to_string()));
                }
                Trouble::Other(error) => (shared.options.warn)(error),
            }
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Link(error) => error.fmt(f),
            Trouble::Other(error) => error.fmt(f),
        }
    }
}
