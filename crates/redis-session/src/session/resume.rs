//! A session that outlives its program: what is written down of it, and how it goes on.

use super::{Moment, Session, same};
use crate::Frame;

/// What is to be written down before a frame is sent, so that a program which is killed at any moment from then on goes
/// on as the same process: to the server it looks as if the answer had been lost.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The process, whatever its incarnation.
    pub name: String,
    /// How often it was retired and went on.
    pub incarnation: u32,
    /// What the server was last known to be.
    pub epoch: Option<Vec<u8>>,
    /// What was folded of earlier incarnations, by number.
    pub base: Vec<f64>,
    /// The last frame that has arrived, by its number.
    pub arrived: Option<(u64, Moment)>,
    /// The frame that is sent, by its number.
    pub sent: (u64, Moment),
    /// Whether that registers.
    pub registers: bool,
}

impl Session {
    /// What is to be written down of it before the frame is sent that [`next`](Session::next) gave; none where there is
    /// none, or it was answered, or is a [patch](Session::patch).
    pub fn record(&self) -> Option<Record> {
        let flying = self.flying.as_ref()?;
        Some(Record {
            name: self.name.clone(),
            incarnation: self.incarnation,
            epoch: self.epoch.clone(),
            base: self.base.clone(),
            arrived: self.arrived.clone(),
            sent: (flying.sequence, flying.content.whole()?.clone()),
            registers: flying.registers,
        })
    }

    /// Goes on with what was written down: the frame that may have arrived is the next one, as it was but for pages that
    /// had not changed.
    pub fn resume(record: Record) -> Session {
        let (sequence, moment) = record.sent;
        let mut session = Session {
            incarnation: record.incarnation,
            // The frame is the next one.
            sequence: sequence.saturating_sub(1),
            epoch: record.epoch,
            registered: !record.registers,
            base: record.base,
            arrived: record.arrived,
            // Whatever is there, it follows.
            all: true,
            ..Session::new(record.name)
        };
        let frame = session.frame(moment);
        session.all = false;
        session.flying = Some(frame);
        session
    }

    /// Goes on under another name, as one who has counted what is in `counted` as well and does not send it: somebody else
    /// has, or had, what was written down. Of what does not add up `counted` is 0.
    pub fn branch(name: String, counted: Vec<f64>) -> Session {
        Session { base: counted, ..Session::new(name) }
    }

    /// As [`next`](Session::next); but where nothing has changed since the last frame arrived, that one once more, without
    /// pages. The server hears that the process lives, and nothing has to be written down.
    pub fn next_or_again(&mut self, now: impl FnOnce() -> Moment) -> &Frame {
        if self.flying.is_none() {
            let moment = now();
            let is_same = self.registered
                && !self.all
                && self.arrived.as_ref().is_some_and(|(_, arrived)| same(arrived, &moment));
            let mut frame = self.frame(moment);
            if is_same {
                self.sequence -= 1;
                frame.sequence = self.sequence;
            }
            self.flying = Some(frame);
        }
        self.next(Moment::default)
    }

    /// The numbers that the last frame has said, arrived or not; none where there was none. Who [patches](Session::patch)
    /// is told those that have arrived.
    pub fn last_sent(&self) -> Option<&Moment> {
        let flying = self.flying.as_ref().and_then(|frame| frame.content.whole());
        flying.or(self.arrived.as_ref().map(|(_, moment)| moment))
    }

    /// The numbers that have arrived last; none where that is not known of any.
    pub fn last_arrived(&self) -> Option<&Moment> {
        self.arrived.as_ref().map(|(_, moment)| moment)
    }

    /// What the process is called, whatever its incarnation.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the last frame is one that has arrived already.
    pub fn is_again(&self) -> bool {
        let arrived = self.arrived.as_ref().map(|(sequence, _)| *sequence);
        self.flying.as_ref().is_some_and(|frame| Some(frame.sequence) == arrived)
    }
}
