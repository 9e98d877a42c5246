//! What one process has counted and the numbers that all share do not have yet: the client's half of shared mode.
//!
//! No clock, no network, no thread, as [`session`](crate::session). What is under way stays as it is, number and all,
//! until there is an answer; so what is counted meanwhile can be told from what may have been added.

/// What a process has counted, at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Counted {
    pub(crate) values: Vec<f64>,
    /// Past the last number of each label set.
    pub(crate) ends: Vec<usize>,
}

/// What is added at once.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Parcel {
    pub(crate) sequence: u64,
    /// The epoch that the process knows.
    pub(crate) epoch: Option<Vec<u8>>,
    /// Whether it makes the process known, and nothing else.
    pub(crate) registers: bool,
    /// Numbers of the process, in order, and what is added to each. All of a label set that is not there yet.
    pub(crate) amounts: Vec<(usize, f64)>,
    /// The label sets that are not there yet have numbers from here on.
    pub(crate) new_from: usize,
    /// Past the last number that is there once it has arrived.
    until: usize,
    /// Whether there is no more.
    pub(crate) is_all: bool,
}

/// What the server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// It is there, since now or since before.
    Added,
    /// Not added: nothing is known of this process.
    Unknown,
    /// Not added: the database is another one.
    Lost,
}

/// What one process has counted and the numbers that all share do not have yet.
#[derive(Debug, Default)]
pub(crate) struct Deltas {
    sequence: u64,
    epoch: Option<Vec<u8>>,
    registered: bool,
    /// What was added in all, of each number.
    added: Vec<f64>,
    /// So many numbers are there, at 0 or more.
    there: usize,
    flying: Option<Parcel>,
    /// Whether it may have arrived.
    in_doubt: bool,
}

/// So many numbers are added at once, or those of one label set: it takes the server some two milliseconds, in which it
/// does nothing else.
const MOST: usize = 1_000;

impl Deltas {
    /// What is to be sent: what is under way, else what was counted by `now` and not added, as far as it can be sent at
    /// once; nothing where all is there.
    pub(crate) fn next(&mut self, now: impl FnOnce() -> Counted) -> Option<&Parcel> {
        if self.flying.is_none() {
            self.flying = self.parcel(&now());
            self.in_doubt = false;
        }
        self.flying.as_ref()
    }

    /// Takes note that what was sent has no answer, and may have arrived.
    pub(crate) fn doubt(&mut self) {
        self.in_doubt = self.flying.is_some();
    }

    /// Takes note of the answer to what was sent. `epoch` is the one that the server told with it. Whether what was
    /// sent is given up, though nobody knows that it was added.
    pub(crate) fn answer(&mut self, told: Told, epoch: &[u8]) -> bool {
        let Some(parcel) = self.flying.take() else { return false };
        let mut given_up = false;
        match told {
            Told::Added => {
                self.registered = true;
                self.take(&parcel);
            }
            Told::Unknown => {
                self.registered = false;
                // It was added before the server forgot, or was not, and nobody can say. Not to add it again is what
                // keeps anything from counting twice; to add nothing to all numbers makes those that are not there.
                if std::mem::take(&mut self.in_doubt) && !parcel.registers {
                    self.take(&parcel);
                    self.there = 0;
                    given_up = true;
                }
            }
            // Whatever was added is gone with the database; what was not goes into this one.
            Told::Lost => (self.registered, self.there) = (false, 0),
        }
        self.epoch = Some(epoch.to_vec());
        given_up
    }

    /// Whether something is under way.
    pub(crate) fn has_flying(&self) -> bool {
        self.flying.is_some()
    }

    fn take(&mut self, parcel: &Parcel) {
        for &(number, by) in &parcel.amounts {
            if let Some(added) = self.added.get_mut(number) {
                // What was added, not what was counted: what rounding has left is added next time.
                *added += by;
            }
        }
        self.there = self.there.max(parcel.until);
    }

    fn parcel(&mut self, now: &Counted) -> Option<Parcel> {
        let mut parcel = Parcel {
            sequence: self.sequence + 1,
            epoch: self.epoch.clone(),
            registers: !self.registered,
            amounts: Vec::new(),
            new_from: self.there,
            until: self.there,
            is_all: true,
        };
        if now.values.is_empty() {
            return None;
        }
        self.added.resize(now.values.len(), 0.0);
        if parcel.registers {
            parcel.is_all = false;
        } else {
            self.fill(&mut parcel, now);
            if parcel.amounts.is_empty() {
                return None;
            }
        }
        self.sequence += 1;
        Some(parcel)
    }

    fn fill(&self, parcel: &mut Parcel, now: &Counted) {
        let mut from = 0;
        for &end in &now.ends {
            let is_new = from >= self.there;
            let before = parcel.amounts.len();
            for (number, (&value, &added)) in
                now.values.iter().zip(&self.added).enumerate().take(end).skip(from)
            {
                let differs = value != added && !(value.is_nan() && added.is_nan());
                if is_new || differs {
                    parcel.amounts.push((number, if differs { value - added } else { 0.0 }));
                }
            }
            if before > 0 && parcel.amounts.len() > MOST {
                parcel.amounts.truncate(before);
                parcel.is_all = false;
                return;
            }
            parcel.until = parcel.until.max(end);
            from = end;
        }
    }
}

#[cfg(test)]
mod tests;
