//! What one process has sent, what of it has arrived, and what is to be sent next: the client's half of the protocol.
//!
//! No clock, no network, no thread: who drives it asks for the [next](Session::next) frame, sends it, and gives back
//! the [answer](Session::answer), if there was one. A frame that may have arrived is sent again as it was, number and
//! all, until there is an answer: only so can a process that was retired meanwhile tell which of its frames was folded.

mod resume;

use redis_schema::{Answer, page};

pub use resume::Record;

/// The numbers of a process at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moment {
    /// In the order of the schema.
    pub values: Vec<f64>,
    /// When each was set; 0 for those that keep no time.
    pub times: Vec<f64>,
    /// How many bytes of the schema say what they are.
    pub schema: usize,
}

/// One number of a process that has changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// Which one, in the order of the schema.
    pub number: usize,
    /// What it is now.
    pub value: f64,
    /// When it was set; 0 where it keeps no time.
    pub time: f64,
}

/// What is sent at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// The process, with its incarnation.
    pub process: String,
    /// Its number: one higher than the last one's.
    pub sequence: u64,
    /// The epoch that the process knows.
    pub epoch: Option<Vec<u8>>,
    /// Whether the process may be one that the server does not know.
    pub registers: bool,
    /// The sequence number that must be there; none where everything is sent.
    pub follows: Option<u64>,
    /// From which byte of the schema to which.
    pub schema: (usize, usize),
    /// Fields and values.
    pub pages: Vec<(String, Vec<u8>)>,
    /// How many numbers each has.
    pub page: usize,
    content: Content,
}

/// What the numbers are once a frame has arrived.
#[derive(Clone, Debug, PartialEq)]
enum Content {
    Whole(Moment),
    /// As they were, but for these.
    But(Vec<Change>),
}

/// What one process has sent, and what of it has arrived.
#[derive(Debug)]
pub struct Session {
    /// The process, whatever its incarnation.
    name: String,
    /// How many numbers a page has.
    page: usize,
    /// How often it was retired and went on.
    incarnation: u32,
    sequence: u64,
    epoch: Option<Vec<u8>>,
    registered: bool,
    /// What was folded of earlier incarnations, by number; nothing of a number that does not add up.
    base: Vec<f64>,
    /// The last frame that has arrived.
    arrived: Option<(u64, Moment)>,
    /// Whether everything is to be sent, whatever has arrived: the server is not as it was.
    all: bool,
    /// One that may have.
    flying: Option<Frame>,
}

impl Session {
    /// Of a process that nobody has heard of.
    pub fn new(name: String) -> Session {
        Session {
            name,
            page: page::LEN,
            incarnation: 0,
            sequence: 0,
            epoch: None,
            registered: false,
            base: Vec::new(),
            arrived: None,
            all: false,
            flying: None,
        }
    }

    /// The same with so many numbers in a page, one at least, for who sends single ones. To be called before the first
    /// frame.
    pub fn with_pages_of(mut self, numbers: usize) -> Session {
        self.page = numbers.max(1);
        self
    }

    /// The frame to be sent: the last one where it has not been answered, else one of what has changed by `now`.
    pub fn next(&mut self, now: impl FnOnce() -> Moment) -> &Frame {
        let frame = match self.flying.take() {
            Some(frame) => frame,
            None => self.frame(now()),
        };
        self.flying.insert(frame)
    }

    /// A frame of a few numbers that have changed, if the server is known to have all others, and what they are; else
    /// [`next`](Session::next) is to be sent. Costs nothing that grows with the numbers of the process.
    pub fn patch(&mut self, changes: Vec<Change>) -> Option<&Frame> {
        let (_, arrived) = self.arrived.as_ref()?;
        let has = |change: &Change| {
            change.number < arrived.values.len()
                && (change.time == 0.0 || change.number < arrived.times.len())
        };
        if !self.registered || self.all || self.flying.is_some() || !changes.iter().all(has) {
            return None;
        }
        let frame = self.frame_of(changes);
        Some(self.flying.insert(frame))
    }

    /// Takes note that a [patch](Session::patch) has arrived.
    pub fn patched(&mut self) {
        if let Some(frame) = self.flying.take() {
            let moment = self.content(frame.content);
            self.arrived = Some((frame.sequence, moment));
        }
    }

    /// Takes note of the answer to the last frame. `epoch` is the one that the server told with it; `adds_up` says of
    /// each number whether a retired process's is added to those of others.
    pub fn answer(&mut self, answer: &Answer, epoch: &[u8], adds_up: &[bool]) {
        let Some(frame) = self.flying.take() else { return };
        match *answer {
            Answer::Ok => {
                (self.registered, self.all) = (true, false);
                self.epoch = Some(epoch.to_vec());
                let moment = self.content(frame.content);
                self.arrived = Some((frame.sequence, moment));
            }
            Answer::Other { before } => {
                self.sequence = self.sequence.max(before.unwrap_or_default());
                self.all = true;
            }
            Answer::Retired { at: None } => self.register_again(),
            Answer::Retired { at: Some(at) } => {
                let folded = if at == frame.sequence {
                    Some(self.content(frame.content))
                } else {
                    // Of an earlier one, which a server has that lost its last ones, nothing is known any more: what
                    // is taken for folded is rather too much than too little, so nothing counts twice.
                    self.arrived.take().map(|(_, moment)| moment)
                };
                if let Some(folded) = folded {
                    self.base = folded.values;
                    let adds_up = adds_up.iter().copied().chain(std::iter::repeat(false));
                    self.base
                        .iter_mut()
                        .zip(adds_up)
                        .filter(|(_, adds)| !adds)
                        .for_each(|(base, _)| *base = 0.0);
                }
                self.incarnation += 1;
                self.register_again();
            }
            Answer::Lost => {
                self.epoch = Some(epoch.to_vec());
                self.register_again();
            }
        }
    }

    /// Whether the server knows the process, as far as it has said.
    pub fn is_registered(&self) -> bool {
        self.registered
    }

    /// Whether the last frame has not been answered: the next one is the same.
    pub fn has_flying(&self) -> bool {
        self.flying.is_some()
    }

    /// Whether everything of `now` has arrived.
    #[cfg(test)]
    fn has_arrived(&self, now: &Moment) -> bool {
        self.flying.is_none()
            && !self.all
            && self.arrived.as_ref().is_some_and(|(_, arrived)| same(arrived, now))
    }

    fn register_again(&mut self) {
        self.registered = false;
        self.arrived = None;
    }

    /// What the numbers are once a frame of this content has arrived.
    fn content(&mut self, content: Content) -> Moment {
        let changes = match content {
            Content::Whole(moment) => return moment,
            Content::But(changes) => changes,
        };
        let mut moment = self.arrived.take().map(|(_, moment)| moment).unwrap_or_default();
        for change in changes {
            if let Some(value) = moment.values.get_mut(change.number) {
                *value = change.value;
            }
            if let Some(time) = moment.times.get_mut(change.number) {
                *time = change.time;
            }
        }
        moment
    }

    fn frame(&mut self, moment: Moment) -> Frame {
        self.sequence += 1;
        let nothing = Moment::default();
        let arrived = self.arrived.as_ref().filter(|_| !self.all);
        let follows = arrived.map(|(sequence, _)| *sequence);
        let arrived = arrived.map_or(&nothing, |(_, moment)| moment);
        let mut pages = Vec::new();
        for (number, values) in moment.values.chunks(self.page).enumerate() {
            let from = number * self.page;
            if differs(&arrived.values, from, values) {
                pages.push((page::field(number), self.written(from, values)));
            }
            let times = moment.times.get(from..from + values.len()).unwrap_or_default();
            if times.iter().any(|&time| time != 0.0) && differs(&arrived.times, from, times) {
                pages.push((page::time_field(number), page::write(times)));
            }
        }
        Frame {
            process: self.process(),
            sequence: self.sequence,
            epoch: self.epoch.clone(),
            registers: !self.registered,
            follows,
            schema: (arrived.schema, moment.schema),
            pages,
            page: self.page,
            content: Content::Whole(moment),
        }
    }

    /// Of changes to numbers that have arrived.
    fn frame_of(&mut self, changes: Vec<Change>) -> Frame {
        self.sequence += 1;
        let nothing = Moment::default();
        let (follows, arrived) = match &self.arrived {
            Some((sequence, moment)) => (Some(*sequence), moment),
            None => (None, &nothing),
        };
        let mut pages: Vec<usize> = changes.iter().map(|change| change.number / self.page).collect();
        pages.sort_unstable();
        pages.dedup();
        let mut fields = Vec::with_capacity(pages.len());
        for number in pages {
            let from = number * self.page;
            let page = |list: &[f64], of: fn(&Change) -> f64| {
                let to = (from + self.page).min(list.len());
                let mut page = list.get(from..to).unwrap_or_default().to_vec();
                for change in &changes {
                    if let Some(place) = change.number.checked_sub(from).and_then(|at| page.get_mut(at)) {
                        *place = of(change);
                    }
                }
                page
            };
            let values = page(&arrived.values, |change| change.value);
            fields.push((page::field(number), self.written(from, &values)));
            if changes.iter().any(|change| change.time != 0.0 && change.number / self.page == number) {
                let times = page(&arrived.times, |change| change.time);
                fields.push((page::time_field(number), page::write(&times)));
            }
        }
        Frame {
            process: self.process(),
            sequence: self.sequence,
            epoch: self.epoch.clone(),
            registers: false,
            follows,
            schema: (arrived.schema, arrived.schema),
            pages: fields,
            page: self.page,
            content: Content::But(changes),
        }
    }

    /// What it is called now.
    fn process(&self) -> String {
        match self.incarnation {
            0 => self.name.clone(),
            again => format!("{}+{again}", self.name),
        }
    }

    /// A page of these values, which stand from `from` on.
    fn written(&self, from: usize, values: &[f64]) -> Vec<u8> {
        let values: Vec<f64> =
            values.iter().enumerate().map(|(at, &value)| self.less_base(from + at, value)).collect();
        page::write(&values)
    }

    /// A number without what was folded of it.
    fn less_base(&self, at: usize, value: f64) -> f64 {
        match self.base.get(at) {
            // Infinity less infinity would be `NaN`.
            Some(base) if base.to_bits() == value.to_bits() => 0.0,
            Some(&base) if base != 0.0 => value - base,
            _ => value,
        }
    }
}

impl Content {
    /// All numbers, where the frame has said all.
    fn whole(&self) -> Option<&Moment> {
        match self {
            Content::Whole(moment) => Some(moment),
            Content::But(_) => None,
        }
    }
}

/// Whether what stands from `from` on in `before` is not `now`, bit by bit: `NaN`s too.
fn differs(before: &[f64], from: usize, now: &[f64]) -> bool {
    let before = before.get(from..from + now.len());
    before.is_none_or(|before| before.iter().zip(now).any(|(a, b)| a.to_bits() != b.to_bits()))
}

fn same(a: &Moment, b: &Moment) -> bool {
    let same = |a: &[f64], b: &[f64]| a.len() == b.len() && !differs(a, 0, b);
    a.schema == b.schema && same(&a.values, &b.values) && same(&a.times, &b.times)
}

#[cfg(test)]
mod tests;
