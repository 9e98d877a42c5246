//! What of a pipeline a node of a cluster has sent elsewhere: it was not carried out, and goes where the node says.

#[cfg(test)]
mod tests;

use redis::{Pipeline, Value, cmd};

use crate::cluster::{Node, Slot};

/// What of a pipeline is to go elsewhere, all of it to one node.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Redirected {
    pub(crate) to: Node,
    /// Whether that node has the slot from now on; else it takes these commands alone, and must be told so.
    pub(crate) for_good: bool,
    /// Which commands; the whole of a transaction.
    which: Which,
}

#[derive(Debug, PartialEq, Eq)]
enum Which {
    These(Vec<usize>),
    Transaction,
}

impl Redirected {
    /// Finds those that were sent elsewhere, to the first place that is named. `answers` are all of the pipeline's,
    /// with those of `MULTI` and `EXEC` around a transaction's; `from` is who has answered.
    pub(crate) fn of(pipeline: &Pipeline, answers: &[Value], slot: Slot, from: &Node) -> Option<Redirected> {
        let mut found = answers.iter().map(|answer| redirection(answer, slot, from));
        let at = found.position(|found| found.is_some())?;
        let (to, for_good) = redirection(answers.get(at)?, slot, from)?;
        if pipeline.is_transaction() {
            return Some(Redirected { to, for_good, which: Which::Transaction });
        }
        let same = |answer: &Value| redirection(answer, slot, from) == Some((to.clone(), for_good));
        let which = answers.iter().enumerate().filter(|(_, answer)| same(answer)).map(|(at, _)| at);
        let which = Which::These(which.collect());
        Some(Redirected { to, for_good, which })
    }

    /// Whether that is all of the pipeline: nothing was carried out where it was sent first.
    pub(crate) fn is_all(&self, pipeline: &Pipeline) -> bool {
        match &self.which {
            Which::These(which) => which.len() == pipeline.len(),
            Which::Transaction => true,
        }
    }

    /// What is sent to the other node, and how many answers that has.
    pub(crate) fn commands(&self, pipeline: &Pipeline) -> (Vec<u8>, usize) {
        let asking = if self.for_good { Vec::new() } else { cmd("ASKING").get_packed_command() };
        match &self.which {
            Which::Transaction => {
                let bytes = [asking, pipeline.get_packed_pipeline()].concat();
                // MULTI and EXEC are answered, too.
                (bytes, pipeline.len() + 2 + usize::from(!self.for_good))
            }
            Which::These(which) => {
                let mut bytes = Vec::new();
                for (at, command) in pipeline.cmd_iter().enumerate() {
                    if which.binary_search(&at).is_ok() {
                        bytes.extend_from_slice(&asking);
                        command.write_packed_command(&mut bytes);
                    }
                }
                (bytes, which.len() * (1 + usize::from(!self.for_good)))
            }
        }
    }

    /// Puts what the other node has answered where the redirections stood. Where it refuses a command and has refused to
    /// be asked before (`ASKING`), that is why.
    pub(crate) fn put(self, told: Vec<Value>, answers: &mut Vec<Value>) {
        let asked = usize::from(!self.for_good);
        let mut told = told.into_iter();
        match self.which {
            Which::Transaction => {
                let asking = told.by_ref().take(asked).find(is_error);
                *answers = told.collect();
                if let (Some(why), [first, .., last]) = (asking, &mut answers[..])
                    && is_error(last)
                {
                    *first = why;
                }
            }
            Which::These(which) => {
                for at in which {
                    let asking = told.by_ref().take(asked).find(is_error);
                    if let (Some(value), Some(place)) = (told.next(), answers.get_mut(at)) {
                        *place = asking.filter(|_| is_error(&value)).unwrap_or(value);
                    }
                }
            }
        }
    }
}

fn is_error(answer: &Value) -> bool {
    matches!(answer, Value::ServerError(_))
}

/// Where an answer says that a command is to go, and whether for good. One for another slot is an error like others: a
/// key that does not belong to this way.
fn redirection(answer: &Value, slot: Slot, from: &Node) -> Option<(Node, bool)> {
    let Value::ServerError(error) = answer else { return None };
    let for_good = match error.code() {
        "MOVED" => true,
        "ASK" => false,
        _ => return None,
    };
    let (number, place) = error.details()?.split_once(' ')?;
    (number.parse() == Ok(slot.0)).then_some(())?;
    Some((Node::parse(place.trim(), from)?, for_good))
}
