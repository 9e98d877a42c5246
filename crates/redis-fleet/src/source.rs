//! The numbers of an application in Redis, as a source of a page.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use collector::{Ask, FamilyId, Liveness, SeriesId, Source, SourceError, Statement, Tally};
use foldhash::{HashMap, HashSet};
use metrics_core::{Aggregation, Desc, FamilySnapshot, Kind, Label, Process, Snapshot};
use redis_link::redis::{FromRedisValue, Pipeline};
use redis_link::{Address, Timeouts};
use redis_schema::{BadPrefix, Keys, LabelSet, page};
use tracing::warn;

use crate::fleet::Fleet;
use crate::kept::{Kept, speaker};
use crate::shards::Shards;

/// The numbers of an application in Redis, as a source of a page.
///
/// Two round trips, however many series there are and whatever else that Redis holds: an index, and then the pages of
/// all processes at once. Where the application has several shards, that is done for all of them at the same time; how
/// many there are is told by the first. A page has all of them or fails. Nothing is written, so that a replica does as well. What a process's numbers are is read
/// once.
///
/// With [`Liveness::Observed`] gauges of the `live` modes leave out processes that have said that they end, or were not
/// heard of for [some seconds](FleetSource::living_within).
#[derive(Debug)]
pub struct FleetSource {
    shards: Shards,
    /// Read whatever the first says.
    at_least: usize,
    living_within: Duration,
    labels: Vec<(String, String)>,
    seen: Mutex<Seen>,
}

/// What the last scrape saw, and what the log has been told.
#[derive(Debug, Default)]
struct Seen {
    shards: usize,
    processes: usize,
    bad: usize,
    lost: usize,
    dropped: u64,
    /// The keys that the log has named.
    named: HashSet<String>,
}

/// What is kept in the tally from one scrape to the next.
#[derive(Default)]
struct Known {
    /// Shard by shard.
    fleets: Vec<Fleet>,
    series: Vec<OfShard>,
    families: HashMap<String, (Desc, FamilyId)>,
}

/// What is kept of the series of a shard.
#[derive(Default)]
struct OfShard {
    /// By process: the series of each number. That of the retired has no name.
    series: HashMap<String, Vec<Option<SeriesId>>>,
    /// The same of the numbers that processes share.
    shared: Vec<Option<SeriesId>>,
    /// Of the fleet, when `series` was made.
    forgotten: u64,
}

/// The most keys that the log names.
const MOST_NAMED: usize = 1_000;

impl FleetSource {
    /// What the application of this prefix keeps in the Redis at this address.
    ///
    /// # Errors
    /// When the prefix cannot be part of a key.
    pub fn new(address: Address, prefix: &str, timeouts: Timeouts) -> Result<FleetSource, BadPrefix> {
        Ok(FleetSource {
            shards: Shards::new(address, prefix, timeouts)?,
            at_least: 1,
            living_within: Duration::from_secs(5),
            labels: Vec::new(),
            seen: Mutex::default(),
        })
    }

    /// The same, where a process lives that was heard of so long ago or less. Five seconds if nothing is said, five
    /// times what a process lets pass.
    pub fn living_within(mut self, limit: Duration) -> FleetSource {
        self.living_within = limit;
        self
    }

    /// The same, with so many shards at least. How many there are stands in Redis, on one node; who says it here has a
    /// page that is whole or fails also after that node was emptied. At most [`redis_schema::Keys::MOST_SHARDS`].
    pub fn sharded(mut self, at_least: usize) -> FleetSource {
        self.at_least = at_least.clamp(1, Keys::MOST_SHARDS);
        self
    }

    /// The same with labels on all its series. They replace labels of the same name.
    pub fn labelled(mut self, labels: Vec<(String, String)>) -> FleetSource {
        self.labels = labels;
        self
    }

    /// Whether anybody has ever kept anything there.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub fn is_in_use(&self, deadline: Option<Instant>) -> Result<bool, SourceError> {
        let first = self.shards.first();
        let mut pipeline = Pipeline::new();
        // Where all processes are in other shards, the first knows at least how many there are.
        pipeline.cmd("EXISTS").arg(first.keys.epoch()).arg(first.keys.shards());
        let told = first.link.run_by(&pipeline, deadline);
        let told = told.map_err(|error| SourceError::new(format!("look for {}", self.name()), error))?;
        Ok(told.into_iter().next().is_some_and(|told| matches!(i64::from_redis_value(told), Ok(1..))))
    }

    /// Whether Redis has ever answered, be it with an error; see [`Link::has_answered`](redis_link::Link::has_answered).
    pub fn has_answered(&self) -> bool {
        self.shards.have_answered()
    }

    fn note(&self, fleets: &[Fleet]) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.shards = fleets.len();
        seen.processes = fleets.iter().map(|fleet| fleet.processes.len()).sum();
        let bad = || fleets.iter().flat_map(|fleet| fleet.bad.iter().chain(&fleet.lost));
        seen.bad = bad().filter(|bad| !bad.lost).count();
        seen.lost = bad().filter(|bad| bad.lost).count();
        seen.dropped = fleets.iter().map(|fleet| fleet.retired.dropped).sum();
        for bad in bad() {
            if seen.named.len() < MOST_NAMED && seen.named.insert(bad.key.clone()) {
                if bad.lost {
                    warn!("it was lost in Redis; what was read of it before stays on pages: {bad}");
                } else {
                    warn!("what stands there is left out, or what stands behind: {bad}");
                }
            }
        }
    }

    fn lives(&self, kept: &Kept, now: i64) -> bool {
        !kept.ended && now as f64 - kept.heard_at() <= self.living_within.as_millis() as f64
    }
}

#[async_trait]
impl Source for FleetSource {
    fn name(&self) -> String {
        format!("{} on {}", self.shards.first().keys.processes(), self.shards.address())
    }

    async fn read(&self, ask: &Ask, into: &mut Tally) -> Result<(), SourceError> {
        let mut known: Known = into.kept();
        let read = self.shards.read(&mut known.fleets, self.at_least, Fleet::of_a_page, ask.deadline);
        self.note(&known.fleets);
        if read.is_ok() {
            let lives = |kept: &Kept, now| ask.liveness == Liveness::AsFiled || self.lives(kept, now);
            known.report(into, &self.labels, lives);
        }
        into.keep(known);
        read.map_err(|error| SourceError::new("read all of them at once", error))
    }

    fn own(&self) -> Snapshot {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let database = || {
            vec![
                Label::new("database", &self.shards.address().to_string()),
                Label::new("keys", &self.shards.first().keys.processes()),
            ]
        };
        let of = |name: &str, help: &str, number: usize| {
            FamilySnapshot::of_numbers(Kind::Gauge, name, help, [(database(), number as f64)])
        };
        Snapshot {
            families: vec![
                of("multiprom_redis_shards", "Shards that were read, at the last scrape.", seen.shards),
                of(
                    "multiprom_redis_processes",
                    "Processes that are not retired, at the last scrape.",
                    seen.processes,
                ),
                of(
                    "multiprom_redis_bad_keys",
                    "Keys that could not be read, at the last scrape; the log names them.",
                    seen.bad,
                ),
                of(
                    "multiprom_redis_lost_keys",
                    "Keys or parts of them that were lost in Redis, at the last scrape; pages have what was read before.",
                    seen.lost,
                ),
                FamilySnapshot::of_numbers(
                    Kind::Counter,
                    "multiprom_redis_dropped_gauges",
                    "Gauges of mode all of dead processes that were dropped, by age or as there were too many.",
                    [(database(), seen.dropped as f64)],
                ),
            ],
        }
    }
}

impl Known {
    /// Adds all numbers, shard by shard.
    fn report(&mut self, into: &mut Tally, labels: &[(String, String)], lives: impl Fn(&Kept, i64) -> bool) {
        let Known { fleets, series, families } = self;
        series.resize_with(fleets.len(), OfShard::default);
        for (fleet, of_shard) in fleets.iter().zip(series) {
            of_shard.report(fleet, families, into, labels, &lives);
        }
    }
}

impl OfShard {
    /// Adds all numbers, of the retired and then by process.
    fn report(
        &mut self,
        fleet: &Fleet,
        families: &mut HashMap<String, (Desc, FamilyId)>,
        into: &mut Tally,
        labels: &[(String, String)],
        lives: impl Fn(&Kept, i64) -> bool,
    ) {
        let process = |name: &str| Process { id: name.to_owned(), labels: labels.to_vec() };
        let OfShard { series, shared, forgotten } = self;
        if std::mem::replace(forgotten, fleet.forgotten) != fleet.forgotten {
            series.clear();
            shared.clear();
        }
        series.retain(|name, _| {
            name.is_empty() || fleet.processes.binary_search_by(|kept| kept.name.as_str().cmp(name)).is_ok()
        });
        // Who was retired and has come back has its gauges itself.
        let back: HashSet<&str> = fleet.processes.iter().map(Kept::base).collect();
        let mut of_retired = series.remove("").unwrap_or_default();
        number(&fleet.retired, &mut of_retired, families, into);
        let mut whose: Option<&str> = None;
        for set in fleet.retired.schema.sets() {
            if set.process.is_empty() || !back.contains(speaker(&set.process)) {
                if !is_same(whose, &set.process) {
                    let origin = into.origin(&process(&set.process), "retired");
                    into.report(origin);
                    whose = Some(&*set.process);
                }
                add(&fleet.retired, set, &of_retired, into);
            }
        }
        series.insert(String::new(), of_retired);

        if let Some(of_all) = &fleet.shared {
            number(&of_all.kept, shared, families, into);
            let origin = into.origin(&process(""), "shared");
            into.report(origin);
            of_all.sets().for_each(|set| add(&of_all.kept, set, shared, into));
        }

        for kept in &fleet.processes {
            let of_process = series.entry(kept.name.clone()).or_default();
            number(kept, of_process, families, into);
            let lives = lives(kept, fleet.now);
            let mut whose: Option<&str> = None;
            for set in kept.schema.sets() {
                if lives || !set.desc.aggregation().live {
                    if !is_same(whose, &set.process) {
                        let origin = into.origin(&process(&kept.whose(set)), &kept.name);
                        into.report(origin);
                        whose = Some(&*set.process);
                    }
                    add(kept, set, of_process, into);
                }
            }
        }
    }
}

/// Whether the name is that of the label set before. Most have none, and to compare two that are empty takes glibc's
/// `memcmp` 80 ns on AMD's Zen 4: it loads, masked, from where there is nothing.
fn is_same(before: Option<&str>, name: &str) -> bool {
    before.is_some_and(|before| before.is_empty() == name.is_empty() && (name.is_empty() || before == name))
}

/// Adds the numbers of a label set, as far as they are there.
fn add(kept: &Kept, set: &LabelSet, series: &[Option<SeriesId>], into: &mut Tally) {
    let is_sum = set.desc.aggregation() == Aggregation::SUM;
    for at in set.numbers.clone() {
        let (Some((value, beside)), Some(&series)) = (kept.number(at), series.get(at)) else { return };
        let Some(series) = series else { continue };
        if page::is_gone(value) {
            continue;
        }
        if is_sum {
            into.add(series, value, 0.0);
            if beside != 0.0 {
                into.add(series, beside, 0.0);
            }
        } else {
            into.add(series, value, beside);
        }
    }
}

/// Numbers the series of what is new, as far as there are numbers of it.
fn number(
    kept: &Kept,
    series: &mut Vec<Option<SeriesId>>,
    families: &mut HashMap<String, (Desc, FamilyId)>,
    into: &mut Tally,
) {
    let sets = kept.schema.sets();
    let known = sets.partition_point(|set| set.numbers.start < series.len());
    for set in &sets[known..] {
        if set.numbers.end > kept.values.len() {
            return;
        }
        let family = match families.get(set.desc.name()) {
            Some((desc, family)) if *desc == *set.desc => *family,
            _ => {
                let family = into.family(&statement(&set.desc));
                families.insert(set.desc.name().to_owned(), ((*set.desc).clone(), family));
                family
            }
        };
        let labels = set.desc.labels().iter().zip(&set.values);
        let labels: Vec<Label> = labels.map(|(name, value)| Label::new(name, value)).collect();
        series.extend(samples(&set.desc).map(|(sample, le)| {
            let le = le.map(|le| Label::new("le", &le));
            into.series(family, &sample, labels.iter().cloned().chain(le).collect::<Vec<_>>())
        }));
    }
}

fn statement(desc: &Desc) -> Statement {
    Statement {
        unit: desc.unit().map(Into::into),
        ..Statement::new(desc.kind(), desc.name(), desc.help(), desc.aggregation())
    }
}

/// The sample of each number of a label set, and its bound if it is a bucket's.
pub(crate) fn samples(desc: &Desc) -> impl Iterator<Item = (String, Option<String>)> {
    let name = desc.name();
    let sample = |suffix: &str| (format!("{name}{suffix}"), None);
    let (first, second) = match desc.kind() {
        Kind::Counter => (sample("_total"), None),
        Kind::Histogram => (sample("_sum"), None),
        Kind::Summary => (sample("_sum"), Some(sample("_count"))),
        _ => (sample(""), None),
    };
    let bounds = desc.buckets().bounds().iter().map(f64::to_string).chain(["+Inf".to_owned()]);
    let bounds = bounds.take(if desc.kind() == Kind::Histogram { usize::MAX } else { 0 });
    let buckets = bounds.map(move |bound| (format!("{name}_bucket"), Some(bound)));
    std::iter::once(first).chain(second).chain(buckets)
}
